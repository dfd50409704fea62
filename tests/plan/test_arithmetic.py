"""Arithmetic at generation: against definitions in exact rational numbers, and the known constants."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcu_deploy.plan import arithmetic
from mcu_deploy.plan.arithmetic import INT32_MAX, INT32_MIN, Multiplier

INT32 = st.integers(INT32_MIN, INT32_MAX)


@given(st.floats(2.0**-31, 2.0**29))
def test_a_multiplier_is_the_nearest_of_31_bits(real: float) -> None:
    made = arithmetic.quantize_multiplier(real)
    assert 2**30 <= made.significand < 2**31
    error = abs(Fraction(made.significand) * Fraction(2) ** (made.shift - 31) - Fraction(real))
    assert error <= Fraction(2) ** (made.shift - 32)


@pytest.mark.parametrize(
    ("real", "made"),
    [
        (0.0, Multiplier(0, 0)),
        (1.0, Multiplier(2**30, 1)),
        (0.5, Multiplier(2**30, 0)),
        (0.75, Multiplier(3 * 2**29, 0)),
        # Rounds up to the next power of two.
        (1 - 2.0**-33, Multiplier(2**30, 1)),
        (1 - 2.0**-31, Multiplier(2**31 - 1, 0)),
        # The smallest that is not flushed to zero.
        (2.0**-32, Multiplier(2**30, -31)),
        (2.0**-32 * (1 - 2.0**-52), Multiplier(2**30, -31)),
        (2.0**-33, Multiplier(0, 0)),
    ],
)
def test_multipliers_at_the_edges(real: float, made: Multiplier) -> None:
    assert arithmetic.quantize_multiplier(real) == made


@given(INT32, st.integers(0, INT32_MAX))
def test_high_mul_rounds_halves_up(a: int, b: int) -> None:
    assert arithmetic.rounding_doubling_high_mul(a, b) == math.floor(Fraction(a * b, 2**31) + Fraction(1, 2))


def test_high_mul_saturates_in_its_one_case() -> None:
    assert arithmetic.rounding_doubling_high_mul(INT32_MIN, INT32_MIN) == INT32_MAX


@given(INT32, st.integers(0, 31))
def test_division_rounds_halves_away_from_zero(x: int, exponent: int) -> None:
    exact = Fraction(abs(x), 2**exponent)
    rounded = math.floor(exact + Fraction(1, 2))
    assert arithmetic.rounding_divide_by_pot(x, exponent) == (rounded if x >= 0 else -rounded)


@given(st.integers(-(2**70), 2**70))
def test_wrapping_keeps_the_low_bits(value: int) -> None:
    assert arithmetic.wrap_int32(value) == int(np.array(value % 2**32, np.uint32).astype(np.int32))


@pytest.mark.parametrize(
    ("value", "rounded"), [(0.5, 1), (-0.5, -1), (1.5, 2), (2.4999, 2), (-2.5, -3), (0.49999999999999994, 0)]
)
def test_rounding_is_that_of_c(value: float, rounded: int) -> None:
    assert arithmetic.round_half_away(value) == rounded


@pytest.mark.parametrize(
    ("name", "scale", "zero_point", "bounds"),
    [
        ("NONE", 0.1, 0, (-128, 127)),
        ("RELU", 0.1, -128, (-128, 127)),
        ("RELU", 0.1, 5, (5, 127)),
        ("RELU6", 0.05, -128, (-128, -8)),
        ("RELU6", 0.05, 100, (100, 127)),
        ("RELU6", 100.0, 7, (7, 7)),
        ("RELU_N1_TO_1", 0.02, 0, (-50, 50)),
        ("RELU_N1_TO_1", 2.0, 0, (-1, 1)),
    ],
)
def test_activation_bounds(name: str, scale: float, zero_point: int, bounds: tuple[int, int]) -> None:
    assert arithmetic.activation_range(name, np.float32(scale), zero_point) == bounds


def test_the_factors_of_the_exponential_are_the_nearest() -> None:
    for exponent, factor in arithmetic._EXP_OF_POWER:
        assert factor == round(math.exp(-(2.0**exponent)) * 2**31)
    assert round(math.exp(-1 / 8) * 2**31) == arithmetic._EXP_OF_MINUS_EIGHTH
    assert round(2**31 / 3) == arithmetic._ONE_THIRD


@given(st.integers(-(2**31), 0))
def test_the_exponential_is_close(a: int) -> None:
    assert abs(arithmetic.exp_on_negative_values(a) / 2**31 - math.exp(a / 2**26)) < 2.0**-19


@given(st.floats(1e-5, 100.0), st.floats(0.01, 10.0))
def test_the_exponentials_end_where_they_add_nothing(scale: float, beta: float) -> None:
    table = arithmetic.softmax_exponentials(np.float32(scale), np.float32(beta))
    assert 1 <= len(table) <= 256
    assert table[0] == INT32_MAX
    assert all(later <= earlier for earlier, later in itertools.pairwise(table))
    # In Q12.19 the next one would round to nothing, and the last one does not.
    assert arithmetic.rounding_divide_by_pot(table[-1], 12) >= 1
    step = float(np.float32(scale)) * float(np.float32(beta))
    assert len(table) == 256 or math.exp(-len(table) * step) < 2.0**-19
