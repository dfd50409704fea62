"""ABS, ELU, HARD_SWISH, LEAKY_RELU, LOGISTIC, NEG, PRELU, RELU, RELU6, RELU_N1_TO_1, RSQRT, SOFTMAX, TANH."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import isfinite, sqrt

import numpy as np

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.ir import DataType, Tensor
from mcu_deploy.graph.rules.conditions import (
    ACTIVATIONS,
    INPUT,
    OUTPUT,
    expressible,
    multiplier,
    rescaling,
    same_type,
    scale_of,
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
    same_shape,
    single,
)

# TFLM sums the exponentials of SOFTMAX with 12 integer bits.
MAX_SOFTMAX_DEPTH = 2**12 - 1
# LOGISTIC and TANH bring int8 to Q4.27 by a multiplier of at least 1/2.
_LEAST_SIGMOID_SCALE = 2.0**-28
# They bring int16 to steps of 2**-12 / 3 by an integer of 15 bits.
_LARGEST_SIGMOID_SCALE = 32767 / (3 * 2**12)
# SOFTMAX of int16: differences of inputs, in steps of 10/65535, fit 32 bits with a constant added.
_LARGEST_SOFTMAX_STEP = 2**15 - 2
# Its sum of exponentials is below 2**31.
_MAX_WIDE_SOFTMAX_DEPTH = 2**16
# HARD_SWISH shifts 16-bit numbers right by at most 15.
_LEAST_HARD_SWISH = 2.0**-16
# RSQRT shifts its multiplier right by 20 more.
_LEAST_RSQRT = 2.0**-11
_MAX_STEPS = 2**31 - 512


def _option(site: Site, name: str) -> float:
    value = site.operator.options[name]
    assert isinstance(value, float)
    return value


def _relu6_range(site: Site) -> Iterator[Problem]:
    """6 fits 32 bits in steps of the input's scale."""
    yield from expressible(site.input(0), 6.0)


def _softmax(site: Site) -> Iterator[Problem]:
    """The output is quantised as TFLM has it: 2**-8, -128; int16 2**-15, 0; int8 to int16 2**-16, -32768."""
    source, output = site.input(0), site.outputs[0]
    beta = _option(site, "beta")
    if source.dtype is DataType.INT16:
        yield from _wide_softmax(site, beta)
        return
    if not isfinite(beta) or beta * scale_of(source) * 2**26 <= 1:
        yield Problem(source, f"beta is {beta:g} and the scale {scale_of(source):g}: too small", REQUANTISE)
    if output.dtype is DataType.INT8:
        yield from _quantized_as(output, 1 / 256, -128)
    else:
        yield from _quantized_as(output, 1 / 65536, -32768, 1e-3)
    yield from _depth(source, MAX_SOFTMAX_DEPTH)


def _wide_softmax(site: Site, beta: float) -> Iterator[Problem]:
    source, output = site.input(0), site.outputs[0]
    step = beta * scale_of(source) / 10 * 65535
    if not 0 <= step <= _LARGEST_SOFTMAX_STEP:
        reason = f"beta is {beta:g} and the scale {scale_of(source):g}: out of range"
        yield Problem(source, reason, REQUANTISE)
    yield from same_type(site)
    yield from _quantized_as(output, 2.0**-15, 0, 1e-3)
    yield from _depth(source, _MAX_WIDE_SOFTMAX_DEPTH)


def _depth(source: Tensor, most: int) -> Iterator[Problem]:
    if source.shape[-1] > most:
        reason = f"is over {source.shape[-1]} values, where at most {most} are supported"
        yield Problem(source, reason, "use fewer classes")


def _quantized_as(output: Tensor, scale: float, zero_point: int, tolerance: float = 0.0) -> Iterator[Problem]:
    """``tolerance``: how far from 1 the ratio to ``scale`` may be."""
    assert output.quantization is not None
    off = abs(scale_of(output) / scale - 1) > tolerance
    if off or output.quantization.zero_point[0] != zero_point:
        reason = f"the output does not have the scale 1/{round(1 / scale)} and zero point {zero_point}"
        yield Problem(output, reason, REQUANTISE)


def _sigmoid(scale: float, zero_point: int) -> Condition:
    def condition(site: Site) -> Iterator[Problem]:
        """The output covers the function's whole range; of int16 its scale is 2**-15."""
        source, output = site.input(0), site.outputs[0]
        wide = source.dtype is DataType.INT16
        if not wide and scale_of(source) < _LEAST_SIGMOID_SCALE:
            yield Problem(source, f"its scale of {scale_of(source):g} is too small", REQUANTISE)
        if wide and scale_of(source) > _LARGEST_SIGMOID_SCALE:
            yield Problem(source, f"its scale of {scale_of(source):g} is too large", REQUANTISE)
        # TFLM compares logarithms to the base of 2.
        yield from _quantized_as(output, *((2.0**-15, 0, 6e-4) if wide else (scale, zero_point, 0.0)))

    return condition


def _elu(site: Site) -> Iterator[Problem]:
    """Every output fits 32 bits before it is limited to int8."""
    source, output = site.input(0), site.outputs[0]
    if 256 * scale_of(source) / scale_of(output) > _MAX_STEPS:
        reason = f"its scale of {scale_of(output):g} is too small for an input of {scale_of(source):g}"
        yield Problem(output, reason, REQUANTISE)


def _leaky_relu(site: Site) -> Iterator[Problem]:
    """alpha is a number whose product with the ratio of the scales can be expressed."""
    alpha = _option(site, "alpha")
    if not isfinite(alpha):
        yield Problem(site.whole, f"alpha is {alpha:g}", "use a finite number")
    else:
        yield from multiplier(
            site.outputs[0], abs(alpha) * scale_of(site.input(0)) / scale_of(site.outputs[0])
        )


def _hard_swish(site: Site) -> Iterator[Problem]:
    """As TFLM has it: the output's scale is above 1/128 of the input's; 16 bits express both."""
    source, output = site.input(0), site.outputs[0]
    fine = scale_of(source) / 128
    ratio = fine / scale_of(output)
    if not _LEAST_HARD_SWISH <= ratio < 1 - 2**-32:
        reason = f"its scale of {scale_of(output):g} does not suit the input's of {scale_of(source):g}"
        yield Problem(output, reason, REQUANTISE)
    if not _LEAST_HARD_SWISH <= fine * 32768 / 3 < 2**30:
        yield Problem(
            source, f"its scale of {scale_of(source):g} does not suit the range -3 to 3", REQUANTISE
        )


def _negative(site: Site) -> Iterator[Problem]:
    """As TFLM's SUB has it, which computes it from 0: the result does not grow when it is rescaled."""
    source, output = site.input(0), site.outputs[0]
    if scale_of(source) / scale_of(output) / 2**19 >= 1 - 2**-32:
        reason = f"its scale of {scale_of(output):g} is too small for an input of {scale_of(source):g}"
        yield Problem(output, reason, REQUANTISE)


def _relu_n1_to_1_range(site: Site) -> Iterator[Problem]:
    """1 fits 32 bits in steps of the output's scale."""
    yield from expressible(site.outputs[0], 1.0)


def _rsqrt(site: Site) -> Iterator[Problem]:
    """The roots of the input can be expressed in the output."""
    output = site.outputs[0]
    real = 1 / (sqrt(scale_of(site.input(0))) * scale_of(output))
    if real < _LEAST_RSQRT:
        yield Problem(output, f"its scale of {scale_of(output):g} is too large", REQUANTISE)
    yield from multiplier(output, real)


def _prelu(site: Site) -> Iterator[Problem]:
    """The ratio of the scales times that of alpha can be expressed."""
    alpha, output = site.input(1), site.outputs[0]
    yield from multiplier(output, scale_of(site.input(0)) * scale_of(alpha) / scale_of(output))


def _prelu_shape(inputs: Inputs, options: Options) -> Shape:
    del options
    values, alpha = given(inputs, 0).shape, given(inputs, 1).shape
    try:
        fits = np.broadcast_shapes(values, alpha) == values
    except ValueError:
        fits = False
    if not fits:
        raise ModelError(f"alpha of the shape {alpha} does not broadcast to the input's {values}")
    return values


def _function(*conditions: Callable[[Site], Iterator[Problem]]) -> OperatorRule:
    return OperatorRule((INPUT,), (OUTPUT,), conditions)


def _wide(*conditions: Callable[[Site], Iterator[Problem]]) -> OperatorRule:
    """For int16, too."""
    return OperatorRule((_WIDE_INPUT,), (_WIDE_OUTPUT,), (same_type, *conditions))


_WIDE_INPUT = TensorRule("input", ACTIVATIONS)
_WIDE_OUTPUT = TensorRule("output", ACTIVATIONS)
_ALPHA = TensorRule("alpha", (DataType.INT8,), (0, 1, 2, 3, 4), constant=True)

RULES: Mapping[str, OperatorRule] = {
    "ABS": _wide(rescaling),
    "ELU": _function(_elu),
    "HARD_SWISH": _function(_hard_swish),
    "LEAKY_RELU": _wide(rescaling, _leaky_relu),
    "LOGISTIC": _wide(_sigmoid(1 / 256, -128)),
    "NEG": _function(_negative),
    "PRELU": OperatorRule((_WIDE_INPUT, _ALPHA), (_WIDE_OUTPUT,), (same_type, rescaling, _prelu)),
    "RELU": _wide(rescaling),
    "RELU6": _wide(_relu6_range),
    "RELU_N1_TO_1": _function(rescaling, _relu_n1_to_1_range),
    "RSQRT": _function(_rsqrt),
    "SOFTMAX": OperatorRule((_WIDE_INPUT,), (_WIDE_OUTPUT,), (_softmax,)),
    "TANH": _wide(_sigmoid(1 / 128, 0)),
}

SHAPES: Mapping[str, ShapeRule] = {**dict.fromkeys(RULES, same_shape), "PRELU": single(_prelu_shape)}
