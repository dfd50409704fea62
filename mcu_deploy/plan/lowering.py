"""From a TFLite operator to the constants and parameters of a kernel: folding and packing.

Each ``lower_*`` function takes the graph, the operator and a prefix for the names of its constants, and
returns a ``Lowered`` whose parameters are the fields of the kernel's C struct
(``firmware_templates/kernels``). They raise ``ModelError`` without naming the operator; the planner adds
that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.geometry import conv_geometry
from mcu_deploy.graph.ir import DataType, Graph, Operator, Tensor
from mcu_deploy.plan import arithmetic
from mcu_deploy.plan.arithmetic import Multiplier
from mcu_deploy.plan.types import Constant

# These repeat the C headers of the same names.
MATMUL_CHANNELS = 2  # md_matmul_s8.h: channels side by side
CONV2D_ROWS = 2  # MD_CONV2D_ROWS
DEPTHWISE_CHANNELS = 4  # md_depthwise_conv2d_s8.h: channels side by side
DEPTHWISE_TAP_BYTES = 8  # MD_DEPTHWISE_CONV2D_TAP_BYTES
SOFTMAX_MAX_DEPTH = 4095  # md_softmax_s8.h
POOL_MAX_POSITIONS = 2**23  # md_pool_s8.h

_REQUANTISE = "quantise the model anew, with symmetric int8 weights and int32 biases"


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


def activation(graph: Graph, index: int) -> Tensor:
    """The int8 activation tensor ``index``, which must be quantised with one scale."""
    tensor = graph.tensors[index]
    if tensor.data is not None:
        raise ModelError("it works on a constant", "fold constants before converting the model")
    _check_int8(tensor)
    return tensor


def _check_int8(tensor: Tensor) -> None:
    quantization = tensor.quantization
    if tensor.dtype is not DataType.INT8 or quantization is None or quantization.scale.size != 1:
        raise ModelError("it works on a tensor that is not int8 with one scale", _REQUANTISE)
    scale = float(quantization.scale[0])
    if not (np.isfinite(scale) and scale > 0):
        raise ModelError(f"a tensor has the scale {scale:g}", _REQUANTISE)
    if not -128 <= int(quantization.zero_point[0]) <= 127:
        raise ModelError(f"a tensor has the zero point {quantization.zero_point[0]}", _REQUANTISE)


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
    """The window of a convolution or pooling operator.

    Raises:
        ModelError: its tensors are not NHWC, or the output does not have the size that results.
    """
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    if len(source.shape) != 4 or len(result.shape) != 4:
        raise ModelError("its tensors do not have four dimensions", "give it NHWC tensors")
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
    output = (rows[0], columns[0])
    if result.shape[:3] != (source.shape[0], *output):
        raise ModelError(
            f"its output has shape {result.shape}, but its windows make {output}", "convert it anew"
        )
    return Window(
        (source.shape[1], source.shape[2]),
        output,
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


def filter_tensor(graph: Graph, operator: Operator) -> Tensor:
    """The constant int8 weights of a convolution or FULLY_CONNECTED."""
    tensor = graph.tensors[operator.inputs[1]]
    if tensor.data is None or tensor.dtype is not DataType.INT8 or tensor.quantization is None:
        raise ModelError("its weights are not constant, quantised int8", _REQUANTISE)
    if np.any(tensor.quantization.zero_point):
        raise ModelError("its weights have a zero point", _REQUANTISE)
    return tensor


def _bias(graph: Graph, operator: Operator, channels: int) -> npt.NDArray[np.int64]:
    if len(operator.inputs) < 3 or operator.inputs[2] < 0:
        return np.zeros(channels, np.int64)
    tensor = graph.tensors[operator.inputs[2]]
    if tensor.data is None or tensor.dtype is not DataType.INT32 or tensor.elements != channels:
        raise ModelError(f"its bias is not a constant of {channels} int32", _REQUANTISE)
    return tensor.data.astype(np.int64).reshape(channels)


def _multipliers(graph: Graph, operator: Operator, channels: int) -> tuple[Multiplier, ...]:
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    quantization = filter_tensor(graph, operator).quantization
    assert quantization is not None
    scales = quantization.scale
    if scales.size not in (1, channels):
        raise ModelError(f"its weights have {scales.size} scales for {channels} channels", _REQUANTISE)
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

    Raises:
        ModelError: quantisation that TFLite does not define, or an accumulator that could leave int32.
    """
    source = activation(graph, operator.inputs[0])
    result = graph.tensors[operator.outputs[0]]
    _check_int8(result)
    channels = weights.shape[0]
    wide = weights.astype(np.int64)
    bias = _bias(graph, operator, channels) - zero_point(source) * wide.sum(axis=1)
    largest = int((np.abs(bias) + 128 * np.abs(wide).sum(axis=1)).max())
    if largest > arithmetic.INT32_MAX:
        raise ModelError(f"its accumulator can reach {largest}, more than int32 holds", _REQUANTISE)
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
    """Groups of a CONV_2D: input channels over the filter's.

    Raises:
        ModelError: the channels do not divide.
    """
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    weights = filter_tensor(graph, operator)
    if len(weights.shape) != 4 or len(source.shape) != 4 or len(result.shape) != 4:
        raise ModelError("its tensors do not have four dimensions", "give it NHWC tensors")
    groups, rest = divmod(source.shape[3], weights.shape[3])
    if rest or groups == 0 or weights.shape[0] % groups or weights.shape[0] != result.shape[3]:
        raise ModelError(
            f"its filters {weights.shape} fit neither input {source.shape} nor output {result.shape}",
            "convert it anew",
        )
    return groups


def convolution_window(graph: Graph, operator: Operator) -> Window:
    """The window of a CONV_2D or DEPTHWISE_CONV_2D."""
    shape = filter_tensor(graph, operator).shape
    if len(shape) != 4:
        raise ModelError("its filters do not have four dimensions", "convert it anew")
    return window(graph, operator, (shape[1], shape[2]))


def lower_convolution_as_rows(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A CONV_2D for ``md_fully_connected_s8``."""
    tensor = filter_tensor(graph, operator)
    assert tensor.data is not None
    result = graph.tensors[operator.outputs[0]]
    filters = fold(graph, operator, tensor.data.astype(np.int8).reshape(tensor.shape[0], -1))
    parameters, constants = _matmul(prefix, filters, tensor.index)
    return Lowered({**parameters, "rows": result.elements // result.shape[3]}, constants)


def lower_convolution(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A CONV_2D for ``md_conv2d_s8``."""
    tensor = filter_tensor(graph, operator)
    assert tensor.data is not None
    weights = tensor.data.astype(np.int8).reshape(tensor.shape[0], -1)
    return _lower_gathered(graph, operator, prefix, weights, convolution_groups(graph, operator))


def lower_depthwise_as_groups(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A DEPTHWISE_CONV_2D for ``md_conv2d_s8``: a group for each input channel."""
    weights = _depthwise_weights(graph, operator)
    groups = graph.tensors[operator.inputs[0]].shape[3]
    return _lower_gathered(graph, operator, prefix, weights, groups)


def _lower_gathered(
    graph: Graph, operator: Operator, prefix: str, weights: npt.NDArray[np.int8], groups: int
) -> Lowered:
    source = activation(graph, operator.inputs[0])
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
    """Output channels of a DEPTHWISE_CONV_2D for each input channel.

    Raises:
        ModelError: the channels do not fit.
    """
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    weights = filter_tensor(graph, operator)
    if len(weights.shape) != 4 or len(source.shape) != 4 or len(result.shape) != 4 or weights.shape[0] != 1:
        raise ModelError("its tensors do not have the shapes of a depthwise convolution", "convert it anew")
    multiplier, rest = divmod(weights.shape[3], source.shape[3])
    if rest or weights.shape[3] != result.shape[3]:
        raise ModelError(
            f"its filters {weights.shape} fit neither input {source.shape} nor output {result.shape}",
            "convert it anew",
        )
    return multiplier


def _depthwise_weights(graph: Graph, operator: Operator) -> npt.NDArray[np.int8]:
    """The weights as (channels, taps)."""
    tensor = filter_tensor(graph, operator)
    assert tensor.data is not None
    return np.ascontiguousarray(tensor.data.astype(np.int8).reshape(-1, tensor.shape[3]).T)


def lower_depthwise(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A DEPTHWISE_CONV_2D with depth multiplier 1 for ``md_depthwise_conv2d_s8``."""
    source = activation(graph, operator.inputs[0])
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


def lower_fully_connected(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A FULLY_CONNECTED for ``md_fully_connected_s8``."""
    source, result = activation(graph, operator.inputs[0]), graph.tensors[operator.outputs[0]]
    tensor = filter_tensor(graph, operator)
    assert tensor.data is not None
    if str(operator.options.get("weights_format", "DEFAULT")) != "DEFAULT":
        raise ModelError("its weights are shuffled", "convert it anew")
    if len(tensor.shape) != 2:
        raise ModelError(f"its weights have shape {tensor.shape}, not two dimensions", "convert it anew")
    channels, depth = tensor.shape
    rows, rest = divmod(source.elements, depth)
    if rest or result.elements != rows * channels or result.shape[-1:] != (channels,):
        raise ModelError(
            f"its weights {tensor.shape} fit neither input {source.shape} nor output {result.shape}",
            "convert it anew",
        )
    filters = fold(graph, operator, tensor.data.astype(np.int8))
    parameters, constants = _matmul(prefix, filters, tensor.index)
    return Lowered({**parameters, "rows": rows}, constants)


def lower_pool(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """An AVERAGE_POOL_2D or MAX_POOL_2D for ``md_average_pool_s8`` or ``md_max_pool_s8``."""
    del prefix
    source, result = activation(graph, operator.inputs[0]), graph.tensors[operator.outputs[0]]
    _check_int8(result)
    if abs(float(scale(source)) - float(scale(result))) > 1e-6 or zero_point(source) != zero_point(result):
        raise ModelError("its input and output are quantised differently", _REQUANTISE)
    size = (_integer(operator, "filter_height"), _integer(operator, "filter_width"))
    sliding = window(graph, operator, size)
    if result.shape[3] != source.shape[3]:
        raise ModelError(
            f"its output has {result.shape[3]} channels, its input {source.shape[3]}", "convert it anew"
        )
    if sliding.taps > POOL_MAX_POSITIONS:
        raise ModelError(
            f"its window has {sliding.taps} positions", f"at most {POOL_MAX_POSITIONS} are possible"
        )
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
    source, result = activation(graph, operator.inputs[0]), graph.tensors[operator.outputs[0]]
    _check_int8(result)
    _check_same_elements(source, result)
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


def _check_same_elements(source: Tensor, result: Tensor) -> None:
    if source.elements != result.elements:
        raise ModelError(f"its input has shape {source.shape}, its output {result.shape}", "convert it anew")


def lower_softmax(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A SOFTMAX for ``md_softmax_s8``."""
    source, result = activation(graph, operator.inputs[0]), graph.tensors[operator.outputs[0]]
    _check_int8(result)
    _check_same_elements(source, result)
    if float(scale(result)) != 1 / 256 or zero_point(result) != -128:
        raise ModelError("its output is not quantised with scale 1/256 and zero point -128", _REQUANTISE)
    depth = source.shape[-1] if source.shape else 1
    if depth > SOFTMAX_MAX_DEPTH:
        raise ModelError(f"it works on rows of {depth}", f"at most {SOFTMAX_MAX_DEPTH} are possible")
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
