"""The constants of a front end in fixed point: integers, rounded once from the float64 values.

The C code and the Python reference use the same arrays. The tables of the FFT are CMSIS-DSP's own, by the
formulas that give its literals, and just the entries that a length reads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from mcu_deploy.errors import InputError
from mcu_deploy.frontend.cmsis_helium import (
    HEADERS,
    INSTANCE_BYTES,
    TABLE_SOURCES,
    library_table_bytes,
)
from mcu_deploy.frontend.parts import FramePart, Table
from mcu_deploy.frontend.spec import FrontendSpec
from mcu_deploy.frontend.tables import Float64, dct_matrix, log_factor, mel_matrix, window

Integers = npt.NDArray[np.integer]
Int32 = npt.NDArray[np.int32]
Uint16 = npt.NDArray[np.uint16]

_MEL_BITS = {1: 48, 2: 49}  # fraction bits of the sums of weighted magnitudes or powers of the FFT's parts
_NO_OVERFLOW = 0.49
_CMSIS_HEADERS: tuple[str, ...] = ("Include/dsp/statistics_functions.h", "Include/dsp/support_functions.h")


@dataclass(frozen=True)
class FixedFft:
    """What CMSIS-DSP's ``arm_rfft_q31`` or ``arm_rfft_q15`` of N real values reads.

    Attributes:
        twiddle: (3 N / 4,) cos and sin of 2 pi k / (N / 2), interleaved.
        split_a: (N,) 0.5 - 0.5 sin and -0.5 cos of 2 pi k / N, interleaved.
        split_b: (N,) 0.5 + 0.5 sin and 0.5 cos of 2 pi k / N, interleaved.
        bit_reversal: pairs of byte offsets (8 * index) to swap, one after another.
    """

    twiddle: Integers
    split_a: Integers
    split_b: Integers
    bit_reversal: Uint16


@dataclass(frozen=True)
class FixedTables:
    """All constants of one front end. "q" and a number: so many fraction bits.

    Attributes:
        window: (frame_samples,) q31 or q15, as the precision says.
        fft: for the real FFT.
        mel_first, mel_length: (mel_filters,) where a filter's weights above zero begin, and how many.
        mel_weights: q31, all filters' weights one after another, times 2 ** (what ``mel_scale`` says).
        dct: (dct_coefficients, mel_filters) q31, times 2 ** -dct_shift, which keeps the product from
            overflowing; without rows where there is no DCT.
        dct_shift: as above.
        headroom: bits above the samples for DC removal and pre-emphasis.
        pre_emphasis: q30.
        peak: q31: no sample of the normalised frame is larger, so no sum within the FFT overflows.
        mel_scale: a mel value of a frame whose samples and spectrum were not shifted has so many fraction
            bits.
        mel_least: the logarithm to base 2 of a mel value that is one bit of the unshifted FFT, at a weight
            of 1 in ``mel_weights``.
        log_fraction: fraction bits of the logarithm: 23, or 21 for decibels.
        log_factor: q26, what the natural logarithm is multiplied by.
        log_floor: the logarithm of ``log_floor``, with ``log_fraction`` bits.
        log_offset: ``log_offset`` is this, 31 bits long, times 2 ** -log_offset_scale; 0: none.
        log_offset_scale: as above.
    """

    window: Integers
    fft: FixedFft
    mel_first: Uint16
    mel_length: Uint16
    mel_weights: Int32
    dct: Int32
    dct_shift: int
    headroom: int
    pre_emphasis: int
    peak: int
    mel_scale: int
    mel_least: int
    log_fraction: int
    log_factor: int
    log_floor: int
    log_offset: int
    log_offset_scale: int

    @property
    def feature_fraction(self) -> int:
        """Fraction bits of a frame's last integers."""
        return self.log_fraction - self.dct_shift


@cache
def fixed_tables(spec: FrontendSpec) -> FixedTables:
    """All constants of a ``spec`` of precision q31 or q15; made once, and shared: not to be written to.

    Raises:
        InputError: no mel filter covers a bin of the FFT.
    """
    bits = precision_bits(spec)
    shape = window(spec)
    mel = mel_matrix(spec)
    mel_shift = _shift_to_one(float(mel.max()), spec)
    weights = _rounded(mel * 2.0**mel_shift, 31)
    first, length, nonzero = _nonzero_parts(weights)
    matrix = dct_matrix(spec)
    dct_shift = _dct_shift(matrix)
    power = spectrum_power(spec)
    log_fraction = 21 if spec.log == "decibel" else 23
    offset, offset_scale = _offset(spec.log_offset)
    factor = float(log_factor(spec))
    return FixedTables(
        window=_rounded(shape, bits),
        fft=fixed_fft(spec.fft_size, bits),
        mel_first=first,
        mel_length=length,
        mel_weights=nonzero,
        dct=_rounded(matrix * 2.0**-dct_shift, 31).astype(np.int32),
        dct_shift=dct_shift,
        headroom=int(spec.dc_removal) + int(spec.pre_emphasis != 0),
        pre_emphasis=round(spec.pre_emphasis * 2**30),
        peak=_peak(shape, spec.fft_size),
        mel_scale=_MEL_BITS[power] + mel_shift - power * (spec.fft_size.bit_length() - 1),
        mel_least=_MEL_BITS[power] - power * bits,
        log_fraction=log_fraction,
        log_factor=round(factor * 2**26),
        log_floor=round(math.log(spec.log_floor) * factor * 2**log_fraction),
        log_offset=offset,
        log_offset_scale=offset_scale,
    )


def precision_bits(spec: FrontendSpec) -> int:
    """Fraction bits of the samples: 31 or 15."""
    return {"q31": 31, "q15": 15}[spec.precision]


def spectrum_power(spec: FrontendSpec) -> int:
    """The power of the magnitude that the spectrum is: 1 or 2."""
    return 2 if spec.spectrum == "power" else 1


def fixed_fft(real_length: int, bits: int) -> FixedFft:
    """The tables of CMSIS-DSP 1.10.3, whose literals follow these formulas.

    Its twiddles in q31 are the largest integers below the value plus 0.05, in q15 below the value itself,
    and the coefficients of the split are rounded to nearest; 1 becomes the largest number below.
    """
    length = real_length // 2
    twiddle = [f(2 * math.pi * k / length) for k in range(3 * length // 4) for f in (math.cos, math.sin)]
    angles = [2 * math.pi * k / real_length for k in range(length)]
    split_a = [part for x in angles for part in (0.5 - 0.5 * math.sin(x), -0.5 * math.cos(x))]
    split_b = [part for x in angles for part in (0.5 + 0.5 * math.sin(x), 0.5 * math.cos(x))]
    return FixedFft(
        twiddle=_integers(np.floor(np.array(twiddle) * 2.0**bits + (0.05 if bits == 31 else 0.0)), bits),
        split_a=_rounded(np.array(split_a), bits),
        split_b=_rounded(np.array(split_b), bits),
        bit_reversal=_bit_reversal(length),
    )


def fixed_part(spec: FrontendSpec) -> FramePart:
    """The C code of a frame in fixed point."""
    tables = fixed_tables(spec)
    cmsis_helium = spec.arithmetic == "cmsis-helium"
    sources, headers = _cmsis_sources(spec), _CMSIS_HEADERS
    definitions = ("ARM_MATH_AUTOVECTORIZE",)  # CMSIS-DSP's scalar code on Helium targets too
    if cmsis_helium:  # its own tables, chosen by its init functions
        init = [f"Source/TransformFunctions/arm_{fft}_init_{spec.precision}.c" for fft in ("cfft", "rfft")]
        sources, headers = (*sources, *init, *TABLE_SOURCES), (*headers, *HEADERS)
        definitions = (f"MD_FRONTEND_RFFT_INIT=arm_rfft_init_{spec.fft_size}_{spec.precision}",)
    return FramePart(
        headers=("md_frame.h", "md_fixed.h"),
        sources=("md_fixed.c", "md_frame_fixed.c"),
        cmsis_sources=sources,
        tables=[*_own_tables(spec, tables), *(() if cmsis_helium else _fft_tables(tables.fft))],
        sizes=_sizes(spec, tables),
        ram_bytes=(12 if spec.precision == "q31" else 8) * spec.fft_size
        + (INSTANCE_BYTES[spec.precision] if cmsis_helium else 0),
        definitions=definitions,
        cmsis_headers=headers,
        library_table_bytes=library_table_bytes(spec) if cmsis_helium else 0,
    )


def _own_tables(spec: FrontendSpec, tables: FixedTables) -> list[Table]:
    constants = [
        Table("window", tables.window, f"The window, {spec.precision}."),
        Table("mel_first", tables.mel_first, "The first bin that filter i weighs."),
        Table("mel_length", tables.mel_length, "How many bins it weighs."),
        Table("mel_weights", tables.mel_weights, "The filters' weights, one after another, q31, scaled."),
    ]
    if spec.kind == "mfcc":
        constants.append(Table("dct", tables.dct, "Row by row, q31, scaled."))
    return constants


def _fft_tables(fft: FixedFft) -> list[Table]:
    return [
        Table("fft_twiddle", fft.twiddle, "cos, sin of 2 pi k / (N / 2), interleaved."),
        Table("fft_split_a", fft.split_a, "0.5 - 0.5 sin, -0.5 cos of 2 pi k / N, interleaved."),
        Table("fft_split_b", fft.split_b, "0.5 + 0.5 sin, 0.5 cos of 2 pi k / N, interleaved."),
        Table("bit_reversal", fft.bit_reversal, "Pairs of byte offsets of complex values to swap."),
    ]


def _sizes(spec: FrontendSpec, tables: FixedTables) -> dict[str, int]:
    return {
        "FIXED_BIT_REVERSAL_LENGTH": tables.fft.bit_reversal.size,
        "FIXED_HEADROOM": tables.headroom,
        "FIXED_PRE_EMPHASIS": tables.pre_emphasis,
        "FIXED_PEAK": tables.peak,
        "FIXED_BITS": precision_bits(spec),
        "FIXED_MEL_SCALE": tables.mel_scale,
        "FIXED_LOG_FACTOR": tables.log_factor,
        "FIXED_LOG_FRACTION": tables.log_fraction,
        "FIXED_LOG_DEPTH": -tables.log_floor,
        "FIXED_LOG_OFFSET": tables.log_offset,
        "FIXED_LOG_OFFSET_SCALE": tables.log_offset_scale,
        "FIXED_FEATURE_FRACTION": tables.feature_fraction,
    }


def _cmsis_sources(spec: FrontendSpec) -> tuple[str, ...]:
    names = [
        f"BasicMathFunctions/arm_mult_{spec.precision}",
        "BasicMathFunctions/arm_shift_q31",
        "FastMathFunctions/arm_vlog_q31",
        "StatisticsFunctions/arm_absmax_q31",
        "TransformFunctions/arm_bitreversal",
        "TransformFunctions/arm_bitreversal2",
        f"TransformFunctions/arm_cfft_{spec.precision}",
        f"TransformFunctions/arm_cfft_radix4_{spec.precision}",
        f"TransformFunctions/arm_rfft_{spec.precision}",
    ]
    if spec.precision == "q15":
        names += [
            "BasicMathFunctions/arm_shift_q15",
            "SupportFunctions/arm_q15_to_q31",
            "SupportFunctions/arm_q31_to_q15",
        ]
    if spec.dc_removal:
        names += ["BasicMathFunctions/arm_offset_q31", "StatisticsFunctions/arm_mean_q31"]
    if spec.spectrum == "magnitude":
        names += ["BasicMathFunctions/arm_dot_prod_q31", "FastMathFunctions/arm_sqrt_q31"]
    if spec.kind == "mfcc":
        names += ["MatrixFunctions/arm_mat_vec_mult_q31"]
    return tuple(f"Source/{name}.c" for name in sorted(names))


def _integers(values: Float64, bits: int) -> Integers:
    """Limited to what ``bits`` and a sign hold."""
    limited = np.clip(values, -(2.0**bits), 2.0**bits - 1)
    return limited.astype(np.int32 if bits == 31 else np.int16)


def _rounded(values: Float64, bits: int) -> Integers:
    return _integers(np.floor(values * 2.0**bits + 0.5), bits)


def _shift_to_one(largest: float, spec: FrontendSpec) -> int:
    """The largest power of two that keeps the weights at 1 or below."""
    if largest <= 0:
        raise InputError(
            f"front end {spec.name}: no mel filter covers a bin of the FFT",
            "widen mel_low_hz to mel_high_hz, or give a larger fft_size",
        )
    return math.floor(-math.log2(largest))


def _nonzero_parts(weights: Integers) -> tuple[Uint16, Uint16, Int32]:
    """A filter's weights above zero are consecutive: it is a triangle."""
    bins = [np.flatnonzero(row) for row in weights]
    first = np.array([bins_of[0] if len(bins_of) else 0 for bins_of in bins], np.uint16)
    length = np.array([len(bins_of) for bins_of in bins], np.uint16)
    parts = [row[bins_of] for row, bins_of in zip(weights, bins, strict=True)]
    return first, length, np.concatenate(parts).astype(np.int32)


def _dct_shift(matrix: Float64) -> int:
    """So that a row times any vector stays within the vector's format."""
    if matrix.size == 0:
        return 0
    return max(0, math.ceil(math.log2(float(np.abs(matrix).sum(axis=1).max()))))


def _peak(shape: Float64, fft_size: int) -> int:
    """Within arm_rfft each real and imaginary part, and each sum of the split, stays below
    2 * (mean of the padded window) * (largest sample); see ``md_fixed.h``."""
    mean = float(np.abs(shape).sum()) / fft_size
    return 2**31 - 1 if mean <= _NO_OVERFLOW else math.floor(_NO_OVERFLOW / mean * 2**31)


def _offset(offset: float) -> tuple[int, int]:
    if offset == 0:
        return 0, 0
    mantissa, exponent = math.frexp(offset)
    return math.floor(mantissa * 2**31), 31 - exponent


def _bit_reversal(length: int) -> Uint16:
    """The swaps that reverse the bits of the indices, as byte offsets of complex values."""
    bits = length.bit_length() - 1
    swaps: list[int] = []
    for index in range(length):
        other = int(f"{index:0{bits}b}"[::-1], 2)
        if other > index:
            swaps += [8 * index, 8 * other]
    return np.array(swaps, np.uint16)
