"""Convolutions that Vela cannot compile as they are: wide strides behind a PAD.

Vela (5.2) merges a PAD into the convolution behind it, and then has no way to compute one whose stride is
above 3. The same values come of ``stride`` columns at a time as one column with as many times the channels:
a RESHAPE, a PAD by whole columns, and a convolution with stride 1. Taps that are missing are zero.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mcu_deploy.graph.ir import DataType, Graph, Operator, Tensor
from mcu_deploy.graph.writer import write_model
from mcu_deploy.npu.misread import check_for_vela
from mcu_deploy.plan.operators.types import integer

_MAX_STRIDE = 3


def model_for_vela(model: bytes, graph: Graph) -> bytes:
    """The file that Vela is given: the model's own, unless it holds something that Vela cannot compile.

    Raises:
        ModelError: see ``misread.check_for_vela``.
    """
    check_for_vela(graph)
    replaced = without_wide_strides(graph)
    return model if replaced is graph else write_model(replaced)


def without_wide_strides(graph: Graph) -> Graph:
    """The same graph, or where it has such convolutions, one that computes the same, bit for bit."""
    tensors = list(graph.tensors)
    operators: list[Operator] = []
    for operator in graph.operators:
        pad = _padding(graph, operator)
        if pad is None:
            operators.append(operator)
        else:
            operators = [one for one in operators if one.index != pad.index]
            operators += _columns(tensors, pad, operator)
    if len(tensors) == len(graph.tensors):
        return graph
    numbered = tuple(replace(operator, index=index) for index, operator in enumerate(operators))
    return replace(graph, tensors=tuple(tensors), operators=numbered)


def _padding(graph: Graph, operator: Operator) -> Operator | None:
    """The PAD before a convolution, where both are to be replaced."""
    if operator.kind != "CONV_2D" or operator.options["padding"] != "VALID":
        return None
    stride = integer(operator, "stride_w")
    source = operator.inputs[0]
    weights = graph.tensors[operator.inputs[1]].data
    pad = next((one for one in graph.operators if one.kind == "PAD" and source in one.outputs), None)
    dilated = integer(operator, "dilation_w_factor") != 1
    if pad is None or stride <= _MAX_STRIDE or weights is None or dilated:
        return None
    sole = source not in graph.outputs and sum(source in one.inputs for one in graph.operators) == 1
    pads = graph.tensors[pad.inputs[1]].data
    width = graph.tensors[pad.inputs[0]].shape[2]
    if not sole or pads is None or width % stride or np.any(np.asarray(pads, np.int64)[2] % stride):
        return None
    return pad


def _columns(tensors: list[Tensor], pad: Operator, conv: Operator) -> list[Operator]:
    """The operators in place of both; adds their tensors."""
    stride = integer(conv, "stride_w")
    source, padded = tensors[pad.inputs[0]], tensors[conv.inputs[0]]
    amounts = np.array(tensors[pad.inputs[1]].data, np.int64)
    amounts[2] //= stride
    batch, height, width, channels = source.shape
    folded_shape = (batch, height, width // stride, channels * stride)
    folded = _add(tensors, replace(source, name=f"{source.name}_columns", shape=folded_shape))
    shape = _add(tensors, _constant(f"{source.name}_shape", np.array(folded_shape, np.int32)))
    pads = _add(tensors, _constant(f"{padded.name}_pads", amounts.astype(np.int32)))
    grown = np.array(folded_shape) + amounts.sum(axis=1)
    wide_shape = tuple(int(size) for size in grown)
    wide = _add(tensors, replace(padded, name=f"{padded.name}_columns", shape=wide_shape))
    weights = _add(tensors, _folded_weights(tensors[conv.inputs[1]], stride))
    return [
        Operator(-1, "RESHAPE", (source.index, shape), (folded,), {"new_shape": folded_shape}),
        replace(pad, inputs=(folded, pads), outputs=(wide,)),
        replace(conv, inputs=(wide, weights, *conv.inputs[2:]), options={**conv.options, "stride_w": 1}),
    ]


def _folded_weights(weights: Tensor, stride: int) -> Tensor:
    assert weights.data is not None
    outputs, high, wide, channels = weights.shape
    missing = -wide % stride
    filled = np.pad(weights.data, ((0, 0), (0, 0), (0, missing), (0, 0)))
    data = filled.reshape(outputs, high, (wide + missing) // stride, stride * channels)
    return replace(weights, name=f"{weights.name}_columns", shape=data.shape, data=data)


def _constant(name: str, data: npt.NDArray[np.int32]) -> Tensor:
    return Tensor(-1, name, data.shape, DataType.INT32, data=data)


def _add(tensors: list[Tensor], tensor: Tensor) -> int:
    tensors.append(replace(tensor, index=len(tensors)))
    return len(tensors) - 1
