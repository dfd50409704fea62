"""L2_NORMALIZATION, MEAN, REDUCE_MAX, SUM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

import numpy as np

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.ir import DataType, Tensor
from mcu_deploy.graph.rules.conditions import INPUT, OUTPUT, rescaling, scale_of
from mcu_deploy.graph.rules.types import (
    FULL_INT8,
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
    same_shape,
    single,
)

# md_requantize takes all of int32 but its lowest value.
MAX_ACCUMULATOR = 2**31 - 1

_AXES = TensorRule("axes", (DataType.INT32,), (0, 1), constant=True, quantization="any")


def reduced_axes(inputs: Inputs) -> frozenset[int]:
    """The axes that MEAN, SUM or REDUCE_MAX reduce, counted from the first.

    Raises:
        ModelError: they are not constants, or not axes of the input.
    """
    source, axes = given(inputs, 0), given(inputs, 1)
    if axes.data is None:
        raise ModelError("the axes are computed while the model runs")
    rank = len(source.shape)
    wanted = [int(axis) for axis in axes.data.reshape(-1)]
    if not all(-rank <= axis < rank for axis in wanted):
        raise ModelError(f"the axes {wanted} are not all axes of the input's shape {source.shape}")
    return frozenset(axis % rank for axis in wanted)


def _reduced(inputs: Inputs, options: Options) -> Shape:
    shape, axes = given(inputs, 0).shape, reduced_axes(inputs)
    if options["keep_dims"]:
        return tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


def _same_type(site: Site) -> Iterator[Problem]:
    source, output = site.input(0), site.outputs[0]
    if source.dtype is not output.dtype:
        reason = f"the output is {output.dtype.value}, but the input is {source.dtype.value}"
        yield Problem(output, reason, FULL_INT8)
    for tensor in (source, output):
        assert tensor.quantization is not None
        if tensor.dtype is DataType.INT16 and tensor.quantization.zero_point[0]:
            yield Problem(tensor, "is int16 and has a zero point other than 0", REQUANTISE)


def _reach(tensor: Tensor) -> int:
    """The largest magnitude of a value, with or without the zero point."""
    assert tensor.quantization is not None
    limits, zero = np.iinfo(tensor.dtype.value), int(tensor.quantization.zero_point[0])
    return max(-int(limits.min), int(limits.max) - zero, zero - int(limits.min))


def _sum(site: Site) -> Iterator[Problem]:
    source = site.input(0)
    count = prod(source.shape[axis] for axis in reduced_axes(site.inputs))
    most = MAX_ACCUMULATOR // _reach(source)
    if count > most:
        reason = f"sums {count} values, where at most {most} fit 32 bits"
        yield Problem(site.whole, reason, "reduce a smaller tensor")


def _unscaled(site: Site) -> Iterator[Problem]:
    source, output = site.input(0), site.outputs[0]
    assert source.quantization is not None and output.quantization is not None
    zero_points = source.quantization.zero_point[0], output.quantization.zero_point[0]
    if scale_of(source) != scale_of(output) or zero_points[0] != zero_points[1]:
        yield Problem(output, "the output is not quantised as the input is", REQUANTISE)


def _normalised(site: Site) -> Iterator[Problem]:
    """As TFLite has it: the output's scale is fixed, and no activation is fused."""
    source, output = site.input(0), site.outputs[0]
    assert output.quantization is not None
    if scale_of(output) != 1 / 128 or output.quantization.zero_point[0]:
        yield Problem(output, "the output does not have the scale 1/128 and zero point 0", REQUANTISE)
    if site.operator.options["fused_activation_function"] != "NONE":
        yield Problem(site.whole, "has a fused activation", "use an operator of its own")
    depth, most = source.shape[-1], MAX_ACCUMULATOR // _reach(source) ** 2
    if depth > most:
        reason = f"sums the squares of {depth} values, where at most {most} fit 32 bits"
        yield Problem(site.whole, reason, "normalise a smaller tensor")


def _reduction(*dtypes: DataType) -> tuple[tuple[TensorRule, ...], tuple[TensorRule, ...]]:
    return (TensorRule("input", dtypes), _AXES), (TensorRule("output", dtypes, ranks=(0, 1, 2, 3, 4)),)


_SUM = OperatorRule(*_reduction(DataType.INT8, DataType.INT16), (_same_type, _sum, rescaling))

RULES: Mapping[str, OperatorRule] = {
    "L2_NORMALIZATION": OperatorRule((INPUT,), (OUTPUT,), (_normalised,)),
    "MEAN": _SUM,
    "REDUCE_MAX": OperatorRule(*_reduction(DataType.INT8), (_unscaled,)),
    "SUM": _SUM,
}

SHAPES: Mapping[str, ShapeRule] = {
    "L2_NORMALIZATION": same_shape,
    **dict.fromkeys(("MEAN", "REDUCE_MAX", "SUM"), single(_reduced)),
}
