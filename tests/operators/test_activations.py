"""RELU, RELU6 and RESHAPE. Seed 24."""

from __future__ import annotations

import numpy as np
from harness import Build, Case, Suite, parametrize

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.plan.planner import make_plan, observable_tensors
from mcu_deploy.plan.types import View

# Enough elements to hold every int8 value several times over.
SHAPE = (1, 40, 40)


def relu(input_scale: float, input_zero: int, output_scale: float, output_zero: int) -> Build:
    def build(builder: GraphBuilder) -> int:
        values = builder.input(SHAPE, input_scale, input_zero)
        return builder.operator("RELU", [values], scale=output_scale, zero_point=output_zero)

    return build


def relu6(scale: float, zero_point: int) -> Build:
    def build(builder: GraphBuilder) -> int:
        return builder.operator("RELU6", [builder.input(SHAPE, scale, zero_point)])

    return build


def reshaped_between(builder: GraphBuilder) -> int:
    """RESHAPE of a computed tensor, which is then used twice."""
    values = builder.operator("RELU", [builder.input((1, 4, 6), 0.1, 0)], scale=0.1, zero_point=0)
    flat = builder.operator("RESHAPE", [values], new_shape=(2, 12))
    again = builder.operator("RESHAPE", [flat, builder.constant(np.array([24, 1], np.int32))])
    builder.operator("RELU6", [flat])
    return builder.operator("RELU6", [again])


SUITE = Suite(
    (
        *(
            Case(f"RELU {scales} {zeros}", relu(scales[0], zeros[0], scales[1], zeros[1]))
            for scales in (
                (0.1, 0.1),
                (0.1, 0.07),
                (0.25, 0.1),
                (0.75, 0.7),
                (2.95, 1.1),
                (0.02, 0.5),
                (3.0, 0.01),
                (1.0, 1e-5),
                (1e-8, 100.0),
            )
            for zeros in ((0, 0), (-128, -128), (127, -128), (-128, 127), (13, -40))
        ),
        *(
            Case(f"RELU6 {scale} {zero}", relu6(scale, zero))
            for scale in (0.01, 0.0235, 0.1, 5.0, 13.0)
            for zero in (-128, -5, 0, 127)
        ),
        Case("RESHAPE between operators", reshaped_between),
    ),
    seed=24,
)


@parametrize(SUITE)
def test_activations(case: str, target: str) -> None:
    SUITE.check(case, target)


def test_a_reshape_costs_neither_step_nor_memory() -> None:
    builder = GraphBuilder("reshape", 1)
    graph = builder.build([reshaped_between(builder)])
    plan = make_plan(graph)
    assert [step.kind for step in plan.steps] == ["RELU", "RELU6", "RELU6"]
    assert set(plan.removed) == {1, 2}
    assert not {one.tensor for one in plan.allocations} & set(plan.views)
    source = graph.operators[0].outputs[0]
    assert all(
        plan.views[tensor] == View(source)
        for tensor in (graph.operators[1].outputs + graph.operators[2].outputs)
    )
    assert observable_tensors(plan)[graph.operators[2].outputs[0]] == View(source)
