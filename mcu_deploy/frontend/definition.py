"""What the features should be: the formulas in float64, with NumPy's own FFT and logarithm.

Independent of the float32 reference on purpose: it shares neither its tables nor its operations, only the
definition. Tests bound the reference's rounding error with it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mcu_deploy.frontend.spec import FrontendSpec

Float64 = npt.NDArray[np.float64]


def defined_features(spec: FrontendSpec, pcm: npt.NDArray[np.int16]) -> dict[str, Float64]:
    """Every float stage of a clip by its formula.

    Args:
        spec: the front end.
        pcm: (clip_samples,) int16.

    Returns:
        by stage name, an array (frames, elements); ``"spectrum"`` holds all fft_size / 2 + 1 bins.
    """
    frames = np.lib.stride_tricks.sliding_window_view(pcm / 32768, spec.frame_samples)[:: spec.hop_samples]
    n = np.arange(spec.frame_samples)
    windowed = frames[: spec.frames] * np.sin(np.pi * n / spec.frame_samples) ** 2
    spectrum = np.abs(np.fft.rfft(windowed, spec.fft_size))
    if spec.spectrum == "power":
        spectrum = spectrum**2
    mel = spectrum @ _mel_filters(spec).T
    log = np.log(np.maximum(mel, spec.log_floor))
    k = np.arange(spec.dct_coefficients)[:, np.newaxis]
    n = np.arange(spec.mel_filters)
    rows = np.cos(np.pi * k * (2 * n + 1) / (2 * spec.mel_filters)) * np.sqrt(2 / spec.mel_filters)
    return {"windowed": windowed, "spectrum": spectrum, "mel": mel, "log": log, "dct": log @ rows.T}


def _mel_filters(spec: FrontendSpec) -> Float64:
    """(mel_filters, bins): rising and falling sides, the smaller of the two, no less than zero."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (spec.mel_low_hz, spec.mel_high_hz))
    edges = np.linspace(low, high, spec.mel_filters + 2)
    left, centre, right = (edges[i : i + spec.mel_filters, np.newaxis] for i in range(3))
    mel = 2595 * np.log10(1 + np.fft.rfftfreq(spec.fft_size, 1 / spec.sample_rate_hz) / 700)
    weights: Float64 = np.clip(
        np.minimum((mel - left) / (centre - left), (right - mel) / (right - centre)), 0, None
    )
    return weights
