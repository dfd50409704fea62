"""Operators that Vela compiles wrongly: refused with an NPU, and still compiled wrongly by this Vela."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from harness import assert_same, corner_inputs
from npu_target import run_on_npu
from test_resize import resize
from test_slice import strided

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.checks import check
from mcu_deploy.graph.reader import parse_model
from mcu_deploy.graph.writer import write_model
from mcu_deploy.npu.misread import check_for_vela
from mcu_deploy.reference.tflm import run_reference

Build = Callable[[GraphBuilder], int]


def reduced(kind: str, axes: list[int], keep_dims: bool) -> Build:
    def build(builder: GraphBuilder) -> int:
        operands = [builder.input((3, 4, 5), 0.05, 3), builder.constant(np.array(axes, np.int32))]
        return builder.operator(kind, operands, keep_dims=keep_dims)

    return build


def negated(output_scale: float) -> Build:
    def build(builder: GraphBuilder) -> int:
        return builder.operator("NEG", [builder.input((4, 8), 0.05, 3)], scale=output_scale, zero_point=3)

    return build


SHRUNK = {"shrink_axis_mask": 1}
SLICE = ((3, 4, 5), (2, 0, 0), (3, 4, 5), (1, 1, 1))
IMAGE = ((1, 4, 5, 3), (4, 5))

WRONG: dict[str, Build] = {
    "SUM": reduced("SUM", [0, 1], True),
    "REDUCE_MAX": reduced("REDUCE_MAX", [1], False),
    "STRIDED_SLICE": strided(*SLICE, **SHRUNK, begin_mask=1),
    "RESIZE_NEAREST_NEIGHBOR": resize("RESIZE_NEAREST_NEIGHBOR", *IMAGE, "both"),
    "NEG": negated(0.1),
}
RIGHT: dict[str, Build] = {
    "SUM": reduced("SUM", [1], True),
    "REDUCE_MAX": reduced("REDUCE_MAX", [0], False),
    "STRIDED_SLICE": strided(*SLICE, **SHRUNK),
    "STRIDED_SLICE from 0": strided((3, 4, 5), (0, 0, 0), *SLICE[2:], **SHRUNK, begin_mask=1),
    "RESIZE_NEAREST_NEIGHBOR": resize("RESIZE_NEAREST_NEIGHBOR", *IMAGE, "half pixels"),
    "NEG": negated(0.05),
}


@pytest.mark.parametrize("kind", WRONG)
def test_it_is_refused_and_vela_still_makes_something_else(kind: str) -> None:
    builder = GraphBuilder("wrong", 5)
    model = write_model(builder.build([WRONG[kind](builder)]))
    graph = parse_model(model, "wrong")
    check(graph)
    with pytest.raises(ModelError, match=rf"operator \d {kind}, tensor .* Vela"):
        check_for_vela(graph)
    runs = corner_inputs(graph, np.random.default_rng(5))
    made = run_on_npu(graph, runs).runs
    wanted = run_reference(model, runs)
    assert any(
        got.outputs[0] != reference.outputs[0].tobytes() for got, reference in zip(made, wanted, strict=True)
    ), f"Vela computes {kind} as TFLM does now: refuse it no longer"


@pytest.mark.parametrize("kind", RIGHT)
def test_its_other_forms_are_not_refused_and_right(kind: str) -> None:
    builder = GraphBuilder("right", 5)
    model = write_model(builder.build([RIGHT[kind](builder)]))
    graph = parse_model(model, "right")
    check_for_vela(graph)
    runs = corner_inputs(graph, np.random.default_rng(5))
    largest = 1 if kind == "SUM" else 0
    for got, reference in zip(run_on_npu(graph, runs).runs, run_reference(model, runs), strict=True):
        assert_same(0, 0, reference.outputs[0], got.outputs[0], largest)
