"""How far a kernel's output must begin before an input that it may overwrite.

A kernel that makes its output in the order of memory, and never reads behind what it has read, can have the
output lie in the same memory as an input that nothing needs afterwards: the output begins some bytes before
the input, so that each value is written where everything has been read. A kernel works in units (an element,
a pixel, two rows). The distance is the largest, over all units, of the bytes that are written at the unit's
end minus the first input byte that is still to be read then. It states what the C code does: who changes a
loop must change it, and ``tests/operators/test_overlap.py`` holds each against the kernel itself.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mcu_deploy.graph.ir import DataType, Graph, Operator
from mcu_deploy.plan.operators.types import Distances, Overlap
from mcu_deploy.plan.operators.window import Window

_Positions = npt.NDArray[np.int64]


def distance(reads: _Positions, writes: _Positions, reads_first: bool) -> int:
    """The distance for one input.

    Args:
        reads: for each unit, the first byte that it reads.
        writes: for each unit, the bytes that are written at its end.
        reads_first: a unit has read everything before it writes anything.
    """
    needed = np.minimum.accumulate(reads[::-1])[::-1]
    if reads_first:
        needed, writes = needed[1:], writes[:-1]
    return int(np.max(writes - needed, initial=0))


def elementwise(graph: Graph, operator: Operator) -> Distances:
    """For a kernel that makes one element of one element of each input, or of one that is broadcast.

    Only an input that has an element for each of the output's can be overwritten.
    """
    result = graph.tensors[operator.outputs[0]]
    distances: dict[int, int] = {}
    for index in operator.inputs:
        source = graph.tensors[index]
        if (
            source.data is None
            and source.elements == result.elements
            and _may_alias(source.dtype, result.dtype)
        ):
            growth = result.dtype.bytes - source.dtype.bytes
            distances[index] = max(0, growth * (result.elements - 1))
    return distances


def _may_alias(one: DataType, other: DataType) -> bool:
    """Whether C lets a pointer to one type point into memory that is written as the other."""
    return one is other or DataType.INT8 in (one, other)


def rows(block: int, reads_first: bool = False) -> Overlap:
    """For a matrix product that makes ``block`` rows at a time.

    Args:
        block: rows of a unit.
        reads_first: see ``distance``; else it reads them until the last of them is made.
    """

    def overlap(graph: Graph, operator: Operator) -> Distances:
        source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
        count = result.elements // graph.tensors[operator.inputs[1]].shape[0]
        first = np.arange(0, count, block, dtype=np.int64)
        last = np.minimum(first + block, count)
        reads, writes = first * (source.bytes // count), last * (result.bytes // count)
        return {operator.inputs[0]: distance(reads, writes, reads_first)}

    return overlap


def windows(
    sliding: Callable[[Graph, Operator], Window],
    block: int = 1,
    by_line: bool = True,
    reads_first: bool = True,
) -> Overlap:
    """For a window that slides over an NHWC image.

    A kernel that reads a pixel's window channel by channel, and writes each behind what it reads of the same
    channel, counts as one that reads first: what later channels read lies behind, too.

    Args:
        sliding: the operator's window.
        block: output pixels of a unit.
        by_line: a unit ends with its line; else it goes on in the next line or batch.
        reads_first: see ``distance``.
    """

    def overlap(graph: Graph, operator: Operator) -> Distances:
        source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
        pixels = _first_pixels(sliding(graph, operator), source.shape[0])
        width = pixels.shape[2] if by_line else pixels.size
        lines = pixels.reshape(-1, width)
        starts = np.arange(0, width, block)
        ends = np.minimum(starts + block, width)
        reads = np.minimum.reduceat(lines, starts, axis=1)
        writes = np.arange(len(lines), dtype=np.int64)[:, None] * width + ends
        far = distance(
            reads.reshape(-1) * (source.shape[3] * source.dtype.bytes),
            writes.reshape(-1) * (result.shape[3] * result.dtype.bytes),
            reads_first,
        )
        return {operator.inputs[0]: far}

    return overlap


def _first_pixels(sliding: Window, batches: int) -> _Positions:
    """For each output pixel, as (batch, y, x), the first input pixel of its window that is inside."""
    height, width = sliding.input
    y, x = (_first_inside(sliding, axis) for axis in (0, 1))
    batch = np.arange(batches, dtype=np.int64) * (height * width)
    return batch[:, None, None] + y[:, None] * width + x


def _first_inside(sliding: Window, axis: int) -> _Positions:
    """For each output position along an axis, the first of the window that is not before the input."""
    starts = np.arange(sliding.output[axis], dtype=np.int64) * sliding.stride[axis] - sliding.pad[axis]
    step = sliding.dilation[axis]
    return np.where(starts < 0, starts % step, starts)
