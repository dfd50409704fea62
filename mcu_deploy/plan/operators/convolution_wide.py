"""CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED on int16 with int8 weights: one kernel."""

from __future__ import annotations

import numpy as np

from mcu_deploy.graph.ir import DataType, Graph, Operator
from mcu_deploy.plan import arithmetic
from mcu_deploy.plan.arithmetic import Multiplier
from mcu_deploy.plan.operators.filters import bias_data, channel_multipliers, filter_data
from mcu_deploy.plan.operators.overlap import rows, windows
from mcu_deploy.plan.operators.types import Distances, Lowered, fused_activation, portable
from mcu_deploy.plan.operators.window import Window, convolution_window
from mcu_deploy.plan.types import Constant


def wide_constants(
    prefix: str, bias: np.ndarray[tuple[int], np.dtype[np.int64]], multipliers: tuple[Multiplier, ...]
) -> tuple[Constant, ...]:
    """The constants ``bias``, ``multiplier`` and ``shift`` of accumulators of 64 bits."""
    halves = [arithmetic.upper_half(one) for one in multipliers]
    return (
        Constant(f"{prefix}_bias", bias),
        Constant(f"{prefix}_multiplier", np.array([one.significand for one in halves], np.int16)),
        Constant(f"{prefix}_shift", np.array([one.shift for one in halves], np.int8)),
    )


def lower_wide(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """For ``md_conv2d_s16``: as a CONV_2D in groups."""
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    weights = filter_data(graph, operator)
    if operator.kind == "FULLY_CONNECTED":
        # Each row is a batch of one position.
        one = (1, 1)
        sliding = Window(one, one, one, one, one, (0, 0), (0, 0))
        inputs = group_inputs = weights.shape[1]
        batches = source.elements // inputs
    else:
        sliding = convolution_window(graph, operator)
        batches, inputs = source.shape[0], source.shape[3]
        if operator.kind == "DEPTHWISE_CONV_2D":
            weights = weights.transpose(3, 1, 2, 0)
        group_inputs = weights.shape[3]
    channels = weights.shape[0]
    constants = (
        Constant(f"{prefix}_weights", np.ascontiguousarray(weights).reshape(-1), operator.inputs[1]),
        *wide_constants(
            prefix, bias_data(graph, operator, channels), channel_multipliers(graph, operator, channels)
        ),
    )
    low, high = fused_activation(operator, result)
    return Lowered(
        {
            **{constant.name.removeprefix(f"{prefix}_"): constant.name for constant in constants},
            **sliding.parameters(),
            "batches": batches,
            "inputs": inputs,
            "channels": channels,
            "group_inputs": group_inputs,
            "group_channels": channels * group_inputs // inputs,
            "activation_min": low,
            "activation_max": high,
        },
        constants,
    )


def int16_activations(graph: Graph, operator: Operator) -> str | None:
    """The reason for a kernel that takes int16 only."""
    result = graph.tensors[operator.outputs[0]]
    return "int16 activations: accumulators of 64 bits" if result.dtype is DataType.INT16 else None


def _overlap(graph: Graph, operator: Operator) -> Distances:
    """Each pixel's window is read again for each channel."""
    if operator.kind == "FULLY_CONNECTED":
        return rows(1)(graph, operator)
    return windows(convolution_window, reads_first=False)(graph, operator)


WIDE = portable(
    "md_conv2d",
    int16_activations,
    lower_wide,
    ("md_requantize.h", "md_requantize_wide.h", "md_window.h"),
    types="s16",
    overlap=_overlap,
)
