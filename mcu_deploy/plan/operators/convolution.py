"""CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED on int8: packing of weights, and the choice of kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.plan.operators import convolution_dsp, convolution_helium, depthwise_helium
from mcu_deploy.plan.operators.convolution_wide import WIDE
from mcu_deploy.plan.operators.depthwise_helium import depthwise_weights
from mcu_deploy.plan.operators.filters import Filters, filter_data, fold
from mcu_deploy.plan.operators.overlap import rows, windows
from mcu_deploy.plan.operators.types import (
    Distances,
    Kernel,
    Lowered,
    Reason,
    dsp,
    helium,
    portable,
    zero_point,
)
from mcu_deploy.plan.operators.window import convolution_window
from mcu_deploy.plan.types import Constant

# These repeat the C headers of the same names.
MATMUL_CHANNELS = 2  # md_matmul_s8.h: channels side by side
CONV2D_ROWS = 2  # MD_CONV2D_ROWS
DEPTHWISE_CHANNELS = 4  # md_depthwise_conv2d_s8.h: channels side by side
DEPTHWISE_TAP_BYTES = 8  # MD_DEPTHWISE_CONV2D_TAP_BYTES


def _padded(values: npt.NDArray[np.generic], multiple: int) -> npt.NDArray[np.generic]:
    """``values`` with zeros appended along the first axis, up to a multiple."""
    missing = -len(values) % multiple
    return np.concatenate([values, np.zeros((missing, *values.shape[1:]), values.dtype)])


def pack(weights: npt.NDArray[np.int8], channels: int) -> npt.NDArray[np.int8]:
    """(N, depth) weights in the order [ceil(N / channels)][depth][channels], padded with zero channels."""
    padded = _padded(weights, channels)
    blocks = padded.reshape(-1, channels, weights.shape[1])
    return np.ascontiguousarray(blocks.transpose(0, 2, 1)).reshape(-1).astype(np.int8)


def _requantisation(prefix: str, filters: Filters, groups: int, multiple: int) -> list[Constant]:
    """The constants ``bias``, ``multiplier`` and ``shift``, each group padded by itself."""
    arrays: list[tuple[str, npt.NDArray[np.generic]]] = [
        ("bias", filters.bias),
        ("multiplier", np.array([one.significand for one in filters.multipliers], np.int32)),
        ("shift", np.array([one.shift for one in filters.multipliers], np.int8)),
    ]
    return [
        Constant(
            f"{prefix}_{name}", np.concatenate([_padded(part, multiple) for part in np.split(values, groups)])
        )
        for name, values in arrays
    ]


def _output_parameters(filters: Filters) -> dict[str, int | str]:
    low, high = filters.activation
    return {"output_zero_point": filters.output_zero_point, "activation_min": low, "activation_max": high}


def _matmul(
    prefix: str, filters: Filters, origin: int, groups: int = 1
) -> tuple[dict[str, int | str], tuple[Constant, ...]]:
    """The ``md_matmul_t`` of the first group and the arrays of all of them."""
    parts = np.split(filters.weights, groups)
    packed = np.concatenate([pack(part, MATMUL_CHANNELS) for part in parts])
    constants = (
        Constant(f"{prefix}_weights", packed, origin),
        *_requantisation(prefix, filters, groups, MATMUL_CHANNELS),
    )
    fields: dict[str, int | str] = {
        **{constant.name.removeprefix(f"{prefix}_"): constant.name for constant in constants},
        "depth": filters.weights.shape[1],
        "channels": filters.channels // groups,
        **_output_parameters(filters),
    }
    return {f"matmul.{name}": value for name, value in fields.items()}, constants


def convolution_groups(graph: Graph, operator: Operator) -> int:
    """Groups of a CONV_2D: input channels over the filter's."""
    return graph.tensors[operator.inputs[0]].shape[3] // graph.tensors[operator.inputs[1]].shape[3]


def lower_rows(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A FULLY_CONNECTED, or a CONV_2D whose windows lie in memory as rows, for ``md_fully_connected_s8``."""
    weights = filter_data(graph, operator)
    channels = weights.shape[0]
    filters = fold(graph, operator, weights.reshape(channels, -1))
    parameters, constants = _matmul(prefix, filters, operator.inputs[1])
    rows = graph.tensors[operator.outputs[0]].elements // channels
    return Lowered({**parameters, "rows": rows}, constants)


def lower_convolution(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A CONV_2D for ``md_conv2d_s8``."""
    weights = filter_data(graph, operator)
    groups = convolution_groups(graph, operator)
    return _lower_gathered(graph, operator, prefix, weights.reshape(weights.shape[0], -1), groups)


def lower_depthwise_as_groups(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A DEPTHWISE_CONV_2D for ``md_conv2d_s8``: a group for each input channel."""
    groups = graph.tensors[operator.inputs[0]].shape[3]
    return _lower_gathered(graph, operator, prefix, depthwise_weights(graph, operator), groups)


def _lower_gathered(
    graph: Graph, operator: Operator, prefix: str, weights: npt.NDArray[np.int8], groups: int
) -> Lowered:
    source = graph.tensors[operator.inputs[0]]
    sliding = convolution_window(graph, operator)
    filters = fold(graph, operator, weights)
    parameters, constants = _matmul(prefix, filters, operator.inputs[1], groups)
    adjacent = groups == 1 and sliding.dilation[1] == 1
    return Lowered(
        {
            **parameters,
            **sliding.parameters(),
            "batches": source.shape[0],
            "groups": groups,
            "group_channels": source.shape[3] // groups,
            "run": sliding.filter[1] if adjacent else 1,
            "input_zero_point": zero_point(source),
        },
        constants,
        CONV2D_ROWS * weights.shape[1],
    )


def depth_multiplier(graph: Graph, operator: Operator) -> int:
    """Output channels of a DEPTHWISE_CONV_2D for each input channel."""
    return graph.tensors[operator.inputs[1]].shape[3] // graph.tensors[operator.inputs[0]].shape[3]


def lower_depthwise(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A DEPTHWISE_CONV_2D with depth multiplier 1 for ``md_depthwise_conv2d_s8``."""
    source = graph.tensors[operator.inputs[0]]
    sliding = convolution_window(graph, operator)
    filters = fold(graph, operator, depthwise_weights(graph, operator))
    constants = (
        Constant(f"{prefix}_weights", pack(filters.weights, DEPTHWISE_CHANNELS), operator.inputs[1]),
        *_requantisation(prefix, filters, 1, 1),
    )
    padding_bytes = filters.channels if sliding.padded else 0
    return Lowered(
        {
            **{constant.name.removeprefix(f"{prefix}_"): constant.name for constant in constants},
            **sliding.parameters(),
            "batches": source.shape[0],
            "channels": filters.channels,
            "padding_bytes": padding_bytes,
            "input_zero_point": zero_point(source),
            **_output_parameters(filters),
        },
        constants,
        DEPTHWISE_TAP_BYTES * sliding.taps + padding_bytes,
    )


def _convolution_as_rows(graph: Graph, operator: Operator) -> str | None:
    """Whether the windows of a CONV_2D lie in memory as the rows of a matrix."""
    if convolution_groups(graph, operator) > 1:
        return None
    sliding = convolution_window(graph, operator)
    if sliding.filter == (1, 1) and sliding.stride == (1, 1):
        return "1x1 window with stride 1: each pixel is a row of a matrix"
    if sliding.output == (1, 1) and sliding.filter == sliding.input and not sliding.padded:
        return "one window covers the whole input: each batch is a row of a matrix"
    return None


def _depthwise(graph: Graph, operator: Operator) -> str | None:
    if depth_multiplier(graph, operator) == 1:
        return "depth multiplier 1: four channels at a time"
    return None


def _rows(reason: str | Reason) -> Kernel:
    headers, sources = ("md_matmul_s8.h", "md_requantize.h"), ("portable/md_matmul_s8.c",)
    return portable("md_fully_connected", reason, lower_rows, headers, sources, overlap=rows(2))


def _helium_rows(reason: str | Reason) -> Kernel:
    headers, sources = ("md_helium_matmul_s8.h",), ("helium/md_helium_matmul_s8.c",)
    lower = convolution_helium.lower_rows
    return helium("md_helium_rows", reason, lower, headers, sources, overlap=rows(2))


def _dsp_rows(reason: str | Reason) -> Kernel:
    headers, sources = ("md_dsp_matmul_s8.h",), ("dsp/md_dsp_matmul_s8.c",)
    overlap = rows(convolution_dsp.MATMUL_ROWS, reads_first=True)
    return dsp("md_dsp_rows", reason, convolution_dsp.lower_rows, headers, sources, overlap)


def _without_groups(graph: Graph, operator: Operator) -> str | None:
    if convolution_groups(graph, operator) > 1:
        return None
    return "any window without groups: gathered into rows of a matrix"


def _overlap_waiting(graph: Graph, operator: Operator) -> Distances:
    """Some windows are gathered before their products are written."""
    waiting = convolution_helium.windows_at_a_time(graph, operator)
    return windows(convolution_window, waiting, by_line=False)(graph, operator)


_HELIUM_GATHERED = helium(
    "md_helium_conv2d",
    _without_groups,
    convolution_helium.lower_convolution,
    ("md_helium_matmul_s8.h", "md_window.h"),
    ("helium/md_helium_matmul_s8.c",),
    overlap=_overlap_waiting,
)


_DSP_GATHERED = dsp(
    "md_dsp_conv2d",
    _without_groups,
    convolution_dsp.lower_convolution,
    ("md_dsp_matmul_s8.h", "md_window.h"),
    ("dsp/md_dsp_matmul_s8.c",),
    windows(convolution_window, convolution_dsp.MATMUL_ROWS, by_line=False),
)


def _overlap_gathered(graph: Graph, operator: Operator) -> Distances:
    """Two windows are gathered before their products are written, but group after group."""
    source, filters = (graph.tensors[index] for index in operator.inputs[:2])
    groups = filters.shape[3] < source.shape[3] or operator.kind == "DEPTHWISE_CONV_2D"
    return windows(convolution_window, CONV2D_ROWS, reads_first=not groups)(graph, operator)


def _gathered(reason: str, lower: Callable[[Graph, Operator, str], Lowered]) -> Kernel:
    headers = ("md_matmul_s8.h", "md_requantize.h", "md_window.h")
    sources = ("portable/md_matmul_s8.c",)
    return portable("md_conv2d", reason, lower, headers, sources, overlap=_overlap_gathered)


_HELIUM_DEPTHWISE = helium(
    "md_helium_depthwise",
    depthwise_helium.depthwise,
    depthwise_helium.lower_depthwise,
    ("md_window.h",),
    overlap=windows(convolution_window),
)
_DEPTHWISE = portable(
    "md_depthwise_conv2d",
    _depthwise,
    lower_depthwise,
    ("md_requantize.h", "md_window.h"),
    overlap=windows(convolution_window),
)
_HELIUM_DEPTHWISE_3X3 = replace(
    _HELIUM_DEPTHWISE,
    function="md_helium_depthwise_3x3_s8",
    header="md_helium_depthwise_3x3_s8.h",
    headers=(_HELIUM_DEPTHWISE.header, *_HELIUM_DEPTHWISE.headers),
    sources=("helium/md_helium_depthwise_3x3_s8.c", *_HELIUM_DEPTHWISE.sources),
    reason=depthwise_helium.depthwise_3x3,
)
_HELIUM_DEPTHWISE_3X3_RELU = replace(
    _HELIUM_DEPTHWISE_3X3,
    function="md_helium_depthwise_3x3_relu_s8",
    reason=depthwise_helium.depthwise_3x3_relu,
    lower=depthwise_helium.lower_depthwise_3x3_relu,
)
_DSP_DEPTHWISE = dsp(
    "md_dsp_depthwise",
    _depthwise,
    convolution_dsp.lower_depthwise,
    ("md_window.h",),
    overlap=windows(convolution_window, convolution_dsp.DEPTHWISE_PIXELS, by_line=False, reads_first=False),
)

KERNELS: Mapping[str, tuple[Kernel, ...]] = {
    "CONV_2D": (
        WIDE,
        _helium_rows(_convolution_as_rows),
        _dsp_rows(_convolution_as_rows),
        _rows(_convolution_as_rows),
        _HELIUM_GATHERED,
        _DSP_GATHERED,
        _gathered("any window: gathered into rows of a matrix", lower_convolution),
    ),
    "DEPTHWISE_CONV_2D": (
        WIDE,
        _HELIUM_DEPTHWISE_3X3_RELU,
        _HELIUM_DEPTHWISE_3X3,
        _HELIUM_DEPTHWISE,
        _DSP_DEPTHWISE,
        _DEPTHWISE,
        _gathered("depth multiplier above 1: a convolution in groups", lower_depthwise_as_groups),
    ),
    "FULLY_CONNECTED": (
        WIDE,
        _helium_rows("each batch is a row of a matrix"),
        _dsp_rows("each batch is a row of a matrix"),
        _rows("each batch is a row of a matrix"),
    ),
}
