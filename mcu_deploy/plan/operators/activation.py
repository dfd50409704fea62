"""RELU, RELU6, SOFTMAX."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mcu_deploy.graph.ir import Graph, Operator, Tensor
from mcu_deploy.plan import arithmetic
from mcu_deploy.plan.operators.types import Kernel, Lowered, portable, scale, zero_point
from mcu_deploy.plan.types import Constant


def lower_relu(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A RELU (which rescales) or RELU6 (which does not) for ``md_lookup_s8``."""
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    table = _relu_table(source, result) if operator.kind == "RELU" else _relu6_table(source)
    constant = Constant(f"{prefix}_table", np.array(table, np.int8))
    return Lowered({"table": constant.name, "count": source.elements}, (constant,))


def _relu_table(source: Tensor, result: Tensor) -> list[int]:
    multiplier = arithmetic.effective_multiplier(scale(source), scale(result))
    low, high = arithmetic.activation_range("RELU", scale(result), zero_point(result))
    values: list[int] = []
    for value in range(-128, 128):
        scaled = arithmetic.multiply_by_quantized_multiplier(value - zero_point(source), multiplier)
        moved = arithmetic.wrap_int32(scaled + zero_point(result))
        values.append(min(max(moved, low), high))
    return values


def _relu6_table(source: Tensor) -> list[int]:
    high = arithmetic.saturate_to_int8(6.0, scale(source), zero_point(source))
    return [min(max(value, zero_point(source)), high) for value in range(-128, 128)]


def lower_softmax(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A SOFTMAX for ``md_softmax_s8``."""
    source = graph.tensors[operator.inputs[0]]
    depth = source.shape[-1]
    beta = operator.options["beta"]
    assert isinstance(beta, float)
    table = arithmetic.softmax_exponentials(scale(source), np.float32(beta))
    constant = Constant(f"{prefix}_exponentials", np.array(table, np.int32))
    return Lowered(
        {
            "exponentials": constant.name,
            "entries": len(table),
            "rows": source.elements // depth,
            "depth": depth,
        },
        (constant,),
    )


_RELU = portable("md_lookup", "a function of one int8 value is a table", lower_relu)
_SOFTMAX = portable("md_softmax", "exponentials from a table", lower_softmax, ("md_requantize.h",))

KERNELS: Mapping[str, tuple[Kernel, ...]] = {"RELU": (_RELU,), "RELU6": (_RELU,), "SOFTMAX": (_SOFTMAX,)}
