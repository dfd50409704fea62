"""Element-wise operators on int32 without scales, which wraps. Seed 35.

Cases share one graph, whose inputs and outputs are the operators' own.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest
from elementwise_cases import SHAPES, Shapes
from harness import TARGETS, Array, assert_same, corner_inputs, target_params

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.checks import operator_problems
from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.graph.rules import RULES
from mcu_deploy.graph.writer import write_model
from mcu_deploy.reference.tflm import ReferenceRun, run_reference

KINDS = ("ADD", "SUB", "MUL", "SQUARED_DIFFERENCE", "MAXIMUM", "MINIMUM")


def add_case(builder: GraphBuilder, kind: str, shapes: Shapes, constant: int | None, **options: str) -> int:
    inputs = []
    for position, shape in enumerate(shapes):
        if position == constant:
            values = builder.rng.integers(-(2**31), 2**31, shape).astype(np.int32)
            inputs.append(builder.constant(values))
        else:
            inputs.append(builder.tensor(shape, dtype=DataType.INT32))
            builder.inputs.append(inputs[-1])
    return builder.operator(kind, inputs, **options)


@functools.cache
def cases() -> tuple[Graph, list[list[Array]], list[ReferenceRun]]:
    builder = GraphBuilder("int32", 35)
    outputs = [
        add_case(builder, kind, shapes, constant)
        for kind in KINDS
        for shapes in SHAPES
        for constant in (None, 0, 1)
    ]
    outputs += [
        add_case(builder, kind, ((3, 5), (3, 5)), None, fused_activation_function=activation)
        for kind in ("SUB", "MUL")
        for activation in ("RELU", "RELU6", "RELU_N1_TO_1")
    ]
    graph = builder.build(outputs)
    for operator in graph.operators:
        assert not list(operator_problems(graph, operator, RULES))
    runs = corner_inputs(graph, np.random.default_rng(35))
    return graph, runs, run_reference(write_model(graph), runs)


@pytest.mark.parametrize("target", target_params())
def test_plain(target: str) -> None:
    graph, runs, references = cases()
    for number, (wanted, got) in enumerate(zip(references, TARGETS[target](graph, runs), strict=True)):
        for tensor, one, other in zip(graph.outputs, wanted.outputs, got.outputs, strict=True):
            assert_same(number, tensor, one, other)
