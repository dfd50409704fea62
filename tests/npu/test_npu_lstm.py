"""UNIDIRECTIONAL_SEQUENCE_LSTM, which Vela takes apart: TFLM's bytes, in two runs that share state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import npu_harness
import numpy as np
import pytest
from tflite_micro.python.tflite_micro import runtime

from mcu_deploy.graph.builder import GraphBuilder, affine
from mcu_deploy.graph.ir import DataType
from mcu_deploy.graph.writer import write_model

INPUT_SCALE = 0.02
HIDDEN_SCALE = 1 / 128
CELL_SCALE = 1 / 2048  # a power of two, as TFLite asks for


def lstm(batch: int, steps: int, inputs: int, units: int) -> bytes:
    """The model; its intermediate tensors are empty, as TFLM asks for."""
    builder = GraphBuilder("lstm", seed=units)
    source = builder.input((batch, steps, inputs), INPUT_SCALE, 3)

    def weights(columns: int) -> list[int]:
        values = builder.rng.integers(-127, 128, (4, units, columns), dtype=np.int8)
        return [builder.constant(gate, np.float32(0.004 + 0.001 * i)) for i, gate in enumerate(values)]

    of_input, of_state = weights(inputs), weights(units)
    values = builder.rng.integers(-3000, 3000, (4, units), dtype=np.int32)
    biases = [
        builder.constant(gate, np.float32(INPUT_SCALE) * np.float32(0.004 + 0.001 * i))
        for i, gate in enumerate(values)
    ]
    state = builder.tensor((batch, units), affine(HIDDEN_SCALE, 0), is_variable=True)
    cell = builder.tensor((batch, units), affine(CELL_SCALE, 0), dtype=DataType.INT16, is_variable=True)
    gates = [builder.tensor((0,), affine(2**-12, 0), dtype=DataType.INT16) for _ in range(4)]
    hidden = builder.tensor((0,), affine(HIDDEN_SCALE, 0))
    none = [-1] * 4
    output = builder.operator(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        [source, *of_input, *of_state, *none[:3], *biases, *none[:2], state, cell, *none],
        shape=(batch, steps, units),
        scale=HIDDEN_SCALE,
        zero_point=0,
        fused_activation_function="TANH",
        cell_clip=10.0,
    )
    builder.operators[-1] = replace(builder.operators[-1], intermediates=(*gates, hidden))
    return write_model(builder.build([output]))


@pytest.mark.parametrize("configuration", ["ethos-u55-32", "ethos-u55-128", "ethos-u65-512"])
@pytest.mark.parametrize("sizes", [(1, 4, 5, 8), (2, 3, 12, 20), (1, 6, 33, 16)])
def test_a_recurrent_layer_gives_tflms_bytes(
    sizes: tuple[int, int, int, int], configuration: str, tmp_path: Path
) -> None:
    model = lstm(*sizes)
    path = tmp_path / "lstm.tflite"
    path.write_bytes(model)
    values = np.random.default_rng(1).integers(-128, 128, (2, *sizes[:3])).astype(np.int8)
    compiled = npu_harness.compile_model(path, configuration)
    runs = npu_harness.run_model(compiled, configuration, [[run] for run in values], cleared=True)
    interpreter = runtime.Interpreter.from_bytes(model)
    for run, given in zip(runs, values, strict=True):
        interpreter.set_input(given, 0)
        interpreter.invoke()
        assert not run.error
        assert run.outputs[0] == interpreter.get_output(0).tobytes()
