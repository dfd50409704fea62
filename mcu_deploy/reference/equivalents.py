"""Operators of TFLite that TFLite Micro has no int8 kernel for, written with those that it has.

    NEG(x)           0 - x, by SUB
    RELU_N1_TO_1(x)  QUANTIZE to the output's scale, then MAXIMUM and MINIMUM with the bounds, as in TFLite

The rewritten graph has the same tensors under the same indices, and more behind them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mcu_deploy.graph.ir import DataType, Graph, Operator, Quantization, Tensor
from mcu_deploy.graph.schema import default_options
from mcu_deploy.plan.arithmetic import activation_range

KINDS = ("NEG", "RELU_N1_TO_1")


def for_tflm(graph: Graph) -> Graph:
    """The same graph with equivalents in place of ``KINDS``; itself where it has none of them."""
    if not any(_is_rewritten(graph, operator) for operator in graph.operators):
        return graph
    rewriting = _Rewriting(graph)
    for operator in graph.operators:
        if not _is_rewritten(graph, operator):
            rewriting.keep(operator)
        elif operator.kind == "NEG":
            rewriting.negative(operator)
        else:
            rewriting.limited(operator)
    return replace(graph, tensors=tuple(rewriting.tensors), operators=tuple(rewriting.operators))


def _is_rewritten(graph: Graph, operator: Operator) -> bool:
    ends = (*operator.inputs, *operator.outputs)
    return operator.kind in KINDS and all(
        graph.tensors[index].dtype is DataType.INT8 and graph.tensors[index].quantization for index in ends
    )


class _Rewriting:
    """Tensors and operators of the new graph."""

    def __init__(self, graph: Graph) -> None:
        self.tensors: list[Tensor] = list(graph.tensors)
        self.operators: list[Operator] = []

    def negative(self, operator: Operator) -> None:
        source = self.tensors[operator.inputs[0]]
        zero = self.constant(source.quantization, _zero_point(source.quantization))
        self.add("SUB", (zero, source.index), operator.outputs[0])

    def limited(self, operator: Operator) -> None:
        result = self.tensors[operator.outputs[0]]
        quantization = result.quantization
        assert quantization is not None
        scale = np.float32(quantization.scale[0])
        bounds = activation_range("RELU_N1_TO_1", scale, _zero_point(quantization))
        low, high = (self.constant(quantization, bound) for bound in bounds)
        rescaled, raised = self.tensor(result), self.tensor(result)
        self.add("QUANTIZE", (operator.inputs[0],), rescaled)
        self.add("MAXIMUM", (rescaled, low), raised)
        self.add("MINIMUM", (raised, high), result.index)

    def tensor(self, like: Tensor) -> int:
        index = len(self.tensors)
        self.tensors.append(replace(like, index=index, name=f"equivalent_{index}"))
        return index

    def constant(self, quantization: Quantization | None, value: int) -> int:
        index = len(self.tensors)
        data = np.full((1,), value, np.int8)
        self.tensors.append(Tensor(index, f"equivalent_{index}", (1,), DataType.INT8, quantization, data))
        return index

    def add(self, kind: str, inputs: tuple[int, ...], output: int) -> None:
        self.keep(Operator(0, kind, inputs, (output,), default_options(kind)))

    def keep(self, operator: Operator) -> None:
        self.operators.append(replace(operator, index=len(self.operators)))


def _zero_point(quantization: Quantization | None) -> int:
    assert quantization is not None
    return int(quantization.zero_point[0])
