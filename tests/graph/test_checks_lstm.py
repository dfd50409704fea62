"""UNIDIRECTIONAL_SEQUENCE_LSTM: what cannot be deployed, and whether TFLM takes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from refusals import changed, refusal, tflm_refuses, with_options

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.builder import GraphBuilder, affine
from mcu_deploy.graph.checks import check
from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.graph.macs import operator_macs
from mcu_deploy.graph.reader import parse_model
from mcu_deploy.graph.writer import write_model

# Tensors, in the order in which ``lstm`` makes them.
SOURCE, OF_INPUT, OF_HIDDEN, BIAS, HIDDEN, CELL, FURTHER, OUTPUT = 0, 1, 5, 9, 13, 14, 15, 16


def lstm(dtype: DataType = DataType.INT8) -> Graph:
    builder = GraphBuilder("lstm", 1)
    wide = dtype is DataType.INT16
    source = builder.input((1, 2, 3), scale=0.01, zero_point=0, dtype=dtype)
    of_input = [builder.constant(np.ones((4, 3), np.int8), 0.01) for _ in range(4)]
    of_hidden = [builder.constant(np.ones((4, 4), np.int8), 0.01) for _ in range(4)]
    biases = [builder.constant(np.ones(4, np.int64 if wide else np.int32), 0.0001) for _ in range(4)]
    hidden = builder.variable((1, 4), 2.0**-7, dtype=dtype)
    cell = builder.variable((1, 4), 2.0**-11, dtype=DataType.INT16)
    builder.constant(np.ones(4, np.int16), 1.0)
    output = builder.operator(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        [source, *of_input, *of_hidden, *[-1] * 3, *biases, -1, -1, hidden, cell, *[-1] * 4],
        scale=2.0**-7,
        zero_point=0,
        fused_activation_function="TANH",
    )
    return builder.build([output])


def with_input(graph: Graph, position: int, tensor: int) -> Graph:
    operator = graph.operators[0]
    inputs = (*operator.inputs[:position], tensor, *operator.inputs[position + 1 :])
    return replace(graph, operators=(replace(operator, inputs=inputs),))


@pytest.mark.parametrize("dtype", [DataType.INT8, DataType.INT16])
def test_what_the_others_change_can_be_deployed(dtype: DataType) -> None:
    graph = lstm(dtype)
    check(graph)
    assert not tflm_refuses(graph)
    # Two steps, four gates of four cells, of three inputs and four hidden values.
    assert operator_macs(graph, graph.operators[0]) == 2 * 4 * 4 * (3 + 4)


def test_intermediates_have_no_elements() -> None:
    graph = lstm()
    count = len(graph.tensors)
    empty = tuple(
        replace(graph.tensors[SOURCE], index=count + i, shape=(0,), name=f"intermediate {i}")
        for i in range(5)
    )
    operator = replace(graph.operators[0], intermediates=tuple(range(count, count + 5)))
    graph = replace(graph, tensors=(*graph.tensors, *empty), operators=(operator,))
    read = parse_model(write_model(graph), "lstm")
    check(read)
    assert read.operators[0].intermediates == operator.intermediates


def test_what_is_read_has_elements() -> None:
    graph = changed(lstm(), FURTHER, shape=(0,), data=None)
    with pytest.raises(ModelError, match="has the shape"):
        parse_model(write_model(with_input(graph, 9, FURTHER)), "lstm")


@pytest.mark.parametrize(
    ("position", "found"), [(9, "peepholes"), (16, "a projection"), (17, "a projection"), (23, "layer norm")]
)
def test_variants(position: int, found: str) -> None:
    graph = with_input(lstm(), position, FURTHER)
    assert f"gives the LSTM {found}" in refusal(graph)
    assert tflm_refuses(graph)


@pytest.mark.parametrize("position", [1, 5, 12, 18, 19])
def test_what_must_be_there(position: int) -> None:
    graph = with_input(lstm(), position, -1)
    assert " is missing" in refusal(graph)
    assert tflm_refuses(graph)


def test_the_number_of_inputs() -> None:
    graph = lstm()
    graph = replace(graph, operators=(replace(graph.operators[0], inputs=graph.operators[0].inputs[:20]),))
    assert "there are 20 inputs instead of 24" in refusal(graph)
    assert tflm_refuses(graph)


@pytest.mark.parametrize(
    ("index", "values", "found"),
    [
        (CELL, {"dtype": DataType.INT8}, "the cell's state is int8 instead of int16"),
        (CELL, {"shape": (1, 5)}, "the cell's state (1, 5) does not hold 1 x 4 values"),
        (HIDDEN, {"dtype": DataType.INT16}, "the hidden state is int16 instead of int8"),
        (OUTPUT, {"dtype": DataType.INT16}, "the output is int16 instead of int8"),
        (OUTPUT, {"shape": (1, 2, 5)}, "has the shape (1, 2, 5), but inputs and options make (1, 2, 4)"),
        (OF_INPUT, {"shape": (4, 2), "data": np.ones((4, 2), np.int8)}, "the input weights of input 1"),
        (OF_HIDDEN, {"shape": (4, 3), "data": np.ones((4, 3), np.int8)}, "the recurrent weights of input 5"),
        (BIAS, {"shape": (3,), "data": np.ones(3, np.int32)}, "the bias of input 12 have the shape (3,)"),
    ],
)
def test_tensors_that_tflm_refuses_too(index: int, values: dict[str, Any], found: str) -> None:
    graph = changed(lstm(), index, **values)
    assert found in refusal(graph)
    assert tflm_refuses(graph)


@pytest.mark.parametrize(
    ("dtype", "index", "values", "found"),
    [
        (DataType.INT8, HIDDEN, {"is_variable": False}, "the hidden state is not a variable"),
        (DataType.INT8, OF_INPUT, {"quantization": affine([0.1] * 4)}, "quantised per channel"),
        (DataType.INT8, OF_HIDDEN, {"quantization": affine(0.1, 1)}, "zero points other than 0"),
        (
            DataType.INT8,
            CELL,
            {"quantization": affine(0.001)},
            "the cell's scale is 0.001 instead of a power",
        ),
        (DataType.INT8, CELL, {"quantization": affine(2.0**-11, 1)}, "with the zero point 0"),
        (DataType.INT8, CELL, {"quantization": affine(2.0**-25)}, "the cell's scale is 2.98023e-08"),
        (DataType.INT8, HIDDEN, {"quantization": affine(1e-20)}, "makes a multiplier of 9.31323e+10"),
        (DataType.INT8, SOURCE, {"quantization": affine(1e10)}, "makes a multiplier of 4.096e+11"),
        (DataType.INT16, SOURCE, {"quantization": affine(100.0)}, "makes a multiplier of 4096, above 127"),
        (DataType.INT16, SOURCE, {"quantization": affine(0.01, 1)}, "int16 with a zero point other than 0"),
        (DataType.INT16, BIAS, {"dtype": DataType.INT32, "data": np.ones(4, np.int32)}, "instead of int64"),
        (DataType.INT16, BIAS, {"data": np.full(4, -(2**63))}, "the accumulator of cell 0 can overflow"),
        (
            DataType.INT8,
            BIAS,
            {"data": np.full(4, -(2**31), np.int32)},
            "the accumulator of cell 0 can overflow",
        ),
    ],
)
def test_tensors_that_would_make_other_results(
    dtype: DataType, index: int, values: dict[str, Any], found: str
) -> None:
    assert found in refusal(changed(lstm(dtype), index, **values))


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"fused_activation_function": "RELU"}, "its activation is RELU instead of TANH"),
        ({"diagonal_recurrent_tensors": True}, "diagonal recurrent weights"),
    ],
)
def test_options(options: dict[str, Any], found: str) -> None:
    assert found in refusal(with_options(lstm(), 0, **options))
