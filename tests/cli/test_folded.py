"""Operators that became part of the next one, as a user sees them."""

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
