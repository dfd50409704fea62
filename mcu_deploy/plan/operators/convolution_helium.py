"""Packing of weights for the Helium kernels of CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.plan.operators.filters import Filters, channel_multipliers, filter_data, fold
from mcu_deploy.plan.operators.types import Lowered, zero_point
from mcu_deploy.plan.operators.window import convolution_window
from mcu_deploy.plan.types import Constant

# These repeat md_helium_matmul_s8.h.
MATMUL_CHANNELS = 4
MATMUL_LANES = 16
CONV2D_ROWS = 2  # MD_HELIUM_CONV2D_ROWS
DEPTHWISE_CHANNELS = 16  # md_helium_depthwise_s8.h
DEPTHWISE_TAP_BYTES = 8  # MD_HELIUM_DEPTHWISE_TAP_BYTES
# The order of that header.
DEPTHWISE_ORDER = (0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15)
# Magnitudes of weights whose products with int8 together fit into int16.
LARGEST_PAIR = 255


def _blocks(values: npt.ArrayLike, dtype: str, channels: int) -> npt.NDArray[np.int8]:
    """The bytes of one value a channel as (blocks, bytes of a block), padded with zeros."""
    array = np.asarray(values, dtype)
    padded = np.concatenate([array, np.zeros(-len(array) % channels, dtype)])
    return padded.reshape(-1, channels).view(np.int8)


def pack_matmul(filters: Filters) -> npt.NDArray[np.int8]:
    """All constants of ``md_helium_matmul_t``, block after block."""
    weights = filters.weights
    channels, depth = weights.shape
    padded = np.concatenate([weights, np.zeros((-channels % MATMUL_CHANNELS, depth), np.int8)])
    quads = padded.reshape(-1, MATMUL_CHANNELS, depth)
    chunks = [
        quads[:, :, first : first + MATMUL_LANES].reshape(len(quads), -1)
        for first in range(0, depth, MATMUL_LANES)
    ]
    parts = [
        _blocks(filters.bias, "<i4", MATMUL_CHANNELS),
        *chunks,
        _blocks([one.significand for one in filters.multipliers], "<i4", MATMUL_CHANNELS),
        _blocks([one.shift for one in filters.multipliers], "i1", MATMUL_CHANNELS),
    ]
    return np.concatenate(parts, axis=1).reshape(-1)


def matmul(prefix: str, filters: Filters, origin: int) -> tuple[dict[str, int | str], tuple[Constant, ...]]:
    """The fields of an ``md_helium_matmul_t``, and the array that it refers to."""
    constant = Constant(f"{prefix}_blocks", pack_matmul(filters), origin)
    fields: dict[str, int | str] = {
        "blocks": constant.name,
        "depth": filters.weights.shape[1],
        "channels": filters.channels,
        "left": int(any(one.shift >= 0 for one in filters.multipliers)),
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
    parameters, constants = matmul(prefix, filters, operator.inputs[1])
    rows = graph.tensors[operator.outputs[0]].elements // channels
    return Lowered({**parameters, "rows": rows}, constants)


def lower_convolution(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A CONV_2D without groups for ``md_helium_conv2d_s8``."""
    source = graph.tensors[operator.inputs[0]]
    sliding = convolution_window(graph, operator)
    weights = filter_data(graph, operator)
    filters = fold(graph, operator, weights.reshape(weights.shape[0], -1))
    whole = np.pad(filters.weights, ((0, 0), (0, -filters.weights.shape[1] % MATMUL_LANES)))
    parameters, constants = matmul(prefix, replace(filters, weights=whole), operator.inputs[1])
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
        CONV2D_ROWS * whole.shape[1],
    )


def depthwise_weights(graph: Graph, operator: Operator) -> npt.NDArray[np.int8]:
    """The weights of a DEPTHWISE_CONV_2D as (channels, taps)."""
    weights = filter_data(graph, operator)
    return np.ascontiguousarray(weights.reshape(-1, weights.shape[3]).T)


def depthwise(graph: Graph, operator: Operator) -> str | None:
    """Whether ``md_helium_depthwise_s8`` can perform a DEPTHWISE_CONV_2D."""
    weights = depthwise_weights(graph, operator)
    if weights.shape[0] != graph.tensors[operator.inputs[0]].shape[3]:
        return None
    magnitudes = np.abs(np.pad(weights, ((0, 0), (0, weights.shape[1] % 2))).astype(np.int32))
    if (magnitudes[:, 0::2] + magnitudes[:, 1::2]).max() > LARGEST_PAIR:
        return None
    if any(one.shift >= 0 for one in channel_multipliers(graph, operator, weights.shape[0])):
        return None
    return "depth multiplier 1: 16 channels at a time"


def pack_depthwise(filters: Filters) -> npt.NDArray[np.int8]:
    """All constants of ``md_helium_depthwise_s8_t``, block after block."""
    weights = filters.weights
    channels, taps = weights.shape
    padded = np.pad(weights, ((0, -channels % DEPTHWISE_CHANNELS), (0, 0)))
    blocks = padded.reshape(-1, DEPTHWISE_CHANNELS, taps).transpose(0, 2, 1)

    def ordered(values: npt.ArrayLike, dtype: str) -> npt.NDArray[np.int8]:
        array = np.asarray(values, dtype)
        whole = np.pad(array, (0, -channels % DEPTHWISE_CHANNELS)).reshape(-1, DEPTHWISE_CHANNELS)
        quads = np.ascontiguousarray(whole[:, DEPTHWISE_ORDER]).reshape(-1, 4)
        return quads.view(np.int8).reshape(len(blocks), 4, -1)

    quads = [
        ordered(filters.bias, "<i4"),
        ordered([one.significand for one in filters.multipliers], "<i4"),
        ordered([one.shift for one in filters.multipliers], "i1"),
    ]
    requantisation = np.concatenate(quads, axis=2).reshape(len(blocks), -1)
    return np.concatenate([blocks.reshape(len(blocks), -1), requantisation], axis=1).reshape(-1)


def lower_depthwise(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A DEPTHWISE_CONV_2D with depth multiplier 1 for ``md_helium_depthwise_s8``."""
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
        DEPTHWISE_TAP_BYTES * sliding.taps + padding_bytes,
    )
