"""The judge of the C front end in fixed point: the PyPI package ``cmsisdsp``, function by function.

Its integer functions have the bits of CMSIS-DSP's scalar C code. What CMSIS-DSP has no function for is
integer arithmetic in NumPy, in the order of ``md_fixed.c``. Formats, by stage ("q" and a number: so many
fraction bits), with s and t the shifts that normalise a frame's samples and its spectrum, N the FFT's
length, p = 1 for magnitudes and 2 for powers:

========  =====  ==============================================================================
windowed  q31    (int32) or q15 (int16): the samples as fractions, times 2 ** s
spectrum  q31    (int32) magnitudes or q62 (int64) powers of the FFT over N, times 2 ** (s + t)
mel       int64  sums with ``mel_scale`` + p (s + t) fraction bits
log       q23    (int32), of decibels q21
dct       q23    (int32) or fewer: less what keeps the sums from overflowing
features         float32: the last integers in units of 1; then ``feature_mean`` and ``feature_std``
========  =====  ==============================================================================

In q15, samples, window and FFT have 16 bits; from the spectrum on both precisions are the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cmsisdsp as dsp
import numpy as np
import numpy.typing as npt

from mcu_deploy.frontend.fixed_tables import FixedTables, fixed_tables, precision_bits, spectrum_power
from mcu_deploy.frontend.float32 import standardised
from mcu_deploy.frontend.spec import FrontendSpec, spectrum_bins

Array = npt.NDArray[np.generic]
Int16 = npt.NDArray[np.int16]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]

_LN2_Q32 = round(math.log(2) * 2**32)
_LOW_BITS = 30  # of a power: what its multiplication with a weight takes apart
_LOG_OF_ZERO = -256  # an exponent below every floor


def frame_stages(spec: FrontendSpec, frames: Int16) -> dict[str, Array]:
    """Every stage of frames.

    Args:
        spec: a spectral front end, of precision ``q31`` or ``q15``.
        frames: (n, frame_samples) int16.

    Returns:
        by stage name (`mcu_deploy.frontend.spec.stages`), an array (n, elements).
    """
    tables = fixed_tables(spec)
    fft = _Fft(spec)
    rows = [_frame(spec, tables, fft, frame) for frame in frames]
    made: dict[str, Array] = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    unit = np.float32(2.0**-tables.feature_fraction)
    last = made["dct" if spec.kind == "mfcc" else "log"]
    made["features"] = standardised(last.astype(np.float32) * unit, spec)
    return made


def _frame(spec: FrontendSpec, tables: FixedTables, fft: _Fft, pcm: Int16) -> dict[str, Array]:
    samples, shift, silent = _samples(spec, tables, pcm)
    windowed = fft.window(samples, tables.window)
    parts = fft.transform(windowed)[: 2 * spectrum_bins(spec)]
    parts, spectrum_shift = _normalised(parts)
    power = spectrum_power(spec)
    spectrum = _powers(parts) if power == 2 else _magnitudes(_powers(parts))
    mel = _mel(tables, spectrum)
    scale = tables.mel_scale + power * (shift + spectrum_shift)
    least = 0 if silent else 1 << max(0, tables.mel_least + power * spectrum_shift)
    log = _log(tables, mel, scale, least)
    made: dict[str, Array] = {"windowed": windowed, "spectrum": spectrum, "mel": mel, "log": log}
    if spec.kind == "mfcc":
        made["dct"] = dsp.arm_mat_vec_mult_q31(tables.dct, log)
    return made


def _samples(spec: FrontendSpec, tables: FixedTables, pcm: Int16) -> tuple[Int32, int, bool]:
    """Samples less their mean, with pre-emphasis, and normalised; their shift; whether all are zero."""
    samples = pcm.astype(np.int32) * np.int32(1 << (16 - tables.headroom))
    if spec.dc_removal:
        samples = dsp.arm_offset_q31(samples, -dsp.arm_mean_q31(samples))
    if tables.pre_emphasis:
        before = np.concatenate([samples[:1], samples[:-1]]).astype(np.int64)
        samples = samples - ((tables.pre_emphasis * before) >> 30).astype(np.int32)
    peak = int(dsp.arm_absmax_q31(samples)[0])
    if peak == 0:
        return samples, -tables.headroom, True
    shift = 31 - peak.bit_length()
    while peak << (shift + 2) > tables.peak << 2:
        shift -= 1
    return dsp.arm_shift_q31(samples, shift), shift - tables.headroom, False


class _Fft:
    """Window and real FFT in the precision; the transform as q31."""

    def __init__(self, spec: FrontendSpec) -> None:
        self._size = spec.fft_size
        self._q15 = precision_bits(spec) == 15
        self._instance = dsp.arm_rfft_instance_q15() if self._q15 else dsp.arm_rfft_instance_q31()
        initialise = dsp.arm_rfft_init_q15 if self._q15 else dsp.arm_rfft_init_q31
        assert initialise(self._instance, spec.fft_size, 0, 1) == 0

    def window(self, samples: Int32, window: Array) -> Array:
        """(frame_samples,) in the precision's type."""
        windowed: Array
        if self._q15:
            windowed = dsp.arm_mult_q15(dsp.arm_q31_to_q15(samples), window)
        else:
            windowed = dsp.arm_mult_q31(samples, window)
        return windowed

    def transform(self, windowed: Array) -> Int32:
        """Real and imaginary parts, over the length, interleaved."""
        padded = np.zeros(self._size, windowed.dtype)
        padded[: len(windowed)] = windowed
        parts: Int32
        if self._q15:
            parts = dsp.arm_q15_to_q31(dsp.arm_rfft_q15(self._instance, padded))
        else:
            parts = dsp.arm_rfft_q31(self._instance, padded)
        return parts


def _normalised(parts: Int32) -> tuple[Int32, int]:
    """Shifted up until the largest part has 30 bits, and by how much."""
    peak = int(dsp.arm_absmax_q31(parts)[0])
    shift = 30 - peak.bit_length() if peak else 0
    return dsp.arm_shift_q31(parts, shift), shift


def _powers(parts: Int32) -> Int64:
    squares = parts.astype(np.int64) ** 2
    powers: Int64 = squares[0::2] + squares[1::2]
    return powers


def _magnitudes(powers: Int64) -> Int32:
    """Square roots: of the upper 30 or 31 bits, an odd number of bits being left away or put behind."""
    magnitudes = []
    for power in powers.tolist():
        odd = (power.bit_length() - 31) | 1
        number = power >> odd if odd > 0 else power << -odd
        magnitudes.append(dsp.arm_sqrt_q31(number)[1] >> ((31 - odd) // 2))
    return np.array(magnitudes, np.int32)


def _mel(tables: FixedTables, spectrum: Int32 | Int64) -> Int64:
    weighted_sum = _sum if spectrum.itemsize == 8 else dsp.arm_dot_prod_q31
    mel = np.zeros(len(tables.mel_first), np.int64)
    start = 0
    for index, (first, length) in enumerate(_pairs(tables)):
        if length:
            weights = tables.mel_weights[start : start + length]
            mel[index] = weighted_sum(spectrum[first : first + length], weights)
        start += length
    return mel


def _sum(powers: Int32 | Int64, weights: Int32) -> int:
    """Of the products without their last 44 bits."""
    wide = weights.astype(np.int64)
    high, low = powers >> _LOW_BITS, powers & ((1 << _LOW_BITS) - 1)
    return int(((high * wide >> 14) + (low * wide >> 44)).sum())


def _pairs(tables: FixedTables) -> Sequence[tuple[int, int]]:
    return list(zip(tables.mel_first.tolist(), tables.mel_length.tolist(), strict=True))


def _log(tables: FixedTables, mel: Int64, scale: int, least: int) -> Int32:
    """The logarithms of mel values with ``scale`` fraction bits; filters without weights may go below
    ``least``."""
    shift, offset = 0, 0
    if tables.log_offset:
        place = scale - tables.log_offset_scale
        shift = max(0, place - 30)
        place -= shift
        offset = tables.log_offset << place if place >= 0 else tables.log_offset >> -place
    mantissas, exponents = [], []
    for value, length in zip(mel.tolist(), tables.mel_length.tolist(), strict=True):
        value = (value >> shift) + offset
        if length:
            value = max(value, least >> shift)
        size = value.bit_length()
        mantissas.append((value << 31 >> size) if value else 1 << 30)
        exponents.append(size - scale + shift if value else _LOG_OF_ZERO)
    fraction = dsp.arm_vlog_q31(np.array(mantissas, np.int32)).astype(np.int64)
    natural = fraction + ((np.array(exponents, np.int64) * _LN2_Q32) >> 6)
    log = (natural * tables.log_factor) >> (52 - tables.log_fraction)
    floored: Int32 = np.maximum(log, tables.log_floor).astype(np.int32)
    return floored
