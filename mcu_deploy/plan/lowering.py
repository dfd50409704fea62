"""From a TFLite operator to the constants and parameters of a kernel: folding and packing.

Each ``lower_*`` function takes the graph, the operator and a prefix for the names of its constants, and
returns a ``Lowered`` whose parameters are the fields of the kernel's C struct
(``firmware_templates/kernels``). The graph has passed ``graph.checks``: what is asserted here is refused
there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mcu_deploy.graph.geometry import conv_geometry
from mcu_deploy.graph.ir import Graph, Operator, Tensor
from mcu_deploy.plan import arithmetic
from mcu_deploy.plan.arithmetic import Multiplier
from mcu_deploy.plan.types import Constant

# These repeat the C headers of the same names.
MATMUL_CHANNELS = 2  # md_matmul_s8.h: channels side by side
CONV2D_ROWS = 2  # MD_CONV2D_ROWS
DEPTHWISE_CHANNELS = 4  # md_depthwise_conv2d_s8.h: channels side by side
DEPTHWISE_TAP_BYTES = 8  # MD_DEPTHWISE_CONV2D_TAP_BYTES


@dataclass(frozen=True, eq=False)
class Lowered:
    """What a kernel needs for one operator.

    Attributes:
        parameters: fields of the kernel's struct; see ``Step.parameters``.
        constants: the arrays that they refer to.
        scratch_bytes: temporary memory.
    """

    parameters: dict[str, int | str]
    constants: tuple[Constant, ...] = ()
    scratch_bytes: int = 0


@dataclass(frozen=True)
class Window:
    """A window over height and width; pairs are (height, width). See ``md_window.h``."""

    input: tuple[int, int]
    output: tuple[int, int]
    filter: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pad: tuple[int, int]
    pad_after: tuple[int, int]

    @property
    def padded(self) -> bool:
        """Whether any window reaches outside of the input."""
        return any(self.pad) or any(self.pad_after)

    @property
    def taps(self) -> int:
        """Positions of the filter."""
        return self.filter[0] * self.filter[1]

    def parameters(self) -> dict[str, int | str]:
        """The fields of an ``md_window_t`` member named ``window``."""
        pairs = {
            "input": self.input,
            "output": self.output,
            "filter": self.filter,
            "stride": self.stride,
            "dilation": self.dilation,
            "pad": self.pad,
        }
        return {
            f"window.{name}_{side}": pair[i]
            for name, pair in pairs.items()
            for i, side in enumerate(("height", "width"))
        }


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


def scale(tensor: Tensor) -> np.float32:
    """The scale of an int8 activation."""
    assert tensor.quantization is not None
    return np.float32(tensor.quantization.scale[0])


def zero_point(tensor: Tensor) -> int:
    """The zero point of an int8 activation."""
    assert tensor.quantization is not None
    return int(tensor.quantization.zero_point[0])


def _integer(operator: Operator, name: str, default: int | None = None) -> int:
    value = operator.options[name] if default is None else operator.options.get(name, default)
    assert isinstance(value, int), name
    return value


def window(graph: Graph, operator: Operator, filter_size: tuple[int, int]) -> Window:
    """The window of a convolution or pooling operator."""
    source = graph.tensors[operator.inputs[0]]
    stride = (_integer(operator, "stride_h"), _integer(operator, "stride_w"))
    dilation = (
        _integer(operator, "dilation_h_factor", 1),
        _integer(operator, "dilation_w_factor", 1),
    )
    padding = str(operator.options["padding"])
    rows, columns = (
        conv_geometry(source.shape[axis + 1], filter_size[axis], stride[axis], dilation[axis], padding)
        for axis in (0, 1)
    )
    return Window(
        (source.shape[1], source.shape[2]),
        (rows[0], columns[0]),
        filter_size,
        stride,
        dilation,
        (rows[1], columns[1]),
        (rows[2], columns[2]),
    )


def fused_activation(operator: Operator, result: Tensor) -> tuple[int, int]:
    """The int8 bounds that the operator's fused activation sets on its output."""
    name = str(operator.options["fused_activation_function"])
    return arithmetic.activation_range(name, scale(result), zero_point(result))


def filter_data(graph: Graph, operator: Operator) -> npt.NDArray[np.int8]:
    """The weights of a convolution or FULLY_CONNECTED, in the shape that the file gives them."""
    data = graph.tensors[operator.inputs[1]].data
    assert data is not None
    return data.astype(np.int8)


def _bias(graph: Graph, operator: Operator, channels: int) -> npt.NDArray[np.int64]:
    if len(operator.inputs) < 3 or operator.inputs[2] < 0:
        return np.zeros(channels, np.int64)
    data = graph.tensors[operator.inputs[2]].data
    assert data is not None
    return data.astype(np.int64)


def _multipliers(graph: Graph, operator: Operator, channels: int) -> tuple[Multiplier, ...]:
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
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
    bias = _bias(graph, operator, channels) - zero_point(source) * wide.sum(axis=1)
    assert (np.abs(bias) + 128 * np.abs(wide).sum(axis=1)).max() <= arithmetic.INT32_MAX
    return Filters(
        weights,
        bias.astype(np.int32),
        _multipliers(graph, operator, channels),
        zero_point(result),
        fused_activation(operator, result),
    )


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


def convolution_window(graph: Graph, operator: Operator) -> Window:
    """The window of a CONV_2D or DEPTHWISE_CONV_2D."""
    shape = graph.tensors[operator.inputs[1]].shape
    return window(graph, operator, (shape[1], shape[2]))


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
    return _lower_gathered(graph, operator, prefix, _depthwise_weights(graph, operator), groups)


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


def _depthwise_weights(graph: Graph, operator: Operator) -> npt.NDArray[np.int8]:
    """The weights as (channels, taps)."""
    weights = filter_data(graph, operator)
    return np.ascontiguousarray(weights.reshape(-1, weights.shape[3]).T)


def lower_depthwise(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A DEPTHWISE_CONV_2D with depth multiplier 1 for ``md_depthwise_conv2d_s8``."""
    source = graph.tensors[operator.inputs[0]]
    sliding = convolution_window(graph, operator)
    filters = fold(graph, operator, _depthwise_weights(graph, operator))
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


def lower_pool(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """An AVERAGE_POOL_2D or MAX_POOL_2D for ``md_average_pool_s8`` or ``md_max_pool_s8``."""
    del prefix
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    size = (_integer(operator, "filter_height"), _integer(operator, "filter_width"))
    sliding = window(graph, operator, size)
    low, high = fused_activation(operator, result)
    return Lowered(
        {
            **sliding.parameters(),
            "batches": source.shape[0],
            "channels": source.shape[3],
            "activation_min": low,
            "activation_max": high,
        }
    )


def lower_relu(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A RELU (which rescales) or RELU6 (which does not) for ``md_lookup_s8``."""
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    table = _relu_table(source, result) if operator.kind == "RELU" else _relu6_table(source)
    constant = Constant(f"{prefix}_table", np.array(table, np.int8))
    return Lowered({"table": constant.name, "count": source.elements}, (constant,))


def _relu_table(source: Tensor, result: Tensor) -> list[int]:
    multiplier = arithmetic.effective_multiplier(scale(source), scale(result))
    low, high = arithmetic.activation_range("RELU", scale(result), zero_point(result))
    values: list[int] = []
    for value in range(-128, 128):
        scaled = arithmetic.multiply_by_quantized_multiplier(value - zero_point(source), multiplier)
        moved = arithmetic.wrap_int32(scaled + zero_point(result))
        values.append(min(max(moved, low), high))
    return values


def _relu6_table(source: Tensor) -> list[int]:
    high = arithmetic.saturate_to_int8(6.0, scale(source), zero_point(source))
    return [min(max(value, zero_point(source)), high) for value in range(-128, 128)]


def lower_softmax(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A SOFTMAX for ``md_softmax_s8``."""
    source = graph.tensors[operator.inputs[0]]
    depth = source.shape[-1]
    beta = operator.options["beta"]
    assert isinstance(beta, float)
    table = arithmetic.softmax_exponentials(scale(source), np.float32(beta))
    constant = Constant(f"{prefix}_exponentials", np.array(table, np.int32))
    return Lowered(
        {
            "exponentials": constant.name,
            "entries": len(table),
            "rows": source.elements // depth,
            "depth": depth,
        },
        (constant,),
    )


def lower_copy(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A copy of int8 values for ``md_lookup_s8``: the table of the identity, indexed as that wants it."""
    constant = Constant(f"{prefix}_table", np.arange(-128, 128).astype(np.int8))
    return Lowered({"table": constant.name, "count": graph.tensors[operator.inputs[0]].elements}, (constant,))


def lower_npu(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """An ``ethos-u`` operator for ``md_npu_step``: its command stream, and the constants that it refers to.

    The constants are those of the whole model and have one name in all steps.
    """
    stream, weights = (graph.tensors[index].data for index in operator.inputs[:2])
    assert stream is not None  # ``npu.compiled`` has checked it
    arrays = [Constant(f"{prefix}_stream", stream.reshape(-1))]
    if weights is not None:
        arrays.append(Constant(f"npu_constants{operator.inputs[1]}", weights.reshape(-1)))
    return Lowered(
        {
            "stream": arrays[0].name,
            "stream_bytes": stream.size,
            "constants": "NULL" if weights is None else arrays[1].name,
            "constants_bytes": 0 if weights is None else weights.size,
        },
        tuple(arrays),
    )
