"""Requantisation of int32 sums as one linear function and a shift that all channels share.

TFLite rounds twice: a product with a multiplier of 31 bits, then a division by a power of two, of which each
channel has its own. What an int8 shows of it are the sums at which it changes. An offset and a factor that
change it at the same sums do as well, and nearly always exist where no output is below the zero point: there
alone TFLite rounds halves up, as a shift does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mcu_deploy.plan.operators.filters import Filters

Numbers = npt.NDArray[np.int64]

# These repeat md_helium_depthwise_3x3_s8.h.
SUM_BITS = 12  # MD_HELIUM_DEPTHWISE_SUM_BITS
_NARROWING = 16
_MOST_SHIFT = 7
# Steps of the factor's last bit that are tried in either direction.
_NEIGHBOURS = 24
_OUTPUTS = np.arange(-127, 128, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class LinearRequantisation:
    """What makes an int8 of a sum without its bias, in this order, all rounding to the nearest.

    ``s = (sum << SUM_BITS) + offset``; ``s * factor / 2**31``, halves up; ``/ 2**16``, halves up, limited to
    int16; ``/ 2**shift``, rounded down; limited to int8.

    Attributes:
        offsets, factors: int64, shape (channels,); they and s fit int32.
        shift: 0 to 7.
    """

    offsets: Numbers
    factors: Numbers
    shift: int


def linear_requantisation(filters: Filters) -> LinearRequantisation | None:
    """That of a layer of int8 inputs, if there is one for every channel."""
    if filters.output_zero_point != -128 or filters.activation != (-128, 127):
        return None
    significands = np.array([one.significand for one in filters.multipliers], np.int64)
    shifts = np.array([one.shift for one in filters.multipliers], np.int64)
    if (significands == 0).any() or (shifts >= 0).any():
        return None
    # The largest sum and the smallest, of inputs from -128 to 127.
    weights = filters.weights.astype(np.int64)
    positive, negative = np.maximum(weights, 0).sum(axis=1), np.minimum(weights, 0).sum(axis=1)
    least, most = 127 * negative - 128 * positive, 127 * positive - 128 * negative
    bias = filters.bias.astype(np.int64)
    first = _first_sums(least + bias, most + bias, significands, shifts) - bias[:, None]
    real = significands * 2.0**-31 * 2.0**shifts
    shift = min(_MOST_SHIFT, int(np.floor(SUM_BITS - _NARROWING - np.log2(real.max()))))
    if shift < 0:
        return None
    middle = np.round(real * 2.0 ** (31 + _NARROWING + shift - SUM_BITS)).astype(np.int64)
    # What the offset would be if nothing were rounded.
    exact = np.round((bias - 128 / real) * 2**SUM_BITS).astype(np.int64)
    offsets, factors = np.zeros_like(bias), np.zeros_like(bias)
    for number in range(2 * _NEIGHBOURS + 1):
        factor = np.maximum(middle + (number + 1) // 2 * (-1) ** number, 1)
        low, high = _offsets(factor, shift, first, least, most)
        fitting = (low <= high) & (factors == 0) & (factor < 2**31)
        offsets, factors = (
            np.where(fitting, np.clip(exact, low, high), offsets),
            np.where(fitting, factor, factors),
        )
        if factors.all():
            break
    ends = [np.abs((sums << SUM_BITS) + offsets).max() for sums in (least, most)]
    if (factors == 0).any() or max(*ends, np.abs(offsets).max()) >= 2**31:
        return None
    return LinearRequantisation(offsets, factors, shift)


def _first_sums(least: Numbers, most: Numbers, significands: Numbers, shifts: Numbers) -> Numbers:
    """For each channel and output, the smallest sum that makes it or more; ``most + 1`` if none does."""
    low = np.repeat(least[:, None], len(_OUTPUTS), axis=1)
    high = np.repeat(most[:, None] + 1, len(_OUTPUTS), axis=1)
    while (low < high).any():
        middle = (low + high) >> 1
        scaled = (middle * significands[:, None] + 2**30) >> 31
        halves = np.int64(1) << (-shifts - 1)
        made = ((scaled + (scaled >> 63) + halves[:, None]) >> -shifts[:, None]) - 128
        enough = made >= _OUTPUTS
        high, low = np.where(enough, middle, high), np.where(enough, low, middle + 1)
    return high


def _offsets(
    factor: Numbers, shift: int, first: Numbers, least: Numbers, most: Numbers
) -> tuple[Numbers, Numbers]:
    """The smallest offset and the largest with which each output begins at its first sum."""
    narrowed = (_OUTPUTS << (_NARROWING + shift)) - 2 ** (_NARROWING - 1)
    # The smallest s that makes the output.
    wanted = -(-((narrowed << 31) - 2**30) // factor[:, None])
    low = np.where(first <= most[:, None], wanted - (first << SUM_BITS), -(2**62))
    high = np.where(first > least[:, None], wanted - 1 - ((first - 1) << SUM_BITS), 2**62)
    return low.max(axis=1), high.min(axis=1)
