"""SVDF."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.ir import DataType, Tensor
from mcu_deploy.graph.rules.conditions import multiplier, one_scale, scale_of
from mcu_deploy.graph.rules.types import (
    REEXPORT,
    REQUANTISE,
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


def svdf_multipliers(
    source: Tensor, features: Tensor, times: Tensor, state: Tensor, output: Tensor
) -> tuple[float, float]:
    """The real multipliers from the features' accumulator to the state, and from the units' to the output.

    All in double precision; TFLM of August 2026 still rounded products and quotients to float32.
    """
    to_state = scale_of(source) * scale_of(features) / scale_of(state)
    return to_state, scale_of(state) * scale_of(times) / scale_of(output)


def _svdf_state(site: Site) -> Iterator[Problem]:
    times, state = site.input(2), site.input(4)
    if times.dtype is not state.dtype:
        reason = f"the state is {state.dtype.value}, but the weights of time are {times.dtype.value}"
        yield Problem(state, reason, REEXPORT)


def _svdf_activation(site: Site) -> Iterator[Problem]:
    """TFLM's integer SVDF does not apply one; RELU is what the output's range of a converted model does."""
    activation = site.operator.options["fused_activation_function"]
    if activation not in ("NONE", "RELU"):
        reason = f"the fused activation {activation} is not supported"
        yield Problem(site.whole, reason, "use NONE or RELU, or an operator of its own")


def _svdf_arithmetic(site: Site) -> Iterator[Problem]:
    """The accumulator of features stays within 32 bits; the multipliers and the bias's scale are right."""
    features, times, bias, state = (site.input(position) for position in range(1, 5))
    assert features.data is not None
    bound = 256 * np.abs(features.data, dtype=np.int16).sum(axis=1, dtype=np.int64)
    if bound.max() > MAX_ACCUMULATOR:
        reason = f"the accumulator of filter {int(np.argmax(bound))} can overflow 32 bits"
        yield Problem(features, reason, REQUANTISE)
    product = float(np.float32(scale_of(state)) * np.float32(scale_of(times)))
    if abs(scale_of(bias) - product) >= 1e-5:
        reason = f"the bias has the scale {scale_of(bias):g}, but state and weights make {product:g}"
        yield Problem(bias, reason, REQUANTISE)
    output = site.outputs[0]
    reals = svdf_multipliers(site.input(0), features, times, state, output)
    for tensor, real in zip((state, output), reals, strict=True):
        yield from multiplier(tensor, real)


def _svdf(inputs: Inputs, options: Options) -> Shape:
    source, features, times = (given(inputs, position, 2) for position in range(3))
    bias, state, rank = given(inputs, 3, 1), given(inputs, 4, 2), number(options, "rank")
    filters = features.shape[0]
    if rank < 1 or filters % rank:
        raise ModelError(f"{filters} filters do not divide into units of rank {rank}")
    if features.shape[1] != source.shape[1]:
        raise ModelError(
            f"the weights need {features.shape[1]} features, but the input has {source.shape[1]}"
        )
    if times.shape[0] != filters:
        raise ModelError(f"there are {filters} filters, but weights of time for {times.shape[0]}")
    if bias.shape != (filters // rank,):
        raise ModelError(f"the bias has the shape {bias.shape} for {filters // rank} units")
    if state.shape != (source.shape[0], filters * times.shape[1]):
        raise ModelError(f"the state {state.shape} does not hold {filters} x {times.shape[1]} values a batch")
    return source.shape[0], filters // rank


_FEATURES = TensorRule("filter of features", (DataType.INT8,), (2,), constant=True, quantization="symmetric")
_TIMES = TensorRule(
    "filter of time", (DataType.INT8, DataType.INT16), (2,), constant=True, quantization="symmetric"
)
_BIAS = TensorRule("bias", (DataType.INT32,), (1,), constant=True)
_STATE = TensorRule("state", (DataType.INT8, DataType.INT16), (2,), state=True)

RULES: Mapping[str, OperatorRule] = {
    "SVDF": OperatorRule(
        (TensorRule("input", (DataType.INT8,), (2,)), _FEATURES, _TIMES, _BIAS, _STATE),
        (TensorRule("output", (DataType.INT8,), (2,)),),
        (one_scale, _svdf_state, _svdf_activation, _svdf_arithmetic),
    ),
}

SHAPES: Mapping[str, ShapeRule] = {"SVDF": single(_svdf)}
