"""Models as plain float graphs."""

from __future__ import annotations

from dataclasses import replace

import float_models
import numpy as np
import pytest
from float_models import FloatBuilder

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType, Graph, Operator
from mcu_deploy.graph.reader import parse_model
from mcu_deploy.graph.writer import write_model
from mcu_deploy.quantize.floats import float_model, signal_to_noise


def test_a_float_model_stays_as_it_is() -> None:
    graph = float_models.classifier()
    made = float_model(graph)
    assert write_model(made.graph) == write_model(graph)
    assert made.notes == () and made.grids == {} and made.permutations == (None,)


def test_dynamic_range_weights_become_the_floats_that_they_stand_for() -> None:
    stored = float_models.with_stored_weights(float_models.classifier(), DataType.INT8)
    made = float_model(stored)
    assert {tensor.dtype for tensor in made.graph.tensors} == {DataType.FLOAT32}
    assert "dynamic range" in made.notes[0]
    for tensor in stored.tensors:
        if tensor.dtype is DataType.INT8:
            assert tensor.data is not None and tensor.quantization is not None
            grid = made.grids[tensor.name]
            (found,) = [other for other in made.graph.tensors if other.name == tensor.name]
            np.testing.assert_array_equal(found.data, tensor.data * np.float32(grid.scale[0]))


def test_float16_weights_behind_a_dequantize_become_constants() -> None:
    graph = float_models.with_stored_weights(float_models.classifier(), DataType.FLOAT16)
    graph = _dequantized(graph)
    made = float_model(graph)
    assert [operator.kind for operator in made.graph.operators] == [
        operator.kind for operator in graph.operators if operator.kind != "DEQUANTIZE"
    ]
    assert {tensor.dtype for tensor in made.graph.tensors} == {DataType.FLOAT32}
    parse_model(write_model(made.graph), "written")
    assert "float16" in made.notes[0]


def _dequantized(graph: Graph) -> Graph:
    """With a DEQUANTIZE behind each float16 constant, as converters write them."""
    tensors, operators, places = list(graph.tensors), [], {}
    for tensor in graph.tensors:
        if tensor.dtype is DataType.FLOAT16:
            places[tensor.index] = len(tensors)
            tensors.append(
                replace(
                    tensor, index=len(tensors), dtype=DataType.FLOAT32, data=None, name=f"{tensor.name}/f32"
                )
            )
            operators.append(Operator(0, "DEQUANTIZE", (tensor.index,), (places[tensor.index],)))
    for operator in graph.operators:
        moved = tuple(places.get(index, index) for index in operator.inputs)
        operators.append(replace(operator, inputs=moved))
    numbered = tuple(replace(operator, index=number) for number, operator in enumerate(operators))
    return replace(graph, tensors=tuple(tensors), operators=numbered)


def test_names_become_unique() -> None:
    graph = float_models.classifier()
    same = replace(graph, tensors=tuple(replace(tensor, name="x") for tensor in graph.tensors))
    names = [tensor.name for tensor in float_model(same).graph.tensors]
    assert len(set(names)) == len(names)


def test_an_input_with_channels_first_is_folded() -> None:
    builder = FloatBuilder("first")
    source = builder.input((1, 3, 12, 10), dtype=DataType.FLOAT32)
    order = builder.constant(np.array([0, 2, 3, 1], np.int32))
    last = builder.operator("TRANSPOSE", [source, order], shape=(1, 12, 10, 3))
    made = float_model(builder.build([builder.conv(last, 4)]))
    assert [operator.kind for operator in made.graph.operators] == ["CONV_2D"]
    assert made.graph.tensors[made.graph.inputs[0]].shape == (1, 12, 10, 3)
    assert made.permutations == ((0, 2, 3, 1),)
    assert "channels last" in made.notes[0]


def test_another_transposition_stays() -> None:
    builder = FloatBuilder("other")
    source = builder.input((1, 3, 12, 10), dtype=DataType.FLOAT32)
    order = builder.constant(np.array([0, 3, 2, 1], np.int32))
    last = builder.operator("TRANSPOSE", [source, order], shape=(1, 10, 12, 3))
    made = float_model(builder.build([builder.conv(last, 4)]))
    assert [operator.kind for operator in made.graph.operators] == ["TRANSPOSE", "CONV_2D"]
    assert made.permutations == (None,)


def test_an_int8_model_is_refused() -> None:
    builder = GraphBuilder("int8")
    graph = builder.build([builder.conv_2d(builder.input((1, 8, 8, 3)), 4, (3, 3))])
    with pytest.raises(ModelError, match="full int8 already"):
        float_model(graph)


def test_signal_to_noise() -> None:
    assert signal_to_noise(np.array([10.0]), np.array([9.0])) == pytest.approx(20)
    assert signal_to_noise(np.array([10.0]), np.array([10.0])) is None
    assert signal_to_noise(np.zeros(1), np.ones(1)) is None
