"""The float32 reference against the float64 definition and against CMSIS-DSP's wheel: stated bounds.

Each bound is about twice the largest error that was seen on noise and recordings. Errors of the stages up to
the mel filters are relative to the frame's largest value, which every sum's rounding follows; those
of the logarithm and what follows are absolute, and large where a filter hears little, because the
logarithm's slope there, 1 / x, multiplies an error that is in proportion to the frame's largest value.
"""

from __future__ import annotations

import numpy as np
import pytest
from frontend_harness import changed, made_clips
from frontend_libraries import RECORDINGS, signal

from mcu_deploy.frontend import FrontendSpec, load_spec
from mcu_deploy.frontend.definition import defined_features
from mcu_deploy.frontend.reference import reference_stages
from mcu_deploy.frontend.spec import spectrum_bins
from mcu_deploy.pipeline.frontend_wheel import beside_the_wheel

BOUNDS = {
    "aclnet": {"prepared": 7e-6},
    "audio-sound-event": {
        "windowed": 9e-7,
        "spectrum": 9e-7,
        "mel": 7e-7,
        "log": 5e-4,
        "prepared": 5e-4,
    },
    "dcase2020-task1b": {
        "windowed": 1.8e-7,
        "spectrum": 1.1e-6,
        "mel": 1e-6,
        "log": 2e-5,
        "prepared": 2e-6,
    },
    "micronet-ad": {
        "windowed": 1.8e-7,
        "spectrum": 8e-7,
        "mel": 7e-7,
        "log": 3e-4,
        "features": 3e-4,
        "prepared": 1.1e-4,
    },
    "micronet-kws": {"windowed": 1.8e-7, "spectrum": 1.2e-6, "mel": 7e-7, "log": 2.8e-4, "dct": 7.1e-5},
}
RELATIVE = ("windowed", "spectrum", "mel")

WHEEL_BOUND = 1e-4  # coefficients of up to 1000; seen were 4.5e-5
VARIANT = {
    "window": "hamming-symmetric",
    "mel_scale": "slaney",
    "mel_triangles": "hz",
    "mel_normalization": "slaney",
    "mel_filters": 26,
    "mel_high_hz": 8000.0,
    "fft_size": 512,
    "frame_samples": 400,
    "hop_samples": 160,
    "frames": 98,
    "dct_coefficients": 13,
    "dct_normalization": "ortho",
}
NOISES = ["noise 1", "noise 100", "noise 3000", "noise 32767"]
STARTS = [0, 1, 2]  # clips from the beginning


def clip(spec: FrontendSpec, name: str, start: int) -> np.ndarray:
    """A noise, or a recording's ``start``-th clip; skips what it has not."""
    if name in NOISES:
        return made_clips(spec)[name]
    pcm = signal(spec, name, start * spec.clip_samples)
    if not spec.takes(pcm.size):
        pytest.skip(f"{name} is shorter")
    return pcm


def cases(spec: FrontendSpec) -> list[tuple[str, int]]:
    recorded = RECORDINGS.get(spec.sample_rate_hz, ()) if spec.channels == 1 else ()
    return [(name, 0) for name in NOISES] + [(name, start) for name in recorded for start in STARTS]


@pytest.mark.parametrize(
    ("preset", "name", "start"),
    [(preset, *case) for preset in BOUNDS for case in cases(load_spec(preset))],
)
def test_every_stage_is_within_its_bound_of_float64(preset: str, name: str, start: int) -> None:
    spec = load_spec(preset)
    assert_within(BOUNDS[preset], spec, clip(spec, name, start))


@pytest.mark.parametrize("name", NOISES)
def test_powers_are_within_the_bounds_of_magnitudes(name: str) -> None:
    spec = changed(load_spec("micronet-kws"), spectrum="power")
    assert_within(BOUNDS["micronet-kws"], spec, clip(spec, name, 0))


def assert_within(bounds: dict[str, float], spec: FrontendSpec, pcm: np.ndarray) -> None:
    want, made = defined_features(spec, pcm), reference_stages(spec, pcm, 0.2, 0)
    assert list(want) == list(bounds)
    for stage, exact in want.items():
        exact = exact[:, : spectrum_bins(spec)] if stage == "spectrum" else exact
        error = np.abs(made[stage].astype(np.float64) - exact)
        if stage in RELATIVE:
            largest = np.abs(exact).max(axis=1, keepdims=True)
            error = error / np.where(largest > 0, largest, 1)
        assert error.max() < bounds[stage], stage


@pytest.mark.parametrize("changes", [{}, VARIANT], ids=["micronet-kws", "variant"])
@pytest.mark.parametrize(("name", "start"), cases(load_spec("micronet-kws")))
def test_coefficients_are_within_the_bound_of_the_wheel(
    changes: dict[str, object], name: str, start: int
) -> None:
    """The wheel is float32 too, built with fast-math: both err by some roundings, so they differ by those."""
    spec = changed(load_spec("micronet-kws"), **changes)
    beside = beside_the_wheel(spec, clip(spec, name, start))
    assert beside is not None
    theirs, ours = beside
    assert theirs.shape == ours.shape and len(ours) > spec.frames // 2
    assert np.abs(theirs.astype(np.float64) - ours).max() < WHEEL_BOUND


def test_the_wheel_is_no_judge_of_steps_that_it_has_not() -> None:
    spec = load_spec("micronet-kws")
    noise = made_clips(spec)["noise 100"]
    for changes in ({"spectrum": "power"}, {"pre_emphasis": 0.97}, {"log": "log10"}, {"dc_removal": True}):
        assert beside_the_wheel(changed(spec, **changes), noise) is None
    assert beside_the_wheel(spec, np.zeros_like(noise)) is None
    half = noise.copy()
    half[8000:] = 0
    beside = beside_the_wheel(spec, half)
    assert beside is not None and len(beside[0]) == 25  # frames that begin before the silence
