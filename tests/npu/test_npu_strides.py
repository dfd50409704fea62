"""Wide strides behind a PAD, which Vela cannot compile as they are."""

from __future__ import annotations

from pathlib import Path

import npu_harness
import numpy as np
import pytest

from mcu_deploy.boards.reader import load_board
from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import Graph
from mcu_deploy.graph.reader import NPU_OPERATOR, parse_compiled
from mcu_deploy.graph.writer import write_model
from mcu_deploy.npu.strides import model_for_vela, without_wide_strides
from mcu_deploy.npu.vela import compile_model, vela_options
from mcu_deploy.reference.tflm import run_reference

# Input shape, zeros before and behind in height and width, window, stride.
CASES = {
    "samples": ((1, 1, 1600, 1), (0, 0), (16, 16), (1, 33), (1, 16)),
    "uneven": ((1, 1, 96, 2), (0, 0), (8, 24), (1, 11), (1, 8)),
    "image": ((1, 3, 64, 3), (1, 1), (8, 8), (3, 7), (1, 8)),
    "exact": ((1, 2, 40, 4), (0, 0), (5, 5), (2, 5), (1, 5)),
    "both strides": ((1, 8, 32, 2), (2, 2), (0, 4), (3, 4), (2, 4)),
}


def build(
    shape: tuple[int, ...],
    rows: tuple[int, int],
    columns: tuple[int, int],
    window: tuple[int, int],
    stride: tuple[int, int],
    padding: str = "VALID",
    seen: bool = False,
) -> Graph:
    builder = GraphBuilder("strided", seed=sum(shape))
    x = builder.input(shape, scale=0.1, zero_point=-5)
    pads = builder.constant(np.array([(0, 0), rows, columns, (0, 0)], np.int32))
    padded = builder.operator("PAD", [x, pads])
    y = builder.conv_2d(padded, 6, window, stride=stride, padding=padding, fused_activation_function="RELU")
    return builder.build([y, padded] if seen else [y])


@pytest.mark.parametrize("name", CASES)
def test_the_replacement_computes_the_same(name: str, tmp_path: Path) -> None:
    graph = build(*CASES[name])
    replaced = without_wide_strides(graph)
    assert [operator.kind for operator in replaced.operators] == ["RESHAPE", "PAD", "CONV_2D"]
    data = write_model(graph), write_model(replaced)
    inputs = npu_harness.random_inputs(data[0], 3, 1)
    wanted, found = (run_reference(one, inputs) for one in data)
    for one, other in zip(wanted, found, strict=True):
        np.testing.assert_array_equal(one.outputs[0], other.outputs[0])
    (tmp_path / "model.tflite").write_bytes(data[1])
    for configuration in ("ethos-u55-128", "ethos-u65-256"):
        assert not npu_harness.compare(tmp_path / "model.tflite", configuration, seed=2)


@pytest.mark.parametrize("configuration", ["ethos-u55-32", "ethos-u65-512"])
def test_it_lies_on_the_npu(configuration: str) -> None:
    options = vela_options(load_board("corstone-300").npu, configuration, None, None, "performance", None)
    graph = build(*CASES["samples"])
    made = compile_model(model_for_vela(write_model(graph), graph), options)
    compiled, _ = parse_compiled(made.model, "made")
    assert [operator.kind for operator in compiled.operators] == [NPU_OPERATOR]


@pytest.mark.parametrize(
    "graph",
    [
        pytest.param(build((1, 1, 90, 1), (0, 0), (16, 16), (1, 33), (1, 16)), id="width"),
        pytest.param(build((1, 1, 96, 1), (0, 0), (8, 16), (1, 33), (1, 16)), id="zeros before"),
        pytest.param(build((1, 1, 96, 1), (0, 0), (3, 3), (1, 5), (1, 3)), id="narrow stride"),
        pytest.param(build((1, 1, 96, 1), (0, 0), (8, 8), (1, 5), (1, 8), "SAME"), id="SAME"),
        pytest.param(build((1, 1, 96, 1), (0, 0), (8, 8), (1, 5), (1, 8), seen=True), id="seen"),
    ],
)
def test_what_cannot_be_replaced_or_needs_not_stays(graph: Graph) -> None:
    assert without_wide_strides(graph) is graph
    assert model_for_vela(b"as it is", graph) == b"as it is"
