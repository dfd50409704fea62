"""Operator by operator: Vela's streams on the NPU's model give TFLite Micro's bytes.

``MCU_DEPLOY_NPU_ALL=1`` runs every case on every configuration; otherwise each runs on one, in turn.
"""

from __future__ import annotations

import os
from pathlib import Path

import npu_harness
import npu_operators
import numpy as np
import pytest

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType
from mcu_deploy.graph.writer import write_model

NAMES = list(npu_operators.CASES)
CONFIGURATIONS = list(npu_harness.CONFIGURATIONS)


def pairs() -> list[tuple[str, str]]:
    if os.environ.get("MCU_DEPLOY_NPU_ALL"):
        return [(name, configuration) for name in NAMES for configuration in CONFIGURATIONS]
    return [(name, CONFIGURATIONS[i % len(CONFIGURATIONS)]) for i, name in enumerate(NAMES)]


def save(name: str, folder: Path) -> Path:
    path = folder / "model.tflite"
    path.write_bytes(write_model(npu_operators.build(name)))
    return path


@pytest.mark.parametrize(("name", "configuration"), pairs())
def test_an_operator_gives_tflms_bytes(name: str, configuration: str, tmp_path: Path) -> None:
    difference = npu_harness.compare(save(name, tmp_path), configuration, seed=len(name))
    assert not difference


@pytest.mark.parametrize(
    "name", ["conv_deep", "depthwise_odd", "SOFTMAX", "cascade", "ADD", "MEAN", "RESIZE_BILINEAR_half_pixel"]
)
def test_sanitizers_find_nothing(name: str, tmp_path: Path) -> None:
    model = save(name, tmp_path)
    assert not npu_harness.compare(model, "ethos-u55-64", count=1, variant="sanitized")
    assert not npu_harness.compare(model, "ethos-u65-512", count=1, variant="sanitized")


@pytest.mark.parametrize("configuration", ["ethos-u55-32", "ethos-u65-512"])
@pytest.mark.parametrize("name", ["conv_deep", "depthwise_odd", "conv_relu"])
def test_a_small_workspace_changes_nothing_but_the_time(
    name: str, configuration: str, tmp_path: Path
) -> None:
    compiled = npu_harness.compile_model(save(name, tmp_path), configuration)
    inputs = npu_harness.random_inputs((tmp_path / "model.tflite").read_bytes(), 1, 3)
    wanted = npu_harness.run_model(compiled, configuration, inputs)[0]
    refused = npu_harness.run_model(compiled, configuration, inputs, workspace_bytes=64)[0]
    assert refused.error == npu_harness.WORKSPACE_TOO_SMALL
    size = 64
    while size < npu_harness.WORKSPACE_BYTES:
        run = npu_harness.run_model(compiled, configuration, inputs, workspace_bytes=size)[0]
        if not run.error:
            assert run.outputs == wanted.outputs
            size *= 2
            continue
        assert run.error == npu_harness.WORKSPACE_TOO_SMALL
        assert run.value > size
        size = run.value


def steps_of(compiled: npu_harness.Compiled, configuration: str, inputs: list[npu_harness.Array]) -> int:
    """The least limit of work with which a stream reaches its end."""
    low, high = 0, npu_harness.WORK_LIMIT
    while high - low > 1:
        middle = (low + high) // 2
        run = npu_harness.run_model(compiled, configuration, [inputs], work_limit=middle)[0]
        assert run.error in (0, npu_harness.TOO_MUCH_WORK)
        low, high = (middle, high) if run.error else (low, middle)
    return high


def test_work_is_counted_before_it_is_done(tmp_path: Path) -> None:
    """A dense layer of 333 inputs and 12 outputs: products, decoded weights, and little else."""
    model = save("fully_connected", tmp_path)
    compiled = npu_harness.compile_model(model, "ethos-u55-128")
    inputs = npu_harness.random_inputs(model.read_bytes(), 1, 3)[0]
    commands = len(compiled.stream) // 4
    products, outputs, decoded = 333 * 12, 12, 336 * 16
    steps = steps_of(compiled, "ethos-u55-128", inputs)
    assert products + outputs + decoded < steps
    assert steps <= products + outputs + 4 * decoded + len(compiled.weights) + commands


@pytest.mark.parametrize("name", ["conv_1x1", "MAX_POOL_2D_8x8x3_8x8_VALID", "ADD", "SOFTMAX"])
def test_a_stream_that_asks_for_too_much_is_stopped(name: str, tmp_path: Path) -> None:
    """Sizes of a real stream blown up as far as they go, in memory of one element: strides are zero."""
    compiled = npu_harness.compile_model(save(name, tmp_path), "ethos-u55-128")
    inputs = npu_harness.random_inputs((tmp_path / "model.tflite").read_bytes(), 1, 3)
    output_sizes = (0x111, 0x112)
    tile_sizes = {side + i for side in (0x10A, 0x11A, 0x18A) for i in range(3)}
    strides = {npu_harness.PAYLOAD | side + i for side in (0x04, 0x14, 0x84) for i in range(2)}

    def change(code: int, value: int) -> int:
        if code in output_sizes:
            return 0xFF00
        return 0xFFFF if code in tile_sizes else 0 if code in strides else value

    hostile = npu_harness.with_settings(compiled, change)
    run = npu_harness.run_model(hostile, "ethos-u55-128", inputs)[0]
    assert run.error == npu_harness.TOO_MUCH_WORK
    assert run.value > npu_harness.WORK_LIMIT
    assert run.seconds < 1


@pytest.mark.parametrize(
    ("configuration", "options"),
    [
        ("ethos-u55-128", ["--optimise", "Size"]),
        ("ethos-u65-256", ["--memory-mode", "Dedicated_Sram"]),
        ("ethos-u65-512", ["--memory-mode", "Dedicated_Sram", "--arena-cache-size", "30000"]),
        ("ethos-u65-512", ["--debug-force-legacy-core", "--optimise", "Size"]),
    ],
)
def test_memory_modes_and_stripes(configuration: str, options: list[str], tmp_path: Path) -> None:
    assert not npu_harness.compare(save("cascade", tmp_path), configuration, count=1, options=options)


@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL"])
def test_32_bit_integers(kind: str, tmp_path: Path) -> None:
    """Without quantisation, in a range where nothing overflows."""
    builder = GraphBuilder(kind)
    inputs = [builder.tensor((1, 6, 7, 19), dtype=DataType.INT32) for _ in range(2)]
    builder.inputs += inputs
    model = tmp_path / "model.tflite"
    model.write_bytes(write_model(builder.build([builder.operator(kind, inputs, shape=(1, 6, 7, 19))])))
    compiled = npu_harness.compile_model(model, "ethos-u55-128")
    reach = 2**15 if kind == "MUL" else 2**30
    one, two = np.random.default_rng(7).integers(-reach, reach, (2, 1, 6, 7, 19), dtype=np.int32)
    run = npu_harness.run_model(compiled, "ethos-u55-128", [[one, two]])[0]
    assert not run.error
    wanted = {"ADD": one + two, "SUB": one - two, "MUL": one * two}[kind]
    assert run.outputs[0] == wanted.tobytes()


@pytest.mark.parametrize("counts", [(1, 1, 3, 1), (1, 2, 1, 1), (1, 1, 1, 4)])
@pytest.mark.parametrize("configuration", ["ethos-u55-128", "ethos-u65-256", "ethos-u65-512"])
def test_tiles_are_copied(counts: tuple[int, ...], configuration: str, tmp_path: Path) -> None:
    """TILE, which TFLM does not have; U65 does it with DMA in two and three dimensions."""
    builder = GraphBuilder("TILE")
    source = builder.input((1, 5, 6, 9))
    multiples = builder.constant(np.array(counts, np.int32))
    shape = tuple(size * count for size, count in zip((1, 5, 6, 9), counts, strict=True))
    graph = builder.build([builder.operator("TILE", [source, multiples], shape=shape)])
    model = tmp_path / "model.tflite"
    model.write_bytes(write_model(graph))
    compiled = npu_harness.compile_model(model, configuration)
    values = np.random.default_rng(2).integers(-128, 128, (1, 5, 6, 9)).astype(np.int8)
    run = npu_harness.run_model(compiled, configuration, [[values]], variant="sanitized")[0]
    assert not run.error
    assert run.outputs[0] == np.tile(values, counts).tobytes()


def test_a_sum_is_rounded_once_where_tflm_rounds_twice(tmp_path: Path) -> None:
    """Vela makes SUM a convolution with natural rounding; the model computes what that asks for."""
    builder = GraphBuilder("SUM")
    axis = builder.constant(np.array([3], np.int32))
    source = builder.input((1, 6, 7, 19), 0.05, -1)
    output = builder.operator(
        "SUM", [source, axis], shape=(1, 6, 7, 1), scale=0.3, zero_point=1, keep_dims=True
    )
    model = tmp_path / "model.tflite"
    model.write_bytes(write_model(builder.build([output])))
    compiled = npu_harness.compile_model(model, "ethos-u55-128")
    values = np.random.default_rng(5).integers(-128, 128, (1, 6, 7, 19)).astype(np.int8)
    run = npu_harness.run_model(compiled, "ethos-u55-128", [[values]])[0]
    sums = (values.astype(np.int64) + 1).sum(axis=3)
    ratio = float(np.float32(0.05)) / float(np.float32(0.3))
    wanted = np.clip(np.floor(sums * ratio + 0.5).astype(np.int64) + 1, -128, 127).astype(np.int8)
    assert run.outputs[0] == wanted.tobytes()
