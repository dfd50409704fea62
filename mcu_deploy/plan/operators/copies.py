"""Parts of tensors that are copied from place to place, in bytes, with as few axes as will do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# See md_copy_raw.h.
MAX_AXES = 5


@dataclass(frozen=True)
class Axis:
    """Positions along an axis, and the bytes from one to the next on either side."""

    count: int
    source_stride: int
    target_stride: int


@dataclass(frozen=True)
class Part:
    """``run`` bytes are copied for every combination of positions along the axes.

    Attributes:
        source, target: which of the tensors that are read and written.
        source_offset, target_offset: of the first run.
        axes: from the outermost to the innermost; none of one position, no two that could be one.
        run: bytes that lie together on both sides.
    """

    source: int
    target: int
    source_offset: int
    target_offset: int
    axes: tuple[Axis, ...]
    run: int

    def row(self) -> list[int]:
        """A row of the table of ``md_copy_raw``."""
        axes = [Axis(1, 0, 0)] * (MAX_AXES - len(self.axes)) + list(self.axes)
        numbers = [self.source, self.target, self.source_offset, self.target_offset, self.run]
        return numbers + [
            number for axis in axes for number in (axis.count, axis.source_stride, axis.target_stride)
        ]


def strides(shape: Sequence[int], element: int) -> tuple[int, ...]:
    """For each axis of a tensor, the bytes from one position to the next."""
    found = [element]
    for size in reversed(shape[1:]):
        found.append(found[-1] * size)
    return tuple(reversed(found))[: len(shape)] if shape else ()


def merged(axes: Sequence[Axis], element: int) -> tuple[tuple[Axis, ...], int]:
    """The same copies with as few axes as will do, and the bytes of a run."""
    run = element
    kept: list[Axis] = []
    for axis in reversed([axis for axis in axes if axis.count > 1]):
        if not kept and axis.source_stride == axis.target_stride == run:
            run *= axis.count
        elif kept and (axis.source_stride, axis.target_stride) == (
            kept[-1].count * kept[-1].source_stride,
            kept[-1].count * kept[-1].target_stride,
        ):
            inner = kept.pop()
            kept.append(Axis(axis.count * inner.count, inner.source_stride, inner.target_stride))
        else:
            kept.append(axis)
    return tuple(reversed(kept)), run


def part(
    numbers: tuple[int, int],
    offsets: tuple[int, int],
    counts: Sequence[int],
    source_strides: Sequence[int],
    target_strides: Sequence[int],
    element: int,
) -> Part:
    """A part that is ``counts`` elements large.

    Args:
        numbers: which source and which target.
        offsets: in source and target, in bytes.
        counts: positions along each axis, with their strides in bytes on either side.
        element: bytes of an element.
    """
    axes = [Axis(*one) for one in zip(counts, source_strides, target_strides, strict=True)]
    kept, run = merged(axes, element)
    return Part(*numbers, *offsets, kept, run)


def raw(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """The bytes of a constant as integers of its element's size, at most 32 bits."""
    flat = np.ascontiguousarray(values).reshape(-1)
    return flat.view({1: np.int8, 2: np.int16}.get(flat.itemsize, np.int32))
