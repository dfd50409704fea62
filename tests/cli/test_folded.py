"""Operators whose results are never in memory as a whole, as a user sees them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from command import mcu_deploy

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.writer import write_model


def test_a_padding_in_a_convolution_is_told_and_not_compared(tmp_path: Path) -> None:
    builder = GraphBuilder("padded", 1)
    padding = builder.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    x = builder.operator("PAD", [builder.input((1, 6, 6, 2)), padding])
    x = builder.conv_2d(x, 3, (3, 3), padding="VALID")
    (tmp_path / "m.tflite").write_bytes(write_model(builder.build([x])))
    command = ("deploy", "m.tflite", "--board", "host", "--random", 2, "--layers")
    result = mcu_deploy(*command, cwd=tmp_path)
    assert result.code == 0, result.err
    assert "layers: not compared is what became part of the next operator: operator 0" in result.out
    document = mcu_deploy(*command, "--json", cwd=tmp_path).document
    assert document["verdict"] == "verified"
    assert [layer["operators"] for layer in document["layers"]] == [[0, 1]]
    inspected = mcu_deploy("inspect", "m.tflite", "--board", "host", cwd=tmp_path).out
    assert inspected.count("md_conv2d_s8 (portable; ") == 2


def test_layers_by_rows_are_compared_row_by_row(tmp_path: Path) -> None:
    builder = GraphBuilder("rows", 1)
    x = builder.conv_2d(builder.input((1, 20, 6, 2)), 24, (3, 3), padding="SAME")
    x = builder.depthwise_conv_2d(x, 1, (3, 3), padding="SAME", stride=(2, 2))
    x = builder.conv_2d(x, 24, (1, 1), padding="SAME")
    (tmp_path / "m.tflite").write_bytes(write_model(builder.build([x])))
    command = ("deploy", "m.tflite", "--board", "host", "--random", 2, "--layers", "--optimise")
    whole, rows = (mcu_deploy(*command, one, "--json", cwd=tmp_path).document for one in ("speed", "ram"))
    assert rows["verdict"] == "verified"
    assert rows["memory"]["arena_bytes"] < 0.7 * whole["memory"]["arena_bytes"]
    assert [layer["operators"] for layer in rows["layers"]] == [[0, 1], [2]]
    assert [layer["kind"] for layer in rows["layers"]] == ["CONV_2D to DEPTHWISE_CONV_2D", "CONV_2D"]
    result = mcu_deploy(*command, "ram", cwd=tmp_path)
    assert "not compared" not in result.out
