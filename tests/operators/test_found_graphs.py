"""Graphs that once failed, as they were when shrunk."""

from __future__ import annotations

import numpy as np
from differential import compare, inputs_of
from harness import run_on_host

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import Graph


def padded() -> Graph:
    """From seed 90: TFLM pads with what its arena held before, if that is not cleared."""
    builder = GraphBuilder("padded")
    values = builder.input((1, 9, 1, 1), 0.0898176, 0)
    operands = [builder.constant(np.array(numbers, np.int32)) for numbers in ([3, 1], [[2, 1], [0, 0]])]
    return builder.build([builder.operator("SPACE_TO_BATCH_ND", [values, *operands])])


def test_padding_after_a_model_that_used_the_memory() -> None:
    builder = GraphBuilder("before", 1)
    image = builder.input((1, 40, 40, 8), 0.05, 3)
    before = builder.build([builder.conv_2d(image, 8, (3, 3))])
    jobs = [(graph, inputs_of(graph, 90)) for graph in (before, padded(), before, padded())]
    assert compare(jobs, "native") == [""] * 4


def test_more_equal_values_than_the_reference_can_share() -> None:
    """From seed 4811: TFLM stops at a SOFTMAX of 512 equal values and more; each one's share rounds to 0."""
    builder = GraphBuilder("many", 1)
    values = builder.input((1, 1089), 0.008373, 48)
    graph = builder.build([builder.operator("SOFTMAX", [values], beta=0.5)])
    (run,) = run_on_host(graph, [[np.full((1, 1089), 48, np.int8)]])
    assert set(run.outputs[0]) == {(-128) % 256}
