"""ADD and SUB of int8 as one linear function of both inputs, where it gives the same outputs.

TFLite rounds four times: each input, and the sum twice. An int8 output shows little of it: with enough bits,
two factors and an offset can nearly always be found that give the same int8 for each of the 65,536 pairs of
inputs.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# The fraction of an output: what two narrowing shifts take off, the second of at most 7.
LEAST_FRACTION, MOST_FRACTION = 16, 23
_TRIALS = 8
_STEEPER = (1.0, 1 + 2**-12, 1 + 2**-10)
# The kernel for Helium subtracts 2**15.
_LARGEST_SUM = 2**31 - 1 - 2**15

Grid = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LinearSum:
    """``clamp((first * x + second * y + offset) >> fraction)``; see ``md_linear_sum_s8.h``."""

    first: int
    second: int
    offset: int
    fraction: int


def find_linear_sum(
    wanted: Grid, slopes: tuple[float, float], zero_point: float, limits: tuple[int, int]
) -> LinearSum | None:
    """The linear function that makes ``wanted``, or None.

    Args:
        wanted: int64, shape (256, 256): the outputs for the first input's values and the second's.
        slopes: outputs for a step of each input, nearly.
        zero_point: the output, nearly, where both inputs are 0.
        limits: those of the outputs.
    """
    reach = 128 * (abs(slopes[0]) + abs(slopes[1])) + abs(zero_point) + 2
    fraction = min(MOST_FRACTION, int(np.floor(31 - np.log2(reach))))
    if fraction < LEAST_FRACTION:
        return None
    values = np.arange(-128, 128, dtype=np.int64)
    lowest = np.where(wanted > limits[0], wanted << fraction, -(2**62))
    highest = np.where(wanted < limits[1], ((wanted + 1) << fraction) - 1, 2**62)
    for first, second in _trials(slopes, fraction, values, lowest, highest):
        terms = first * values[:, None] + second * values
        low, high = int((lowest - terms).max()), int((highest - terms).min())
        offset = min(max(0, low), high)
        largest = max(abs(int(terms.max()) + offset), abs(int(terms.min()) + offset))
        if low <= offset and largest <= _LARGEST_SUM:
            return LinearSum(first, second, offset, fraction)
    return None


@functools.cache
def linear_sum(
    sign: int, first_scale: float, second_scale: float, output_scale: float, **add: int
) -> LinearSum | None:
    """The linear function that makes what an ``md_add_t`` makes of int8, or None.

    Args:
        sign: of the second input.
        first_scale, second_scale, output_scale: of the tensors.
        add: the fields of the ``md_add_t``.
    """
    values = np.arange(-128, 128, dtype=np.int64)

    def common(name: str) -> Grid:
        steps = (values - add[f"{name}_zero_point"]) << add["left_shift"]
        return _rescaled(steps, add[f"{name}_multiplier"], add[f"{name}_shift"])

    if max(add["first_shift"], add["second_shift"], add["output_shift"]) > 0:
        return None
    sums = common("first")[:, None] + sign * common("second")
    outputs = _rescaled(sums, add["output_multiplier"], add["output_shift"]) + add["output_zero_point"]
    limits = (add["activation_min"], add["activation_max"])
    slopes = (first_scale / output_scale, sign * second_scale / output_scale)
    middle = (
        add["output_zero_point"] - slopes[0] * add["first_zero_point"] - slopes[1] * add["second_zero_point"]
    )
    return find_linear_sum(np.clip(outputs, *limits), slopes, middle, limits)


def _rescaled(values: Grid, significand: int, shift: int) -> Grid:
    """As ``md_requantize``, for shifts that are not to the left."""
    scaled = (values * significand + 2**30) >> 31
    return scaled if shift == 0 else (scaled + (scaled >> 63) + 2 ** (-shift - 1)) >> -shift


def _trials(
    slopes: tuple[float, float], fraction: int, values: Grid, lowest: Grid, highest: Grid
) -> Iterator[tuple[int, int]]:
    """Factors: the slopes, or a little more, by which halves are rounded away from zero; each time turned as
    far as the two outputs that contradict each other most need."""
    for steeper in _STEEPER:
        factors = np.array(slopes) * 2.0**fraction * steeper
        for _ in range(_TRIALS):
            first, second = (int(one) for one in np.round(factors))
            yield first, second
            terms = first * values[:, None] + second * values
            below, above = lowest - terms, highest - terms
            at_low = np.unravel_index(int(below.argmax()), below.shape)
            at_high = np.unravel_index(int(above.argmin()), above.shape)
            direction = np.array([at_low[axis] - at_high[axis] for axis in (0, 1)], np.float64)
            if not direction.any():
                break
            gap = float(below[at_low] - above[at_high])
            factors += direction * (gap + 1) / (direction @ direction)
