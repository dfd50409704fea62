"""The keys of a front-end specification: type, default, range, and with what each can stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

FFT_SIZES = (32, 64, 128, 256, 512, 1024, 2048, 4096)
"""Real FFT lengths of CMSIS-DSP that the front ends offer."""

FLT_MIN = float(np.finfo(np.float32).tiny)

_SPECTRAL = ("kind", ("log-mel", "mfcc"))
_MFCC = ("kind", ("mfcc",))


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes:
        type: ``str``, ``int``, ``float`` or ``bool``.
        meaning: a line for the documentation.
        default: the value where the key is missing; None: it must be given.
        choices: the values allowed, or ().
        low, high: the range of a number.
        when: another key and the values of it with which this one has a meaning, or None.
    """

    type: type
    meaning: str
    default: Any = None
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    when: tuple[str, tuple[Any, ...]] | None = None


KEYS: Mapping[str, Key] = {
    "kind": Key(str, "what the features are", choices=("mfcc", "log-mel", "pcm")),
    "sample_rate_hz": Key(int, "of the recording", low=1000, high=192_000),
    "channels": Key(int, "interleaved in the recording, each with features of its own", 1, low=1, high=8),
    "samples": Key(
        str,
        "a 16-bit sample counts as x / 32768 or as x",
        "fraction",
        choices=("fraction", "integer"),
    ),
    "frame_samples": Key(int, "samples of a frame (and channel)", low=2, high=FFT_SIZES[-1]),
    "hop_samples": Key(int, "from one frame's start to the next", low=1, high=65_535),
    "frames": Key(int, "frames of a clip", low=1, high=10_000),
    "clip_samples": Key(
        int,
        "samples (and channel) of a clip; without the key as many as the frames need",
        0,
        low=0,
        high=1 << 22,
    ),
    "min_frames": Key(
        int,
        "a shorter clip with at least so many frames is taken, the model's input then filled with "
        "zeros; 0: a clip has all frames",
        0,
        low=0,
        high=10_000,
    ),
    "centring": Key(
        str,
        "frame t lies from t * hop on (none), or around t * hop with the clip's ends reflected or "
        "followed by zeros",
        "none",
        choices=("none", "reflect", "zeros"),
        when=_SPECTRAL,
    ),
    "dc_removal": Key(bool, "subtract the frame's mean from its samples", False, when=_SPECTRAL),
    "pre_emphasis": Key(
        float,
        "a: x[n] - a x[n - 1] in each frame, and x[0] - a x[0]; 0: none",
        0.0,
        low=0.0,
        high=1.0,
        when=_SPECTRAL,
    ),
    "window": Key(
        str,
        "over the frame",
        choices=(
            "hann-periodic",
            "hann-symmetric",
            "hamming-periodic",
            "hamming-symmetric",
            "blackman-periodic",
            "povey",
            "rectangular",
        ),
        when=_SPECTRAL,
    ),
    "fft_size": Key(int, "of the real FFT; zeros follow a shorter frame", choices=FFT_SIZES, when=_SPECTRAL),
    "spectrum": Key(
        str, "of a bin: its magnitude or the square of it", choices=("magnitude", "power"), when=_SPECTRAL
    ),
    "mel_filters": Key(int, "triangular filters", low=1, high=512, when=_SPECTRAL),
    "mel_scale": Key(
        str,
        "htk and kaldi: 1127 ln(1 + f / 700); slaney: linear up to 1 kHz, logarithmic above",
        choices=("htk", "slaney", "kaldi"),
        when=_SPECTRAL,
    ),
    "mel_triangles": Key(
        str,
        "a filter's sides are linear in mel (TensorFlow, Kaldi) or in hz (librosa, torchaudio)",
        choices=("mel", "hz"),
        when=_SPECTRAL,
    ),
    "mel_normalization": Key(
        str,
        "none: filters of height 1; slaney: of area 1, that is of height 2 / (width in Hz)",
        "none",
        choices=("none", "slaney"),
        when=_SPECTRAL,
    ),
    "mel_low_hz": Key(float, "lower edge of the first filter", low=0.0, high=96_000.0, when=_SPECTRAL),
    "mel_high_hz": Key(float, "upper edge of the last filter", low=0.0, high=96_000.0, when=_SPECTRAL),
    "log": Key(
        str,
        "natural, log10, log2, or decibel: 10 log10",
        choices=("natural", "log10", "log2", "decibel"),
        when=_SPECTRAL,
    ),
    "log_offset": Key(float, "added before the logarithm", 0.0, low=0.0, high=1.0, when=_SPECTRAL),
    "log_floor": Key(
        float,
        "the logarithm is of max(x + log_offset, log_floor)",
        FLT_MIN,
        low=FLT_MIN,
        high=1.0,
        when=_SPECTRAL,
    ),
    "dct_coefficients": Key(int, "the first rows of the DCT", low=1, high=512, when=_MFCC),
    "dct_type": Key(int, "1, 2 or 3", 2, choices=(1, 2, 3), when=_MFCC),
    "dct_normalization": Key(
        str,
        "htk: sqrt(2 / N) for every row; ortho: orthonormal; none: 2 (as SciPy)",
        choices=("htk", "ortho", "none"),
        when=_MFCC,
    ),
    "dct_lifter": Key(
        float,
        "L: row k is multiplied by 1 + L / 2 sin(pi k / L); 0: none",
        0.0,
        low=0.0,
        high=1000.0,
        when=_MFCC,
    ),
    "feature_mean": Key(float, "subtracted from every feature", 0.0, low=-1e6, high=1e6, when=_SPECTRAL),
    "feature_std": Key(float, "every feature is then divided by it", 1.0, low=1e-6, high=1e6, when=_SPECTRAL),
    "normalization": Key(
        str,
        "over the clip: each coefficient's mean subtracted (mean); everything between its minimum and "
        "maximum (min-max); everything less its mean, over its standard deviation (standard)",
        "none",
        choices=("none", "mean", "min-max", "standard"),
    ),
    "normalization_epsilon": Key(
        float,
        "added to the standard deviation",
        1e-15,
        low=FLT_MIN,
        high=1.0,
        when=("normalization", ("standard",)),
    ),
    "deltas": Key(
        int,
        "1: the features and their slope over time; 2: and the slope's slope; frames without all "
        "neighbours are left out",
        0,
        choices=(0, 1, 2),
        when=_SPECTRAL,
    ),
    "delta_width": Key(
        int,
        "N: the slope is sum n (x[t + n] - x[t - n]) / (2 sum n n), n = 1 to N",
        2,
        low=1,
        high=8,
        when=("deltas", (1, 2)),
    ),
    "resize": Key(
        str,
        "of frames and coefficients, as a picture: bilinear (half-pixel centres), or subsample, which "
        "takes every n-th row",
        "none",
        choices=("none", "bilinear", "subsample"),
        when=_SPECTRAL,
    ),
    "resize_frames": Key(
        int, "frames after it", low=1, high=10_000, when=("resize", ("bilinear", "subsample"))
    ),
    "resize_coefficients": Key(
        int, "coefficients after it", low=1, high=512, when=("resize", ("bilinear", "subsample"))
    ),
    "layout": Key(
        str,
        "of the model's input: frames-first (frames, coefficients) or coefficients-first; deltas and "
        "channels last",
        "frames-first",
        choices=("frames-first", "coefficients-first"),
    ),
    "precision": Key(
        str, "of what is computed in a frame", "float32", choices=("float32", "q31", "q15"), when=_SPECTRAL
    ),
    "arithmetic": Key(
        str,
        "exact: the bits of Python, by Helium code where core and precision have it; scalar: the same "
        "bits without Helium; cmsis-helium: CMSIS-DSP's own Helium code, other bits",
        "exact",
        choices=("exact", "scalar", "cmsis-helium"),
        when=_SPECTRAL,
    ),
}
"""Every key but the name, in the order of the documentation."""
