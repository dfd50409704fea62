"""Models of unusual form: deployed where they are sound, inspected where they are not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from command import mcu_deploy

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import Graph
from mcu_deploy.graph.writer import write_model


def reshape_only() -> Graph:
    """Nothing to compute: no kernel is needed."""
    builder = GraphBuilder("reshape", 1)
    return builder.build([builder.operator("RESHAPE", [builder.input((1, 12))], new_shape=(3, 4))])


def two_batches() -> Graph:
    builder = GraphBuilder("batches", 2)
    x = builder.conv_2d(builder.input((2, 6, 6, 3)), 4, (3, 3))
    x = builder.depthwise_conv_2d(x, 1, (3, 3))
    window = {"filter_height": 2, "filter_width": 2, "stride_h": 2, "stride_w": 2}
    return builder.build([builder.operator("AVERAGE_POOL_2D", [x], **window)])


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("--board", "host"), id="native"),
        pytest.param((), id="qemu", marks=pytest.mark.qemu),
    ],
)
@pytest.mark.parametrize("graph", [reshape_only(), two_batches()], ids=lambda graph: graph.name)
def test_odd_models_run(graph: Graph, options: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(write_model(graph))
    result = mcu_deploy("deploy", "m.tflite", *options, "--random", 2, "--json", cwd=tmp_path)
    assert (result.code, result.document["verdict"]) == (0, "verified"), result.err


def test_inspect_of_a_convolution_without_a_filter(tmp_path: Path) -> None:
    builder = GraphBuilder("broken", 1)
    graph = builder.build([builder.conv_2d(builder.input((1, 4, 4, 2)), 3, (1, 1))])
    (tmp_path / "m.tflite").write_bytes(
        write_model(replace(graph, operators=(replace(graph.operators[0], inputs=(0,)),)))
    )
    result = mcu_deploy("inspect", "m.tflite", "--json", cwd=tmp_path)
    document = json.loads(result.out)
    assert document["macs"] is None and document["operators"][0]["macs"] is None
    (problem,) = document["problems"]
    assert problem.startswith("operator 0 CONV_2D") and "has 1 inputs" in problem
    text = mcu_deploy("inspect", "m.tflite", cwd=tmp_path)
    assert text.code == 0 and "- MACs" in text.out


def test_one_problem_is_told_once(tmp_path: Path) -> None:
    builder = GraphBuilder("tanh", 1)
    graph = builder.build([builder.operator("TANH", [builder.input((1, 4))], shape=(1, 4))])
    (tmp_path / "m.tflite").write_bytes(write_model(graph))
    result = mcu_deploy("generate", "m.tflite", cwd=tmp_path)
    assert result.code == 2
    assert result.err.count("this operator is not supported") == 1
    assert "supported operators: AVERAGE_POOL_2D" in result.err
