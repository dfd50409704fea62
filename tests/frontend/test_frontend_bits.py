"""The C front end, built for the host under sanitizers, has the Python reference's bits at every stage."""

from __future__ import annotations

import numpy as np
import pytest
from frontend_harness import SCALE, ZERO_POINT, assert_same_bits, changed, made_clips, recorded_words
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcu_deploy.frontend import load_spec, preset_names
from mcu_deploy.frontend.float32 import rfft
from mcu_deploy.frontend.keys import FFT_SIZES
from mcu_deploy.frontend.reference import reference_stages
from mcu_deploy.frontend.tables import fft_tables

RECORDINGS = ("down", "right_left_up", "yes", "yes_no_go_stop")


def check_clips(driver, clips, work, names):
    for name, clip, got in zip(names, clips, driver.stages(list(clips), work), strict=True):
        want = reference_stages(driver.spec, clip, SCALE, ZERO_POINT)
        assert all(np.isfinite(values).all() for values in want.values()), name
        assert_same_bits(got, want, name)


@pytest.mark.parametrize("name", preset_names())
def test_presets(plain_builder, tmp_path, name):
    spec = load_spec(name)
    clips = made_clips(spec)
    if spec.clip_samples > 100_000:  # ten seconds of stereo
        clips = {name: clips[name] for name in ("silence", "square 400 Hz", "noise 3000")}
    check_clips(plain_builder.build(spec), clips.values(), tmp_path, clips)


@pytest.mark.parametrize("name", RECORDINGS)
def test_recordings(driver, spec, tmp_path, name):
    clips = recorded_words(f"speech_commands_{name}.wav", spec)
    check_clips(driver, clips, tmp_path, [f"{name} {second} s" for second in range(len(clips))])


def test_signals_at_the_edges(driver, spec, tmp_path):
    clips = made_clips(spec)
    check_clips(driver, clips.values(), tmp_path, clips)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32 - 1), st.floats(0, 4.6), st.integers(1, 4000), st.integers(-32768, 32767))
def test_random_signals(driver, spec, tmp_path, seed, magnitude, hold, offset):
    """Noise of any level, held for some samples, on any offset, silent in places."""
    rng = np.random.default_rng(seed)
    noise = np.repeat(rng.normal(0, 10**magnitude, spec.clip_samples // hold + 1), hold)[: spec.clip_samples]
    clip = np.clip(noise + offset, -32768, 32767).astype(np.int16)
    clip[rng.integers(spec.clip_samples) :][: rng.integers(spec.clip_samples)] = 0
    check_clips(driver, clip[np.newaxis], tmp_path, ["random"])


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "power", "spectrum": "power"},
        {"name": "odd-sizes", "frame_samples": 399, "hop_samples": 160, "fft_size": 512, "mel_filters": 23},
        {"name": "to-nyquist", "mel_low_hz": 0.0, "mel_high_hz": 8000.0, "dct_coefficients": 13},
        {"name": "empty-filters", "frame_samples": 256, "fft_size": 256, "mel_filters": 80},
        {"name": "one-frame", "frames": 1, "frame_samples": 2048, "fft_size": 2048, "log_floor": 1e-6},
        {"name": "one-row", "dct_coefficients": 1},
    ],
    ids=lambda changes: changes["name"],
)
def test_other_specifications(plain_builder, spec, tmp_path, changes):
    other = changed(spec, **changes)
    clips = made_clips(other)
    check_clips(plain_builder.build(other), clips.values(), tmp_path, clips)


@pytest.mark.parametrize("size", FFT_SIZES)
def test_rfft_of_any_floats(plain_builder, spec, tmp_path, size):
    """All of CMSIS-DSP's lengths, with levels from denormal to large."""
    other = changed(
        spec,
        name=f"fft-{size}",
        fft_size=size,
        frame_samples=size,
        frames=2,
        mel_filters=8,
        dct_coefficients=4,
    )
    rng = np.random.default_rng(size)
    levels = np.array([1e-44, 1e-41, 1e-38, 1e-20, 1.0, 1e30])[:, np.newaxis]
    with np.errstate(under="ignore"):
        x = (rng.normal(size=(len(levels), size)) * levels).astype(np.float32)
        assert (np.abs(x[:2]) < np.finfo(np.float32).tiny).all() and x[:2].any()
        real, imaginary = rfft(x, fft_tables(size))
    got = np.frombuffer(plain_builder.build(other).run("rfft", x.tobytes(), tmp_path), np.float32)
    want = np.stack([real, imaginary], axis=-1)
    assert_same_bits({"fft": got.reshape(want.shape)}, {"fft": want}, f"size {size}")
