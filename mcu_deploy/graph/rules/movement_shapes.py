"""The shapes that operators make which only move data."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.ir import DataType, Tensor
from mcu_deploy.graph.rules import moves
from mcu_deploy.graph.rules.types import Inputs, Options, Shape, ShapeRule, given, number, single

# Of what the reader takes.
MAX_RANK = 8


def _transpose(inputs: Inputs, options: Options) -> Shape:
    del options
    shape = given(inputs, 0).shape
    return tuple(shape[axis] for axis in moves.permutation(inputs))


def _concatenate(inputs: Inputs, options: Options) -> Shape:
    shapes = [given(inputs, position).shape for position in range(len(inputs))]
    axis = moves.option_axis(options, len(shapes[0]))
    rests = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    if len(rests) > 1 or len({len(shape) for shape in shapes}) > 1:
        raise ModelError(f"shapes that cannot be joined along axis {axis}: {', '.join(map(str, shapes))}")
    return (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])


def _pack(inputs: Inputs, options: Options) -> Shape:
    shapes = {given(inputs, position).shape for position in range(len(inputs))}
    if len(shapes) > 1:
        raise ModelError(f"the inputs have different shapes: {', '.join(map(str, sorted(shapes)))}")
    if number(options, "values_count") != len(inputs):
        raise ModelError(f"packs {number(options, 'values_count')} values, but has {len(inputs)} inputs")
    shape = shapes.pop()
    axis = moves.option_axis(options, len(shape) + 1)
    return (*shape[:axis], len(inputs), *shape[axis:])


def _unpack(inputs: Inputs, options: Options) -> tuple[Shape, ...]:
    shape = given(inputs, 0).shape
    axis = moves.option_axis(options, len(shape))
    if number(options, "num") != shape[axis]:
        raise ModelError(f"makes {number(options, 'num')} tensors of an axis of {shape[axis]}")
    return ((*shape[:axis], *shape[axis + 1 :]),) * shape[axis]


def _splits(kind: str) -> ShapeRule:
    def rule(inputs: Inputs, options: Options) -> tuple[Shape, ...]:
        shape = given(inputs, 1 if kind == "SPLIT" else 0).shape
        axis = moves.split_axis(inputs, kind)
        sizes = moves.split_sizes(inputs, options, kind)
        return tuple((*shape[:axis], size, *shape[axis + 1 :]) for size in sizes)

    return rule


def _expand_dims(inputs: Inputs, options: Options) -> Shape:
    del options
    shape = given(inputs, 0).shape
    axis = moves.resolved_axis(moves.one_value(inputs, 1, "axis"), len(shape) + 1)
    return (*shape[:axis], 1, *shape[axis:])


def _squeeze(inputs: Inputs, options: Options) -> Shape:
    shape = given(inputs, 0).shape
    gone = moves.squeezed_axes(shape, options)
    return tuple(size for axis, size in enumerate(shape) if axis not in gone)


def _slice(inputs: Inputs, options: Options) -> Shape:
    del options
    return tuple(taken.count for taken in moves.slice_ranges(inputs))


def _strided_slice(inputs: Inputs, options: Options) -> Shape:
    ranges = moves.strided_ranges(inputs, options)
    return tuple(ranges[axis].count for axis in moves.kept_axes(inputs, options))


def _pad(inputs: Inputs, options: Options) -> Shape:
    del options
    pairs = zip(given(inputs, 0).shape, moves.paddings(inputs), strict=True)
    return tuple(size + sum(padding) for size, padding in pairs)


def _space_to_batch(inputs: Inputs, options: Options) -> Shape:
    del options
    shape, blocks = given(inputs, 0).shape, moves.blocks(inputs, "padding")
    padded = [size + sum(margin) for size, margin in zip(shape[1:-1], blocks.margins, strict=True)]
    if any(size % block for size, block in zip(padded, blocks.sizes, strict=True)):
        raise ModelError(f"{tuple(padded)} positions do not divide into blocks of {blocks.sizes}")
    inner = [size // block for size, block in zip(padded, blocks.sizes, strict=True)]
    return (shape[0] * prod(blocks.sizes), *inner, shape[-1])


def _batch_to_space(inputs: Inputs, options: Options) -> Shape:
    del options
    shape, blocks = given(inputs, 0).shape, moves.blocks(inputs, "crops")
    batches, rest = divmod(shape[0], prod(blocks.sizes))
    sizes = [
        size * block - sum(margin)
        for size, block, margin in zip(shape[1:-1], blocks.sizes, blocks.margins, strict=True)
    ]
    if rest or any(size < 1 for size in sizes):
        raise ModelError(f"{shape} does not make blocks of {blocks.sizes} with crops {blocks.margins}")
    return (batches, *sizes, shape[-1])


def _reshape(inputs: Inputs, options: Options) -> Shape:
    values = given(inputs, 0)
    if len(inputs) > 1 and inputs[1] is not None:
        wanted = _constant_shape(inputs[1])
    else:
        stated = options["new_shape"]
        assert isinstance(stated, tuple)
        wanted = stated
    rest = prod(size for size in wanted if size != -1)
    if wanted.count(-1) == 1 and rest > 0:
        wanted = tuple(values.elements // rest if size == -1 else size for size in wanted)
    if any(size < 1 for size in wanted) or prod(wanted) != values.elements:
        raise ModelError(f"{values.elements} values do not fit into the shape {wanted}")
    return wanted


def _constant_shape(tensor: Tensor) -> Shape:
    if tensor.data is None:
        raise ModelError("the new shape is computed while the model runs")
    if tensor.dtype is not DataType.INT32 or len(tensor.shape) != 1 or tensor.elements > MAX_RANK:
        raise ModelError("the new shape is not a short vector of int32")
    return tuple(int(size) for size in tensor.data)


def _gather(inputs: Inputs, options: Options) -> Shape:
    return moves.gather(inputs, options).shape


SHAPES: Mapping[str, ShapeRule] = {
    "BATCH_TO_SPACE_ND": single(_batch_to_space),
    "CONCATENATION": single(_concatenate),
    "EXPAND_DIMS": single(_expand_dims),
    "GATHER": single(_gather),
    "PACK": single(_pack),
    "PAD": single(_pad),
    "PADV2": single(_pad),
    "RESHAPE": single(_reshape),
    "SLICE": single(_slice),
    "SPACE_TO_BATCH_ND": single(_space_to_batch),
    "SPLIT": _splits("SPLIT"),
    "SPLIT_V": _splits("SPLIT_V"),
    "SQUEEZE": single(_squeeze),
    "STRIDED_SLICE": single(_strided_slice),
    "TRANSPOSE": single(_transpose),
    "UNPACK": _unpack,
}
