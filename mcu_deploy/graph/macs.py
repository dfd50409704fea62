"""Counting multiply-accumulates, the usual measure of how much work a network is."""

from __future__ import annotations

from math import prod

from mcu_deploy.graph.ir import Graph, Operator


def operator_macs(graph: Graph, operator: Operator) -> int:
    """Multiply-accumulates of one operator of a graph that has passed ``checks.check``.

    One for each output element and weight that it is made from, where taps that fall on the padding count
    too. The bias, requantisation, and operators without weights (pooling, SOFTMAX) count none.
    """
    output = graph.tensors[operator.outputs[0]]
    match operator.kind:
        case "CONV_2D":
            return output.elements * prod(graph.tensors[operator.inputs[1]].shape[1:])
        case "DEPTHWISE_CONV_2D":
            return output.elements * prod(graph.tensors[operator.inputs[1]].shape[1:3])
        case "FULLY_CONNECTED":
            return output.elements * graph.tensors[operator.inputs[1]].shape[-1]
    return 0


def graph_macs(graph: Graph) -> int:
    """Multiply-accumulates of one inference."""
    return sum(operator_macs(graph, operator) for operator in graph.operators)
