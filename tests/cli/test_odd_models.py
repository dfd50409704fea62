"""Models of unusual form: deployed where they are sound, inspected where they are not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command import mcu_deploy

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType, Graph
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


def float_ends() -> Graph:
    """As converters make it unless they are told otherwise."""
    builder = GraphBuilder("floats", 3)
    x = builder.input((1, 10, 10, 2), dtype=DataType.FLOAT32)
    x = builder.operator("QUANTIZE", [x], dtype=DataType.INT8, scale=0.05, zero_point=-3)
    x = builder.fully_connected(builder.conv_2d(x, 4, (3, 3)), 5)
    x = builder.operator("SOFTMAX", [x], beta=1.0)
    return builder.build([builder.operator("DEQUANTIZE", [x], dtype=DataType.FLOAT32)])


def wide_ends(name: str, dtype: DataType) -> Graph:
    builder = GraphBuilder(name, 4)
    x = builder.input((1, 40), 0.0002, 0, dtype=dtype)
    if dtype is not DataType.INT16:
        x = builder.operator("QUANTIZE", [x], dtype=DataType.INT16, scale=0.0003, zero_point=0)
    x = builder.operator("TANH", [x], scale=2.0**-15, zero_point=0)
    if dtype is not DataType.INT16:
        x = builder.operator("QUANTIZE", [x], dtype=dtype, scale=1e-6, zero_point=0)
    return builder.build([x])


GRAPHS = (
    reshape_only(),
    two_batches(),
    float_ends(),
    wide_ends("int16", DataType.INT16),
    wide_ends("int32", DataType.INT32),
)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("--board", "host"), id="native"),
        pytest.param((), id="qemu", marks=pytest.mark.qemu),
        pytest.param(("--npu", "ethos-u55-128"), id="npu", marks=pytest.mark.qemu),
    ],
)
@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.name)
def test_odd_models_run(graph: Graph, options: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(write_model(graph))
    result = mcu_deploy("deploy", "m.tflite", *options, "--random", 2, "--json", cwd=tmp_path)
    assert (result.code, result.document["verdict"]) == (0, "verified"), result.err


def test_scores_of_a_float_output_are_its_values(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(write_model(float_ends()))
    np.save(tmp_path / "x.npy", np.random.default_rng(5).normal(0, 3, (10, 10, 2)).astype(np.float32))
    options = ("--board", "host", "--input", "x.npy", "--layers", "--json")
    result = mcu_deploy("deploy", "m.tflite", *options, cwd=tmp_path)
    assert (result.code, result.document["verdict"]) == (0, "verified"), result.err
    scores = result.document["runs"][0]["scores"]
    assert sum(scores) == pytest.approx(1, abs=0.02) and all(score * 256 % 1 == 0 for score in scores)


def test_audio_for_a_float_input_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(write_model(float_ends()))
    result = mcu_deploy("generate", "m.tflite", "--frontend", "micronet-kws", cwd=tmp_path)
    assert result.code == 2
    assert "makes int8(49, 10), the model takes float32(1, 10, 10, 2)" in result.err


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
    builder = GraphBuilder("sine", 1)
    graph = builder.build([builder.operator("SIN", [builder.input((1, 4))], shape=(1, 4))])
    (tmp_path / "m.tflite").write_bytes(write_model(graph))
    result = mcu_deploy("generate", "m.tflite", cwd=tmp_path)
    assert result.code == 2
    assert result.err.count("this operator is not supported") == 1
    assert "supported operators: ABS, ADD" in result.err
