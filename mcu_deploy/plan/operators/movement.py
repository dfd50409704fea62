"""Operators that only move data: each is a list of parts that are copied.

From the parts follows what needs no step: an output that is one run of bytes of an input lies there, and
inputs that are each one run of the output can be made there.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mcu_deploy.graph.ir import Graph, Operator, Tensor
from mcu_deploy.graph.rules import moves
from mcu_deploy.plan.operators import gather
from mcu_deploy.plan.operators.copies import Part, part, raw, strides
from mcu_deploy.plan.operators.types import JoinRule, Kernel, Lowered, ViewRule, portable
from mcu_deploy.plan.types import Constant, View

# Where a tensor may begin inside of another one: what kernels that read whole words may rely on.
VIEW_ALIGNMENT = 4


@dataclass(frozen=True)
class Move:
    """What an operator copies.

    Attributes:
        sources: the tensors that parts are read from.
        parts: what is written to the outputs.
        fill: the element that the rest of the only output has, or None where the parts cover all.
    """

    sources: tuple[int, ...]
    parts: tuple[Part, ...]
    fill: npt.NDArray[np.generic] | None = None


def move(graph: Graph, operator: Operator) -> Move:
    """What an operator of this family copies."""
    return _MOVES[operator.kind](graph, operator)


def _operands(graph: Graph, operator: Operator) -> list[Tensor | None]:
    return [graph.tensors[index] if index >= 0 else None for index in operator.inputs]


def _all(graph: Graph, operator: Operator) -> Move:
    """The same bytes."""
    source = graph.tensors[operator.inputs[0]]
    return Move(operator.inputs[:1], (Part(0, 0, 0, 0, (), source.bytes),))


def _transpose(graph: Graph, operator: Operator) -> Move:
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    element = source.dtype.bytes
    steps = strides(source.shape, element)
    moved = [steps[axis] for axis in moves.permutation(_operands(graph, operator))]
    return Move(
        operator.inputs[:1],
        (part((0, 0), (0, 0), result.shape, moved, strides(result.shape, element), element),),
    )


def _taken(graph: Graph, operator: Operator, ranges: Sequence[moves.Range]) -> Move:
    """Some positions of each axis."""
    source = graph.tensors[operator.inputs[0]]
    element = source.dtype.bytes
    steps = strides(source.shape, element)
    counts = [taken.count for taken in ranges]
    offset = sum(taken.start * step for taken, step in zip(ranges, steps, strict=True))
    moved = [taken.step * step for taken, step in zip(ranges, steps, strict=True)]
    return Move(
        operator.inputs[:1],
        (part((0, 0), (offset, 0), counts, moved, strides(counts, element), element),),
    )


def _slice(graph: Graph, operator: Operator) -> Move:
    return _taken(graph, operator, moves.slice_ranges(_operands(graph, operator)))


def _strided_slice(graph: Graph, operator: Operator) -> Move:
    return _taken(graph, operator, moves.strided_ranges(_operands(graph, operator), operator.options))


def _along(whole: Sequence[int], axis: int, sizes: Sequence[int], element: int, joins: bool) -> list[Part]:
    """The parts of a tensor along an axis, joined to it or split from it."""
    outer = strides(whole, element)
    start = 0
    found = []
    for number, size in enumerate(sizes):
        shape = (*whole[:axis], size, *whole[axis + 1 :])
        own, offset = strides(shape, element), start * outer[axis]
        if joins:
            found.append(part((number, 0), (0, offset), shape, own, outer, element))
        else:
            found.append(part((0, number), (offset, 0), shape, outer, own, element))
        start += size
    return found


def _concatenation(graph: Graph, operator: Operator) -> Move:
    result = graph.tensors[operator.outputs[0]]
    axis = moves.option_axis(operator.options, len(result.shape))
    sizes = [graph.tensors[index].shape[axis] for index in operator.inputs]
    return Move(operator.inputs, tuple(_along(result.shape, axis, sizes, result.dtype.bytes, joins=True)))


def _pack(graph: Graph, operator: Operator) -> Move:
    result = graph.tensors[operator.outputs[0]]
    axis = moves.option_axis(operator.options, len(result.shape))
    sizes = [1] * len(operator.inputs)
    return Move(operator.inputs, tuple(_along(result.shape, axis, sizes, result.dtype.bytes, joins=True)))


def _unpack(graph: Graph, operator: Operator) -> Move:
    source = graph.tensors[operator.inputs[0]]
    axis = moves.option_axis(operator.options, len(source.shape))
    sizes = [1] * len(operator.outputs)
    return Move(operator.inputs, tuple(_along(source.shape, axis, sizes, source.dtype.bytes, joins=False)))


def _split(graph: Graph, operator: Operator) -> Move:
    position = 1 if operator.kind == "SPLIT" else 0
    index = operator.inputs[position]
    source, operands = graph.tensors[index], _operands(graph, operator)
    axis = moves.split_axis(operands, operator.kind)
    sizes = moves.split_sizes(operands, operator.options, operator.kind)
    return Move((index,), tuple(_along(source.shape, axis, sizes, source.dtype.bytes, joins=False)))


def _pad(graph: Graph, operator: Operator) -> Move:
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    element = source.dtype.bytes
    padding = moves.paddings(_operands(graph, operator))
    steps = strides(result.shape, element)
    offset = sum(before * step for (before, _), step in zip(padding, steps, strict=True))
    inside = part((0, 0), (0, offset), source.shape, strides(source.shape, element), steps, element)
    return Move(operator.inputs[:1], (inside,), pad_value(graph, operator) if np.any(padding) else None)


def pad_value(graph: Graph, operator: Operator) -> npt.NDArray[np.generic]:
    """The element that a PAD or PADV2 pads with: 0, which int8 expresses as the zero point."""
    if len(operator.inputs) > 2:
        value = graph.tensors[operator.inputs[2]].data
        assert value is not None
        return value.reshape(-1)[:1]
    result = graph.tensors[operator.outputs[0]]
    zero = 0
    if result.dtype.value == "int8" and result.quantization is not None:
        zero = int(result.quantization.zero_point[0])
    return np.array([zero], result.dtype.numpy)


def _block_parts(batches: Tensor, space: Tensor, blocks: moves.Blocks) -> list[tuple[Part, Part]]:
    """For each position in a block, the part of ``space`` that makes batches: as a copy there, and back."""
    element = space.dtype.bytes
    outer, inner = strides(space.shape, element), strides(batches.shape, element)
    found = []
    for number, position in enumerate(itertools.product(*map(range, blocks.sizes))):
        counts, from_space, to_batches = [space.shape[0]], 0, number * space.shape[0] * inner[0]
        for axis, (at, size, margin) in enumerate(
            zip(position, blocks.sizes, blocks.margins, strict=True), start=1
        ):
            # Batch position i is space position i * size + at - margin before.
            first = max(0, -(-(margin[0] - at) // size))
            last = min(batches.shape[axis] - 1, (space.shape[axis] - 1 + margin[0] - at) // size)
            counts.append(last - first + 1)
            from_space += (first * size + at - margin[0]) * outer[axis]
            to_batches += first * inner[axis]
        if min(counts) < 1:
            continue
        counts.append(space.shape[-1])
        stepped = (outer[0], *(s * b for s, b in zip(outer[1:-1], blocks.sizes, strict=True)), outer[-1])
        found.append(
            (
                part((0, 0), (from_space, to_batches), counts, stepped, inner, element),
                part((0, 0), (to_batches, from_space), counts, inner, stepped, element),
            )
        )
    return found


def _space_to_batch(graph: Graph, operator: Operator) -> Move:
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    blocks = moves.blocks(_operands(graph, operator), "padding")
    parts = tuple(there for there, _ in _block_parts(result, source, blocks))
    # TFLM does not set the value that it pads with: 0, whatever the zero point is.
    fill = np.zeros(1, source.dtype.numpy) if np.any(blocks.margins) else None
    return Move(operator.inputs[:1], parts, fill)


def _batch_to_space(graph: Graph, operator: Operator) -> Move:
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    blocks = moves.blocks(_operands(graph, operator), "crops")
    return Move(operator.inputs[:1], tuple(back for _, back in _block_parts(source, result, blocks)))


_MOVES: Mapping[str, Callable[[Graph, Operator], Move]] = {
    "BATCH_TO_SPACE_ND": _batch_to_space,
    "CONCATENATION": _concatenation,
    "EXPAND_DIMS": _all,
    "PACK": _pack,
    "PAD": _pad,
    "PADV2": _pad,
    "RESHAPE": _all,
    "SLICE": _slice,
    "SPACE_TO_BATCH_ND": _space_to_batch,
    "SPLIT": _split,
    "SPLIT_V": _split,
    "SQUEEZE": _all,
    "STRIDED_SLICE": _strided_slice,
    "TRANSPOSE": _transpose,
    "UNPACK": _unpack,
}


def lower_copy(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """An operator that only moves data for ``md_copy_raw``."""
    wanted = move(graph, operator)
    table = Constant(f"{prefix}_parts", np.array([one.row() for one in wanted.parts], np.int32).reshape(-1))
    result = graph.tensors[operator.outputs[0]]
    fill = 0
    if wanted.fill is not None:
        fill = int.from_bytes(wanted.fill.tobytes() * (4 // wanted.fill.itemsize), "little")
    constants = {
        index: Constant(f"{prefix}_input{index}", raw(data), index)
        for index in wanted.sources
        if (data := graph.tensors[index].data) is not None
    }
    return Lowered(
        {
            "parts": table.name,
            "part_count": len(wanted.parts),
            "fill_bytes": 0 if wanted.fill is None else result.bytes,
            "fill": fill,
        },
        (table, *constants.values()),
        arguments=tuple(constants[one].name if one in constants else one for one in wanted.sources),
    )


def views(graph: Graph, operator: Operator) -> tuple[View, ...] | None:
    """Where the outputs lie in the inputs, if each is one run of bytes that begins at a whole word."""
    wanted = move(graph, operator)
    if wanted.fill is not None or len(wanted.parts) != len(operator.outputs):
        return None
    found = []
    for one in wanted.parts:
        source, result = wanted.sources[one.source], graph.tensors[operator.outputs[one.target]]
        aligned = one.source_offset % max(VIEW_ALIGNMENT, result.dtype.bytes) == 0
        if graph.tensors[source].data is not None or one.run != result.bytes or not aligned:
            return None
        found.append(View(source, one.source_offset))
    return tuple(found)


def joins(graph: Graph, operator: Operator) -> tuple[int, ...] | None:
    """Where the inputs lie in the output, if each is one run of bytes that begins at a whole word."""
    wanted = move(graph, operator)
    for one in wanted.parts:
        source = graph.tensors[wanted.sources[one.source]]
        aligned = one.target_offset % max(VIEW_ALIGNMENT, source.dtype.bytes) == 0
        if source.data is not None or one.run != source.bytes or not aligned:
            return None
    return tuple(one.target_offset for one in wanted.parts)


_COPY = portable(
    "md_copy", "copied part by part", lower_copy, types="raw", input_array=True, output_array=True
)

KERNELS: Mapping[str, tuple[Kernel, ...]] = {**dict.fromkeys(_MOVES, (_COPY,)), **gather.KERNELS}

VIEWS: Mapping[str, ViewRule] = dict.fromkeys(_MOVES, views)

JOINS: Mapping[str, JoinRule] = dict.fromkeys(("CONCATENATION", "PACK"), joins)
