"""ABS, ELU, HARD_SWISH, LEAKY_RELU, LOGISTIC, RELU, RELU6, RSQRT, SOFTMAX, TANH."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from mcu_deploy.graph.ir import Graph, Operator, Tensor
from mcu_deploy.plan import arithmetic
from mcu_deploy.plan import arithmetic_activation as tables
from mcu_deploy.plan.arithmetic_activation import Affine
from mcu_deploy.plan.operators.types import Kernel, Lowered, portable, scale, zero_point
from mcu_deploy.plan.types import Constant

_Table = Callable[[Operator, Affine, Affine], list[int]]


def affine(tensor: Tensor) -> Affine:
    """How an activation is quantised."""
    return Affine(scale(tensor), zero_point(tensor))


def _lookup(table: _Table) -> Kernel:
    """``md_lookup_s8`` with a table of all 256 outputs."""

    def lower(graph: Graph, operator: Operator, prefix: str) -> Lowered:
        source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
        values = np.array(table(operator, affine(source), affine(result)), np.int8)
        constant = Constant(f"{prefix}_table", values)
        return Lowered({"table": constant.name, "count": source.elements}, (constant,))

    return portable("md_lookup", "a function of one int8 value is a table", lower)


def _relu6(operator: Operator, source: Affine, result: Affine) -> list[int]:
    """Not rescaled, whatever the output's scale is."""
    del operator, result
    high = arithmetic.saturate_to_int8(6.0, source.scale, source.zero_point)
    return tables.clamp_table(source.zero_point, high)


def _leaky_relu(operator: Operator, source: Affine, result: Affine) -> list[int]:
    alpha = operator.options["alpha"]
    assert isinstance(alpha, float)
    return tables.leaky_relu_table(source, result, alpha)


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


_SOFTMAX = portable("md_softmax", "exponentials from a table", lower_softmax, ("md_requantize.h",))

KERNELS: Mapping[str, tuple[Kernel, ...]] = {
    "ABS": (_lookup(lambda operator, source, result: tables.absolute_table(source, result)),),
    "ELU": (_lookup(lambda operator, source, result: tables.elu_table(source, result)),),
    "HARD_SWISH": (_lookup(lambda operator, source, result: tables.hard_swish_table(source, result)),),
    "LEAKY_RELU": (_lookup(_leaky_relu),),
    "LOGISTIC": (_lookup(lambda operator, source, result: tables.logistic_table(source)),),
    "RELU": (_lookup(lambda operator, source, result: tables.relu_table(source, result)),),
    "RELU6": (_lookup(_relu6),),
    "RSQRT": (_lookup(lambda operator, source, result: tables.rsqrt_table(source, result)),),
    "SOFTMAX": (_SOFTMAX,),
    "TANH": (_lookup(lambda operator, source, result: tables.tanh_table(source)),),
}
