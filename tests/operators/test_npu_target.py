"""Where the NPU may differ from TFLM, it computes what Vela's stream asks for."""

from __future__ import annotations

import numpy as np
import pytest
from harness import corner_inputs
from npu_target import run_on_npu

from mcu_deploy.graph.builder import GraphBuilder


@pytest.mark.parametrize(("input_scale", "output_scale"), [(0.25, 0.1), (0.75, 0.7), (2.95, 1.1)])
def test_relu_is_scaled_by_a_float32_multiplier_on_the_npu(input_scale: float, output_scale: float) -> None:
    builder = GraphBuilder("relu", 1)
    values = builder.input((1, 40, 40), input_scale, 3)
    graph = builder.build([builder.operator("RELU", [values], scale=output_scale, zero_point=-20)])
    runs = corner_inputs(graph, np.random.default_rng(1))
    multiplier = float(np.float32(input_scale) / np.float32(output_scale))
    result = run_on_npu(graph, runs)
    assert result.operators == {0}
    for (given,), run in zip(runs, result.runs, strict=True):
        positive = np.maximum(given.astype(np.int64) - 3, 0)
        wanted = np.minimum(np.floor(positive * multiplier + 0.5) - 20, 127)
        assert np.array_equal(np.frombuffer(run.outputs[0], np.int8), wanted.reshape(-1))
