"""MUL. Seed 32."""

from __future__ import annotations

import pytest
from elementwise_cases import INT16, NOT_WITH_OVERFLOW, activation_cases, arithmetic_cases, binary
from harness import Case, Suite, parametrize

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.plan.operators.types import HELIUM
from mcu_deploy.plan.planner import make_plan

SHAPES = ((9, 30), (9, 30))

SUITE = Suite(
    (
        *arithmetic_cases("MUL"),
        *activation_cases("MUL"),
        # Multipliers far above 1 wrap.
        Case(
            "MUL large multiplier",
            binary("MUL", SHAPES, (1.0, 3), (1.0, -4), (2e-9, 5)),
            not_on=NOT_WITH_OVERFLOW,
        ),
        Case(
            "MUL int16 large multiplier",
            binary("MUL", SHAPES, (1.0, 0), (1.0, 0), (2e-9, 0), dtype=INT16),
            not_on=NOT_WITH_OVERFLOW,
        ),
    ),
    seed=32,
)


@parametrize(SUITE)
def test_mul(case: str, target: str) -> None:
    SUITE.check(case, target)


@pytest.mark.parametrize(("output", "kernel"), [(0.07, "md_helium_mul_s8"), (1e-4, "md_mul_s8")])
def test_only_right_shifts_are_for_helium(output: float, kernel: str) -> None:
    builder = GraphBuilder("product", 1)
    made = binary("MUL", ((4, 20), (4, 20)), output=(output, 0))(builder)
    assert isinstance(made, int)
    (step,) = make_plan(builder.build([made]), HELIUM).steps
    assert step.kernel == kernel
