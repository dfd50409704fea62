"""Which kernels a board's core gets."""

from __future__ import annotations

import pytest

from mcu_deploy.boards.reader import load_board
from mcu_deploy.plan.kernels import target_of
from mcu_deploy.plan.operators.types import DSP, HELIUM, PORTABLE


@pytest.mark.parametrize(
    ("board", "target"),
    [
        ("host", PORTABLE),
        ("mps2-an385", PORTABLE),
        ("mps2-an386", DSP),
        ("mps2-an500", DSP),
        ("mps2-an505", DSP),
        ("corstone-300", HELIUM),
    ],
)
def test_a_core_gets_the_best_kernels_that_it_can_run(board: str, target: str) -> None:
    assert target_of(load_board(board).core) == target
