"""What shape an operator's output has: implied by its inputs and options, whatever the file states."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.geometry import conv_geometry
from mcu_deploy.graph.ir import DataType, OptionValue, Tensor

MAX_RANK = 8

Shape = tuple[int, ...]
Options = Mapping[str, OptionValue]
Inputs = Sequence[Tensor | None]


def output_shape(kind: str, inputs: Inputs, options: Options) -> Shape | None:
    """The shape of the output of an operator, or None for a kind that is not described here.

    Args:
        kind: the schema's name of the operator.
        inputs: its input tensors, None for an absent optional one.
        options: its options by their schema names.

    Raises:
        ModelError: inputs and options do not fit together; the message is a phrase that says how.
    """
    rule = _RULES.get(kind)
    return None if rule is None else rule(inputs, options)


def _given(inputs: Inputs, position: int, rank: int | None = None) -> Tensor:
    tensor = inputs[position] if position < len(inputs) else None
    if tensor is None:
        raise ModelError(f"input {position} is missing")
    if rank is not None and len(tensor.shape) != rank:
        raise ModelError(f"input {position} has {len(tensor.shape)} dimensions instead of {rank}")
    return tensor


def _number(options: Options, name: str) -> int:
    value = options[name]
    assert isinstance(value, int), name
    return value


def _windows(shape: Shape, filter_height: int, filter_width: int, options: Options) -> tuple[int, int]:
    """Height and width of what a window makes as it slides over an NHWC tensor."""
    padding = str(options["padding"])
    sizes = []
    for axis, size, suffix in ((1, filter_height, "h"), (2, filter_width, "w")):
        dilation = _number(options, f"dilation_{suffix}_factor") if "dilation_h_factor" in options else 1
        stride = _number(options, f"stride_{suffix}")
        sizes.append(conv_geometry(shape[axis], size, stride, dilation, padding)[0])
    return sizes[0], sizes[1]


def _check_bias(inputs: Inputs, channels: int) -> None:
    bias = inputs[2] if len(inputs) > 2 else None
    if bias is not None and bias.shape != (channels,):
        raise ModelError(f"the bias has the shape {bias.shape} for {channels} channels")


def _conv_2d(inputs: Inputs, options: Options) -> Shape:
    image, weights = _given(inputs, 0, 4), _given(inputs, 1, 4)
    channels, filter_height, filter_width, depth = weights.shape
    groups, rest = divmod(image.shape[3], depth)
    if rest:
        raise ModelError(f"the filter has {depth} input channels, but the input has {image.shape[3]}")
    if channels % groups:
        raise ModelError(f"the filter's {channels} output channels do not divide into {groups} groups")
    _check_bias(inputs, channels)
    height, width = _windows(image.shape, filter_height, filter_width, options)
    return image.shape[0], height, width, channels


def _depthwise_conv_2d(inputs: Inputs, options: Options) -> Shape:
    image, weights = _given(inputs, 0, 4), _given(inputs, 1, 4)
    first, filter_height, filter_width, channels = weights.shape
    multiplier = _number(options, "depth_multiplier")
    if first != 1 or channels != image.shape[3] * multiplier:
        raise ModelError(
            f"the filter {weights.shape} does not match {image.shape[3]} input channels "
            f"and a depth multiplier of {multiplier}"
        )
    _check_bias(inputs, channels)
    height, width = _windows(image.shape, filter_height, filter_width, options)
    return image.shape[0], height, width, channels


def _pool_2d(inputs: Inputs, options: Options) -> Shape:
    image = _given(inputs, 0, 4)
    filter_height, filter_width = _number(options, "filter_height"), _number(options, "filter_width")
    height, width = _windows(image.shape, filter_height, filter_width, options)
    return image.shape[0], height, width, image.shape[3]


def _fully_connected(inputs: Inputs, options: Options) -> Shape:
    features, weights = _given(inputs, 0), _given(inputs, 1, 2)
    units, depth = weights.shape
    _check_bias(inputs, units)
    if options["keep_num_dims"]:
        if features.shape[-1:] != (depth,):
            raise ModelError(
                f"the weights need {depth} features, but the input has the shape {features.shape}"
            )
        return (*features.shape[:-1], units)
    if features.elements % depth:
        raise ModelError(f"the weights need {depth} features, but the input has {features.elements} values")
    return features.elements // depth, units


def _reshape(inputs: Inputs, options: Options) -> Shape:
    values = _given(inputs, 0)
    if len(inputs) > 1 and inputs[1] is not None:
        wanted = _constant_shape(inputs[1])
    else:
        stated = options["new_shape"]
        assert isinstance(stated, tuple)
        wanted = stated
    rest = prod(size for size in wanted if size != -1)
    if wanted.count(-1) == 1 and rest > 0:
        wanted = tuple(values.elements // rest if size == -1 else size for size in wanted)
    if any(size < 1 for size in wanted) or prod(wanted) != values.elements:
        raise ModelError(f"{values.elements} values do not fit into the shape {wanted}")
    return wanted


def _constant_shape(tensor: Tensor) -> Shape:
    if tensor.data is None:
        raise ModelError("the new shape is computed while the model runs")
    if tensor.dtype is not DataType.INT32 or len(tensor.shape) != 1 or tensor.elements > MAX_RANK:
        raise ModelError("the new shape is not a short vector of int32")
    return tuple(int(size) for size in tensor.data)


def _same(inputs: Inputs, options: Options) -> Shape:
    return _given(inputs, 0).shape


_RULES: Mapping[str, Callable[[Inputs, Options], Shape]] = {
    "AVERAGE_POOL_2D": _pool_2d,
    "CONV_2D": _conv_2d,
    "DEPTHWISE_CONV_2D": _depthwise_conv_2d,
    "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": _pool_2d,
    "RELU": _same,
    "RELU6": _same,
    "RESHAPE": _reshape,
    "SOFTMAX": _same,
}
