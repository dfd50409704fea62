"""ABS, ELU, HARD_SWISH, LEAKY_RELU, LOGISTIC, NEG, PRELU, RELU, RELU6, RELU_N1_TO_1, RSQRT, SOFTMAX, TANH."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace

import numpy as np

from mcu_deploy.graph.ir import DataType, Graph, Operator, Tensor
from mcu_deploy.plan import arithmetic, arithmetic_int16
from mcu_deploy.plan import arithmetic_activation as tables
from mcu_deploy.plan.arithmetic import INT16_MAX, INT16_MIN, Multiplier, effective_multiplier
from mcu_deploy.plan.arithmetic_activation import Affine
from mcu_deploy.plan.operators.broadcast import broadcast
from mcu_deploy.plan.operators.overlap import elementwise
from mcu_deploy.plan.operators.rescaling import affine, lookup, rescale, rescaled
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
from mcu_deploy.plan.types import Constant

_INT16 = (INT16_MIN, INT16_MAX)
# Left shifts from a scale of 2**-12 that TFLM makes exactly.
_LOGISTIC_SHIFTS, _TANH_SHIFTS = (0,), (0, 1)


def _number(operator: Operator, name: str) -> float:
    value = operator.options[name]
    assert isinstance(value, float)
    return value


def _ends(graph: Graph, operator: Operator) -> tuple[Tensor, Tensor]:
    return graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]


def _relu6(operator: Operator, source: Affine, result: Affine) -> list[int]:
    """Not rescaled, whatever the output's scale is."""
    del operator, result
    high = arithmetic.saturate_to_int8(6.0, source.scale, source.zero_point)
    return tables.clamp_table(source.zero_point, high)


def _leaky_relu(operator: Operator, source: Affine, result: Affine) -> list[int]:
    return tables.leaky_relu_table(source, result, _number(operator, "alpha"))


def lower_wide_absolute(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """An ABS of int16 for ``md_rescale``."""
    del prefix
    source, result = _ends(graph, operator)
    ratio = effective_multiplier(scale(source), scale(result))
    return rescaled(source, result, ratio, _INT16, magnitude=True)


def lower_wide_leaky_relu(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A LEAKY_RELU of int16 for ``md_rescale``."""
    del prefix
    source, result = _ends(graph, operator)
    alpha = _number(operator, "alpha")
    ratio, negative = tables.leaky_multipliers(affine(source), affine(result), alpha)
    return rescaled(source, result, ratio, _INT16, negative=negative, flipped=alpha < 0)


def lower_wide_relu(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A RELU of int16 for ``md_rescale``."""
    del prefix
    source, result = _ends(graph, operator)
    return rescaled(source, result, effective_multiplier(scale(source), scale(result)), (0, INT16_MAX))


def lower_wide_relu6(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A RELU6 of int16 for ``md_rescale``; not rescaled, whatever the output's scale is."""
    del prefix
    source, result = _ends(graph, operator)
    limits = arithmetic.activation_range("RELU6", scale(source), 0, _INT16)
    return rescaled(source, result, Multiplier(2**30, 1), limits)


def lower_wide_sigmoid(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A LOGISTIC or TANH of int16 for ``md_sigmoid_s16``."""
    source, _ = _ends(graph, operator)
    shifts = _LOGISTIC_SHIFTS if operator.kind == "LOGISTIC" else _TANH_SHIFTS
    scaling = arithmetic_int16.sigmoid_scale(scale(source), shifts)
    table = Constant(f"{prefix}_sigmoid", np.array(arithmetic.sigmoid_table(), np.uint16))
    return Lowered({"sigmoid": table.name, "count": source.elements, **asdict(scaling)}, (table,))


def lower_prelu(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A PRELU for ``md_prelu``; alpha takes the input's element type."""
    source, result = _ends(graph, operator)
    alpha = graph.tensors[operator.inputs[1]]
    assert alpha.data is not None
    values = alpha.data.astype(source.dtype.numpy).reshape(-1)
    constant = Constant(f"{prefix}_alpha", values, alpha.index)
    ratio = effective_multiplier(scale(source), scale(result))
    below = effective_multiplier(scale(source), scale(result), scale(alpha))
    return Lowered(
        {
            **broadcast(graph, operator),
            "input_zero_point": zero_point(source),
            "alpha_zero_point": zero_point(alpha),
            "output_zero_point": zero_point(result),
            "multiplier": ratio.significand,
            "shift": ratio.shift,
            "alpha_multiplier": below.significand,
            "alpha_shift": below.shift,
        },
        (constant,),
        arguments=(source.index, constant.name),
    )


def lower_softmax(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A SOFTMAX of int8 for ``md_softmax_s8``."""
    source, _ = _ends(graph, operator)
    table = arithmetic.softmax_exponentials(scale(source), np.float32(_number(operator, "beta")))
    constant = Constant(f"{prefix}_exponentials", np.array(table, np.int32))
    return Lowered(
        {"exponentials": constant.name, "entries": len(table), **_rows(source)},
        (constant,),
    )


def lower_wide_softmax(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A SOFTMAX of int16 for ``md_softmax_s16``."""
    source, _ = _ends(graph, operator)
    exponentials, reciprocals = (
        Constant(f"{prefix}_{name}", np.array(values, np.int16))
        for name, values in zip(
            ("exponentials", "reciprocals"), arithmetic_int16.softmax_tables(), strict=True
        )
    )
    step = arithmetic_int16.softmax_multiplier(scale(source), np.float32(_number(operator, "beta")))
    return Lowered(
        {
            "exponentials": exponentials.name,
            "reciprocals": reciprocals.name,
            "multiplier": step.significand,
            "shift": step.shift,
            **_rows(source),
        },
        (exponentials, reciprocals),
    )


def _rows(source: Tensor) -> dict[str, int]:
    depth = source.shape[-1]
    return {"rows": source.elements // depth, "depth": depth}


def _int8(graph: Graph, operator: Operator) -> str | None:
    narrow = all(tensor.dtype is DataType.INT8 for tensor in _ends(graph, operator))
    return "exponentials from a table" if narrow else None


def _int8_to_int16(graph: Graph, operator: Operator) -> str | None:
    types = tuple(tensor.dtype for tensor in _ends(graph, operator))
    return "exponentials from a table" if types == (DataType.INT8, DataType.INT16) else None


def _wide_rescale(reason: str, lower: Lowering) -> Kernel:
    return rescale(of_type(DataType.INT16, reason), lower)


def _prelu(dtype: DataType) -> Kernel:
    return Kernel(
        implementation=PORTABLE,
        function=f"md_prelu_{ABBREVIATIONS[dtype]}",
        header="md_prelu.h",
        headers=("md_broadcast.h", "md_requantize.h"),
        sources=("portable/md_prelu.c",),
        reason=of_type(dtype, "alpha broadcast"),
        lower=lower_prelu,
        struct="md_prelu_t",
        overlap=elementwise,
    )


def _wide_sigmoid(function: str) -> Kernel:
    reason = of_type(DataType.INT16, "straight lines between 256 values")
    headers = ("md_sigmoid_q15.h",)
    lower = lower_wide_sigmoid
    return portable(function, reason, lower, headers, family="md_sigmoid", types="s16", overlap=elementwise)


_SOFTMAX = portable(
    "md_softmax",
    _int8,
    lower_softmax,
    ("md_requantize.h",),
    overlap=elementwise,
)
_WIDE_SOFTMAX = portable(
    "md_softmax",
    of_type(DataType.INT16, "straight lines between 513 values"),
    lower_wide_softmax,
    ("md_requantize.h",),
    overlap=elementwise,
    types="s16",
)

KERNELS: Mapping[str, tuple[Kernel, ...]] = {
    "ABS": (
        *lookup(lambda operator, source, result: tables.absolute_table(source, result)),
        _wide_rescale("the magnitude rescaled", lower_wide_absolute),
    ),
    "ELU": (*lookup(lambda operator, source, result: tables.elu_table(source, result)),),
    "HARD_SWISH": (*lookup(lambda operator, source, result: tables.hard_swish_table(source, result)),),
    "LEAKY_RELU": (
        *lookup(_leaky_relu),
        _wide_rescale("a multiplier for either sign", lower_wide_leaky_relu),
    ),
    "LOGISTIC": (
        *lookup(lambda operator, source, result: tables.logistic_table(source)),
        _wide_sigmoid("md_logistic"),
    ),
    "NEG": (*lookup(lambda operator, source, result: tables.negative_table(source, result)),),
    "PRELU": (_prelu(DataType.INT8), _prelu(DataType.INT16)),
    "RELU": (
        *lookup(lambda operator, source, result: tables.relu_table(source, result)),
        _wide_rescale("rescaled and limited", lower_wide_relu),
    ),
    "RELU6": (*lookup(_relu6), _wide_rescale("limited", lower_wide_relu6)),
    "RELU_N1_TO_1": (
        *lookup(lambda operator, source, result: tables.relu_table(source, result, operator.kind)),
    ),
    "RSQRT": (*lookup(lambda operator, source, result: tables.rsqrt_table(source, result)),),
    "SOFTMAX": (
        replace(_SOFTMAX, function="md_softmax_s8_s16", reason=_int8_to_int16),
        _SOFTMAX,
        _WIDE_SOFTMAX,
    ),
    "TANH": (*lookup(lambda operator, source, result: tables.tanh_table(source)), _wide_sigmoid("md_tanh")),
}
