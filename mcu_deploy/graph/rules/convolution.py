"""CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, TRANSPOSE_CONV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.ir import DataType, Tensor
from mcu_deploy.graph.rules.conditions import (
    ACTIVATIONS,
    IMAGE,
    IMAGE_OUTPUT,
    fused,
    multiplier,
    same_type,
    scale_of,
    wide_multiplier,
    window,
    windows,
)
from mcu_deploy.graph.rules.types import (
    REQUANTISE,
    Condition,
    Inputs,
    OperatorRule,
    Options,
    Problem,
    Shape,
    ShapeRule,
    Site,
    TensorRule,
    given,
    number,
    single,
)

# Accumulators: see md_requantize and md_requantize_wide.
MAX_ACCUMULATORS = {DataType.INT8: 2**31 - 1, DataType.INT16: 2**47 - 1}
# The largest magnitude of an input with its zero point, rounded up.
_LARGEST_INPUTS = {DataType.INT8: 2**8, DataType.INT16: 2**15}
_BIAS_TYPES = {DataType.INT8: DataType.INT32, DataType.INT16: DataType.INT64}
_INPUT = TensorRule("input", ACTIVATIONS)
_OUTPUT = TensorRule("output", ACTIVATIONS)
_BIAS = TensorRule(
    "bias", tuple(_BIAS_TYPES.values()), (1,), constant=True, optional=True, quantization="any"
)


def _weights(rank: int, channel_axis: int) -> TensorRule:
    return TensorRule(
        "filter",
        (DataType.INT8,),
        ranks=(rank,),
        constant=True,
        quantization="symmetric",
        channel_axis=channel_axis,
    )


def _bias_of(site: Site, position: int) -> Tensor | None:
    return site.inputs[position] if len(site.inputs) > position else None


def _bias_type(source: int = 0, bias: int = 2) -> Condition:
    """A bias is as wide as the accumulator. TFLM takes int32 with int16, too, for a narrow accumulator."""

    def condition(site: Site) -> Iterator[Problem]:
        tensor, wanted = _bias_of(site, bias), _BIAS_TYPES[site.input(source).dtype]
        stated = site.operator.options.get("quantized_bias_type")
        if tensor is not None and tensor.dtype is not wanted:
            found = tensor.dtype.value
        elif tensor is None and wanted is DataType.INT64 and stated == "INT32":
            found = "int32"
        else:
            return
        reason = f"the bias is {found} instead of {wanted.value}"
        yield Problem(tensor or site.whole, reason, REQUANTISE)

    return condition


def _accumulator(channel_axis: int, source: int = 0, bias: int = 2) -> Condition:
    """No input can make the accumulator overflow, and each channel has a multiplier.

    On int8, |sum of (x - zero point) * weight|, in any order, is at most 255 * sum |weight|. With 256 it
    covers what our kernels do, too: the zero point's part is in the bias, and the sum of x * weight is added
    to that.
    """

    def condition(site: Site) -> Iterator[Problem]:
        activation, weights, output = site.input(source), site.input(1), site.outputs[0]
        assert weights.data is not None and weights.quantization is not None
        axes = tuple(axis for axis in range(len(weights.shape)) if axis != channel_axis)
        sums = np.abs(weights.data, dtype=np.int16).sum(axis=axes, dtype=np.int64)
        # In double precision: exact where it matters, and the least int64 has a magnitude.
        bound = _LARGEST_INPUTS[activation.dtype] * sums.astype(np.float64)
        tensor = _bias_of(site, bias)
        if tensor is not None and tensor.data is not None:
            bound = bound + np.abs(tensor.data.astype(np.float64))
        worst = int(np.argmax(bound))
        if bound[worst] > MAX_ACCUMULATORS[activation.dtype]:
            bits = 32 if activation.dtype is DataType.INT8 else 48
            reason = f"the accumulator of output channel {worst} can overflow {bits} bits"
            yield Problem(weights if tensor is None else tensor, reason, REQUANTISE)
        largest = float(weights.quantization.scale.max())
        expressible = multiplier if activation.dtype is DataType.INT8 else wide_multiplier
        yield from expressible(output, scale_of(activation) * largest / scale_of(output))

    return condition


def _bias_scale(site: Site) -> Iterator[Problem]:
    """As TFLM has it for per-tensor FULLY_CONNECTED: within 2 % of an output step of input * weights."""
    weights, bias = site.input(1), _bias_of(site, 2)
    if bias is None or weights.quantization is None or weights.quantization.per_channel:
        return
    scale = 0.0 if bias.quantization is None else scale_of(bias)
    product = scale_of(site.input(0)) * scale_of(weights)
    if abs(product - scale) / scale_of(site.outputs[0]) > 0.02:
        reason = f"the bias has the scale {scale:g}, but input and weights make {product:g}"
        yield Problem(bias, reason, REQUANTISE)


def _plain_weights(site: Site) -> Iterator[Problem]:
    layout = site.operator.options["weights_format"]
    if layout != "DEFAULT":
        yield Problem(site.whole, f"has weights in the format {layout}", "export them in the DEFAULT format")


def _check_bias(inputs: Inputs, channels: int, position: int = 2) -> None:
    bias = inputs[position] if len(inputs) > position else None
    if bias is not None and bias.shape != (channels,):
        raise ModelError(f"the bias has the shape {bias.shape} for {channels} channels")


def _conv_2d(inputs: Inputs, options: Options) -> Shape:
    image, weights = given(inputs, 0, 4), given(inputs, 1, 4)
    channels, filter_height, filter_width, depth = weights.shape
    groups, rest = divmod(image.shape[3], depth)
    if rest:
        raise ModelError(f"the filter has {depth} input channels, but the input has {image.shape[3]}")
    if channels % groups:
        raise ModelError(f"the filter's {channels} output channels do not divide into {groups} groups")
    _check_bias(inputs, channels)
    height, width = windows(image.shape, filter_height, filter_width, options)
    return image.shape[0], height, width, channels


def _depthwise_conv_2d(inputs: Inputs, options: Options) -> Shape:
    image, weights = given(inputs, 0, 4), given(inputs, 1, 4)
    first, filter_height, filter_width, channels = weights.shape
    multiplier = number(options, "depth_multiplier")
    if first != 1 or channels != image.shape[3] * multiplier:
        raise ModelError(
            f"the filter {weights.shape} does not match {image.shape[3]} input channels "
            f"and a depth multiplier of {multiplier}"
        )
    _check_bias(inputs, channels)
    height, width = windows(image.shape, filter_height, filter_width, options)
    return image.shape[0], height, width, channels


def _fully_connected(inputs: Inputs, options: Options) -> Shape:
    features, weights = given(inputs, 0), given(inputs, 1, 2)
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


def _transpose_conv(inputs: Inputs, options: Options) -> Shape:
    stated, weights, image = given(inputs, 0, 1), given(inputs, 1, 4), given(inputs, 2, 4)
    if stated.data is None or stated.dtype is not DataType.INT32 or stated.elements != 4:
        raise ModelError("the output's shape is not a constant of four int32")
    shape = tuple(int(size) for size in stated.data)
    if min(shape) < 1:
        raise ModelError(f"the output has the shape {shape}")
    channels, filter_height, filter_width, depth = weights.shape
    if depth != image.shape[3]:
        raise ModelError(f"the filter has {depth} input channels, but the input has {image.shape[3]}")
    _check_bias(inputs, channels, 3)
    # The convolution that it transposes goes from the output to the input.
    height, width = windows(shape, filter_height, filter_width, options)
    if (shape[0], height, width, shape[3]) != (*image.shape[:3], channels):
        raise ModelError(f"an output of the shape {shape} does not belong to the input {image.shape}")
    return shape


_OUTPUT_SHAPE = TensorRule("output's shape", (DataType.INT32,), (1,), constant=True, quantization="any")

RULES: Mapping[str, OperatorRule] = {
    "CONV_2D": OperatorRule(
        (IMAGE, _weights(4, 0), _BIAS),
        (IMAGE_OUTPUT,),
        (same_type, _bias_type(), window, fused, _accumulator(0)),
    ),
    "DEPTHWISE_CONV_2D": OperatorRule(
        (IMAGE, _weights(4, 3), _BIAS),
        (IMAGE_OUTPUT,),
        (same_type, _bias_type(), window, fused, _accumulator(3)),
    ),
    "FULLY_CONNECTED": OperatorRule(
        (_INPUT, _weights(2, 0), _BIAS),
        (_OUTPUT,),
        (same_type, _plain_weights, _bias_type(), fused, _bias_scale, _accumulator(0)),
    ),
    "TRANSPOSE_CONV": OperatorRule(
        (_OUTPUT_SHAPE, _weights(4, 0), IMAGE, _BIAS),
        (IMAGE_OUTPUT,),
        (same_type, _bias_type(2, 3), window, fused, _accumulator(0, 2, 3)),
    ),
}

SHAPES: Mapping[str, ShapeRule] = {
    "CONV_2D": single(_conv_2d),
    "DEPTHWISE_CONV_2D": single(_depthwise_conv_2d),
    "FULLY_CONNECTED": single(_fully_connected),
    "TRANSPOSE_CONV": single(_transpose_conv),
}
