"""``deploy --npu`` of models beyond one int8 input and output: several, of 16 bits, and with state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import npu_models
import pytest
from command import mcu_deploy
from test_npu_lstm import lstm

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType
from mcu_deploy.graph.writer import write_model


def several() -> bytes:
    """Inputs of 8 and 16 bits, outputs of NPU and CPU."""
    builder = GraphBuilder("several", 3)
    image, other = builder.input((1, 8, 8, 4)), builder.input((1, 8, 8, 8), 0.1, 3)
    made = builder.conv_2d(image, 8, (3, 3))
    added = builder.operator("ADD", [made, other], shape=(1, 8, 8, 8), scale=0.1, zero_point=3)
    builder.input((1, 3))  # which nothing reads
    wide = [builder.input((1, 6, 7, 19), scale, 0, dtype=DataType.INT16) for scale in (0.001, 0.0007)]
    sums = builder.operator("ADD", wide, shape=(1, 6, 7, 19), scale=0.002, zero_point=0)
    return write_model(builder.build([npu_models.wide_average(builder, made), sums, added]))


def recurrent() -> bytes:
    return lstm(1, 4, 5, 8)


@pytest.mark.parametrize(
    ("make", "on_cpu"), [(several, ["AVERAGE_POOL_2D"]), (recurrent, [])], ids=["several", "recurrent"]
)
def test_ends_and_state(make: Callable[[], bytes], on_cpu: list[str], tools: None, tmp_path: Path) -> None:
    """Five runs in a row: state, which is in the NPU's part of the arena, begins as TFLM's does."""
    model = tmp_path / "model.tflite"
    model.write_bytes(make())
    options = ("--npu", "ethos-u65-512", "--simulator", "native", "--random", 5, "--layers", "--json")
    result = mcu_deploy("deploy", model, *options, "--output-dir", tmp_path / "project")
    assert result.code == 0, result.err
    assert result.document["verdict"] == "verified"
    assert result.document["npu"]["cpu_operators"] == on_cpu
    assert result.document["npu"]["npu_steps"] > 0
    again = mcu_deploy("verify", tmp_path / "project", "--json").document
    assert again["runs"] == result.document["runs"]
