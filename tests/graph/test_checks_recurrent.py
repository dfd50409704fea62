"""SVDF: what cannot be deployed, and whether TFLM takes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from refusals import changed, refusal, tflm_refuses, with_options

from mcu_deploy.graph.builder import GraphBuilder, affine
from mcu_deploy.graph.checks import check
from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.graph.macs import operator_macs

FEATURES, TIMES, BIAS, STATE, OUTPUT = 1, 2, 3, 4, 5


def svdf() -> Graph:
    builder = GraphBuilder("svdf", 1)
    output = builder.operator(
        "SVDF",
        [
            builder.input((1, 5)),
            builder.constant(np.ones((4, 5), np.int8), 0.01),
            builder.constant(np.ones((4, 3), np.int16), 0.01),
            builder.constant(np.ones(2, np.int32), 0.0001),
            builder.variable((1, 12), 0.01, dtype=DataType.INT16),
        ],
        scale=0.1,
        zero_point=-128,
        rank=2,
    )
    return builder.build([output])


def test_what_the_others_change_can_be_deployed() -> None:
    graph = svdf()
    check(graph)
    assert not tflm_refuses(graph)
    assert operator_macs(graph, graph.operators[0]) == 4 * 5 + 4 * 3


@pytest.mark.parametrize(
    ("index", "values", "found"),
    [
        (TIMES, {"data": np.ones((4, 3), np.int32), "dtype": DataType.INT32}, "instead of int8 or int16"),
        (BIAS, {"data": np.ones(3, np.int32), "shape": (3,)}, "the bias has the shape (3,) for 2 units"),
        (
            BIAS,
            {"quantization": affine(0.5)},
            "the bias has the scale 0.5, but state and weights make 0.0001",
        ),
        (STATE, {"shape": (1, 11)}, "the state (1, 11) does not hold 4 x 3 values a batch"),
        (FEATURES, {"data": np.ones((4, 4), np.int8), "shape": (4, 4)}, "the weights need 4 features"),
        (TIMES, {"data": np.ones((3, 3), np.int16), "shape": (3, 3)}, "4 filters, but weights of time for 3"),
        (OUTPUT, {"shape": (1, 3)}, "has the shape (1, 3), but inputs and options make (1, 2)"),
    ],
)
def test_svdf_tensors_that_tflm_refuses_too(index: int, values: dict[str, Any], found: str) -> None:
    graph = changed(svdf(), index, **values)
    assert found in refusal(graph)
    assert tflm_refuses(graph)


@pytest.mark.parametrize(
    ("index", "values", "found"),
    [
        (STATE, {"is_variable": False}, "the state is not a variable"),
        (STATE, {"dtype": DataType.INT8}, "the state is int8, but the weights of time are int16"),
        (FEATURES, {"quantization": affine([0.1] * 4)}, "is quantised per channel, where the operator knows"),
        (TIMES, {"quantization": affine(0.01, 3)}, "zero points other than 0"),
        (OUTPUT, {"quantization": affine(1e-20)}, "makes a multiplier of 1e+16"),
        (
            FEATURES,
            {"data": np.full((4, 66_060), 127, np.int8), "shape": (4, 66_060)},
            "the accumulator of filter 0 can overflow 32 bits",
        ),
    ],
)
def test_svdf_tensors_that_would_make_other_results(index: int, values: dict[str, Any], found: str) -> None:
    graph = changed(svdf(), index, **values)
    if index == FEATURES and "shape" in values:
        graph = changed(graph, 0, shape=(1, values["shape"][1]))
    assert found in refusal(graph)


@pytest.mark.parametrize("rank", [0, 3])
def test_svdf_filters_divide_into_units(rank: int) -> None:
    graph = with_options(svdf(), 0, rank=rank)
    assert f"do not divide into units of rank {rank}" in refusal(graph)
    assert tflm_refuses(graph)


def test_svdf_needs_a_bias() -> None:
    graph = svdf()
    operator = replace(graph.operators[0], inputs=(0, FEATURES, TIMES, -1, STATE))
    graph = replace(graph, operators=(operator,))
    assert "its bias is missing" in refusal(graph)
    assert tflm_refuses(graph)


def test_svdf_activations_that_tflm_leaves_out() -> None:
    assert "the fused activation TANH is not supported" in refusal(
        with_options(svdf(), 0, fused_activation_function="TANH")
    )
