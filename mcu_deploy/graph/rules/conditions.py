"""Conditions that operators of several families have in common."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mcu_deploy.graph.geometry import conv_geometry, effective_filter_size, explicit_padding
from mcu_deploy.graph.ir import DataType, Tensor
from mcu_deploy.graph.rules.types import REQUANTISE, Options, Problem, Shape, Site, TensorRule, number

# Strides and the reach of a filter: what fits 16 bits.
MAX_WINDOW = 2**15 - 1
# A multiplier: its left shift is at most 30, after rounding to 31 bits too.
MAX_MULTIPLIER = 2**30 - 1
# One of a 64-bit accumulator: its left shift is at most 7, after rounding too.
MAX_WIDE_MULTIPLIER = 127
# A bound of an activation in steps of the scale, before it is limited to int8: int32 with a zero point added.
MAX_STEPS = 2**31 - 512

INPUT = TensorRule("input", (DataType.INT8,))
OUTPUT = TensorRule("output", (DataType.INT8,))
ACTIVATIONS = (DataType.INT8, DataType.INT16)
IMAGE = TensorRule("input", ACTIVATIONS, ranks=(4,))
IMAGE_OUTPUT = TensorRule("output", ACTIVATIONS, ranks=(4,))


def scale_of(tensor: Tensor) -> float:
    """The scale of a tensor that is quantised per tensor."""
    assert tensor.quantization is not None
    return float(tensor.quantization.scale[0])


def window(site: Site) -> Iterator[Problem]:
    """Strides and the filter's reach fit 16 bits."""
    options = site.operator.options
    for suffix, option, axis in (("h", "filter_height", 1), ("w", "filter_width", 2)):
        size = site.number(option) if option in options else site.input(1).shape[axis]
        dilation = f"dilation_{suffix}_factor"
        reach = effective_filter_size(size, site.number(dilation) if dilation in options else 1)
        for what, value in (("filter spans", reach), ("stride is", site.number(f"stride_{suffix}"))):
            if value > MAX_WINDOW:
                reason = f"the {what} {value}, where at most {MAX_WINDOW} is supported"
                yield Problem(site.whole, reason, "use a smaller one")


def fused(site: Site) -> Iterator[Problem]:
    """The fused activation is a clamp whose bounds can be quantised."""
    activation = site.operator.options["fused_activation_function"]
    limits = {"NONE": 0.0, "RELU": 0.0, "RELU6": 6.0, "RELU_N1_TO_1": 1.0}
    if activation not in limits:
        reason = f"the fused activation {activation} is not supported"
        yield Problem(site.whole, reason, f"use {', '.join(limits)}, or an operator of its own")
    else:
        yield from expressible(site.outputs[0], limits[str(activation)])


def expressible(tensor: Tensor, limit: float) -> Iterator[Problem]:
    """``limit`` in steps of the tensor's scale fits 32 bits."""
    if limit / scale_of(tensor) > MAX_STEPS:
        reason = f"its scale of {scale_of(tensor):g} is too small to express {limit:g}"
        yield Problem(tensor, reason, REQUANTISE)


def multiplier(output: Tensor, real: float) -> Iterator[Problem]:
    """A real multiplier to the output's scale can be expressed."""
    if real > MAX_MULTIPLIER:
        reason = f"its scale of {scale_of(output):g} makes a multiplier of {real:g}, above {MAX_MULTIPLIER}"
        yield Problem(output, reason, REQUANTISE)


def wide_multiplier(output: Tensor, real: float) -> Iterator[Problem]:
    """The same for an accumulator of 64 bits."""
    if real > MAX_WIDE_MULTIPLIER:
        reason = (
            f"its scale of {scale_of(output):g} makes a multiplier of {real:g}, above {MAX_WIDE_MULTIPLIER}"
        )
        yield Problem(output, reason, REQUANTISE)


def one_scale(site: Site) -> Iterator[Problem]:
    """Weights have one scale: TFLM uses the first."""
    for tensor in site.inputs:
        if tensor is not None and tensor.quantization is not None and tensor.quantization.per_channel:
            reason = "is quantised per channel, where the operator knows one scale only"
            yield Problem(tensor, reason, REQUANTISE)


def same_type(site: Site) -> Iterator[Problem]:
    """The output has the activation's element type; with int16, both have the zero point 0.

    The activation is the first input that is computed.
    """
    source = next(tensor for tensor in site.inputs if tensor is not None and tensor.data is None)
    output = site.outputs[0]
    if output.dtype is not source.dtype:
        reason = f"the output is {output.dtype.value}, but the input {source.dtype.value}"
        yield Problem(output, reason, REQUANTISE)
    for tensor in (source, output):
        assert tensor.quantization is not None
        if tensor.dtype is DataType.INT16 and tensor.quantization.zero_point.any():
            yield Problem(tensor, "it is int16 with a zero point other than 0", REQUANTISE)


def same_quantization(site: Site) -> Iterator[Problem]:
    """As TFLM has it for pooling."""
    source, output = site.input(0), site.outputs[0]
    assert source.quantization is not None and output.quantization is not None
    differs = abs(np.float32(scale_of(source)) - np.float32(scale_of(output))) > 1e-6
    if differs or source.quantization.zero_point[0] != output.quantization.zero_point[0]:
        yield Problem(output, "the output is not quantised as the input is", REQUANTISE)


def rescaling(site: Site) -> Iterator[Problem]:
    """The ratio of input and output scale can be expressed."""
    yield from multiplier(site.outputs[0], scale_of(site.input(0)) / scale_of(site.outputs[0]))


def windows(shape: Shape, filter_height: int, filter_width: int, options: Options) -> tuple[int, int]:
    """Height and width of what a window makes as it slides over an NHWC tensor."""
    padding = str(options["padding"])
    sizes = []
    for axis, size, suffix in ((1, filter_height, "h"), (2, filter_width, "w")):
        dilation = number(options, f"dilation_{suffix}_factor") if "dilation_h_factor" in options else 1
        stride = number(options, f"stride_{suffix}")
        padded = shape[axis] + sum(explicit_padding(options, axis - 1))
        sizes.append(conv_geometry(padded, size, stride, dilation, padding)[0])
    return sizes[0], sizes[1]
