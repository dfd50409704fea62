"""Fixed point: the C code has the bits of the Python reference, and both are near the definition."""

from __future__ import annotations

import dataclasses
import math
import re
import wave

import cmsisdsp as dsp
import numpy as np
import pytest
from frontend_harness import (
    SANITIZED,
    SCALE,
    ZERO_POINT,
    DriverBuilder,
    assert_same_bits,
    changed,
    find_on,
    made_clips,
)
from frontend_specs import specs
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from test_frontend_properties import clips, named, usable

from mcu_deploy.errors import InputError
from mcu_deploy.frontend import load_spec, preset_names
from mcu_deploy.frontend.definition import defined_features
from mcu_deploy.frontend.fixed import frame_stages
from mcu_deploy.frontend.fixed_tables import fixed_fft, fixed_tables
from mcu_deploy.frontend.keys import FFT_SIZES
from mcu_deploy.frontend.reference import reference_stages
from mcu_deploy.frontend.tables import dct_matrix

PRECISIONS = ("q31", "q15")
SPECTRAL = tuple(name for name in preset_names() if load_spec(name).spectral)


def fixed_spec(preset, precision, **changes):
    return changed(load_spec(preset), **({"name": f"{preset}-{precision}", "precision": precision} | changes))


@pytest.fixture(scope="module")
def sanitized(cmsis_dir, tmp_path_factory):
    return DriverBuilder(cmsis_dir, tmp_path_factory.mktemp("fixed"), SANITIZED)


def check(builder, spec, signals, work):
    """Equal bits at every stage, of each of ``signals`` by name."""
    found = builder.build(spec).stages(list(signals.values()), work)
    for (name, clip), got in zip(signals.items(), found, strict=True):
        want = reference_stages(spec, clip, SCALE, ZERO_POINT)
        assert all(np.isfinite(values).all() for values in want.values()), name
        assert_same_bits(got, want, f"{spec.name}: {name}")


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", SPECTRAL)
def test_presets(sanitized, tmp_path, name, precision):
    spec = fixed_spec(name, precision)
    signals = made_clips(spec)
    if spec.clip_samples > 100_000:  # ten seconds of stereo
        signals = {name: signals[name] for name in ("silence", "lowest", "noise 3000")}
    check(sanitized, spec, signals, tmp_path)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(
    "changes",
    [
        {"name": "odd-sizes", "frame_samples": 399, "hop_samples": 160, "fft_size": 512, "mel_filters": 23},
        {"name": "no-headroom", "frame_samples": 1024, "window": "rectangular", "mel_high_hz": 8000.0},
        {"name": "empty-filters", "frame_samples": 256, "fft_size": 256, "mel_filters": 80},
        {"name": "empty-window", "frame_samples": 2, "window": "hann-symmetric"},
        {"name": "long", "frames": 1, "frame_samples": 4096, "fft_size": 4096, "spectrum": "power"},
        {"name": "offset", "log_offset": 1e-3, "log_floor": 1e-6, "dc_removal": True, "pre_emphasis": 1.0},
        {"name": "tiny-offset", "log_offset": 1e-30, "spectrum": "power", "dct_lifter": 22.0},
        {"name": "full-offset", "log_offset": 1.0, "log": "decibel", "feature_mean": 3.0, "feature_std": 7.0},
    ],
    ids=lambda changes: changes["name"],
)
def test_other_specifications(sanitized, tmp_path, changes, precision):
    name = f"{changes['name']}-{precision}"
    spec = fixed_spec("micronet-kws", precision, **(changes | {"name": name}))
    check(sanitized, spec, made_clips(spec), tmp_path)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_front_end_on_any_signal(plain_builder, tmp_path, data):
    spec = data.draw(specs(PRECISIONS))
    assume(spec.spectral and usable(spec))
    spec = named(spec)
    signals = {f"signal {i}": data.draw(clips(spec)) for i in range(3)}
    check(plain_builder, spec, signals, tmp_path)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(PRECISIONS),
    st.sampled_from(SPECTRAL),
    st.integers(0, 2**32 - 1),
    st.floats(0, 4.6),
    st.floats(0, 1),
)
def test_no_sample_comes_near_the_fft_s_overflow(precision, name, seed, magnitude, tone):
    """The spectrum is that of the windowed samples, whatever they are: no sum wrapped."""
    spec = fixed_spec(name, precision)
    rng = np.random.default_rng(seed)
    n = np.arange(spec.frame_samples)
    wave_form = np.sign(np.sin(math.pi * n * tone + 0.1)) * 10**magnitude
    noise = rng.normal(0, 10 ** rng.uniform(0, 4.5), spec.frame_samples)
    frame = np.clip(wave_form + noise, -32768, 32767).astype(np.int16)
    found = frame_stages(spec, frame[np.newaxis])
    bits = {"q31": 31, "q15": 15}[precision]
    want = np.abs(np.fft.rfft(found["windowed"][0] / 2.0**bits, spec.fft_size))
    got = np.asarray(found["spectrum"][0], float)
    if spec.spectrum == "power":
        got = np.sqrt(got)
    want = want[: len(got)]
    assume(got.max() > 0)  # a frame at full scale throughout, less its mean, is silence
    scale = want.max() / got.max()
    noise = spec.fft_size * 16 / 2.0**bits
    assert np.abs(got * scale - want).max() <= noise + want.max() * (1e-5 if precision == "q31" else 0.05)


BOUNDS_DB = {  # measured: 106, 91, 124, 78 in Q31; 22, 16, 32, 12 in Q15
    ("micronet-kws", "q31"): 100,
    ("micronet-ad", "q31"): 86,
    ("audio-sound-event", "q31"): 118,
    ("dcase2020-task1b", "q31"): 73,
    ("micronet-kws", "q15"): 21,
    ("micronet-ad", "q15"): 15,
    ("audio-sound-event", "q15"): 30,
    ("dcase2020-task1b", "q15"): 11,
}


def recorded_frames(spec):
    with wave.open(str(find_on("MCU_DEPLOY_AUDIO_PATH", "speech_commands_yes_no_go_stop.wav"))) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    windows = np.lib.stride_tricks.sliding_window_view(pcm, spec.frame_samples)[:: spec.hop_samples]
    return windows[np.abs(windows).max(axis=1) > 0]


@pytest.mark.parametrize(("name", "precision"), BOUNDS_DB)
def test_features_are_near_the_definition(name, precision):
    spec = fixed_spec(name, precision)
    frames = recorded_frames(spec)
    got = frame_stages(spec, frames)["features"].astype(float)
    want = np.array([frame_definition(spec, frame) for frame in frames])
    assert snr_db(got, want) >= BOUNDS_DB[name, precision]


def snr_db(got, want):
    return 10 * math.log10((want**2).sum() / ((got - want) ** 2).sum())


def frame_definition(spec, frame):
    """Of one frame, through the definition of a clip that is one frame."""
    single = dataclasses.replace(
        spec,
        channels=1,
        centring="none",
        frames=1,
        min_frames=1,
        clip_samples=spec.frame_samples,
        normalization="none",
        deltas=0,
        resize="none",
        resize_frames=0,
        resize_coefficients=0,
    )
    return defined_features(single, frame)["features"][0]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("log", ["natural", "log10", "log2", "decibel"])
@pytest.mark.parametrize("floor", [1.17549435e-38, 1e-6])
def test_silence_is_the_floor(precision, log, floor):
    spec = fixed_spec("micronet-ad", precision, log=log, log_floor=floor, feature_mean=0.0)
    got = frame_stages(spec, np.zeros((1, spec.frame_samples), np.int16))["features"]
    factor = {"natural": math.e, "log10": 10, "log2": 2, "decibel": 10**0.1}[log]
    assert np.abs(got - math.log(floor, factor)).max() <= 1e-4


def test_no_filter_over_a_bin_is_an_error():
    spec = fixed_spec("micronet-kws", "q31", mel_low_hz=20.0, mel_high_hz=21.0)
    with pytest.raises(InputError, match="no mel filter covers a bin"):
        fixed_tables(spec)


# The constants of CMSIS-DSP.


@pytest.fixture(scope="module")
def cmsis_tables(cmsis_dir):
    return (cmsis_dir / "Source/CommonTables/arm_common_tables.c").read_text(
        encoding="utf-8", errors="replace"
    )


def literals(source, name, bits):
    body = re.search(rf"\b{name}\[[^\]]*\][^=]*=\s*\{{(.*?)\}};", source, re.DOTALL)[1]
    words = re.sub(r"/\*.*?\*/|\\|\(q\d+_t\)", "", body, flags=re.DOTALL).split(",")
    values = np.array([int(word, 0) for word in words if word.strip()], np.int64)
    return np.where(values >= 2**bits, values - 2 ** (bits + 1), values)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("size", FFT_SIZES)
def test_fft_tables_are_those_of_cmsis_dsp(cmsis_tables, size, precision):
    bits = int(precision[1:])
    tables = fixed_fft(size, bits)
    step = 8192 // size
    assert (tables.twiddle == literals(cmsis_tables, f"twiddleCoef_{size // 2}_{precision}", bits)).all()
    for letter, got in (("A", tables.split_a), ("B", tables.split_b)):
        pairs = literals(cmsis_tables, f"realCoef{letter}{precision.upper()}", bits).reshape(-1, 2)
        assert (got == pairs[::step].ravel()).all()
    swaps = literals(cmsis_tables, f"armBitRevIndexTable_fixed_{size // 2}", 16)
    assert tables.bit_reversal.tolist() == swaps.tolist()


def test_square_root_starts_as_in_cmsis_dsp(cmsis_tables, cmsis_dir):
    from mcu_deploy.frontend.codegen import frontend_sources

    frontend = frontend_sources(fixed_spec("micronet-kws", "q31"), SCALE, ZERO_POINT, cmsis_dir)[0]
    (content,) = (data for path, data in frontend.files.items() if path.name == "md_fixed.c")
    ours = literals(content.decode(), "const q31_t sqrt_initial_lut_q31", 31)
    assert (ours == literals(cmsis_tables, "sqrt_initial_lut_q31", 31)).all()


def test_q31_is_nearer_to_the_definition_than_arm_mfcc():
    spec = fixed_spec("micronet-kws", "q31")
    tables = fixed_tables(spec)
    window = np.zeros(spec.fft_size, np.int32)
    window[: spec.frame_samples] = tables.window
    dct = np.round(dct_matrix(spec) * 2**31).astype(np.int32)
    mfcc = dsp.arm_mfcc_instance_q31()
    first, length = tables.mel_first.astype(np.uint32), tables.mel_length.astype(np.uint32)
    shape = (spec.fft_size, spec.mel_filters, spec.dct_coefficients)
    assert dsp.arm_mfcc_init_q31(mfcc, *shape, dct.ravel(), first, length, tables.mel_weights, window) == 0
    frames = recorded_frames(spec)
    work = np.zeros(2 * spec.fft_size, np.int32)
    theirs = []
    for frame in frames:
        padded = np.zeros(spec.fft_size, np.int32)
        padded[: spec.frame_samples] = frame.astype(np.int32) << 16
        theirs.append(dsp.arm_mfcc_q31(mfcc, padded, work)[1] / 2.0**23)
    ours = frame_stages(spec, frames)["features"]
    want = np.array([frame_definition(spec, frame) for frame in frames])
    distances = [np.median(np.abs(found - want)) for found in (ours, theirs)]
    assert distances[0] < 1e-5 < distances[1] < 0.5
