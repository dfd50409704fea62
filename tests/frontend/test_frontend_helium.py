"""The Helium stages on QEMU's Cortex-M55 have the scalar code's and the reference's bits, or say that not.

Each stage is fed by itself, with vectors of any floats, so that denormals reach it too.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from frontend_harness import assert_same_bits
from helium_harness import HeliumBuilder, HeliumDriver, Result

from mcu_deploy.boards.reader import load_board
from mcu_deploy.frontend import FrontendSpec, load_spec
from mcu_deploy.frontend.float32 import frame_stages, logf, rfft
from mcu_deploy.frontend.helium_tables import dct_groups, mel_groups
from mcu_deploy.frontend.spec import FFT_SIZES, spectrum_bins
from mcu_deploy.frontend.tables import make_tables

pytestmark = pytest.mark.qemu

PRESETS = ("micronet-kws", "micronet-ad", "audio-sound-event", "dcase2020-task1b")
TINY = np.finfo(np.float32).tiny
Vectors = list[tuple[str, np.ndarray]]


@pytest.fixture(scope="module")
def builder(cmsis_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> HeliumBuilder:
    for tool in ("arm-none-eabi-gcc", "qemu-system-arm"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    return HeliumBuilder(load_board("corstone-300"), cmsis_dir, tmp_path_factory.mktemp("helium"))


@pytest.fixture(scope="module")
def kws(builder: HeliumBuilder) -> HeliumDriver:
    return builder.build(load_spec("micronet-kws"))


def awkward(size: int, **changes: object) -> FrontendSpec:
    """Sizes that fill no vector, more than one channel, and every step that a frame can have."""
    made = {
        "name": f"awkward-{size}",
        "fft_size": size,
        "frame_samples": size - 3,
        "channels": 3,
        "dc_removal": True,
        "pre_emphasis": 0.97,
        "mel_filters": 7,
        "mel_high_hz": 8000.0,
        "log": "decibel",
        "log_offset": 1e-6,
        "dct_coefficients": 5,
        "clip_samples": 0,
        "hop_samples": 4,
    }
    return dataclasses.replace(load_spec("micronet-kws"), **{**made, **changes})


def frames_of(spec: FrontendSpec) -> np.ndarray:
    """(n, frame_samples, channels) of int16."""
    rng = np.random.default_rng(spec.fft_size)
    shape = (spec.frame_samples, spec.channels)
    n = np.arange(spec.frame_samples)[:, np.newaxis] * np.ones(spec.channels)
    frames = [
        np.zeros(shape),
        np.full(shape, -32768),
        np.where(n % 2, 32767, -32768),
        np.where(n == spec.frame_samples // 2, 1, 0),
        n % 7,
        *(rng.integers(-level, level + 1, shape) for level in (1, 30, 1000, 32767)),
    ]
    return np.stack(frames).astype(np.int16)


def chain(spec: FrontendSpec, frames: np.ndarray) -> tuple[Vectors, list[np.ndarray]]:
    """For every frame the input of each stage, and what the reference makes of it."""
    made = frame_stages(spec, frames[..., 0])
    padded = np.zeros((len(frames), spec.fft_size), np.float32)
    padded[:, : spec.frame_samples] = made["windowed"]
    fft = np.stack(rfft(padded, make_tables(spec).fft), axis=-1).reshape(len(frames), -1)
    vectors: Vectors = []
    wanted: list[np.ndarray] = []
    for i in range(len(frames)):
        steps = [
            ("windowed", frames[i], padded[i]),
            ("fft", padded[i], fft[i, : 2 * spectrum_bins(spec)]),
            ("spectrum", fft[i], made["spectrum"][i]),
            ("mel", made["spectrum"][i], made["mel"][i]),
            ("log", made["mel"][i], made["log"][i]),
            *([("dct", made["log"][i], made["dct"][i])] if "dct" in made else []),
        ]
        vectors += [(stage, given) for stage, given, _ in steps]
        wanted += [want for *_, want in steps]
    return vectors, wanted


def bits(values: np.ndarray, stage: str) -> np.ndarray:
    """Of an FFT without the sign of zeros."""
    values = np.ascontiguousarray(values, np.float32)
    return (np.where(values == 0, np.float32(0), values) if stage == "fft" else values).view(np.uint32)


def check(stage: str, result: Result, want: np.ndarray | None, what: str) -> None:
    """The scalar code has the reference's bits, and the Helium code, where it says so, too."""
    if want is not None:
        assert (bits(result.scalar, stage) == bits(want, stage)).all(), f"{what}: {stage}, scalar"
    if result.exact:
        differ = np.flatnonzero(bits(result.scalar, stage) != bits(result.helium, stage))
        assert not len(differ), f"{what}: {stage}[{differ[0]}] and {len(differ) - 1} more"


def check_frames(driver: HeliumDriver, work: Path) -> list[Result]:
    vectors, wanted = chain(driver.spec, frames_of(driver.spec))
    results = driver.run(vectors, work)
    for (stage, _), result, want in zip(vectors, results, wanted, strict=True):
        check(stage, result, want, driver.spec.name)
    return results


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_have_the_scalar_bits_with_less_than_half_the_instructions(builder, tmp_path, preset) -> None:
    results = check_frames(builder.build(load_spec(preset)), tmp_path)
    noise = results[-6 if "dct" in preset else -5 :]
    assert all(result.exact for result in noise), "ordinary sound must not need the scalar code"
    scalar = sum(result.scalar_instructions for result in noise)
    assert sum(result.helium_instructions for result in noise) < 0.3 * scalar


@pytest.mark.parametrize("size", FFT_SIZES)
def test_all_fft_sizes_with_sizes_that_fill_no_vector(builder, tmp_path, size) -> None:
    driver = builder.build(awkward(size, spectrum="power" if size % 3 == 1 else "magnitude"))
    check_frames(driver, tmp_path)
    rng = np.random.default_rng(size)
    levels = (1e-44, 1e-41, 1e-38, 1e-30, 1.0, 1e15)
    with np.errstate(under="ignore"):
        x = [(rng.normal(size=size) * level).astype(np.float32) for level in levels]
    want = np.stack(rfft(np.stack(x), make_tables(driver.spec).fft), axis=-1).reshape(len(x), -1)
    results = driver.run([("fft", values) for values in x], tmp_path)
    for result, expected, level in zip(results, want, levels, strict=True):
        check("fft", result, expected[: len(result.scalar)], f"level {level}")
    assert [result.exact for result in results] == [False, False, False, True, True, True]


@pytest.mark.parametrize("channels", (1, 8))
@pytest.mark.parametrize("changes", ({}, {"dc_removal": False}, {"pre_emphasis": 0.0}), ids=str)
def test_windows(builder, tmp_path, channels, changes) -> None:
    name = f"window-{channels}-{''.join(changes)}"
    spec = dataclasses.replace(awkward(64), name=name, channels=channels, **changes)
    check_frames(builder.build(spec), tmp_path)


@pytest.mark.parametrize("high_hz", (1000.0, 1100.0, 1300.0, 1600.0, 8000.0))
def test_any_number_of_bins(builder, tmp_path, high_hz) -> None:
    spec = awkward(64, name=f"bins-{high_hz:.0f}", mel_high_hz=high_hz, mel_filters=3)
    check_frames(builder.build(spec), tmp_path)


def test_flushed_denormals_are_noticed(kws, tmp_path) -> None:
    """Results and operands below the normal range, one at a time, wherever a stage could meet them."""
    spec = kws.spec
    bins = spectrum_bins(spec)
    root = np.float32(np.sqrt(TINY))

    def one(length: int, at: int, value: float) -> np.ndarray:
        vector = np.zeros(length, np.float32)
        vector[at] = value
        return vector

    ordinary = np.ones(bins, np.float32)
    flushed: Vectors = [
        ("fft", one(spec.fft_size, at, value)) for at in (0, 1, 639) for value in (1e-40, -1e-45)
    ]
    flushed += [("fft", one(spec.fft_size, 5, TINY))]  # halved in the end
    flushed += [("spectrum", one(spec.fft_size, at, root / 2)) for at in (0, 2, 3, 2 * bins - 1)]
    flushed += [("spectrum", one(spec.fft_size, at, 1e-42)) for at in (2, 2 * bins - 1)]
    covered = int(make_tables(spec).mel.first[0]) + 1
    flushed += [("mel", one(bins, at, TINY)) for at in (covered, bins // 2)]
    flushed += [("dct", one(spec.mel_filters, at, TINY)) for at in (3, 39)]
    exact: Vectors = [
        ("fft", np.zeros(spec.fft_size, np.float32)),
        ("spectrum", np.zeros(spec.fft_size, np.float32)),
        ("spectrum", one(spec.fft_size, 4, 2 * root)),
        ("mel", np.zeros(bins, np.float32)),
        ("mel", ordinary),
        ("dct", np.zeros(spec.mel_filters, np.float32)),
    ]
    for (stage, vector), result in zip(flushed, kws.run(flushed, tmp_path), strict=True):
        assert not result.exact, (stage, np.flatnonzero(vector))
    for (stage, _), result in zip(exact, kws.run(exact, tmp_path), strict=True):
        assert result.exact, stage
        check(stage, result, None, "exact")


@pytest.mark.parametrize("preset", PRESETS)
def test_whole_frames_have_the_reference_bits(builder, tmp_path, preset) -> None:
    spec = load_spec(preset)
    frames = frames_of(spec)
    got, _ = builder.build(dataclasses.replace(spec, name=f"frame-{preset}")).frames(frames, tmp_path)
    assert_same_bits(got, {name: frame_stages(spec, frames[..., 0])[name] for name in got}, preset)


@pytest.mark.parametrize("spectrum", ("magnitude", "power"))
def test_what_is_flushed_in_a_frame_is_computed_anew(builder, tmp_path, spectrum) -> None:
    """A Blackman window begins with 1e-17: the square of a click there is a denormal."""
    spec = dataclasses.replace(
        load_spec("micronet-kws"), name=f"click-{spectrum}", window="blackman-periodic", spectrum=spectrum
    )
    frames = np.zeros((3, spec.frame_samples), np.int16)
    frames[:, 0] = (1, -1000, 32767)
    want = frame_stages(spec, frames)
    if spectrum == "power":
        assert (want["spectrum"] > 0).all() and (want["spectrum"] < TINY).any()
    got, _ = builder.build(spec).frames(frames, tmp_path)
    assert_same_bits(got, want, spectrum)


@pytest.mark.parametrize("level", (1e-44, 1e-39, 1e-38, 1e-37, 1e-30))
def test_every_stage_may_be_computed_anew(builder, tmp_path, level) -> None:
    """No real window is so small: it brings denormals to one stage after another."""
    spec = dataclasses.replace(load_spec("micronet-kws"), name=f"level-{level}", log_floor=TINY)
    window = np.random.default_rng(5).uniform(0.1, 1.0, spec.frame_samples) * level
    frames = frames_of(spec)
    got, instructions = builder.build(spec, window).frames(frames, tmp_path)
    scalar = dataclasses.replace(spec, name=f"scalar-{level}", arithmetic="scalar")
    want, scalar_instructions = builder.build(scalar, window).frames(frames, tmp_path)
    assert_same_bits(got, want, f"level {level}")
    assert (want["windowed"] != 0).any()
    redone = instructions[-1] > scalar_instructions[-1]  # of noise; the FFT is what costs
    assert redone if level < 1e-38 else level < 1e-35 or not redone


def test_flag_is_cleared_and_raised_for_each_call(kws, tmp_path) -> None:
    tiny = np.full(kws.spec.mel_filters, TINY / 3, np.float32)
    ordinary = np.ones(kws.spec.mel_filters, np.float32)
    results = kws.run([("dct", v) for v in (ordinary, tiny, ordinary, tiny, ordinary)], tmp_path)
    assert [result.exact for result in results] == [True, False, True, False, True]


@pytest.mark.parametrize(
    "changes",
    [
        {"log": "natural"},
        {"log": "log10"},
        {"log": "log2", "log_offset": 1e-8},
        {"log": "decibel", "log_floor": 1e-10},
        {"log": "natural", "log_offset": 1e-33},
        {"log": "natural", "log_offset": 1e-41},
    ],
    ids=str,
)
def test_logarithm_of_any_values(builder, tmp_path, changes) -> None:
    """Denormals included: this stage never needs the scalar code."""
    spec = dataclasses.replace(
        load_spec("micronet-kws"), name=f"log-{'-'.join(map(str, changes.values()))}", **changes
    )
    rng = np.random.default_rng(7)
    near_one = np.uint32(0x3F800000) + rng.integers(-4000, 4000, 400).astype(np.uint32)
    anywhere = rng.integers(0, 0x7F800000, 4000, dtype=np.uint32)
    small = rng.integers(0, 0x01000000, 400, dtype=np.uint32)
    edges = np.array(
        [0, 1, 0x007FFFFF, 0x00800000, 0x3F3504F3, 0x3F3504F2, 0x7F7FFFFF, 0x3F800000], np.uint32
    )
    x = np.concatenate([edges, near_one, anywhere, small])
    x = x[: len(x) // spec.mel_filters * spec.mel_filters].view(np.float32).reshape(-1, spec.mel_filters)
    if spec.log == "natural" and spec.log_offset == 0:
        want = logf(np.maximum(x, np.float32(spec.log_floor)))
    else:
        want = None
    results = builder.build(spec).run([("log", row) for row in x], tmp_path)
    for i, result in enumerate(results):
        check("log", result, None if want is None else want[i], spec.name)


def test_tables_hold_the_filters_and_rows_within_the_spectrum() -> None:
    for preset in PRESETS:
        spec = load_spec(preset)
        tables, bins = make_tables(spec), spectrum_bins(spec)
        first, lengths, weights = mel_groups(tables.mel, bins)
        matrix = np.zeros((len(first), bins), np.float32)
        position = 0
        for group, length in enumerate(lengths.tolist()):
            block = weights[position : position + 4 * length].reshape(length, 4)
            for lane in range(4):
                start = first[4 * group + lane]
                assert start + length <= bins
                matrix[4 * group + lane, start : start + length] = block[:, lane]
            position += 4 * length
        assert position == len(weights)
        starts = np.cumsum(tables.mel.length, dtype=np.int64) - tables.mel.length
        for i, (begin, length) in enumerate(zip(tables.mel.first, tables.mel.length, strict=True)):
            row = np.zeros(bins, np.float32)
            row[begin : begin + length] = tables.mel.weights[starts[i] : starts[i] + length]
            assert (matrix[i] == row).all()
        assert not matrix[len(tables.mel.first) :].any()
        groups = dct_groups(tables.dct).reshape(-1, spec.mel_filters, 4)
        rows = groups.transpose(0, 2, 1).reshape(-1, spec.mel_filters)
        assert (rows[: len(tables.dct)] == tables.dct).all() and not rows[len(tables.dct) :].any()
