"""CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.ir import DataType
from mcu_deploy.graph.rules.conditions import (
    IMAGE,
    IMAGE_OUTPUT,
    INPUT,
    OUTPUT,
    fused,
    multiplier,
    scale_of,
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

# An accumulator: md_requantize takes all of int32 but its lowest value.
MAX_ACCUMULATOR = 2**31 - 1
_BIAS = TensorRule("bias", (DataType.INT32,), (1,), constant=True, optional=True, quantization="any")


def _weights(rank: int, channel_axis: int) -> TensorRule:
    return TensorRule(
        "filter",
        (DataType.INT8,),
        ranks=(rank,),
        constant=True,
        quantization="symmetric",
        channel_axis=channel_axis,
    )


def _accumulator(channel_axis: int) -> Condition:
    """No input can make the 32-bit accumulator overflow, and each channel has a multiplier.

    |sum of (x - zero point) * weight|, in any order, is at most 255 * sum |weight|. With 256 it covers what
    our kernels do, too: the zero point's part is in the bias, and the sum of x * weight is added to that.
    """

    def condition(site: Site) -> Iterator[Problem]:
        weights, output = site.input(1), site.outputs[0]
        assert weights.data is not None and weights.quantization is not None
        axes = tuple(axis for axis in range(len(weights.shape)) if axis != channel_axis)
        bound = 256 * np.abs(weights.data, dtype=np.int16).sum(axis=axes, dtype=np.int64)
        bias = site.inputs[2] if len(site.inputs) > 2 else None
        if bias is not None and bias.data is not None:
            bound = bound + np.abs(bias.data.astype(np.int64))
        worst = int(np.argmax(bound))
        if bound[worst] > MAX_ACCUMULATOR:
            reason = f"the accumulator of output channel {worst} can overflow 32 bits"
            yield Problem(weights if bias is None else bias, reason, REQUANTISE)
        largest = float(weights.quantization.scale.max())
        yield from multiplier(output, scale_of(site.input(0)) * largest / scale_of(output))

    return condition


def _bias_scale(site: Site) -> Iterator[Problem]:
    """As TFLM has it for per-tensor FULLY_CONNECTED: within 2 % of an output step of input * weights."""
    weights, bias = site.input(1), site.inputs[2] if len(site.inputs) > 2 else None
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


def _check_bias(inputs: Inputs, channels: int) -> None:
    bias = inputs[2] if len(inputs) > 2 else None
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


RULES: Mapping[str, OperatorRule] = {
    "CONV_2D": OperatorRule(
        (IMAGE, _weights(4, 0), _BIAS),
        (IMAGE_OUTPUT,),
        (window, fused, _accumulator(0)),
    ),
    "DEPTHWISE_CONV_2D": OperatorRule(
        (IMAGE, _weights(4, 3), _BIAS),
        (IMAGE_OUTPUT,),
        (window, fused, _accumulator(3)),
    ),
    "FULLY_CONNECTED": OperatorRule(
        (INPUT, _weights(2, 0), _BIAS),
        (OUTPUT,),
        (_plain_weights, fused, _bias_scale, _accumulator(0)),
    ),
}

SHAPES: Mapping[str, ShapeRule] = {
    "CONV_2D": single(_conv_2d),
    "DEPTHWISE_CONV_2D": single(_depthwise_conv_2d),
    "FULLY_CONNECTED": single(_fully_connected),
}
