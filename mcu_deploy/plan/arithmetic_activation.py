"""Functions of one int8 value in TFLite Micro's arithmetic, to the bit, as tables.

A table holds the outputs for the inputs -128 to 127. All multipliers are computed in double precision, as in
tflite-micro 0.dev20261023182759; TFLM of August 2026 still rounded those of ABS, HARD_SWISH, LEAKY_RELU and
RSQRT to float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mcu_deploy.plan.arithmetic import (
    INT8_MAX,
    INT8_MIN,
    INT16_MAX,
    INT16_MIN,
    INT32_MAX,
    Multiplier,
    activation_range,
    effective_multiplier,
    exp_on_negative_values,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    round_half_away,
    rounding_divide_by_pot,
    rounding_doubling_high_mul,
    saturating_shift_left,
    wrap_int32,
)

# LOGISTIC and TANH of int8 take their input as Q4.27, HARD_SWISH works on int16 with 7 more bits.
_INPUT_BITS = 4
LEAST_Q4_SCALE = 2.0**-28
_HARD_SWISH_STEP = 3 / 32768
# The shift by which RSQRT keeps the root's fraction.
_ROOT_SHIFT = 20


@dataclass(frozen=True)
class Affine:
    """Scale and zero point of a tensor that is quantised per tensor."""

    scale: np.float32
    zero_point: int


def _table(function: Callable[[int], int]) -> list[int]:
    return [min(max(function(value), INT8_MIN), INT8_MAX) for value in range(INT8_MIN, INT8_MAX + 1)]


def _rescale(value: int, multiplier: Multiplier, zero_point: int) -> int:
    return wrap_int32(multiply_by_quantized_multiplier(value, multiplier) + zero_point)


def relu_table(source: Affine, result: Affine, activation: str = "RELU") -> list[int]:
    """RELU or RELU_N1_TO_1: rescaled to the output, then limited there."""
    multiplier = effective_multiplier(source.scale, result.scale)
    low, high = activation_range(activation, result.scale, result.zero_point)
    return _table(
        lambda value: min(max(_rescale(value - source.zero_point, multiplier, result.zero_point), low), high)
    )


def negative_table(source: Affine, result: Affine) -> list[int]:
    """NEG as SUB takes a tensor from 0, for TFLM has no NEG of int8.

    SUB brings both to twice the input's scale with 20 bits more, which is exact here. The output's scale is
    above 2**-19 of the input's.
    """
    multiplier = quantize_multiplier(2 * float(source.scale) / (2**20 * float(result.scale)))
    return _table(lambda value: _rescale((source.zero_point - value) * 2**19, multiplier, result.zero_point))


def clamp_table(low: int, high: int) -> list[int]:
    """Values limited to [low, high]."""
    return _table(lambda value: min(max(value, low), high))


def requantize_table(source: Affine, result: Affine) -> list[int]:
    """QUANTIZE from int8 to int8; the ratio of scales in double precision."""
    multiplier = effective_multiplier(source.scale, result.scale)
    return _table(lambda value: _rescale(value - source.zero_point, multiplier, result.zero_point))


def absolute_table(source: Affine, result: Affine) -> list[int]:
    """ABS; the ratio of scales in double precision."""
    multiplier = effective_multiplier(source.scale, result.scale)
    return _table(lambda value: _rescale(abs(value - source.zero_point), multiplier, result.zero_point))


def leaky_multipliers(source: Affine, result: Affine, alpha: float) -> tuple[Multiplier, Multiplier]:
    """LEAKY_RELU's, for values of at least zero and for those below; of the latter's without alpha's sign."""
    return (
        effective_multiplier(source.scale, result.scale),
        effective_multiplier(source.scale, result.scale, abs(alpha)),
    )


def leaky_relu_table(source: Affine, result: Affine, alpha: float) -> list[int]:
    """LEAKY_RELU; ``alpha``, a float32, may be negative."""
    identity, slope = leaky_multipliers(source, result, alpha)

    def function(value: int) -> int:
        moved = value - source.zero_point
        if moved >= 0:
            return _rescale(moved, identity, result.zero_point)
        scaled = multiply_by_quantized_multiplier(moved, slope)
        return wrap_int32((-scaled if alpha < 0 else scaled) + result.zero_point)

    return _table(function)


def elu_table(source: Affine, result: Affine) -> list[int]:
    """ELU, all in float32; exp is rounded to float32 once."""
    inverse = np.float32(1) / result.scale

    def function(value: int) -> int:
        real = source.scale * np.float32(value - source.zero_point)
        if real < 0:
            real = np.float32(math.exp(float(real))) - np.float32(1)
        return int(np.float32(round_half_away(float(real * inverse))) + np.float32(result.zero_point))

    return _table(function)


def _reciprocal_of_half_sum(x: int) -> int:
    """2 / (1 + x) for x in [0, 1) as Q0.31, in Q2.29: gemmlowp's Newton-Raphson division."""
    half = (x + INT32_MAX + 1) // 2
    guess = 1515870810 + rounding_doubling_high_mul(half, -1010580540)
    for _ in range(3):
        error = 2**29 - rounding_doubling_high_mul(half, guess)
        guess += saturating_shift_left(rounding_doubling_high_mul(guess, error), 2)
    return guess


def _logistic_q31(raw: int) -> int:
    """gemmlowp's logistic of Q4.27, in Q0.31."""
    if raw == 0:
        return 2**30
    exponential = exp_on_negative_values(-abs(raw), _INPUT_BITS)
    positive = saturating_shift_left(_reciprocal_of_half_sum(exponential), 1)
    return positive if raw > 0 else INT32_MAX - positive


def _tanh_q31(raw: int) -> int:
    """gemmlowp's tanh of Q4.27, in Q0.31."""
    if raw == 0:
        return 0
    # The same bits as Q5.26 are twice the value.
    exponential = exp_on_negative_values(-abs(raw), _INPUT_BITS + 1)
    positive = saturating_shift_left(_reciprocal_of_half_sum(exponential) - 2**29, 2)
    return positive if raw > 0 else -positive


def _sigmoid_shaped(source: Affine, function: Callable[[int], int]) -> list[int]:
    """``function`` of Q4.27, with the extremes where the input leaves it."""
    fraction, shift = math.frexp(float(source.scale) * 2.0 ** (31 - _INPUT_BITS))
    assert shift >= 0
    multiplier = Multiplier(round_half_away(fraction * 2**31), shift)
    radius = (2**_INPUT_BITS - 1) * 2 ** (31 - _INPUT_BITS) // 2**shift

    def limited(value: int) -> int:
        moved = value - source.zero_point
        if moved <= -radius:
            return INT8_MIN
        if moved >= radius:
            return INT8_MAX
        return function(multiply_by_quantized_multiplier(moved, multiplier))

    return _table(limited)


def logistic_table(source: Affine) -> list[int]:
    """LOGISTIC, to the scale 1/256 and zero point -128; a scale of at least ``LEAST_Q4_SCALE``."""
    return _sigmoid_shaped(source, lambda raw: rounding_divide_by_pot(_logistic_q31(raw), 23) - 128)


def tanh_table(source: Affine) -> list[int]:
    """TANH, to the scale 1/128 and zero point 0; a scale of at least ``LEAST_Q4_SCALE``."""
    return _sigmoid_shaped(source, lambda raw: rounding_divide_by_pot(_tanh_q31(raw), 24))


def _high_mul_16(a: int, b: int) -> int:
    """``a * b / 2**15`` of int16, halves rounded up; ``b`` is not negative."""
    return (a * b + 2**14) >> 15


def _saturate_16(value: int) -> int:
    return min(max(value, INT16_MIN), INT16_MAX)


def hard_swish_multipliers(source: Affine, result: Affine) -> tuple[Multiplier, Multiplier]:
    """HARD_SWISH's multipliers with 16-bit significands: to the output, and to 3/32768."""
    fine = float(source.scale) / 128
    return _downscaled(fine / float(result.scale)), _downscaled(fine / _HARD_SWISH_STEP)


def _downscaled(real: float) -> Multiplier:
    multiplier = quantize_multiplier(real)
    rounded = min((multiplier.significand + 2**15) >> 16, INT16_MAX)
    return Multiplier(rounded, multiplier.shift)


def hard_swish_table(source: Affine, result: Affine) -> list[int]:
    """HARD_SWISH; ``hard_swish_multipliers`` with shifts of -15 to 0, and of at least -15."""
    output, one = hard_swish_multipliers(source, result)

    def function(value: int) -> int:
        fine = (value - source.zero_point) * 2**7
        gate = fine
        if one.shift > 0:
            gate = _saturate_16(gate << (one.shift - 1))
        gate = _high_mul_16(gate, one.significand)
        if one.shift > 0:
            gate = _saturate_16(gate << 1)
        gate = (rounding_divide_by_pot(gate, max(-one.shift, 0)) + 2**15) >> 1
        product = gate * _high_mul_16(fine, output.significand)
        # Rounded towards zero.
        product = abs(product) // 2**15 * (-1 if product < 0 else 1)
        return rounding_divide_by_pot(product, -output.shift) + result.zero_point

    return _table(function)


def _inverse_root(value: int) -> Multiplier:
    """1 / sqrt(value), value >= 1: TFLite's GetInvSqrtQuantizedMultiplierExp, by Newton's method in Q3.28."""
    if value == 1:
        return Multiplier(INT32_MAX, 0)
    assert value < 2**29
    pairs = (31 - value.bit_length()) // 2 - 1
    fixed = (value << (2 * pairs)) >> 1
    half = rounding_divide_by_pot(fixed, 1)
    x = 2**28
    for _ in range(5):
        square = rounding_doubling_high_mul(x, x)
        cube = saturating_shift_left(rounding_doubling_high_mul(square, x), 6)
        term = rounding_doubling_high_mul(2**28 + 2**27, x) - rounding_doubling_high_mul(half, cube)
        x = saturating_shift_left(term, 3)
    return Multiplier(rounding_doubling_high_mul(x, 1518500250), pairs - 11)


def rsqrt_multiplier(source: Affine, result: Affine) -> Multiplier:
    """RSQRT's rescaling, in double precision."""
    return quantize_multiplier(1 / (math.sqrt(float(source.scale)) * float(result.scale)))


def rsqrt_table(source: Affine, result: Affine) -> list[int]:
    """RSQRT; the largest output for 0, and for what is below, where TFLM refuses to compute."""
    multiplier = rsqrt_multiplier(source, result)
    shifted = Multiplier(multiplier.significand, multiplier.shift - _ROOT_SHIFT)

    def function(value: int) -> int:
        moved = value - source.zero_point
        if moved <= 0:
            return INT8_MAX
        root = _inverse_root(moved)
        scaled = multiply_by_quantized_multiplier(1, Multiplier(root.significand, root.shift + _ROOT_SHIFT))
        return _rescale(scaled, shifted, result.zero_point)

    return _table(function)
