"""The constants of the DSP kernels, and when their short requantisation is right."""

from __future__ import annotations

import numpy as np
import pytest

from mcu_deploy.plan.arithmetic import Multiplier
from mcu_deploy.plan.operators.convolution_dsp import is_direct, pack_depthwise, pack_matmul
from mcu_deploy.plan.operators.filters import Filters

HALF = 2**30


def filters(
    shift: int, bias: int = 0, significand: int = HALF, weights: tuple[int, ...] = (1,), zero_point: int = 0
) -> Filters:
    return Filters(
        np.array([weights], np.int8),
        np.array([bias], np.int32),
        (Multiplier(significand, shift),),
        zero_point,
        (-128, 127),
    )


@pytest.mark.parametrize(
    ("depth", "order"),
    [
        (1, [1, 0]),
        (2, [1, 2]),
        (3, [1, 3, 2, 0]),
        (4, [1, 3, 2, 4]),
        (5, [1, 3, 2, 4, 5, 0]),
        (6, [1, 3, 2, 4, 5, 6]),
        (7, [1, 3, 2, 4, 5, 7, 6, 0]),
    ],
)
def test_elements_lie_in_pairs_beside_those_of_the_other_channel(depth: int, order: list[int]) -> None:
    packed = pack_matmul(filters(-3, 5, weights=tuple(range(1, depth + 1))))
    assert packed[:8].view("<i4").tolist() == [5, 0]
    assert packed[8:-12].reshape(-1, 2)[:, 0].tolist() == order
    assert not packed[8:-12].reshape(-1, 2)[:, 1].any()
    assert packed[-12:-4].view("<u4").tolist() == [2 * HALF, 0]
    assert packed[-4:].tolist() == [2, 0, 0, 0]


def test_shifts_are_those_of_the_reference_where_requantisation_is_not_direct() -> None:
    assert pack_matmul(filters(3))[-4:].tolist() == [3, 0, 0, 0]


def test_depthwise_weights_lie_by_tap_beside_those_of_three_other_channels() -> None:
    packed = pack_depthwise(filters(-3, 5, weights=(1, 2, 3)))
    assert packed[:16].view("<i4").tolist() == [5, 0, 0, 0]
    assert packed[16:28].reshape(3, 4).tolist() == [[1, 0, 0, 0], [2, 0, 0, 0], [3, 0, 0, 0]]
    assert packed[28:44].view("<u4").tolist() == [2 * HALF, 0, 0, 0]
    assert packed[44:].tolist() == [2, 0, 0, 0]


@pytest.mark.parametrize(
    ("made", "direct"),
    [
        (filters(-1), True),
        (filters(0), False),
        (filters(-5, significand=0), False),
        (filters(-1, 2**31 - 1 - 128 - 2), True),
        (filters(-1, 2**31 - 1 - 128 - 1), False),
        (filters(-1, -(2**31 - 1 - 128 - 1)), False),
        (filters(-31), True),
        (filters(-31, 2**30), False),
        (filters(-24, zero_point=127), True),
        (filters(-25, zero_point=127), False),
        (filters(-25, zero_point=-128), False),
    ],
)
def test_requantisation_is_short_only_where_nothing_overflows(made: Filters, direct: bool) -> None:
    assert is_direct(made) is direct
