"""L2_NORMALIZATION, MEAN, REDUCE_MAX, SUM."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from math import prod

from mcu_deploy.graph.ir import DataType, Graph, Operator
from mcu_deploy.graph.rules.reduction import reduced_axes
from mcu_deploy.plan.arithmetic import Multiplier, effective_multiplier
from mcu_deploy.plan.operators.overlap import elementwise
from mcu_deploy.plan.operators.types import (
    ABBREVIATIONS,
    PORTABLE,
    Kernel,
    Lowered,
    Lowering,
    of_type,
    portable,
    scale,
    zero_point,
)

_DIMENSIONS = 2


def lower_sum(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A MEAN or SUM for ``md_reduce_sum_s8`` or ``md_reduce_sum_s16``."""
    del prefix
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    count = source.elements // result.elements
    multiplier = effective_multiplier(scale(source), scale(result))
    if operator.kind == "MEAN":
        multiplier = divided(multiplier, count)
    return Lowered(
        {
            **_loops(graph, operator),
            "offset": -zero_point(source) * count,
            "multiplier": multiplier.significand,
            "shift": multiplier.shift,
            "output_zero_point": zero_point(result),
        }
    )


def lower_max(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A REDUCE_MAX for ``md_reduce_max_s8``."""
    del prefix
    return Lowered(_loops(graph, operator))


def lower_l2_normalization(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """An L2_NORMALIZATION for ``md_l2_normalization_s8``."""
    del prefix
    source = graph.tensors[operator.inputs[0]]
    depth = source.shape[-1]
    rows = source.elements // depth
    return Lowered({"rows": rows, "depth": depth, "input_zero_point": zero_point(source)})


def divided(multiplier: Multiplier, count: int) -> Multiplier:
    """A multiplier that divides by ``count``, too, as TFLM has it: its significand is rounded down."""
    shift = min(count.bit_length() - 1, 32, 31 + multiplier.shift)
    return Multiplier((multiplier.significand << shift) // count, multiplier.shift - shift)


def _loops(graph: Graph, operator: Operator) -> dict[str, int | str]:
    """Sizes and strides of the axes that are kept and of those that are reduced, for ``md_reduce_t``.

    Neighbouring axes become one where all or none of them are reduced.
    """
    inputs = [graph.tensors[index] for index in operator.inputs]
    shape, axes = inputs[0].shape, reduced_axes(inputs)
    loops: dict[bool, list[tuple[int, int]]] = {False: [], True: []}
    long = [axis for axis, size in enumerate(shape) if size > 1]
    for reduced, group in groupby(long, lambda axis: axis in axes):
        merged = list(group)
        loops[reduced].append((prod(shape[axis] for axis in merged), prod(shape[merged[-1] + 1 :])))
    fields: dict[str, int | str] = {}
    for name, found in (("kept", loops[False]), ("reduced", loops[True])):
        padded = [(1, 0)] * (_DIMENSIONS - len(found)) + found
        for i, (size, stride) in enumerate(padded):
            fields[f"{name}[{i}]"] = size
            fields[f"{name}_stride[{i}]"] = stride
    return fields


def _kernel(function: str, dtype: DataType, reason: str, lower: Lowering) -> Kernel:
    return Kernel(
        implementation=PORTABLE,
        function=f"{function}_{ABBREVIATIONS[dtype]}",
        header="md_reduce.h",
        headers=("md_requantize.h",),
        sources=("portable/md_reduce.c",),
        reason=of_type(dtype, reason),
        lower=lower,
        struct="md_reduce_t",
    )


_SUM = tuple(
    _kernel("md_reduce_sum", dtype, "sums rescaled once", lower_sum)
    for dtype in (DataType.INT8, DataType.INT16)
)

_L2_NORMALIZATION = portable(
    "md_l2_normalization",
    "the reciprocal square root in fixed point",
    lower_l2_normalization,
    ("md_requantize.h",),
    overlap=elementwise,
)

KERNELS: Mapping[str, tuple[Kernel, ...]] = {
    "L2_NORMALIZATION": (_L2_NORMALIZATION,),
    "MEAN": _SUM,
    "REDUCE_MAX": (_kernel("md_reduce_max", DataType.INT8, "the largest value as it is", lower_max),),
    "SUM": _SUM,
}
