"""EXPAND_DIMS, RESHAPE and SQUEEZE, none of which needs a step. Seed 42."""

from __future__ import annotations

import numpy as np
import pytest
from harness import Build, Case, Suite, parametrize
from moving import integers, source

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import OptionValue
from mcu_deploy.plan.planner import make_plan


def expand_dims(shape: tuple[int, ...], axis: int, scalar: bool) -> Build:
    def build(builder: GraphBuilder) -> int:
        operand = builder.constant(np.int32(axis)) if scalar else integers(builder, [axis])
        return builder.operator("EXPAND_DIMS", [source(builder, shape), operand])

    return build


def reshape(shape: tuple[int, ...], wanted: tuple[int, ...]) -> Build:
    def build(builder: GraphBuilder) -> int:
        return builder.operator("RESHAPE", [source(builder, shape), integers(builder, wanted)])

    return build


def squeeze(shape: tuple[int, ...], **options: OptionValue) -> Build:
    def build(builder: GraphBuilder) -> int:
        return builder.operator("SQUEEZE", [source(builder, shape)], **options)

    return build


SUITE = Suite(
    (
        *(
            Case(f"EXPAND_DIMS {shape} at {axis} {scalar}", expand_dims(shape, axis, scalar))
            for shape, axes in (((5,), (0, 1, -1, -2)), ((2, 3), (0, 1, 2, -1)), ((2, 3, 4), (3, -4)))
            for axis in axes
            for scalar in (True, False)
        ),
        *(
            Case(f"RESHAPE {shape} to {wanted}", reshape(shape, wanted))
            for shape, wanted in (
                ((2, 6), (3, 4)),
                ((2, 6), (-1,)),
                ((4, 3), (2, -1, 3)),
                ((24,), (1, 2, 3, 2, 2)),
                ((1,), (1, 1, 1, 1)),
            )
        ),
        Case("SQUEEZE all", squeeze((1, 3, 1, 4))),
        Case("SQUEEZE none", squeeze((2, 3))),
        Case("SQUEEZE one of two", squeeze((1, 3, 1, 4), squeeze_dims=(2,))),
        Case("SQUEEZE from the end", squeeze((1, 3, 1, 4), squeeze_dims=(-2, 0))),
    ),
    seed=42,
)


@parametrize(SUITE)
def test_reshapes(case: str, target: str) -> None:
    SUITE.check(case, target)


@pytest.mark.parametrize("case", SUITE.cases, ids=lambda case: case.name)
def test_they_need_no_step(case: Case) -> None:
    builder = GraphBuilder("view", 1)
    made = case.build(builder)
    assert isinstance(made, int)
    assert [step.kind for step in make_plan(builder.build([made])).steps] == ["RELU"]
