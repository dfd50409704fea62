"""Counting multiply-accumulates, the usual measure of how much work a network is."""

from __future__ import annotations

from math import prod

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.graph.shapes import output_shapes

# For each kind of operator with weights, the axes of these that one output element is a sum over.
_SUMMED = {
    "CONV_2D": slice(1, 4),
    "DEPTHWISE_CONV_2D": slice(1, 3),
    "FULLY_CONNECTED": slice(1, 2),
}


def operator_macs(graph: Graph, operator: Operator) -> int | None:
    """Multiply-accumulates of one operator, or None where its tensors do not fit together.

    One for each output element and weight that it is made from, where taps that fall on the padding count
    too. The bias, requantisation, and operators without weights (pooling, SOFTMAX) count none. The output's
    shape is what inputs and options imply, whatever the file states.
    """
    summed = _SUMMED.get(operator.kind)
    if summed is None:
        return 0
    inputs = [graph.tensors[index] if index >= 0 else None for index in operator.inputs]
    try:
        shapes = output_shapes(operator.kind, inputs, operator.options)
    except ModelError:
        return None
    assert shapes is not None
    return prod(shapes[0]) * prod(graph.tensors[operator.inputs[1]].shape[summed])
