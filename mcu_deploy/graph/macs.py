"""Counting multiply-accumulates, the usual measure of how much work a network is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.graph.rules.types import Shape
from mcu_deploy.graph.shapes import output_shapes

# For each kind of operator with weights, what the shapes of its inputs and of its output come to.
_MACS: Mapping[str, Callable[[Sequence[Shape], Shape], int]] = {
    "CONV_2D": lambda inputs, output: prod(output) * prod(inputs[1][1:]),
    "DEPTHWISE_CONV_2D": lambda inputs, output: prod(output) * prod(inputs[1][1:3]),
    "FULLY_CONNECTED": lambda inputs, output: prod(output) * inputs[1][1],
    # Each filter has weights of its features and of its memory.
    "SVDF": lambda inputs, output: output[0] * (prod(inputs[1]) + prod(inputs[2])),
    "TRANSPOSE_CONV": lambda inputs, output: prod(inputs[2]) * prod(inputs[1][:3]),
    # Four gates, each of the input and of the hidden state.
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lambda inputs, output: 4 * prod(output) * (inputs[1][1] + inputs[5][1]),
}


def operator_macs(graph: Graph, operator: Operator) -> int | None:
    """Multiply-accumulates of one operator, or None where its tensors do not fit together.

    One for each output element and weight that it is made from, where taps that fall on the padding count
    too; for TRANSPOSE_CONV, one for each input element and weight. The bias, requantisation, and operators
    without weights (pooling, SOFTMAX) count none. The output's shape is what inputs and options imply,
    whatever the file states.
    """
    macs = _MACS.get(operator.kind)
    if macs is None:
        return 0
    inputs = [graph.tensors[index] if index >= 0 else None for index in operator.inputs]
    try:
        shapes = output_shapes(operator.kind, inputs, operator.options)
    except ModelError:
        return None
    assert shapes is not None
    return macs([() if tensor is None else tensor.shape for tensor in inputs], shapes[0])
