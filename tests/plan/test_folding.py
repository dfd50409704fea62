"""PAD becomes part of the convolution behind it, and only where that gives the same bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import Graph
from mcu_deploy.plan.planner import make_plan, observable_tensors

AROUND = [[0, 0], [1, 2], [2, 0], [0, 0]]


def pad(builder: GraphBuilder, image: int, around: Sequence[Sequence[int]] = AROUND, **options: float) -> int:
    padding = builder.constant(np.array(around, np.int32))
    scale, zero_point = options.get("scale"), options.get("zero_point")
    return builder.operator(
        "PAD", [image, padding], scale=scale, zero_point=None if zero_point is None else int(zero_point)
    )


def convolve(builder: GraphBuilder, image: int, kind: str = "CONV_2D", padding: str = "VALID") -> int:
    if kind == "CONV_2D":
        return builder.conv_2d(image, 4, (3, 3), padding=padding)
    return builder.depthwise_conv_2d(image, 1, (3, 3), padding=padding)


def kinds(graph: Graph) -> list[str]:
    return [step.kind for step in make_plan(graph).steps]


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_one_step_performs_both(kind: str) -> None:
    builder = GraphBuilder("fold", 1)
    padded = pad(builder, builder.input((1, 8, 8, 3)))
    graph = builder.build([convolve(builder, padded, kind)])
    plan = make_plan(graph)
    (step,) = plan.steps
    assert (step.kind, step.operators, step.inputs) == (kind, (0, 1), (0,))
    assert step.macs == 9 * 8 * 9 * (3 * 4 if kind == "CONV_2D" else 3)
    assert padded not in observable_tensors(plan)
    assert all(one.tensor != padded for one in plan.allocations)


def build(variant: str) -> Graph:
    builder = GraphBuilder(variant, 1)
    image = builder.input((1, 8, 8, 3), 0.05, -1)
    if variant == "two readers":
        padded = pad(builder, image)
        return builder.build([convolve(builder, padded), convolve(builder, padded)])
    if variant == "an output":
        padded = pad(builder, image)
        return builder.build([convolve(builder, padded), padded])
    if variant == "SAME":
        return builder.build([convolve(builder, pad(builder, image), padding="SAME")])
    if variant == "channels":
        return builder.build([convolve(builder, pad(builder, image, [[0, 0], [1, 1], [1, 1], [0, 1]]))])
    if variant == "batches":
        return builder.build([convolve(builder, pad(builder, image, [[1, 0], [1, 1], [1, 1], [0, 0]]))])
    if variant == "as much as the filter":
        return builder.build([convolve(builder, pad(builder, image, [[0, 0], [3, 0], [0, 0], [0, 0]]))])
    if variant == "requantised":
        return builder.build([convolve(builder, pad(builder, image, scale=0.05, zero_point=3))])
    padding = builder.constant(np.array(AROUND, np.int32))
    value = builder.constant(np.array([7], np.int8), 0.05, -1)
    return builder.build([convolve(builder, builder.operator("PADV2", [image, padding, value]))])


@pytest.mark.parametrize(
    "variant",
    [
        "two readers",
        "an output",
        "SAME",
        "channels",
        "batches",
        "as much as the filter",
        "requantised",
        "another value",
    ],
)
def test_what_stays_a_step(variant: str) -> None:
    assert kinds(build(variant))[0] in ("PAD", "PADV2")


def test_memory_shrinks() -> None:
    def arena(before: bool) -> int:
        builder = GraphBuilder("memory", 1)
        image = builder.operator("RELU", [builder.input((1, 8, 8, 4), 0.05, -1)])
        padded = pad(builder, image)
        made = convolve(builder, padded)
        return make_plan(builder.build([made, padded] if before else [made])).arena_bytes

    assert arena(before=False) < arena(before=True)
