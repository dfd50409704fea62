"""Packing of weights for the Helium kernels of CONV_2D and FULLY_CONNECTED."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
import numpy.typing as npt

from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.plan.arithmetic import INT32_MAX
from mcu_deploy.plan.operators.filters import Filters, filter_data, fold
from mcu_deploy.plan.operators.types import Lowered, zero_point
from mcu_deploy.plan.operators.window import Window, convolution_window
from mcu_deploy.plan.types import Constant

# These repeat md_helium_matmul_s8.h.
MATMUL_CHANNELS = 4
MATMUL_LANES = 16
# Of md_helium_conv2d_s8: at most so many windows at a time, in so many bytes unless two need more.
CONV2D_WINDOWS = 16
CONV2D_BYTES = 256
# Bytes of a window that lie side by side, up to which loads with an offset a lane are cheaper than a copy.
SHORT_PIECE = 32


def _blocks(values: npt.ArrayLike, dtype: str) -> npt.NDArray[np.int8]:
    """The bytes of one value a channel, four channels a row."""
    return np.asarray(values, dtype).reshape(-1, MATMUL_CHANNELS).view(np.int8)


def _block_order(channels: int) -> npt.NDArray[np.intp]:
    """Which channel each lane of each block holds; ``channels`` and above where none is left.

    Of eight channels a block has the even ones, the next block the odd ones; four at the end are alone.
    """
    first = np.arange(0, channels - MATMUL_CHANNELS, 2 * MATMUL_CHANNELS)
    pairs = first[:, None] + np.array([0, 2, 4, 6, 1, 3, 5, 7])
    alone = np.arange(2 * MATMUL_CHANNELS * len(first), channels)
    padding = np.full(-len(alone) % MATMUL_CHANNELS, channels)
    return np.concatenate([pairs.reshape(-1), alone, padding])


def pack_matmul(filters: Filters) -> npt.NDArray[np.int8]:
    """All constants of ``md_helium_matmul_t``, block after block."""
    order = _block_order(filters.channels)
    order = np.minimum(order, filters.channels)  # what lies behind the last channel: zeros

    def ordered(values: npt.ArrayLike) -> npt.NDArray[np.generic]:
        array = np.asarray(values)
        return np.concatenate([array, np.zeros((1, *array.shape[1:]), array.dtype)])[order]

    weights = np.pad(filters.weights, ((0, 0), (0, -filters.weights.shape[1] % MATMUL_LANES)))
    blocks = ordered(weights).reshape(-1, MATMUL_CHANNELS, weights.shape[1] // MATMUL_LANES, MATMUL_LANES)
    chunks = np.ascontiguousarray(blocks.transpose(0, 2, 1, 3))
    chunks[1::2] = chunks[1::2, ::-1]
    parts = [
        chunks.reshape(len(chunks), -1).astype(np.int8),
        _blocks(ordered(filters.bias), "<i4"),
        _blocks(ordered([one.significand for one in filters.multipliers]), "<i4"),
        _blocks(ordered([one.shift for one in filters.multipliers]), "i1"),
    ]
    return np.concatenate(parts, axis=1).reshape(-1)


def _pairs(filters: Filters, rows: int) -> str:
    """The function that computes two rows at a time, or ``NULL`` if none can or there are not two."""
    # What is not shifted right may leave the range of int32 with the zero point, and then wraps.
    narrow = int(filters.largest_sums.max()) + abs(filters.output_zero_point) <= INT32_MAX
    limit = 0 if narrow and filters.activation[0] >= filters.output_zero_point else -1
    if rows < 2 or any(one.shift > limit for one in filters.multipliers):
        return "NULL"
    return "md_helium_pairs_s8" if filters.weights.shape[1] > MATMUL_LANES else "md_helium_short_pairs_s8"


def matmul(
    prefix: str, filters: Filters, origin: int, rows: int
) -> tuple[dict[str, int | str], tuple[Constant, ...]]:
    """The fields of an ``md_helium_matmul_t`` for so many rows in all, and the array that it refers to."""
    constant = Constant(f"{prefix}_blocks", pack_matmul(filters), origin)
    fields: dict[str, int | str] = {
        "blocks": constant.name,
        "depth": filters.weights.shape[1],
        "channels": filters.channels,
        "pairs": _pairs(filters, rows),
        **output_fields(filters),
    }
    return {f"matmul.{name}": value for name, value in fields.items()}, (constant,)


def output_fields(filters: Filters) -> dict[str, int | str]:
    """The fields about the output that every struct has."""
    low, high = filters.activation
    return {"output_zero_point": filters.output_zero_point, "activation_min": low, "activation_max": high}


def lower_rows(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A FULLY_CONNECTED, or a CONV_2D whose windows lie in memory as rows, for ``md_helium_rows_s8``."""
    weights = filter_data(graph, operator)
    channels = weights.shape[0]
    filters = fold(graph, operator, weights.reshape(channels, -1))
    rows = graph.tensors[operator.outputs[0]].elements // channels
    parameters, constants = matmul(prefix, filters, operator.inputs[1], rows)
    return Lowered({**parameters, "rows": rows}, constants)


def window_taps(sliding: Window, channels: int) -> npt.NDArray[np.unsignedinteger] | None:
    """The array ``taps`` of an ``md_helium_conv2d_s8_t``, or None where it would not pay or not fit."""
    if channels * (sliding.filter[1] if sliding.dilation[1] == 1 else 1) > SHORT_PIECE:
        return None
    indices = np.indices((*sliding.filter, channels)).reshape(3, -1)
    rows, columns = (indices[axis] * sliding.dilation[axis] for axis in (0, 1))
    offsets = (rows * sliding.input[1] + columns) * channels + indices[2]
    furthest = [
        max(size, (output - 1) * stride - pad + int(taps.max()) + 1) + pad
        for size, output, stride, pad, taps in zip(
            sliding.input, sliding.output, sliding.stride, sliding.pad, (rows, columns), strict=True
        )
    ]
    padded = np.pad([offsets, rows, columns], ((0, 0), (0, -offsets.size % MATMUL_LANES)))
    for dtype in (np.uint8, np.uint16):
        if max(*furthest, int(offsets.max())) <= np.iinfo(dtype).max:
            lanes = MATMUL_LANES // np.dtype(dtype).itemsize
            return padded.reshape(3, -1, lanes).transpose(1, 0, 2).reshape(-1).astype(dtype)
    return None


def windows_at_a_time(graph: Graph, operator: Operator) -> int:
    """How many windows of a CONV_2D are gathered before their products are written."""
    elements = prod(graph.tensors[operator.inputs[1]].shape[1:])
    depth = -(-elements // MATMUL_LANES) * MATMUL_LANES
    return min(CONV2D_WINDOWS, max(2, CONV2D_BYTES // depth // 2 * 2))


def lower_convolution(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A CONV_2D without groups for ``md_helium_conv2d_s8``."""
    source = graph.tensors[operator.inputs[0]]
    sliding = convolution_window(graph, operator)
    weights = filter_data(graph, operator)
    filters = fold(graph, operator, weights.reshape(weights.shape[0], -1))
    whole = np.pad(filters.weights, ((0, 0), (0, -filters.weights.shape[1] % MATMUL_LANES)))
    depth = whole.shape[1]
    pixels = graph.tensors[operator.outputs[0]].elements // filters.channels
    parameters, constants = matmul(prefix, replace(filters, weights=whole), operator.inputs[1], pixels)
    taps = window_taps(sliding, source.shape[3])
    if taps is not None:
        constants = (*constants, Constant(f"{prefix}_taps", taps))
    windows = windows_at_a_time(graph, operator)
    return Lowered(
        {
            **parameters,
            **sliding.parameters(),
            "batches": source.shape[0],
            "input_channels": source.shape[3],
            "run": sliding.filter[1] if sliding.dilation[1] == 1 else 1,
            "input_zero_point": zero_point(source),
            "windows": windows,
            "taps": "NULL" if taps is None else f"{prefix}_taps",
            "tap_lanes": MATMUL_LANES if taps is None else MATMUL_LANES // taps.itemsize,
        },
        constants,
        windows * depth,
    )
