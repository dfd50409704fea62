"""The constants of a front end: computed in float64, rounded once to float32.

The C code gets these bits as hexadecimal literals and the Python reference uses the same arrays, so no
rounding of a table can tell the two apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from mcu_deploy.errors import InputError
from mcu_deploy.frontend.spec import FrontendSpec, spectrum_bins

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Uint16 = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class FftTables:
    """What CMSIS-DSP's ``arm_rfft_fast_f32`` of ``2 * length`` real values reads.

    Attributes:
        length: of the complex FFT inside, half the real length.
        cfft_twiddle: (2 * length,) cos and sin of 2 pi k / length, interleaved.
        rfft_twiddle: (2 * length,) sin and cos of 2 pi k / (2 * length), interleaved.
        bit_reversal: pairs of byte offsets (8 * index) to swap, one after another.
    """

    length: int
    cfft_twiddle: Float32
    rfft_twiddle: Float32
    bit_reversal: Uint16


@dataclass(frozen=True)
class MelTables:
    """Mel filters without their zeros: filter i weighs bins ``first[i]`` to ``first[i] + length[i] - 1``.

    Attributes:
        first: (mel_filters,) first bin of weight above zero; 0 for a filter between two bins.
        length: (mel_filters,) number of bins; 0 for a filter between two bins.
        weights: all filters' weights, one after another.
    """

    first: Uint16
    length: Uint16
    weights: Float32


@dataclass(frozen=True)
class FrontendTables:
    """All constants of a float32 front end.

    Attributes:
        window: (frame_samples,); where samples count as fractions it is divided by 32768, so that it also
            scales them. The division is by a power of two, hence exact.
        fft: for the real FFT.
        mel: the mel filters.
        dct: (dct_coefficients, mel_filters) rows, scaled; without rows where there is no DCT.
    """

    window: Float32
    fft: FftTables
    mel: MelTables
    dct: Float32


@cache
def make_tables(spec: FrontendSpec) -> FrontendTables:
    """All constants of a spectral ``spec``; made once, and shared: not to be written to.

    Raises:
        InputError: no mel filter covers a bin of the FFT.
    """
    mel = _mel_tables(mel_matrix(spec))
    if mel.weights.size == 0:
        raise InputError(
            f"front end {spec.name}: no mel filter covers a bin of the FFT",
            "widen mel_low_hz to mel_high_hz, or give a larger fft_size",
        )
    return FrontendTables(
        window=(window(spec) / (32768 if spec.samples == "fraction" else 1)).astype(np.float32),
        fft=fft_tables(spec.fft_size),
        mel=mel,
        dct=dct_matrix(spec).astype(np.float32),
    )


def window(spec: FrontendSpec) -> Float64:
    """The window, shape (frame_samples,), in its usual scale: cosine sums of 2 pi n / period.

    The period is ``frame_samples`` for a periodic window and ``frame_samples - 1`` for a symmetric one.
    Povey is Kaldi's: the symmetric Hann window to the power of 0.85.
    """
    kind, _, symmetry = spec.window.partition("-")
    period = spec.frame_samples - (symmetry != "periodic")
    angles = [2 * math.pi * n / period for n in range(spec.frame_samples)]
    hann = np.array([0.5 - 0.5 * math.cos(angle) for angle in angles])
    match kind:
        case "hann":
            return hann
        case "povey":
            return np.array([value**0.85 for value in hann.tolist()])
        case "hamming":
            return np.array([0.54 - 0.46 * math.cos(angle) for angle in angles])
        case "blackman":
            return np.array([0.42 - 0.5 * math.cos(angle) + 0.08 * math.cos(2 * angle) for angle in angles])
    return np.ones(spec.frame_samples)


def mel_matrix(spec: FrontendSpec) -> Float64:
    """The mel filters in full, shape (mel_filters, `spectrum_bins`).

    Triangles whose edges are spaced evenly in mel: HTK Book, section 5.4. Their sides are linear in mel as
    in TensorFlow's ``linear_to_mel_weight_matrix`` and Kaldi, or in Hz as in librosa; librosa's Slaney
    normalisation multiplies by 2 / (upper edge - lower edge), in Hz.
    """
    to_mel, _ = _mel_scale(spec)
    low, step = _mel_spacing(spec)
    edges_hz = mel_edges_hz(spec)
    hz = [k * spec.sample_rate_hz / spec.fft_size for k in range(spectrum_bins(spec))]
    if spec.mel_triangles == "mel":
        centre = low + step * np.arange(1, spec.mel_filters + 1)[:, np.newaxis]
        sides = 1.0 - np.abs(np.array([to_mel(f) for f in hz]) - centre) / step
    else:
        left, middle, right = (edges_hz[i : i + spec.mel_filters, np.newaxis] for i in range(3))
        sides = np.minimum((hz - left) / (middle - left), (right - hz) / (right - middle))
    weights: Float64 = np.maximum(0.0, sides)
    if spec.mel_normalization == "slaney":
        weights *= (2 / (edges_hz[2:] - edges_hz[:-2]))[:, np.newaxis]
    return weights


def mel_edges_hz(spec: FrontendSpec) -> Float64:
    """The corners of the triangles, shape (mel_filters + 2,): filter i has its edges at i and i + 2."""
    _, to_hz = _mel_scale(spec)
    low, step = _mel_spacing(spec)
    return np.array([to_hz(low + step * i) for i in range(spec.mel_filters + 2)])


def _mel_scale(spec: FrontendSpec) -> tuple[Callable[[float], float], Callable[[float], float]]:
    """Hz to mel, and mel to Hz."""
    return (_slaney_mel, _slaney_hz) if spec.mel_scale == "slaney" else (_htk_mel, _htk_hz)


def _mel_spacing(spec: FrontendSpec) -> tuple[float, float]:
    """The first corner, and the distance from one to the next, in mel."""
    to_mel, _ = _mel_scale(spec)
    low, high = to_mel(spec.mel_low_hz), to_mel(spec.mel_high_hz)
    return low, (high - low) / (spec.mel_filters + 1)


def dct_matrix(spec: FrontendSpec) -> Float64:
    """The first rows of the DCT, shape (dct_coefficients, mel_filters): scale, cosine and lifter.

    The cosines and the scales ``none`` and ``ortho`` are SciPy's of types 1, 2 and 3; the lifter is HTK's
    and Kaldi's.
    """
    columns = spec.mel_filters
    rows = [
        [_dct_value(spec, k, n) * _dct_scale(spec, k, n) for n in range(columns)]
        for k in range(spec.dct_coefficients)
    ]
    matrix = np.array(rows).reshape(-1, columns)
    lift = spec.dct_lifter
    if lift != 0:
        matrix *= np.array([[1 + lift / 2 * math.sin(math.pi * k / lift)] for k in range(len(rows))])
    return matrix


def _dct_value(spec: FrontendSpec, k: int, n: int) -> float:
    columns = spec.mel_filters
    match spec.dct_type:
        case 1:
            return math.cos(math.pi * k * n / (columns - 1)) * (0.5 if n in (0, columns - 1) else 1.0)
        case 3:
            return math.cos(math.pi * n * (2 * k + 1) / (2 * columns)) * (0.5 if n == 0 else 1.0)
    return math.cos(math.pi * k * (2 * n + 1) / (2 * columns))


def _dct_scale(spec: FrontendSpec, k: int, n: int) -> float:
    """``none``: 2. ``htk``: sqrt(2 / N). ``ortho``: what makes the full matrix orthonormal."""
    columns = spec.mel_filters
    if spec.dct_normalization == "none":
        return 2.0
    if spec.dct_normalization == "htk":
        return math.sqrt(2 / columns)
    half = math.sqrt(0.5)
    match spec.dct_type:
        case 1:
            last = columns - 1
            rows = half if k in (0, last) else 1.0
            return math.sqrt(2 / last) * rows * (2 * half if n in (0, last) else 1.0)
        case 3:
            return math.sqrt(2 / columns) * (2 * half if n == 0 else 1.0)
    return math.sqrt(2 / columns) * (half if k == 0 else 1.0)


def log_factor(spec: FrontendSpec) -> np.float32:
    """What the natural logarithm is multiplied by; 1 for itself."""
    factors = {"log10": 1 / math.log(10), "log2": 1 / math.log(2), "decibel": 10 / math.log(10)}
    return np.float32(factors.get(spec.log, 1.0))


@dataclass(frozen=True)
class ResizeTable:
    """One axis of a resized picture: element i lies ``weight`` of the way from ``low`` to ``high``.

    Attributes:
        low, high: (n,) indices of the elements before.
        weight: (n,) in [0, 1).
    """

    low: Uint16
    high: Uint16
    weight: Float32


def resize_tables(spec: FrontendSpec) -> tuple[ResizeTable, ResizeTable]:
    """For frames and for coefficients: half-pixel centres as ``tf.image.resize``, or every n-th element."""
    axes = ((spec.frames, spec.input_frames), (spec.coefficients, spec.input_coefficients))
    bilinear = spec.resize == "bilinear"
    frame, coefficient = (_resize_table(before, after, bilinear) for before, after in axes)
    return frame, coefficient


def _resize_table(before: int, after: int, bilinear: bool) -> ResizeTable:
    index = np.arange(after)
    place = (index + 0.5) * (before / after) - 0.5 if bilinear else index * float(before // after)
    floor = np.floor(place)
    return ResizeTable(
        low=np.maximum(floor, 0).astype(np.uint16),
        high=np.minimum(np.ceil(place), before - 1).astype(np.uint16),
        weight=(place - floor).astype(np.float32),
    )


def delta_weights(spec: FrontendSpec) -> Float32:
    """n / (2 sum n n) for n = 1 to ``delta_width``: the slope of a line through 2 N + 1 points."""
    n = np.arange(1, spec.delta_width + 1)
    weights: Float32 = (n / (2 * np.sum(n * n))).astype(np.float32)
    return weights


def fft_tables(real_length: int) -> FftTables:
    """Twiddles and bit reversal for ``arm_rfft_fast_f32``.

    The layout is CMSIS-DSP's. The swaps are too; its twiddles are decimal literals of which some are one
    unit in the last place off the correctly rounded values that stand here.
    """
    length = real_length // 2
    cfft = [f(k, length) for k in range(length) for f in (_cos, _sin)]
    rfft = [f(k, real_length) for k in range(length) for f in (_sin, _cos)]
    return FftTables(
        length=length,
        cfft_twiddle=np.array(cfft).astype(np.float32),
        rfft_twiddle=np.array(rfft).astype(np.float32),
        bit_reversal=_bit_reversal(length),
    )


def first_radix(length: int) -> int:
    """The radix of ``arm_cfft_f32``'s first stage (1: none), before its radix-8 stages."""
    return {0: 1, 1: 2, 2: 4}[(length.bit_length() - 1) % 3]


def _htk_mel(hz: float) -> float:
    return 1127 * math.log(1 + hz / 700)


def _htk_hz(mel: float) -> float:
    return 700 * (math.exp(mel / 1127) - 1)


def _slaney_mel(hz: float) -> float:
    """Slaney's Auditory Toolbox: 3 / 200 mel a Hz, above 1 kHz 27 mel for each factor of 6.4."""
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * math.log(hz / 1000) / math.log(6.4)


def _slaney_hz(mel: float) -> float:
    return mel * 200 / 3 if mel < 15 else 1000 * math.exp((mel - 15) * math.log(6.4) / 27)


def _mel_tables(matrix: Float64) -> MelTables:
    rows = [row.astype(np.float32) for row in matrix]
    nonzero = [np.flatnonzero(row) for row in rows]  # of a triangle: consecutive
    first = [int(bins[0]) if len(bins) else 0 for bins in nonzero]
    return MelTables(
        first=np.array(first, np.uint16),
        length=np.array([len(bins) for bins in nonzero], np.uint16),
        weights=np.concatenate([row[bins] for row, bins in zip(rows, nonzero, strict=True)]),
    )


def _cos(k: int, n: int) -> float:
    """cos(2 pi k / n), n divisible by 4: exact zeros and ones, and exactly the circle's symmetry."""
    k %= n
    k = min(k, n - k)
    if 4 * k > n:
        return -_cos(n // 2 - k, n)
    if 4 * k == n:
        return 0.0
    return math.sin(2 * math.pi * (n / 4 - k) / n) if 8 * k > n else math.cos(2 * math.pi * k / n)


def _sin(k: int, n: int) -> float:
    """sin(2 pi k / n), n divisible by 4."""
    return _cos(k + 3 * n // 4, n)


def _bit_reversal(length: int) -> Uint16:
    """The swaps that put the mixed-radix result in order, as byte offsets of complex values."""
    radix = first_radix(length)
    column = length // radix
    digits = (column.bit_length() - 1) // 3
    source = [0] * length  # source[f]: where the butterflies leave frequency f
    for position in range(length):
        reversed_digits, rest = 0, position % column
        for _ in range(digits):
            reversed_digits, rest = 8 * reversed_digits + rest % 8, rest // 8
        source[radix * reversed_digits + position // column] = position
    where = list(range(length))  # where[p]: the slot that holds what the butterflies left in p
    held = list(range(length))  # the inverse
    swaps: list[int] = []
    for slot in range(length):
        other = where[source[slot]]
        if other != slot:
            swaps += [8 * slot, 8 * other]
            held[slot], held[other] = held[other], held[slot]
            where[held[slot]], where[held[other]] = slot, other
    return np.array(swaps, np.uint16)
