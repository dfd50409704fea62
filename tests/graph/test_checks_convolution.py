"""Convolutions, FULLY_CONNECTED and pooling on int16, and TRANSPOSE_CONV: what cannot be deployed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from refusals import changed, refusal, tflm_refuses

from mcu_deploy.graph.builder import GraphBuilder, affine
from mcu_deploy.graph.checks import check
from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.graph.macs import operator_macs

INT8, INT16 = DataType.INT8, DataType.INT16
KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
WINDOW = {"stride_h": 2, "stride_w": 2}


def weighted(kind: str, bias: bool = True, **options: Any) -> Graph:
    """Tensors: input, weights, bias if there is one, output."""
    builder = GraphBuilder("weighted", 1)
    x = builder.input((1, 4, 4, 3), zero_point=0, dtype=INT16)
    if kind == "CONV_2D":
        x = builder.conv_2d(x, 4, (3, 3), bias=bias, **options)
    elif kind == "DEPTHWISE_CONV_2D":
        x = builder.depthwise_conv_2d(x, 1, (3, 3), bias=bias, **options)
    else:
        x = builder.fully_connected(x, 4, bias=bias, **options)
    return builder.build([x])


def transpose_conv(dtype: DataType = INT8, **options: Any) -> Graph:
    """Tensors: input, shape, weights, bias, output."""
    builder = GraphBuilder("transposed", 1)
    image = builder.input((1, 3, 3, 2), zero_point=0, dtype=dtype)
    shape = builder.constant(np.array([1, 6, 5, 4], np.int32))
    weights = builder.constant(np.ones((4, 3, 3, 2), np.int8), 0.01)
    bias = builder.constant(np.ones(4, np.int32 if dtype is INT8 else np.int64), 0.001)
    inputs = [shape, weights, image, bias]
    output = builder.operator(
        "TRANSPOSE_CONV", inputs, dtype=dtype, scale=0.1, zero_point=0, **{**WINDOW, **options}
    )
    return builder.build([output])


@pytest.mark.parametrize("kind", KINDS)
def test_biases_are_as_wide_as_accumulators(kind: str) -> None:
    graph = weighted(kind)
    check(graph)
    narrow = changed(graph, 2, dtype=DataType.INT32, data=np.ones(graph.tensors[2].shape, np.int32))
    assert "the bias is int32 instead of int64" in refusal(narrow)
    wide = changed(graph, 2, data=np.full(graph.tensors[2].shape, -(2**63)))
    assert "can overflow 48 bits" in refusal(wide)


@pytest.mark.parametrize("kind", ["CONV_2D", "FULLY_CONNECTED"])
def test_narrow_accumulators_without_a_bias(kind: str) -> None:
    assert "the bias is int32 instead" in refusal(weighted(kind, bias=False, quantized_bias_type="INT32"))
    check(weighted(kind, bias=False, quantized_bias_type="INT64"))


@pytest.mark.parametrize("kind", KINDS)
def test_int16_has_no_zero_points_and_no_large_multipliers(kind: str) -> None:
    graph = weighted(kind)
    output = graph.outputs[0]
    for index in (0, output):
        quantization = graph.tensors[index].quantization
        assert quantization is not None
        moved = changed(graph, index, quantization=affine(quantization.scale, 1))
        assert "it is int16 with a zero point other than 0" in refusal(moved)
    assert ", above 127" in refusal(changed(graph, output, quantization=affine(1e-9)))


@pytest.mark.parametrize("kind", KINDS)
def test_input_and_output_are_alike(kind: str) -> None:
    graph = weighted(kind)
    mixed = changed(graph, graph.outputs[0], dtype=INT8)
    assert "the output is int8, but the input int16" in refusal(mixed)


def test_sums_of_an_average_stay_within_32_bits() -> None:
    builder = GraphBuilder("pool", 1)
    image = builder.input((1, 2**8 + 1, 2**7, 1), zero_point=0, dtype=INT16)
    options = {"filter_height": 2**8 + 1, "filter_width": 2**7, "stride_h": 1, "stride_w": 1}
    output = builder.operator("AVERAGE_POOL_2D", [image], padding="VALID", **options)
    assert "covers 32896 inputs, where at most 32768 are supported" in refusal(builder.build([output]))


@pytest.mark.parametrize("dtype", [INT8, INT16])
def test_transpose_conv_passes(dtype: DataType) -> None:
    graph = transpose_conv(dtype)
    check(graph)
    assert not tflm_refuses(graph)
    assert operator_macs(graph, graph.operators[0]) == 3 * 3 * 2 * 4 * 9


@pytest.mark.parametrize(
    ("index", "values", "found"),
    [
        (
            1,
            {"data": np.array([1, 7, 5, 4], np.int32)},
            "(1, 7, 5, 4) does not belong to the input (1, 3, 3, 2)",
        ),
        (1, {"data": np.array([2, 6, 5, 4], np.int32)}, "(2, 6, 5, 4) does not belong"),
        (1, {"data": np.array([1, 6, 5, 3], np.int32)}, "(1, 6, 5, 3) does not belong"),
        (1, {"data": np.array([1, 6, 5, 0], np.int32)}, "the output has the shape (1, 6, 5, 0)"),
        (1, {"data": np.ones(3, np.int32), "shape": (3,)}, "not a constant of four int32"),
        (1, {"data": None}, "the output's shape is not a constant"),
        (
            2,
            {"data": np.ones((4, 3, 3, 1), np.int8), "shape": (4, 3, 3, 1)},
            "the filter has 1 input channels",
        ),
        (2, {"quantization": affine([0.1] * 3, 0, 1)}, "along axis 1 instead of 0"),
        (2, {"quantization": affine(0.1, 1)}, "zero points other than 0"),
        (3, {"data": np.ones(3, np.int32), "shape": (3,)}, "the bias has the shape (3,) for 4 channels"),
        (3, {"data": np.ones(4, np.int64), "dtype": DataType.INT64}, "the bias is int64 instead of int32"),
        (3, {"data": np.full(4, 2**31 - 1, np.int32)}, "can overflow 32 bits"),
        (4, {"quantization": affine(1e-20)}, "makes a multiplier of"),
        (4, {"dtype": INT16}, "the output is int16, but the input int8"),
    ],
)
def test_transpose_conv_is_refused(index: int, values: dict[str, Any], found: str) -> None:
    assert found in refusal(changed(transpose_conv(), index, **values))


def test_activations_that_are_no_clamps() -> None:
    graph = transpose_conv(fused_activation_function="TANH")
    assert "the fused activation TANH is not supported" in refusal(graph)
