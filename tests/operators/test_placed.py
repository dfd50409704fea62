"""Tensors that lie in others, each graph alone: what is observed of every tensor has TFLM's bits. Seed 49."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import firmware
import numpy as np
import pytest
from firmware import Unit
from harness import assert_same, corner_inputs, target_params
from moving import integers, source

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.checks import check
from mcu_deploy.graph.ir import Graph
from mcu_deploy.graph.writer import write_model
from mcu_deploy.plan.operators.types import HELIUM, PORTABLE
from mcu_deploy.plan.planner import make_plan, observable_tensors
from mcu_deploy.reference.tflm import run_reference

BuildOutputs = Callable[[GraphBuilder], Sequence[int]]


def join(builder: GraphBuilder, *sources: int, axis: int = 1) -> int:
    return builder.operator("CONCATENATION", sources, axis=axis)


def relu6(builder: GraphBuilder, values: int) -> int:
    return builder.operator("RELU6", [values])


def nested(builder: GraphBuilder) -> Sequence[int]:
    first, second, third = (relu6(builder, source(builder, (1, size))) for size in (8, 12, 4))
    return [join(builder, third, join(builder, first, second))]


def read_after_joining(builder: GraphBuilder) -> Sequence[int]:
    first, second = (relu6(builder, source(builder, (1, size))) for size in (8, 12))
    whole = join(builder, first, second)
    return [relu6(builder, whole), relu6(builder, first), second]


def through_reshapes(builder: GraphBuilder) -> Sequence[int]:
    parts = [relu6(builder, source(builder, (1, size))) for size in (8, 12)]
    images = [builder.operator("RESHAPE", [part], new_shape=(1, -1, 4)) for part in parts]
    whole = builder.operator("CONCATENATION", images, axis=1)
    flat = builder.operator("RESHAPE", [whole], new_shape=(20,))
    return [builder.operator("SLICE", [flat, integers(builder, [4]), integers(builder, [12])])]


def of_one_source(builder: GraphBuilder) -> Sequence[int]:
    values = source(builder, (3, 8))
    rows = builder.operator_with_outputs("UNPACK", [values], num=3)
    made = [relu6(builder, row) for row in reversed(rows)]
    return [builder.operator("PACK", made, values_count=3), relu6(builder, values)]


def in_two_joins(builder: GraphBuilder) -> Sequence[int]:
    first, second, third = (relu6(builder, source(builder, (1, 8))) for _ in range(3))
    return [join(builder, first, second), join(builder, third, first)]


def convolutions(builder: GraphBuilder) -> Sequence[int]:
    """Branches over the same padded image, which is an output for one of them."""
    image = builder.input((1, 6, 5, 3))
    padding = integers(builder, [(0, 0), (1, 1), (1, 1), (0, 0)])
    padded = builder.operator("PAD", [image, padding])
    first = builder.conv_2d(padded, 4, (3, 3), padding="VALID")
    own = builder.operator("PAD", [image, padding])
    second = builder.conv_2d(own, 4, (3, 3), padding="VALID")

    return [first, second, padded]


BUILDS = (nested, read_after_joining, through_reshapes, of_one_source, in_two_joins, convolutions)


def built(build: BuildOutputs) -> Graph:
    builder = GraphBuilder(build.__name__, 49)
    graph = builder.build(build(builder))
    check(graph)
    return graph


@pytest.mark.parametrize("target", target_params())
def test_placed_tensors(target: str) -> None:
    graphs = [built(build) for build in BUILDS]
    runs = [corner_inputs(graph, np.random.default_rng(49)) for graph in graphs]
    plan_target = PORTABLE if target == "host" else HELIUM
    units = [Unit(graph, make_plan(graph, plan_target), run) for graph, run in zip(graphs, runs, strict=True)]
    run = firmware.run_on_qemu if target == "qemu" else firmware.run_on_host
    for unit, results in zip(units, run(units), strict=True):
        references = run_reference(write_model(unit.graph), unit.runs, all_tensors=True)
        observed = observable_tensors(unit.plan)
        for number, (reference, result) in enumerate(zip(references, results, strict=True)):
            for tensor, view in observed.items():
                wanted = reference.tensors[tensor]
                data = result.tensors[view.tensor][view.offset : view.offset + wanted.nbytes]
                assert_same(number, tensor, wanted, data)
            for wanted, data in zip(reference.outputs, result.outputs, strict=True):
                assert_same(number, -1, wanted, data)


def test_they_are_placed() -> None:
    """Only one of the graphs copies anything; and only one PAD is left."""
    kinds = {build.__name__: [step.kind for step in make_plan(built(build)).steps] for build in BUILDS}
    copying = {
        name for name, steps in kinds.items() if {"CONCATENATION", "PACK", "UNPACK", "SLICE"} & {*steps}
    }
    assert copying == {"in_two_joins"}
    assert kinds["convolutions"].count("PAD") == 1
