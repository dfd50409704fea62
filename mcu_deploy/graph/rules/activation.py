"""ABS, ELU, HARD_SWISH, LEAKY_RELU, LOGISTIC, RELU, RELU6, RSQRT, SOFTMAX, TANH."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import isfinite, sqrt

from mcu_deploy.graph.ir import Tensor
from mcu_deploy.graph.rules.conditions import (
    INPUT,
    OUTPUT,
    expressible,
    multiplier,
    rescaling,
    scale_of,
)
from mcu_deploy.graph.rules.types import (
    REQUANTISE,
    Condition,
    OperatorRule,
    Problem,
    ShapeRule,
    Site,
    same_shape,
)

# TFLM sums the exponentials of SOFTMAX with 12 integer bits.
MAX_SOFTMAX_DEPTH = 2**12 - 1
# LOGISTIC and TANH bring int8 to Q4.27 by a multiplier of at least 1/2.
_LEAST_SIGMOID_SCALE = 2.0**-28
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
    """As TFLM has it: beta * scale, in steps of 2**-26, above 1; and the output a fraction of 256."""
    source, output = site.input(0), site.outputs[0]
    beta = _option(site, "beta")
    if not isfinite(beta) or beta * scale_of(source) * 2**26 <= 1:
        yield Problem(source, f"beta is {beta:g} and the scale {scale_of(source):g}: too small", REQUANTISE)
    yield from _quantized_as(output, 1 / 256, -128)
    if source.shape[-1] > MAX_SOFTMAX_DEPTH:
        reason = f"is over {source.shape[-1]} values, where at most {MAX_SOFTMAX_DEPTH} are supported"
        yield Problem(source, reason, "use fewer classes")


def _quantized_as(output: Tensor, scale: float, zero_point: int) -> Iterator[Problem]:
    assert output.quantization is not None
    if scale_of(output) != scale or output.quantization.zero_point[0] != zero_point:
        reason = f"the output does not have the scale 1/{round(1 / scale)} and zero point {zero_point}"
        yield Problem(output, reason, REQUANTISE)


def _sigmoid(scale: float, zero_point: int) -> Condition:
    def condition(site: Site) -> Iterator[Problem]:
        """The output covers the function's whole range, and the input's scale is at least 2**-28."""
        source = site.input(0)
        if scale_of(source) < _LEAST_SIGMOID_SCALE:
            yield Problem(source, f"its scale of {scale_of(source):g} is too small", REQUANTISE)
        yield from _quantized_as(site.outputs[0], scale, zero_point)

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


def _rsqrt(site: Site) -> Iterator[Problem]:
    """The roots of the input can be expressed in the output."""
    output = site.outputs[0]
    real = 1 / (sqrt(scale_of(site.input(0))) * scale_of(output))
    if real < _LEAST_RSQRT:
        yield Problem(output, f"its scale of {scale_of(output):g} is too large", REQUANTISE)
    yield from multiplier(output, real)


def _function(*conditions: Callable[[Site], Iterator[Problem]]) -> OperatorRule:
    return OperatorRule((INPUT,), (OUTPUT,), conditions)


RULES: Mapping[str, OperatorRule] = {
    "ABS": _function(rescaling),
    "ELU": _function(_elu),
    "HARD_SWISH": _function(_hard_swish),
    "LEAKY_RELU": _function(rescaling, _leaky_relu),
    "LOGISTIC": _function(_sigmoid(1 / 256, -128)),
    "RELU": _function(rescaling),
    "RELU6": _function(_relu6_range),
    "RSQRT": _function(_rsqrt),
    "SOFTMAX": _function(_softmax),
    "TANH": _function(_sigmoid(1 / 128, 0)),
}

SHAPES: Mapping[str, ShapeRule] = dict.fromkeys(RULES, same_shape)
