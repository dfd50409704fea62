"""Packing of weights for the Helium kernels of DEPTHWISE_CONV_2D."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.plan.operators.convolution_helium import output_fields
from mcu_deploy.plan.operators.filters import Filters, channel_multipliers, filter_data, fold
from mcu_deploy.plan.operators.linear_requantisation import LinearRequantisation, linear_requantisation
from mcu_deploy.plan.operators.types import Lowered, fused_activation, zero_point
from mcu_deploy.plan.operators.window import convolution_window
from mcu_deploy.plan.types import Constant

# These repeat md_helium_depthwise_s8.h.
CHANNELS = 16
TAP_BYTES = 8  # MD_HELIUM_DEPTHWISE_TAP_BYTES
# The order of that header.
ORDER = (0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15)
# Magnitudes of weights whose products with int8 together fit into int16.
LARGEST_PAIR = 255


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


def depthwise_3x3(graph: Graph, operator: Operator) -> str | None:
    """Whether ``md_helium_depthwise_3x3_s8`` can perform a DEPTHWISE_CONV_2D."""
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    if convolution_window(graph, operator).filter != (3, 3) or source.shape[3] % 4:
        return None
    if depthwise(graph, operator) is None or fused_activation(operator, result) != (-128, 127):
        return None
    return "3x3 with depth multiplier 1: 16 channels at a time, nine pixels in registers"


def depthwise_3x3_relu(graph: Graph, operator: Operator) -> str | None:
    """Whether ``md_helium_depthwise_3x3_relu_s8`` can perform a DEPTHWISE_CONV_2D."""
    reason = depthwise_3x3(graph, operator)
    if reason is None or _linear(graph, operator)[1] is None:
        return None
    return f"{reason}, rescaled by a linear function"


def _linear(graph: Graph, operator: Operator) -> tuple[Filters, LinearRequantisation | None]:
    filters = fold(graph, operator, depthwise_weights(graph, operator))
    return filters, linear_requantisation(filters)


def pack_depthwise(
    filters: Filters, requantisation: Sequence[tuple[npt.ArrayLike, str]]
) -> npt.NDArray[np.int8]:
    """All constants of ``md_helium_depthwise_s8_t``, block after block.

    Args:
        filters: the weights.
        requantisation: what follows them, a value and a type for each channel.
    """
    weights = filters.weights
    channels, taps = weights.shape
    padded = np.pad(weights, ((0, -channels % CHANNELS), (0, 0)))
    blocks = padded.reshape(-1, CHANNELS, taps).transpose(0, 2, 1)

    def ordered(values: npt.ArrayLike, dtype: str) -> npt.NDArray[np.int8]:
        array = np.asarray(values, dtype)
        whole = np.pad(array, (0, -channels % CHANNELS)).reshape(-1, CHANNELS)
        quads = np.ascontiguousarray(whole[:, ORDER]).reshape(-1, 4)
        return quads.view(np.int8).reshape(len(blocks), 4, -1)

    quads = np.concatenate([ordered(*one) for one in requantisation], axis=2).reshape(len(blocks), -1)
    return np.concatenate([blocks.reshape(len(blocks), -1), quads], axis=1).reshape(-1)


def lower_depthwise(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A DEPTHWISE_CONV_2D with depth multiplier 1 for ``md_helium_depthwise_s8``."""
    filters = fold(graph, operator, depthwise_weights(graph, operator))
    packed = pack_depthwise(
        filters,
        (
            (filters.bias, "<i4"),
            ([one.significand for one in filters.multipliers], "<i4"),
            ([one.shift for one in filters.multipliers], "i1"),
        ),
    )
    return _lowered(graph, operator, filters, Constant(f"{prefix}_blocks", packed, operator.inputs[1]), 0)


def lower_depthwise_3x3_relu(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """The same for ``md_helium_depthwise_3x3_relu_s8``."""
    filters, linear = _linear(graph, operator)
    assert linear is not None
    packed = pack_depthwise(filters, ((linear.offsets, "<i4"), (linear.factors, "<i4")))
    constant = Constant(f"{prefix}_blocks", packed, operator.inputs[1])
    return _lowered(graph, operator, filters, constant, linear.shift)


def _lowered(graph: Graph, operator: Operator, filters: Filters, blocks: Constant, shift: int) -> Lowered:
    source = graph.tensors[operator.inputs[0]]
    sliding = convolution_window(graph, operator)
    padding_bytes = filters.channels if sliding.padded else 0
    return Lowered(
        {
            "blocks": blocks.name,
            **sliding.parameters(),
            "batches": source.shape[0],
            "channels": filters.channels,
            "padding_bytes": padding_bytes,
            "input_zero_point": zero_point(source),
            **output_fields(filters),
            "shift": shift,
        },
        (blocks,),
        TAP_BYTES * sliding.taps + padding_bytes,
    )
