"""Building a TFLite graph from operators that think in channels first.

An ONNX value is a stored tensor and an order: the value is ``stored.transpose(order)``. A transposition costs
nothing until an operator needs a layout; and where it only moves dimensions of size 1, it is a RESHAPE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType

Array = npt.NDArray[Any]
Order = tuple[int, ...]


class Unsupported(ValueError):
    """A node that cannot be converted; the message is a phrase that follows its name."""


@dataclass(frozen=True)
class Value:
    """What a node made: a stored tensor, and the stored axis of each of the value's axes."""

    tensor: int
    order: Order


def channels_last(rank: int) -> Order:
    """The order of a value (N, C, ...) that is stored as (N, ..., C)."""
    return (0, rank - 1, *range(1, rank - 1))


class LayoutBuilder:
    """Adds float operators to a graph, and moves axes where that is needed."""

    def __init__(self, name: str) -> None:
        self.graph = GraphBuilder(name)
        self.moved: dict[tuple[int, Order], int] = {}

    def shape(self, value: Value) -> tuple[int, ...]:
        """As ONNX sees it."""
        stored = self.graph.tensors[value.tensor].shape
        return tuple(stored[axis] for axis in value.order)

    def stored(self, value: Value, order: Order | None = None) -> int:
        """The tensor of a value, stored in an order; None: as ONNX sees it."""
        wanted = tuple(range(len(value.order))) if order is None else order
        move = tuple(value.order[wanted.index(axis)] for axis in range(len(wanted)))
        if move == tuple(range(len(move))):
            return value.tensor
        key = value.tensor, move
        if key not in self.moved:
            self.moved[key] = self._move(value.tensor, move)
        return self.moved[key]

    def _move(self, tensor: int, move: Order) -> int:
        before = self.graph.tensors[tensor].shape
        shape = tuple(before[axis] for axis in move)
        kept = [axis for axis in move if before[axis] > 1]
        if kept == sorted(kept):
            return self.reshaped(tensor, shape)
        return self.add("TRANSPOSE", [tensor, self.integers(move)], shape)

    def reshaped(self, tensor: int, shape: Sequence[int]) -> int:
        """A tensor in another shape; itself where it has that."""
        if self.graph.tensors[tensor].shape == tuple(shape):
            return tensor
        return self.add("RESHAPE", [tensor, self.integers(shape)], shape, new_shape=tuple(shape))

    def add(self, kind: str, inputs: Sequence[int], shape: Sequence[int], **options: Any) -> int:
        """An operator with a float output of a shape."""
        made = self.graph.operator_with_outputs(
            kind, inputs, shapes=[shape], dtype=DataType.FLOAT32, **options
        )
        tensor = self.graph.tensors[made[0]]
        self.graph.tensors[made[0]] = replace(tensor, quantization=None)
        return made[0]

    def integers(self, values: Sequence[int] | Array) -> int:
        """A constant of int32."""
        return self.graph.constant(np.asarray(values, np.int32))

    def floats(self, values: Array) -> int:
        """A constant of float32."""
        return self.graph.constant(np.ascontiguousarray(values, np.float32))

    def fuse(self, tensor: int, activation: str) -> bool:
        """Makes an activation part of the operator that made the tensor, which nothing else reads."""
        operator = self.graph.operators[-1]
        options = dict(operator.options)
        fused = "fused_activation_function"
        if operator.outputs != (tensor,) or options.get(fused) != "NONE" or operator.kind == "MAX_POOL_2D":
            return False
        self.graph.operators[-1] = replace(operator, options={**options, fused: activation})
        return True
