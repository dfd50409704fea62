"""What the weights, scales and zero points of CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED come to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.plan import arithmetic
from mcu_deploy.plan.arithmetic import Multiplier
from mcu_deploy.plan.operators.types import fused_activation, scale, zero_point


@dataclass(frozen=True, eq=False)
class Filters:
    """The weights of CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED with everything folded in.

    Attributes:
        weights: int8, shape (channels, depth), a row an output channel.
        bias: int32, shape (channels,), with the input's zero point folded in.
        multipliers: one a channel.
        output_zero_point: of the output tensor.
        activation: the lowest and highest int8 output.
    """

    weights: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32]
    multipliers: tuple[Multiplier, ...]
    output_zero_point: int
    activation: tuple[int, int]

    @property
    def channels(self) -> int:
        """Output channels."""
        return len(self.multipliers)

    @property
    def largest_sums(self) -> npt.NDArray[np.int64]:
        """How large each channel's sum, with its bias, can be in magnitude; int64, shape (channels,)."""
        weights = np.abs(self.weights.astype(np.int64)).sum(axis=1)
        return np.asarray(np.abs(self.bias.astype(np.int64)) + 128 * weights)


def filter_data(graph: Graph, operator: Operator) -> npt.NDArray[np.int8]:
    """The weights of a convolution or FULLY_CONNECTED, in the shape that the file gives them."""
    data = graph.tensors[operator.inputs[1]].data
    assert data is not None
    return data.astype(np.int8)


def bias_data(graph: Graph, operator: Operator, channels: int, position: int = 2) -> npt.NDArray[np.int64]:
    """The bias of each output channel, 0 where the input at ``position`` is absent."""
    if len(operator.inputs) <= position or operator.inputs[position] < 0:
        return np.zeros(channels, np.int64)
    data = graph.tensors[operator.inputs[position]].data
    assert data is not None
    return data.astype(np.int64)


def channel_multipliers(
    graph: Graph, operator: Operator, channels: int, position: int = 0
) -> tuple[Multiplier, ...]:
    """From the accumulator of each output channel to the output; ``position`` is that of the activation."""
    source, result = graph.tensors[operator.inputs[position]], graph.tensors[operator.outputs[0]]
    quantization = graph.tensors[operator.inputs[1]].quantization
    assert quantization is not None
    scales = quantization.scale
    made = [arithmetic.effective_multiplier(scale(source), scale(result), one) for one in scales]
    return tuple(made) if scales.size == channels else tuple(made * channels)


def fold(graph: Graph, operator: Operator, weights: npt.NDArray[np.int8]) -> Filters:
    """Folds zero point, scales and activation of a convolution or FULLY_CONNECTED.

    ``sum((x - zero_point) * w) + bias`` becomes ``sum(x * w) + folded bias``, so a padded position counts
    nothing if it holds the zero point.

    Args:
        graph: that the operator is from.
        operator: CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED.
        weights: int8, shape (channels, depth), a row an output channel.
    """
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    channels = weights.shape[0]
    wide = weights.astype(np.int64)
    bias = bias_data(graph, operator, channels) - zero_point(source) * wide.sum(axis=1)
    assert (np.abs(bias) + 128 * np.abs(wide).sum(axis=1)).max() <= arithmetic.INT32_MAX
    return Filters(
        weights,
        bias.astype(np.int32),
        channel_multipliers(graph, operator, channels),
        zero_point(result),
        fused_activation(operator, result),
    )
