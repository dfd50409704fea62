"""Requantisation as one linear function, for all sums that can be. Seed 65."""

from __future__ import annotations

import numpy as np
import pytest

from mcu_deploy.plan.arithmetic import multiply_by_quantized_multiplier, quantize_multiplier
from mcu_deploy.plan.operators.filters import Filters
from mcu_deploy.plan.operators.linear_requantisation import SUM_BITS, linear_requantisation

CHANNELS = 12


def drawn(largest: float, zero_point: int = -128, activation: tuple[int, int] = (-128, 127)) -> Filters:
    """Filters of 3x3 whose multipliers are up to ``largest``, and down to a tenth of it."""
    rng = np.random.default_rng(65)
    weights = rng.integers(-127, 128, (CHANNELS, 9)).astype(np.int8)
    weights[0] = 0
    bias = rng.integers(-100_000, 100_000, CHANNELS).astype(np.int32)
    multipliers = tuple(quantize_multiplier(one) for one in rng.uniform(largest / 10, largest, CHANNELS))
    return Filters(weights, bias, multipliers, zero_point, activation)


def sums_of(weights: np.ndarray) -> np.ndarray:
    """All numbers between the smallest sum and the largest."""
    wide = weights.astype(np.int64)
    ends = np.stack([wide * 127, wide * -128])
    return np.arange(ends.min(axis=0).sum(), ends.max(axis=0).sum() + 1)


@pytest.mark.parametrize("largest", [0.05, 0.03, 0.01, 0.003])
def test_all_sums(largest: float) -> None:
    filters = drawn(largest)
    made = linear_requantisation(filters)
    assert made is not None
    assert 0 <= made.shift <= 7
    for channel, multiplier in enumerate(filters.multipliers):
        sums = sums_of(filters.weights[channel])
        widened = (sums << SUM_BITS) + made.offsets[channel]
        assert np.abs(widened).max() < 2**31
        product = (widened * made.factors[channel] + 2**30) >> 31
        narrowed = np.clip((product + 2**15) >> 16, -(2**15), 2**15 - 1)
        outputs = np.clip(narrowed >> made.shift, -128, 127)
        scaled = (sums + int(filters.bias[channel])) * multiplier.significand + 2**30 >> 31
        halves = 2 ** (-multiplier.shift - 1)
        wanted = np.clip(((scaled + (scaled >> 63) + halves) >> -multiplier.shift) - 128, -128, 127)
        assert np.array_equal(outputs, wanted)
        # The arithmetic above, against that which other tests hold against TFLM.
        for position in np.flatnonzero(np.diff(wanted, prepend=wanted[0]))[:20]:
            one = multiply_by_quantized_multiplier(
                int(sums[position]) + int(filters.bias[channel]), multiplier
            )
            assert min(max(one - 128, -128), 127) == wanted[position]


@pytest.mark.parametrize(
    "filters",
    [
        drawn(0.01, zero_point=-127),
        drawn(0.01, activation=(-128, 100)),
        drawn(0.0006),
        drawn(0.5),
        drawn(2.0),
    ],
)
def test_none(filters: Filters) -> None:
    assert linear_requantisation(filters) is None


def test_a_multiplier_that_is_next_to_nothing_beside_one_that_has_no_factor() -> None:
    rng = np.random.default_rng(17)
    weights = rng.integers(-127, 128, (300, 9)).astype(np.int8)
    reals = rng.uniform(0.04, 0.0624, 300)
    reals[0] = 2.0**-31
    bias = np.round(rng.uniform(-50, 300, 300) / reals)
    bias[0] = 0
    multipliers = tuple(quantize_multiplier(float(one)) for one in reals)
    with np.errstate(all="raise"):
        assert (
            linear_requantisation(Filters(weights, bias.astype(np.int32), multipliers, -128, (-128, 127)))
            is None
        )
