"""The constants of a front end: computed in float64, rounded once to float32.

The C code gets these bits as hexadecimal literals and the Python reference uses the same arrays, so no
rounding of a table can tell the two apart.
"""

from __future__ import annotations

import math
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
    """All constants of one front end.

    Attributes:
        window: (frame_samples,) window / 32768, so that it also scales the 16-bit samples. The division
            is by a power of two, hence exact.
        fft: for the real FFT.
        mel: the mel filters.
        dct: (dct_coefficients, mel_filters) DCT-II rows, scaled.
    """

    window: Float32
    fft: FftTables
    mel: MelTables
    dct: Float32


@cache
def make_tables(spec: FrontendSpec) -> FrontendTables:
    """All constants of ``spec``; made once, and shared: not to be written to.

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
        window=(hann_window(spec.frame_samples) / 32768).astype(np.float32),
        fft=fft_tables(spec.fft_size),
        mel=mel,
        dct=dct_matrix(spec.dct_coefficients, spec.mel_filters).astype(np.float32),
    )


def hann_window(length: int) -> Float64:
    """The periodic Hann window, 0.5 - 0.5 cos(2 pi n / length)."""
    return np.array([0.5 - 0.5 * math.cos(2 * math.pi * n / length) for n in range(length)])


def mel_matrix(spec: FrontendSpec) -> Float64:
    """The mel filters in full, shape (mel_filters, `spectrum_bins`): triangles, linear in HTK mel.

    As TensorFlow's ``linear_to_mel_weight_matrix``: m(f) = 1127 ln(1 + f / 700), the edges spaced evenly
    in m; HTK Book, section 5.4.
    """
    low, high = _htk_mel(spec.mel_low_hz), _htk_mel(spec.mel_high_hz)
    step = (high - low) / (spec.mel_filters + 1)
    bins = spectrum_bins(spec)
    mel = np.array([_htk_mel(k * spec.sample_rate_hz / spec.fft_size) for k in range(bins)])
    centre = low + step * np.arange(1, spec.mel_filters + 1)[:, np.newaxis]
    weights: Float64 = np.maximum(0.0, 1.0 - np.abs(mel - centre) / step)
    return weights


def dct_matrix(rows: int, columns: int) -> Float64:
    """DCT-II: sqrt(2 / columns) cos(pi / columns (n + 1/2) k), the same factor for row 0 (as HTK has it)."""
    scale = math.sqrt(2 / columns)
    return np.array(
        [[scale * math.cos(math.pi / columns * (n + 0.5) * k) for n in range(columns)] for k in range(rows)]
    )


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
