"""RELU, RELU6, SOFTMAX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite

from mcu_deploy.graph.rules.conditions import INPUT, OUTPUT, expressible, rescaling, scale_of
from mcu_deploy.graph.rules.types import REQUANTISE, OperatorRule, Problem, ShapeRule, Site, same_shape

# TFLM sums the exponentials of SOFTMAX with 12 integer bits.
MAX_SOFTMAX_DEPTH = 2**12 - 1


def _relu6_range(site: Site) -> Iterator[Problem]:
    yield from expressible(site.input(0), 6.0)


def _softmax(site: Site) -> Iterator[Problem]:
    """As TFLM has it: beta * scale, in steps of 2**-26, above 1; and the output a fraction of 256."""
    source, output = site.input(0), site.outputs[0]
    beta = site.operator.options["beta"]
    assert isinstance(beta, float)
    if not isfinite(beta) or beta * scale_of(source) * 2**26 <= 1:
        yield Problem(source, f"beta is {beta:g} and the scale {scale_of(source):g}: too small", REQUANTISE)
    assert output.quantization is not None
    if scale_of(output) != 1 / 256 or output.quantization.zero_point[0] != -128:
        yield Problem(output, "the output does not have the scale 1/256 and zero point -128", REQUANTISE)
    if source.shape[-1] > MAX_SOFTMAX_DEPTH:
        reason = f"is over {source.shape[-1]} values, where at most {MAX_SOFTMAX_DEPTH} are supported"
        yield Problem(source, reason, "use fewer classes")


RULES: Mapping[str, OperatorRule] = {
    "RELU": OperatorRule((INPUT,), (OUTPUT,), (rescaling,)),
    "RELU6": OperatorRule((INPUT,), (OUTPUT,), (_relu6_range,)),
    "SOFTMAX": OperatorRule((INPUT,), (OUTPUT,), (_softmax,)),
}

SHAPES: Mapping[str, ShapeRule] = dict.fromkeys(RULES, same_shape)
