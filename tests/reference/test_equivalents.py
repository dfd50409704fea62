"""What stands for operators that TFLM has no int8 kernel for."""

from __future__ import annotations

import numpy as np
import pytest

from mcu_deploy.errors import ReferenceRunError
from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.graph.writer import write_model
from mcu_deploy.reference.equivalents import for_tflm
from mcu_deploy.reference.tflm import run_reference

ALL_VALUES = np.arange(-128, 128).astype(np.int8).reshape(1, 256)


def graph_of(kind: str, dtype: DataType = DataType.INT8) -> Graph:
    """The operator between two others, with scales that are powers of two: every result is exact."""
    builder = GraphBuilder("equivalent", 1)
    values = builder.operator("ABS", [builder.input((1, 256), 0.25, 0, dtype=dtype)])
    made = builder.operator(kind, [values], scale=0.125, zero_point=0)
    return builder.build([builder.operator("ABS", [made]), made])


@pytest.mark.parametrize(
    ("kind", "function"),
    [("NEG", lambda real: -real), ("RELU_N1_TO_1", lambda real: np.clip(real, -1, 1))],
)
def test_they_compute_the_function(kind: str, function: np.ufunc) -> None:
    graph = graph_of(kind)
    (run,) = run_reference(write_model(graph), [[ALL_VALUES]], all_tensors=True)
    real = np.minimum(np.abs(ALL_VALUES.astype(np.float64)), 127) * 0.25
    wanted = np.clip(function(real) / 0.125, -128, 127)
    np.testing.assert_array_equal(run.outputs[1], wanted)
    made = graph.operators[1].outputs[0]
    np.testing.assert_array_equal(run.tensors[made], run.outputs[1])
    assert sorted(run.tensors) == [0, 1, 2, 3]


def test_other_graphs_are_left_alone() -> None:
    graph = graph_of("TANH")
    assert for_tflm(graph) is graph


@pytest.mark.parametrize("kind", ["NEG", "RELU_N1_TO_1"])
def test_tflm_is_asked_about_int16(kind: str) -> None:
    graph = graph_of(kind, DataType.INT16)
    assert for_tflm(graph) is graph
    with pytest.raises(ReferenceRunError, match="refused the model"):
        run_reference(write_model(graph), [[ALL_VALUES.astype(np.int16)]])
