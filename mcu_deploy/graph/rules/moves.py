"""What the constant operands of the operators that only move data say, checked against the shapes.

A ``ModelError`` says in a phrase what is wrong with them, as from a ``ShapeRule``. Where TFLM would take an
operand as something else than its author meant, it is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.rules.types import Inputs, Options, Shape, given, number


@dataclass(frozen=True)
class Range:
    """The positions ``start``, ``start + step``, ... along an axis, ``count`` of them, all inside of it."""

    start: int
    step: int
    count: int


@dataclass(frozen=True)
class Blocks:
    """How SPACE_TO_BATCH_ND or BATCH_TO_SPACE_ND divides the axes after the first.

    Attributes:
        sizes: of a block, an axis each.
        margins: before and after each of these axes: padding, or what is cropped.
    """

    sizes: tuple[int, ...]
    margins: tuple[tuple[int, int], ...]


def values(inputs: Inputs, position: int, what: str) -> tuple[int, ...]:
    """The elements of a constant integer operand."""
    tensor = given(inputs, position)
    if tensor.data is None:
        raise ModelError(f"the {what} is computed while the model runs")
    return tuple(int(value) for value in tensor.data.reshape(-1))


def one_value(inputs: Inputs, position: int, what: str) -> int:
    """The only element of a constant integer operand."""
    found = values(inputs, position, what)
    if len(found) != 1:
        raise ModelError(f"the {what} has {len(found)} elements instead of 1")
    return found[0]


def resolved_axis(axis: int, rank: int) -> int:
    """An axis, counted from the end where it is negative, of so many."""
    if not -rank <= axis < rank:
        raise ModelError(f"there is no axis {axis} among {rank}")
    return axis % rank


def option_axis(options: Options, rank: int) -> int:
    """The option ``axis``."""
    return resolved_axis(number(options, "axis"), rank)


def _vector(inputs: Inputs, position: int, what: str, length: int) -> tuple[int, ...]:
    found = values(inputs, position, what)
    if len(found) != length:
        raise ModelError(f"the {what} has {len(found)} elements instead of {length}")
    return found


def permutation(inputs: Inputs) -> tuple[int, ...]:
    """For each axis of the output of a TRANSPOSE, the input's."""
    rank = len(given(inputs, 0).shape)
    axes = _vector(inputs, 1, "permutation", rank)
    if sorted(axes) != list(range(rank)):
        raise ModelError(f"{axes} is not a permutation of {rank} axes")
    return axes


def paddings(inputs: Inputs) -> tuple[tuple[int, int], ...]:
    """For each axis of a PAD or PADV2, the padding before and after."""
    rank = len(given(inputs, 0).shape)
    return _pairs(_vector(inputs, 1, "padding", 2 * rank), "padding")


def _pairs(found: Sequence[int], what: str) -> tuple[tuple[int, int], ...]:
    if any(value < 0 for value in found):
        raise ModelError(f"the {what} is negative: {tuple(found)}")
    return tuple(zip(found[::2], found[1::2], strict=True))


def slice_ranges(inputs: Inputs) -> tuple[Range, ...]:
    """For each axis, what a SLICE takes."""
    shape = given(inputs, 0).shape
    begin = _vector(inputs, 1, "begin", len(shape))
    sizes = _vector(inputs, 2, "size", len(shape))
    ranges = []
    for axis, (size, start, count) in enumerate(zip(shape, begin, sizes, strict=True)):
        taken = size - start if count == -1 else count
        if start < 0 or taken < 1 or start + taken > size:
            raise ModelError(f"takes {taken} positions from {start} of axis {axis}, which has {size}")
        ranges.append(Range(start, 1, taken))
    return tuple(ranges)


def strided_ranges(inputs: Inputs, options: Options) -> tuple[Range, ...]:
    """For each axis of the input, what a STRIDED_SLICE takes."""
    shape = given(inputs, 0).shape
    operands = [
        _vector(inputs, position, what, len(shape))
        for position, what in ((1, "begin"), (2, "end"), (3, "strides"))
    ]
    for name in ("ellipsis_mask", "new_axis_mask", "offset"):
        if options[name]:
            raise ModelError(f"has the option {name}, which TFLM ignores")
    return tuple(
        _strided_range(axis, size, (begin, end, step), options)
        for axis, (size, begin, end, step) in enumerate(zip(shape, *operands, strict=True))
    )


def _strided_range(axis: int, size: int, given_range: tuple[int, int, int], options: Options) -> Range:
    begin, end, step = given_range
    if step == 0:
        raise ModelError(f"the stride of axis {axis} is 0")

    def has(mask: str) -> bool:
        return bool(number(options, mask) >> axis & 1)

    wanted = slice(None if has("begin_mask") else begin, None if has("end_mask") else end, step)
    start, stop, _ = wanted.indices(size)
    if has("shrink_axis_mask"):
        if step < 0:
            raise ModelError(f"takes one position of axis {axis} with a negative stride")
        if not 0 <= start < size or begin < -size:
            raise ModelError(f"takes position {begin} of axis {axis}, which has {size}")
        return Range(start, step, 1)
    count = len(range(start, stop, step))
    if count == 0:
        raise ModelError(f"takes no position of axis {axis}: from {begin} to {end} in steps of {step}")
    return Range(start, step, count)


def kept_axes(inputs: Inputs, options: Options) -> tuple[int, ...]:
    """The axes of its input that the output of a STRIDED_SLICE has."""
    shrunk = number(options, "shrink_axis_mask")
    return tuple(axis for axis in range(len(given(inputs, 0).shape)) if not shrunk >> axis & 1)


def blocks(inputs: Inputs, what: str) -> Blocks:
    """The blocks of a SPACE_TO_BATCH_ND or BATCH_TO_SPACE_ND, and its ``what``: padding or crops."""
    axes = len(given(inputs, 0).shape) - 2
    sizes = _vector(inputs, 1, "block shape", axes)
    if any(size < 1 for size in sizes):
        raise ModelError(f"the block shape is {sizes}")
    return Blocks(sizes, _pairs(_vector(inputs, 2, what, 2 * axes), what))


def split_axis(inputs: Inputs, kind: str) -> int:
    """The axis of a SPLIT or SPLIT_V."""
    source, position = (given(inputs, 1), 0) if kind == "SPLIT" else (given(inputs, 0), 2)
    return resolved_axis(one_value(inputs, position, "axis"), len(source.shape))


def split_sizes(inputs: Inputs, options: Options, kind: str) -> tuple[int, ...]:
    """How many positions of the axis each output of a SPLIT or SPLIT_V gets."""
    count = number(options, "num_splits")
    if kind == "SPLIT":
        size = given(inputs, 1).shape[split_axis(inputs, kind)]
        if count < 1 or size % count:
            raise ModelError(f"{size} positions do not divide into {count} parts")
        return (size // count,) * count
    size = given(inputs, 0).shape[split_axis(inputs, kind)]
    sizes = _vector(inputs, 1, "list of sizes", count)
    if sizes.count(-1) == 1:
        rest = size - sum(one for one in sizes if one != -1)
        sizes = tuple(rest if one == -1 else one for one in sizes)
    if any(one < 1 for one in sizes) or sum(sizes) != size:
        raise ModelError(f"{size} positions do not divide into parts of {sizes}")
    return sizes


def squeezed_axes(shape: Shape, options: Options) -> tuple[int, ...]:
    """The axes that a SQUEEZE takes away: those named, or else all of size 1."""
    named = options["squeeze_dims"]
    assert isinstance(named, tuple)
    axes = {resolved_axis(axis, len(shape)) for axis in named}
    if any(shape[axis] != 1 for axis in axes):
        raise ModelError(f"takes away axes {named} of the shape {shape}, which are not all of size 1")
    return tuple(sorted(axes)) if named else tuple(axis for axis, size in enumerate(shape) if size == 1)


@dataclass(frozen=True)
class Gather:
    """A GATHER as loops: ``output[b, o, i] = input[b, o, indices[b, i]]``, each a row of ``inner`` elements.

    Attributes:
        batches, outer, size, inner: the input as four axes; ``size`` is the axis that is indexed.
        indices: of them, in each batch.
        shape: the output's.
    """

    batches: int
    outer: int
    size: int
    inner: int
    indices: int
    shape: Shape


def gather(inputs: Inputs, options: Options) -> Gather:
    """The loops of a GATHER; constant indices are inside of the axis."""
    source, indices = given(inputs, 0), given(inputs, 1)
    axis = option_axis(options, len(source.shape))
    batch_axes = number(options, "batch_dims")
    if batch_axes < 0:
        batch_axes += len(indices.shape)
    if not 0 <= batch_axes <= min(axis, len(indices.shape)):
        raise ModelError(f"{number(options, 'batch_dims')} batch axes do not lie before axis {axis}")
    if source.shape[:batch_axes] != indices.shape[:batch_axes]:
        raise ModelError(f"the batches of {source.shape} and of the indices {indices.shape} differ")
    size = source.shape[axis]
    if indices.data is not None:
        outside = [index for index in values(inputs, 1, "indices") if not 0 <= index < size]
        if outside:
            raise ModelError(f"takes position {outside[0]} of axis {axis}, which has {size}")
    return Gather(
        prod(source.shape[:batch_axes]),
        prod(source.shape[batch_axes:axis]),
        size,
        prod(source.shape[axis + 1 :]),
        prod(indices.shape[batch_axes:]),
        source.shape[:axis] + indices.shape[batch_axes:] + source.shape[axis + 1 :],
    )
