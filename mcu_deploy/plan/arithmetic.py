"""TFLite Micro's quantised arithmetic, to the bit, for what is computed at generation.

Scales come from the file as float32. Which of TFLM's products and quotients are rounded to float32 and which
are made in double precision decides the last bits of a multiplier: each function says which, as it is in
tflite-micro 0.dev20261023182759. Fixed-point functions work on plain integers; "Qm.n" has m integer and n
fractional bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

INT8_MIN, INT8_MAX = -128, 127
INT16_MIN, INT16_MAX = -(2**15), 2**15 - 1
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
MAX_LEFT_SHIFT = 30


@dataclass(frozen=True)
class Multiplier:
    """A real multiplier ``significand * 2**(shift - 31)``.

    Attributes:
        significand: 2**30 to 2**31 - 1, or 0.
        shift: -31 to ``MAX_LEFT_SHIFT``; positive shifts left.
    """

    significand: int
    shift: int


def wrap_int32(value: int) -> int:
    """The int32 that has the low 32 bits of ``value``."""
    return (value - INT32_MIN) % 2**32 + INT32_MIN


def round_half_away(value: float) -> int:
    """``round`` of C: the nearest integer, halves away from zero."""
    whole = math.floor(abs(value))
    whole += abs(value) - whole >= 0.5
    return -whole if value < 0 else whole


def quantize_multiplier(real: float) -> Multiplier:
    """TFLite's ``QuantizeMultiplier``: ``real`` as a 31-bit significand and a shift.

    Args:
        real: 0 to 2**30 - 1, as ``graph.checks`` lets it be.
    """
    assert 0 <= real < 2**MAX_LEFT_SHIFT
    if real == 0.0:
        return Multiplier(0, 0)
    fraction, shift = math.frexp(real)
    significand = round_half_away(fraction * 2**31)
    if significand == 2**31:
        significand //= 2
        shift += 1
    assert shift <= MAX_LEFT_SHIFT
    return Multiplier(0, 0) if shift < -31 else Multiplier(significand, shift)


def upper_half(multiplier: Multiplier) -> Multiplier:
    """The multiplier of a 64-bit accumulator, whose significand has 15 bits: ``shift`` is from 2**-15.

    TFLite's ``MultiplyByQuantizedMultiplier`` of an int64 makes it in each call.
    """
    significand = min((multiplier.significand + 2**15) >> 16, 2**15 - 1)
    return Multiplier(significand, multiplier.shift)


def effective_multiplier(
    input_scale: np.float32, output_scale: np.float32, filter_scale: np.float32 | float = 1.0
) -> Multiplier:
    """``input_scale * filter_scale / output_scale``, all in double precision.

    For CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, and without a filter for RELU. TFLM of August 2026 still
    rounded the product of a FULLY_CONNECTED with one scale, and the quotient of RELU, to float32.
    """
    return quantize_multiplier(float(input_scale) * float(filter_scale) / float(output_scale))


def activation_range(
    activation: str, scale: np.float32, zero_point: int, limits: tuple[int, int] = (INT8_MIN, INT8_MAX)
) -> tuple[int, int]:
    """The bounds of a fused activation: TFLite's ``CalculateActivationRangeQuantized``.

    Args:
        activation: the schema's name, ``NONE``, ``RELU``, ``RELU6`` or ``RELU_N1_TO_1``.
        scale: of the output tensor.
        zero_point: of the output tensor.
        limits: the least and the largest value of the output's element type.
    """
    bounds: dict[str, tuple[float | None, float | None]] = {
        "NONE": (None, None),
        "RELU": (0.0, None),
        "RELU6": (0.0, 6.0),
        "RELU_N1_TO_1": (-1.0, 1.0),
    }
    low, high = bounds[activation]
    return (
        limits[0] if low is None else max(limits[0], _quantize(low, scale, zero_point)),
        limits[1] if high is None else min(limits[1], _quantize(high, scale, zero_point)),
    )


def _quantize(value: float, scale: np.float32, zero_point: int) -> int:
    quotient = float(np.float32(value) / np.float32(scale))
    assert abs(quotient) < 2**31 - 256
    return zero_point + round_half_away(quotient)


def saturate_to_int8(value: float, scale: np.float32, zero_point: int) -> int:
    """``value`` quantised to int8, saturated; the division in float32."""
    return min(max(_quantize(value, scale, zero_point), INT8_MIN), INT8_MAX)


def rounding_doubling_high_mul(a: int, b: int) -> int:
    """gemmlowp's SaturatingRoundingDoublingHighMul of two int32: ``a * b / 2**31``, halves rounded up."""
    if a == b == INT32_MIN:
        return INT32_MAX
    return (a * b + 2**30) >> 31


def rounding_divide_by_pot(x: int, exponent: int) -> int:
    """gemmlowp's RoundingDivideByPOT: ``x / 2**exponent``, halves rounded away from zero."""
    magnitude = (abs(x) + ((1 << exponent) >> 1)) >> exponent
    return -magnitude if x < 0 else magnitude


def multiply_by_quantized_multiplier(x: int, multiplier: Multiplier) -> int:
    """TFLite's ``MultiplyByQuantizedMultiplier`` with double rounding; a lossy left shift wraps."""
    left, right = max(multiplier.shift, 0), max(-multiplier.shift, 0)
    return rounding_divide_by_pot(
        rounding_doubling_high_mul(wrap_int32(x << left), multiplier.significand), right
    )


def sigmoid_table() -> list[int]:
    """TFLite's table for 16-bit LOGISTIC and TANH: 256 values of the sigmoid of i / 24, in units of 2**-16.

    Each is raised by half of what a straight line to the next one lacks in the middle.
    """

    def sigmoid(steps: float) -> float:
        return 2**16 / (1 + math.exp(-steps / 24))

    def raised(i: int) -> float:
        return sigmoid(i) + (sigmoid(i + 0.5) - (sigmoid(i) + sigmoid(i + 1)) / 2) / 2

    return [*(round_half_away(raised(i)) for i in range(255)), 2**16 - 1]


def saturating_shift_left(x: int, bits: int) -> int:
    """``x * 2**bits``, limited to the range of int32."""
    return min(max(x << bits, INT32_MIN), INT32_MAX)


# exp(-2**k) in Q0.31, for the bits from -2 (a quarter) up.
_EXP_OF_POWER = (
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
    (4, 242),
)
_EXP_OF_MINUS_EIGHTH = 1895147668
_ONE_THIRD = 715827883


def _exp_in_last_quarter(a: int) -> int:
    """exp(a) for a in [-1/4, 0), both Q0.31: the Taylor polynomial of degree 4 around -1/8."""
    x = a + 2**28
    x2 = rounding_doubling_high_mul(x, x)
    x3 = rounding_doubling_high_mul(x2, x)
    x4 = rounding_doubling_high_mul(x2, x2)
    sixth = rounding_doubling_high_mul(rounding_divide_by_pot(x4, 2) + x3, _ONE_THIRD) + x2
    polynomial = x + rounding_divide_by_pot(sixth, 1)
    return _EXP_OF_MINUS_EIGHTH + rounding_doubling_high_mul(_EXP_OF_MINUS_EIGHTH, polynomial)


def exp_on_negative_values(a: int, integer_bits: int = 5) -> int:
    """gemmlowp's exp_on_negative_values: exp of a number of at most 0 with 4 or 5 integer bits, in Q0.31.

    The last quarter below zero is a polynomial; each higher bit of the rest is one factor.
    """
    if a == 0:
        return INT32_MAX
    fraction_bits = 31 - integer_bits
    quarter = 2 ** (fraction_bits - 2)
    in_quarter = (a & (quarter - 1)) - quarter
    result = _exp_in_last_quarter(saturating_shift_left(in_quarter, integer_bits))
    rest = in_quarter - a
    for exponent, factor in _EXP_OF_POWER:
        if rest & (1 << (fraction_bits + exponent)):
            result = rounding_doubling_high_mul(result, factor)
    return result


# A Q0.31 exponential below this adds nothing to a sum in Q12.19, and gives 0 of 255.
_NEGLIGIBLE = 2**11


def softmax_exponentials(input_scale: np.float32, beta: np.float32) -> list[int]:
    """exp of 0, -1, -2, ... input steps as SOFTMAX computes it: Q0.31, as many as can contribute.

    The rescaling of the steps to Q5.26 is TFLite's ``PreprocessSoftmaxScaling`` and ``CalculateInputRadius``,
    in double precision; TFLite demands that a step is more than 2**-26.
    """
    real = min(float(beta) * float(input_scale) * 2**26, 2**31 - 1.0)
    assert real > 1.0
    # The one multiplier that may need a shift by 31; then only the difference 0 remains.
    fraction, shift = math.frexp(real)
    significand = round_half_away(fraction * 2**31)
    if significand == 2**31:
        significand, shift = significand // 2, shift + 1
    radius = 31 * 2**26 // 2**shift
    table = []
    for steps in range(min(radius, 255) + 1):
        entry = exp_on_negative_values(rounding_doubling_high_mul(-steps << shift, significand))
        if entry < _NEGLIGIBLE:
            break
        table.append(entry)
    return table
