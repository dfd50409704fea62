"""Kernels that several families use for functions of one value: a table for int8, and rescaling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mcu_deploy.graph.ir import DataType, Graph, Operator, Tensor
from mcu_deploy.plan.arithmetic import Multiplier
from mcu_deploy.plan.arithmetic_activation import Affine
from mcu_deploy.plan.operators.overlap import elementwise
from mcu_deploy.plan.operators.types import (
    HELIUM,
    PORTABLE,
    Kernel,
    Lowered,
    Lowering,
    Reason,
    portable,
    scale,
    zero_point,
)
from mcu_deploy.plan.types import Constant

# Makes the 256 outputs of an operator, given the quantisation of its input and output.
Table = Callable[[Operator, Affine, Affine], list[int]]


def affine(tensor: Tensor) -> Affine:
    """How an activation is quantised."""
    return Affine(scale(tensor), zero_point(tensor))


def lookup(table: Table) -> tuple[Kernel, ...]:
    """``md_lookup_s8``, for operators from int8 to int8: on Helium and anywhere."""

    def reason(graph: Graph, operator: Operator) -> str | None:
        ends = (operator.inputs[0], operator.outputs[0])
        narrow = all(graph.tensors[index].dtype is DataType.INT8 for index in ends)
        return "a function of one int8 value is a table" if narrow else None

    def lower(graph: Graph, operator: Operator, prefix: str) -> Lowered:
        source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
        values = np.array(table(operator, affine(source), affine(result)), np.int8)
        constant = Constant(f"{prefix}_table", values)
        return Lowered({"table": constant.name, "count": source.elements}, (constant,))

    anywhere = portable("md_lookup", reason, lower, overlap=elementwise)
    return replace(anywhere, implementation=HELIUM, sources=("helium/md_lookup_s8.c",)), anywhere


def rescale(reason: Reason, lower: Lowering) -> Kernel:
    """``md_rescale``, for operators between any integers."""
    return Kernel(
        implementation=PORTABLE,
        function="md_rescale",
        header="md_rescale.h",
        headers=("md_requantize.h",),
        sources=("portable/md_rescale.c",),
        reason=reason,
        lower=lower,
        struct="md_rescale_t",
        overlap=elementwise,
    )


def rescaled(
    source: Tensor,
    result: Tensor,
    multiplier: Multiplier,
    limits: tuple[int, int],
    *,
    negative: Multiplier | None = None,
    magnitude: bool = False,
    flipped: bool = False,
    zero_points: tuple[int, int] | None = None,
) -> Lowered:
    """The parameters of ``md_rescale``.

    Args:
        source, result: the operator's tensors.
        multiplier: of values that are not below the zero point.
        limits: of the output.
        negative: of values below the zero point; None: the same.
        magnitude, flipped: what is done to those; see ``md_rescale.h``.
        zero_points: None: those of the tensors.
    """
    moved = zero_points or (zero_point(source), zero_point(result))
    below = negative or multiplier
    return Lowered(
        {
            "count": source.elements,
            "input_bytes": source.dtype.bytes,
            "output_bytes": result.dtype.bytes,
            "input_zero_point": moved[0],
            "output_zero_point": moved[1],
            "multiplier": multiplier.significand,
            "shift": multiplier.shift,
            "negative_multiplier": below.significand,
            "negative_shift": below.shift,
            "magnitude": int(magnitude),
            "flipped": int(flipped),
            "output_min": limits[0] if limits[0] > -(2**31) else "INT32_MIN",
            "output_max": limits[1],
        }
    )
