"""TRANSPOSE_CONV."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mcu_deploy.graph.ir import DataType, Graph, Operator
from mcu_deploy.plan.operators.convolution_wide import int16_activations, wide_constants
from mcu_deploy.plan.operators.filters import bias_data, channel_multipliers, filter_data
from mcu_deploy.plan.operators.types import Kernel, Lowered, fused_activation, portable, zero_point
from mcu_deploy.plan.operators.window import window_over
from mcu_deploy.plan.types import Constant


def lower_transpose_conv(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """For ``md_transpose_conv_s8`` or ``md_transpose_conv_s16``."""
    source, result = graph.tensors[operator.inputs[2]], graph.tensors[operator.outputs[0]]
    weights = filter_data(graph, operator)
    channels, height, width, inputs = weights.shape
    sliding = window_over(operator, (result.shape[1], result.shape[2]), (height, width))
    bias = bias_data(graph, operator, channels, 3)
    multipliers = channel_multipliers(graph, operator, channels, 2)
    parameters: dict[str, int | str] = {}
    if source.dtype is DataType.INT16:
        requantisation = wide_constants(prefix, bias, multipliers)
    else:
        parameters = {"input_zero_point": zero_point(source), "output_zero_point": zero_point(result)}
        requantisation = (
            Constant(f"{prefix}_bias", bias.astype(np.int32)),
            Constant(f"{prefix}_multiplier", np.array([one.significand for one in multipliers], np.int32)),
            Constant(f"{prefix}_shift", np.array([one.shift for one in multipliers], np.int8)),
        )
    constants = (Constant(f"{prefix}_weights", weights.reshape(-1), operator.inputs[1]), *requantisation)
    low, high = fused_activation(operator, result)
    return Lowered(
        {
            **{constant.name.removeprefix(f"{prefix}_"): constant.name for constant in constants},
            **sliding.parameters(),
            **parameters,
            "batches": source.shape[0],
            "inputs": inputs,
            "channels": channels,
            "activation_min": low,
            "activation_max": high,
        },
        constants,
    )


_HEADERS = ("md_requantize.h", "md_window.h")

KERNELS: Mapping[str, tuple[Kernel, ...]] = {
    "TRANSPOSE_CONV": (
        portable(
            "md_transpose_conv",
            int16_activations,
            lower_transpose_conv,
            (*_HEADERS, "md_requantize_wide.h"),
            types="s16",
        ),
        portable("md_transpose_conv", "each output gathers its inputs", lower_transpose_conv, _HEADERS),
    ),
}
