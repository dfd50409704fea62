"""What the rules of activations and conversions refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mcu_deploy.errors import ModelError, ReferenceRunError
from mcu_deploy.graph.builder import GraphBuilder, affine
from mcu_deploy.graph.checks import check
from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.graph.writer import write_model
from mcu_deploy.reference.tflm import run_reference

INT8, INT16, INT32, FLOAT = DataType.INT8, DataType.INT16, DataType.INT32, DataType.FLOAT32


def function(
    kind: str,
    source: tuple[float, int] = (0.1, 0),
    result: tuple[float, int] = (0.1, 0),
    types: tuple[DataType, DataType] = (INT8, INT8),
    **options: Any,
) -> Graph:
    builder = GraphBuilder()
    values = builder.input((1, 4), *source, dtype=types[0])
    output = builder.operator(
        kind, [values], dtype=types[1], scale=result[0], zero_point=result[1], **options
    )
    return builder.build([output])


def prelu(alpha_shape: tuple[int, ...], scales: tuple[float, float] = (0.1, 0.1)) -> Graph:
    builder = GraphBuilder()
    alpha = builder.constant(np.ones(alpha_shape, np.int8), scales[0])
    values = [builder.input((1, 4), 0.1, 0), alpha]
    return builder.build([builder.operator("PRELU", values, shape=(1, 4), scale=scales[1])])


# Each with a phrase of the refusal; TFLM refuses those of REFUSED_BY_TFLM, too.
REFUSED_BY_TFLM = {
    "LOGISTIC zero point": (function("LOGISTIC", result=(1 / 256, 0)), "scale 1/256 and zero point -128"),
    "LOGISTIC int16 scale": (
        function("LOGISTIC", result=(2.0**-14, 0), types=(INT16, INT16)),
        "scale 1/32768 and zero point 0",
    ),
    "LOGISTIC int16 zero point": (
        function("LOGISTIC", (0.1, 3), (2.0**-15, 0), types=(INT16, INT16)),
        "int16 with a zero point other than 0",
    ),
    "TANH int16 scale": (
        function("TANH", result=(2.0**-15 * 1.001, 0), types=(INT16, INT16)),
        "scale 1/32768 and zero point 0",
    ),
    "TANH mixed": (function("TANH", result=(2.0**-15, 0), types=(INT8, INT16)), "int16, but the input int8"),
    "ABS int16 zero point": (function("ABS", (0.1, 1), types=(INT16, INT16)), "zero point other than 0"),
    "RELU int16 zero point": (function("RELU", result=(0.1, 1), types=(INT16, INT16)), "zero point other"),
    "ELU int16": (function("ELU", types=(INT16, INT16)), "is int16 instead of int8"),
    "HARD_SWISH int16": (function("HARD_SWISH", types=(INT16, INT16)), "is int16 instead of int8"),
    "HARD_SWISH scale": (function("HARD_SWISH", (1.0, 0), (0.007, 0)), "does not suit the input's of 1"),
    "SOFTMAX int16 scale": (
        function("SOFTMAX", result=(2.0**-14, 0), types=(INT16, INT16), beta=1.0),
        "scale 1/32768 and zero point 0",
    ),
    "SOFTMAX to int16": (
        function("SOFTMAX", result=(2.0**-16, 0), types=(INT8, INT16), beta=1.0),
        "scale 1/65536 and zero point -32768",
    ),
    "SOFTMAX to int8": (
        function("SOFTMAX", result=(1 / 256, -128), types=(INT16, INT8), beta=1.0),
        "the output is int8, but the input int16",
    ),
    "QUANTIZE int32 to int32": (function("QUANTIZE", types=(INT32, INT32)), "makes int32 of int32"),
    "QUANTIZE float32 to int32": (function("QUANTIZE", types=(FLOAT, INT32)), "a float model"),
    "DEQUANTIZE int32": (function("DEQUANTIZE", types=(INT32, FLOAT)), "a float model"),
}

# What TFLM computes, but not as it is meant, or with an overflow.
REFUSED = {
    "LOGISTIC scale": (function("LOGISTIC", result=(1 / 128, -128)), "scale 1/256 and zero point -128"),
    "LOGISTIC input": (
        function("LOGISTIC", (2.0**-29, 0), (1 / 256, -128)),
        "its scale of 1.86265e-09 is too small",
    ),
    "LOGISTIC int16 input": (
        function("LOGISTIC", (2.7, 0), (2.0**-15, 0), types=(INT16, INT16)),
        "its scale of 2.7 is too large",
    ),
    "TANH zero point": (function("TANH", result=(1 / 128, 1)), "scale 1/128 and zero point 0"),
    "RELU ratio": (function("RELU", (1e5, 0), (1e-5, 0)), "makes a multiplier of 1e+10"),
    "RELU6 scale": (function("RELU6", (1e-9, 0)), "too small to express 6"),
    "ABS ratio": (function("ABS", (1e5, 0), (1e-5, 0)), "makes a multiplier of 1e+10"),
    "NEG ratio": (function("NEG", (1.0, 0), (1e-6, 0)), "is too small for an input of 1"),
    "NEG int16": (function("NEG", types=(INT16, INT16)), "is int16 instead of int8"),
    "RELU_N1_TO_1 scale": (function("RELU_N1_TO_1", (1e-10, 0), (1e-10, 0)), "too small to express 1"),
    "RELU_N1_TO_1 int16": (function("RELU_N1_TO_1", types=(INT16, INT16)), "is int16 instead of int8"),
    "ELU ratio": (function("ELU", (1.0, 0), (1e-8, 0)), "is too small for an input of 1"),
    "LEAKY_RELU alpha": (function("LEAKY_RELU", alpha=1e10), "makes a multiplier of 1e+10"),
    "LEAKY_RELU not a number": (function("LEAKY_RELU", alpha=float("nan")), "alpha is nan"),
    "HARD_SWISH input": (function("HARD_SWISH", (1e-7, 0), (1e-7, 0)), "does not suit the range -3 to 3"),
    "HARD_SWISH output": (function("HARD_SWISH", (0.1, 0), (100.0, 0)), "does not suit the input's of 0.1"),
    "RSQRT output": (function("RSQRT", (0.1, 0), (1e5, 0)), "its scale of 100000 is too large"),
    "RSQRT ratio": (function("RSQRT", (1e-9, 0), (1e-6, 0)), "makes a multiplier of 3.16228e+10"),
    "SOFTMAX int16 input": (
        function("SOFTMAX", (5.1, 0), (2.0**-15, 0), types=(INT16, INT16), beta=1.0),
        "beta is 1 and the scale 5.1: out of range",
    ),
    "SOFTMAX int16 beta": (
        function("SOFTMAX", result=(2.0**-15, 0), types=(INT16, INT16), beta=-1.0),
        "beta is -1",
    ),
    "PRELU alpha's shape": (prelu((3,)), "alpha of the shape (3,) does not broadcast"),
    "PRELU alpha's rank": (prelu((2, 1, 4)), "alpha of the shape (2, 1, 4) does not broadcast"),
    "PRELU alpha's scale": (prelu((4,), (1e9, 1e-3)), "makes a multiplier of 1e+11"),
    "QUANTIZE ratio": (function("QUANTIZE", (1e5, 0), (1e-5, 0)), "makes a multiplier of 1e+10"),
}


@pytest.mark.parametrize(
    ("graph", "phrase"), {**REFUSED_BY_TFLM, **REFUSED}.values(), ids=[*REFUSED_BY_TFLM, *REFUSED]
)
def test_refused(graph: Graph, phrase: str) -> None:
    with pytest.raises(ModelError) as found:
        check(graph)
    error = found.value
    assert any(phrase in line for line in (error.message, *error.details)), (error.message, *error.details)


@pytest.mark.parametrize("graph", [graph for graph, _ in REFUSED_BY_TFLM.values()], ids=REFUSED_BY_TFLM)
def test_tflm_refuses_it_too(graph: Graph) -> None:
    tensor = graph.tensors[graph.inputs[0]]
    with pytest.raises(ReferenceRunError, match="refused the model"):
        run_reference(write_model(graph), [[np.zeros(tensor.shape, tensor.dtype.numpy)]])


def test_quantize_needs_one_scale_of_its_input() -> None:
    for quantization, phrase in ((None, "is not quantised"), (affine([0.1] * 4, 0, 1), "per channel")):
        builder = GraphBuilder()
        values = builder.tensor((1, 4), quantization)
        builder.inputs.append(values)
        graph = builder.build([builder.operator("QUANTIZE", [values], scale=0.1)])
        with pytest.raises(ModelError, match=phrase):
            check(graph)
