"""What 16-bit LOGISTIC, TANH and SOFTMAX need of TFLite Micro's arithmetic, to the bit.

As in ``plan.arithmetic``: as it is in tflite-micro 0.dev20261023182759.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mcu_deploy.plan.arithmetic import (
    INT16_MAX,
    INT16_MIN,
    Multiplier,
    quantize_multiplier,
    round_half_away,
)

_STEPS = 512
# The step of the sigmoid's fixed-point input: a power of two, of which TFLM wants three.
_SIGMOID_STEP = 2.0**-12
_MAX_SHIFT = 31
# The range of SOFTMAX's exponents, in steps of 16 bits.
_SOFTMAX_STEP = 10.0 / 65535


@dataclass(frozen=True)
class SigmoidScale:
    """``(x * multiplier + round) >> shift`` brings an int16 to the table's steps of 2**-12 / 3."""

    multiplier: int
    round: int
    shift: int


def near_power_of_two(scale: np.float32) -> int | None:
    """The exponent of a scale that TFLite's ``CheckedLog2`` takes for a power of two."""
    exact = np.float32(math.log(float(scale))) * (np.float32(1) / np.float32(math.log(2.0)))
    nearest = round_half_away(float(exact))
    return nearest if abs(exact - np.float32(nearest)) < np.float32(1e-3) else None


def sigmoid_scale(scale: np.float32, shifts: tuple[int, ...]) -> SigmoidScale:
    """How LOGISTIC and TANH scale their input.

    Args:
        scale: of the input, at most 2**15 / 12288.
        shifts: left shifts from 2**-12 that are made without a general multiplier.
    """
    exponent = near_power_of_two(scale)
    if exponent is not None and exponent + 12 in shifts:
        return SigmoidScale(3 << (exponent + 12), 0, 0)
    real, shift = float(scale) * 3 / _SIGMOID_STEP, 0
    while real <= INT16_MAX / 2 and shift < _MAX_SHIFT:
        real, shift = real * 2, shift + 1
    assert real < INT16_MAX + 1
    return SigmoidScale(int(real), (1 << shift) >> 1, shift)


def softmax_multiplier(scale: np.float32, beta: np.float32) -> Multiplier:
    """From steps of the input to those of the table of exponentials, in double precision."""
    return quantize_multiplier(float(scale) * float(beta) / _SOFTMAX_STEP)


def softmax_tables() -> tuple[list[int], list[int]]:
    """513 values of exp on -10 to 0, and of 1 / (1 + x) on 0 to 1, in Q0.15."""
    step = np.float32(10) / np.float32(65535), np.float32(1) / np.float32(65535)
    return (
        _interpolation_table(step[0], INT16_MAX, lambda x: np.float32(math.exp(float(x)))),
        _interpolation_table(step[1], INT16_MIN, lambda x: np.float32(1) / (np.float32(1) + x)),
    )


def _interpolation_table(
    scale: np.float32, zero_point: int, function: Callable[[np.float32], np.float32]
) -> list[int]:
    """TFLite's ``LUTPopulate`` of int16 for an output of -1 to 1, in float32.

    Each value is moved by half of what the straight line to the next one misses in the middle.
    """
    low = scale * np.float32(INT16_MIN - zero_point)
    high = scale * np.float32(INT16_MAX - zero_point)
    step = (high - low) / np.float32(_STEPS)
    unit = np.float32(2) / np.float32(65535)
    inverse = np.float32(65536) / (unit * np.float32(INT16_MAX) - unit * np.float32(INT16_MIN))

    def rounded(value: np.float32) -> np.float32:
        return np.float32(round_half_away(float(value)))

    table = []
    for i in range(_STEPS):
        here = low + np.float32(i) * step
        value = rounded(function(here) * inverse)
        following = function(low + np.float32(i + 1) * step)
        line = rounded((following * inverse + value) / np.float32(2))
        error = line - rounded(function(here + step / np.float32(2)) * inverse)
        table.append(float(value - rounded(error / np.float32(2))))
    table.append(float(rounded(function(high) * inverse)))
    return [int(min(max(value, INT16_MIN), INT16_MAX)) for value in table]
