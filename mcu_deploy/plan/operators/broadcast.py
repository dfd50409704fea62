"""Two inputs that broadcast, in as few dimensions as will do."""

from __future__ import annotations

from itertools import groupby
from math import prod

from mcu_deploy.graph.ir import Graph, Operator

_DIMENSIONS = 4


def broadcast(graph: Graph, operator: Operator) -> dict[str, int | str]:
    """The fields of an ``md_broadcast_t`` member named ``broadcast``."""
    first, second = (graph.tensors[index].shape for index in operator.inputs)
    sizes, *strides = merged(first, second)
    fields = zip(("size", "first", "second"), (sizes, *strides), strict=True)
    return {f"broadcast.{name}[{i}]": value for name, values in fields for i, value in enumerate(values)}


def merged(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[list[int], list[int], list[int]]:
    """Sizes of the output, and how many elements each input advances; ``_DIMENSIONS`` of each.

    Neighbouring dimensions become one where each input advances through both, or repeats in both.
    """
    rank = max(len(first), len(second))
    padded = [(1,) * (rank - len(shape)) + shape for shape in (first, second)]
    pairs = [pair for pair in zip(*padded, strict=True) if max(pair) > 1]
    groups = [list(group) for _, group in groupby(pairs, lambda pair: (pair[0] > 1, pair[1] > 1))]
    shape = [(1, 1)] * (_DIMENSIONS - len(groups))
    shape += [(prod(one for one, _ in group), prod(other for _, other in group)) for group in groups]
    sizes = [max(pair) for pair in shape]
    return sizes, _strides(sizes, [one for one, _ in shape]), _strides(sizes, [other for _, other in shape])


def _strides(sizes: list[int], shape: list[int]) -> list[int]:
    return [0 if shape[axis] < sizes[axis] else prod(shape[axis + 1 :]) for axis in range(len(shape))]
