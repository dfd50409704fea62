"""ADD, MAXIMUM, MINIMUM, MUL, SQUARED_DIFFERENCE, SUB: two inputs, which broadcast."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.ir import DataType, Tensor
from mcu_deploy.graph.rules.conditions import fused, multiplier, scale_of
from mcu_deploy.graph.rules.types import (
    FULL_INT8,
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
    single,
)

# Bits of precision that are added to the inputs: as many as leave a difference of two inputs in int32.
LEFT_SHIFT: Mapping[tuple[str, DataType], int] = {
    ("ADD", DataType.INT8): 20,
    ("ADD", DataType.INT16): 15,
    ("SUB", DataType.INT8): 20,
    ("SUB", DataType.INT16): 15,
    ("SQUARED_DIFFERENCE", DataType.INT8): 7,
    ("SQUARED_DIFFERENCE", DataType.INT16): 0,
}

# What rounds to a multiplier of 31 bits below 1.
_BELOW_ONE = 1 - 2**-32

# Those that need no scale.
_COMPARED = ("MAXIMUM", "MINIMUM")

# int32 may have no scale, so that the conditions have to ask the others for theirs.
_TYPES = (DataType.INT8, DataType.INT16, DataType.INT32)
_RANKS = (0, 1, 2, 3, 4)
_OPERAND = TensorRule("input", _TYPES, _RANKS, constant=None, quantization="any")
_RESULT = TensorRule("output", _TYPES, _RANKS, quantization="any")

# The bounds of fused activations on numbers without scales.
PLAIN_ACTIVATIONS: Mapping[str, tuple[int, int]] = {
    "NONE": (-(2**31), 2**31 - 1),
    "RELU": (0, 2**31 - 1),
    "RELU6": (0, 6),
    "RELU_N1_TO_1": (-1, 1),
}


def is_plain(tensor: Tensor) -> bool:
    """Whether its numbers are taken as they are."""
    return tensor.dtype is DataType.INT32


def common_scale(kind: str, first: Tensor, second: Tensor, output: Tensor) -> tuple[float, float, float]:
    """The real multipliers of ADD, SUB and SQUARED_DIFFERENCE: of both inputs, and of what is made of them.

    Both inputs are brought to a common scale, twice the larger one of theirs. All in double precision; TFLM
    of August 2026 still computed those of SUB in float32.
    """
    one, other, result = (scale_of(tensor) for tensor in (first, second, output))
    common, steps = 2 * max(one, other), 2 ** LEFT_SHIFT[kind, output.dtype]
    if kind == "SQUARED_DIFFERENCE":
        return one / common, other / common, common * common / (steps * steps * result)
    return one / common, other / common, common / (steps * result)


def _tensors(site: Site) -> tuple[Tensor, Tensor, Tensor]:
    return site.input(0), site.input(1), site.outputs[0]


def _broadcast(inputs: Inputs, options: Options) -> Shape:
    del options
    first, second = given(inputs, 0).shape, given(inputs, 1).shape
    try:
        return tuple(int(size) for size in np.broadcast_shapes(first, second))
    except ValueError:
        raise ModelError(f"inputs of the shapes {first} and {second} do not broadcast") from None


def _types(site: Site) -> Iterator[Problem]:
    first, second, output = _tensors(site)
    types = [tensor.dtype.value for tensor in (first, second, output)]
    if len(set(types)) > 1:
        reason = f"mixes element types: {types[0]} and {types[1]} make {types[2]}"
        yield Problem(site.whole, reason, FULL_INT8)
    if first.data is not None and second.data is not None:
        reason = "both inputs are constants, so that its result is one too"
        yield Problem(site.whole, reason, "let the converter fold constants")


def _scales(site: Site) -> Iterator[Problem]:
    """int8 and int16 have one scale, int16 without a zero point; arithmetic of int32 has none."""
    for tensor in _tensors(site):
        quantization = tensor.quantization
        if quantization is None:
            if not is_plain(tensor):
                yield Problem(tensor, "is not quantised", FULL_INT8)
        elif is_plain(tensor) and site.operator.kind not in _COMPARED:
            yield Problem(tensor, "is int32 and has a scale, which TFLM does not regard", REQUANTISE)
        elif quantization.per_channel:
            reason = "is quantised per channel, which is possible for weights only"
            yield Problem(tensor, reason, REQUANTISE)
        elif tensor.dtype is DataType.INT16 and quantization.zero_point[0]:
            yield Problem(tensor, "is int16 and has a zero point other than 0", REQUANTISE)


def _common_scale(site: Site) -> Iterator[Problem]:
    """As TFLM has it: the result of ADD and SUB does not grow when it is brought to the output's scale."""
    first, second, output = _tensors(site)
    *_, made = common_scale(site.operator.kind, first, second, output)
    if site.operator.kind == "SQUARED_DIFFERENCE":
        yield from multiplier(output, made)
    elif made >= _BELOW_ONE:
        scales = f"{scale_of(first):g} and {scale_of(second):g}"
        reason = f"its scale of {scale_of(output):g} is too small for inputs with scales of {scales}"
        yield Problem(output, reason, REQUANTISE)


def _product(site: Site) -> Iterator[Problem]:
    first, second, output = _tensors(site)
    yield from multiplier(output, scale_of(first) * scale_of(second) / scale_of(output))


def _alike(site: Site) -> Iterator[Problem]:
    """TFLM compares the integers, whatever they stand for."""
    first, *others = (_affine(tensor) for tensor in _tensors(site))
    for tensor, other in zip(_tensors(site)[1:], others, strict=True):
        if other != first:
            yield Problem(tensor, "is not quantised as the first input is", REQUANTISE)


def _affine(tensor: Tensor) -> tuple[float, int] | None:
    if tensor.quantization is None:
        return None
    return scale_of(tensor), int(tensor.quantization.zero_point[0])


def _plain_activation(site: Site) -> Iterator[Problem]:
    """TFLM does not regard that of an ADD of int32."""
    activation = site.operator.options["fused_activation_function"]
    known = ("NONE",) if site.operator.kind == "ADD" else PLAIN_ACTIVATIONS
    if activation not in known:
        reason = f"the fused activation {activation} is not supported on int32"
        yield Problem(site.whole, reason, f"use {', '.join(known)}, or an operator of its own")


def _rule(quantised: tuple[Condition, ...], plain: tuple[Condition, ...] = ()) -> OperatorRule:
    """The conditions are asked only where types and scales are right."""

    def condition(site: Site) -> Iterator[Problem]:
        problems = [*_types(site), *_scales(site)]
        yield from problems
        if not problems:
            for one in plain if is_plain(site.outputs[0]) else quantised:
                yield from one(site)

    return OperatorRule((_OPERAND, _OPERAND), (_RESULT,), (condition,))


RULES: Mapping[str, OperatorRule] = {
    "ADD": _rule((fused, _common_scale), (_plain_activation,)),
    "MAXIMUM": _rule((_alike,), (_alike,)),
    "MINIMUM": _rule((_alike,), (_alike,)),
    "MUL": _rule((fused, _product), (_plain_activation,)),
    "SQUARED_DIFFERENCE": _rule((_common_scale,)),
    "SUB": _rule((fused, _common_scale), (_plain_activation,)),
}

SHAPES: Mapping[str, ShapeRule] = dict.fromkeys(RULES, single(_broadcast))
