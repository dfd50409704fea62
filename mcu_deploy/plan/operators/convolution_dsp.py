"""Packing of weights for the kernels of convolutions and FULLY_CONNECTED with the DSP extension."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.plan.arithmetic import INT32_MAX
from mcu_deploy.plan.operators.depthwise_helium import depthwise_weights
from mcu_deploy.plan.operators.filters import Filters, filter_data, fold
from mcu_deploy.plan.operators.types import Lowered, zero_point
from mcu_deploy.plan.operators.window import convolution_window
from mcu_deploy.plan.types import Constant

# These repeat md_dsp_matmul_s8.h.
MATMUL_CHANNELS = 2
MATMUL_ROWS = 4  # MD_DSP_MATMUL_ROWS
DEPTHWISE_CHANNELS = 4  # md_dsp_depthwise_s8.h
DEPTHWISE_PIXELS = 2  # MD_DSP_DEPTHWISE_PIXELS
DEPTHWISE_TAP_BYTES = 8  # MD_DSP_DEPTHWISE_TAP_BYTES


def row_bytes(depth: int) -> int:
    """``MD_DSP_MATMUL_ROW_BYTES``."""
    return (depth + 1) // 2 * 4


def _element_order(depth: int) -> list[int]:
    """The elements of a row by pairs, as md_dsp_matmul_s8.h says; ``depth`` stands for a zero."""
    whole = depth - depth % 4
    order = [first + step for first in range(0, whole, 4) for step in (0, 2, 1, 3)]
    tails: dict[int, tuple[int, ...]] = {0: (), 1: (0, 1), 2: (0, 1), 3: (0, 2, 1, 3)}
    return order + [whole + step for step in tails[depth % 4]]


def is_direct(filters: Filters) -> bool:
    """Whether md_dsp.h's short requantisation gives the right bits: ``direct`` in the kernels' structs."""
    shifts = [-one.shift for one in filters.multipliers]
    if min(shifts) < 1 or any(one.significand == 0 for one in filters.multipliers):
        return False
    offset = abs(2 * filters.output_zero_point + 1)
    return all(
        int(size) + 1 + (offset << (shift - 1)) <= INT32_MAX
        for size, shift in zip(filters.largest_sums, shifts, strict=True)
    )


def channel_bytes(values: npt.ArrayLike, dtype: str, channels: int) -> npt.NDArray[np.int8]:
    """The bytes of one value a channel as (blocks, bytes of a block), padded with zeros."""
    array = np.asarray(values, dtype)
    padded = np.concatenate([array, np.zeros(-len(array) % channels, dtype)])
    return padded.reshape(-1, channels).view(np.int8)


def _requantisation(filters: Filters, channels: int) -> npt.NDArray[np.int8]:
    """The multipliers and shifts of ``channels`` channels as (blocks, bytes of a block)."""
    doubled = [2 * one.significand for one in filters.multipliers]
    shifts = [one.shift for one in filters.multipliers]
    if is_direct(filters):
        shifts = [-shift - 1 for shift in shifts]
    parts = [channel_bytes(doubled, "<u4", channels), channel_bytes(shifts, "i1", channels)]
    return np.concatenate(parts, axis=1)


def pack_matmul(filters: Filters) -> npt.NDArray[np.int8]:
    """All constants of ``md_dsp_matmul_t``, block after block."""
    weights = filters.weights
    channels, depth = weights.shape
    padded = np.pad(weights, ((0, -channels % MATMUL_CHANNELS), (0, 1)))
    ordered = padded[:, _element_order(depth)].reshape(-1, MATMUL_CHANNELS, row_bytes(depth) // 2)
    parts = [
        channel_bytes(filters.bias, "<i4", MATMUL_CHANNELS),
        ordered.transpose(0, 2, 1).reshape(len(ordered), -1),
        _requantisation(filters, MATMUL_CHANNELS),
        np.zeros((len(ordered), 2), np.int8),
    ]
    return np.concatenate(parts, axis=1).reshape(-1)


def output_fields(filters: Filters) -> dict[str, int | str]:
    """The fields about the output that every struct has."""
    low, high = filters.activation
    return {
        "direct": int(is_direct(filters)),
        "output_zero_point": filters.output_zero_point,
        "activation_min": low,
        "activation_max": high,
    }


def matmul(prefix: str, filters: Filters, origin: int) -> tuple[dict[str, int | str], tuple[Constant, ...]]:
    """The fields of an ``md_dsp_matmul_t``, and the array that it refers to."""
    constant = Constant(f"{prefix}_blocks", pack_matmul(filters), origin)
    fields: dict[str, int | str] = {
        "blocks": constant.name,
        "depth": filters.weights.shape[1],
        "channels": filters.channels,
        **output_fields(filters),
    }
    return {f"matmul.{name}": value for name, value in fields.items()}, (constant,)


def lower_rows(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A FULLY_CONNECTED, or a CONV_2D whose windows lie in memory as rows, for ``md_dsp_rows_s8``."""
    weights = filter_data(graph, operator)
    channels = weights.shape[0]
    filters = fold(graph, operator, weights.reshape(channels, -1))
    parameters, constants = matmul(prefix, filters, operator.inputs[1])
    rows = graph.tensors[operator.outputs[0]].elements // channels
    lanes = 1 if rows == 1 else MATMUL_ROWS
    return Lowered({**parameters, "rows": rows}, constants, lanes * row_bytes(filters.weights.shape[1]))


def lower_convolution(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A CONV_2D without groups for ``md_dsp_conv2d_s8``."""
    source = graph.tensors[operator.inputs[0]]
    sliding = convolution_window(graph, operator)
    weights = filter_data(graph, operator)
    filters = fold(graph, operator, weights.reshape(weights.shape[0], -1))
    parameters, constants = matmul(prefix, filters, operator.inputs[1])
    depth = filters.weights.shape[1]
    return Lowered(
        {
            **parameters,
            **sliding.parameters(),
            "batches": source.shape[0],
            "input_channels": source.shape[3],
            "run": sliding.filter[1] if sliding.dilation[1] == 1 else 1,
            "input_zero_point": zero_point(source),
        },
        constants,
        MATMUL_ROWS * row_bytes(depth) + depth,
    )


def pack_depthwise(filters: Filters) -> npt.NDArray[np.int8]:
    """All constants of ``md_dsp_depthwise_s8_t``, block after block."""
    weights = filters.weights
    channels, taps = weights.shape
    padded = np.pad(weights, ((0, -channels % DEPTHWISE_CHANNELS), (0, 0)))
    blocks = padded.reshape(-1, DEPTHWISE_CHANNELS, taps).transpose(0, 2, 1)
    parts = [
        channel_bytes(filters.bias, "<i4", DEPTHWISE_CHANNELS),
        blocks.reshape(len(blocks), -1),
        _requantisation(filters, DEPTHWISE_CHANNELS),
    ]
    return np.concatenate(parts, axis=1).reshape(-1)


def lower_depthwise(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A DEPTHWISE_CONV_2D with depth multiplier 1 for ``md_dsp_depthwise_s8``."""
    source = graph.tensors[operator.inputs[0]]
    sliding = convolution_window(graph, operator)
    filters = fold(graph, operator, depthwise_weights(graph, operator))
    constant = Constant(f"{prefix}_blocks", pack_depthwise(filters), operator.inputs[1])
    padding_bytes = filters.channels if sliding.padded else 0
    return Lowered(
        {
            "blocks": constant.name,
            **sliding.parameters(),
            "batches": source.shape[0],
            "channels": filters.channels,
            "padding_bytes": padding_bytes,
            "input_zero_point": zero_point(source),
            **output_fields(filters),
        },
        (constant,),
        DEPTHWISE_PIXELS * DEPTHWISE_TAP_BYTES * sliding.taps + padding_bytes,
    )
