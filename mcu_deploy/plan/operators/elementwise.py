"""ADD, MAXIMUM, MINIMUM, MUL, SQUARED_DIFFERENCE, SUB."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from mcu_deploy.graph.ir import DataType, Graph, Operator, Tensor
from mcu_deploy.graph.rules.elementwise import LEFT_SHIFT, PLAIN_ACTIVATIONS, common_scale
from mcu_deploy.plan.arithmetic import quantize_multiplier
from mcu_deploy.plan.operators.broadcast import broadcast
from mcu_deploy.plan.operators.linear_sum import LinearSum, linear_sum
from mcu_deploy.plan.operators.overlap import elementwise
from mcu_deploy.plan.operators.types import (
    ABBREVIATIONS,
    HELIUM,
    PORTABLE,
    Kernel,
    Lowered,
    Lowering,
    fused_activation,
    of_type,
    portable,
    scale,
    zero_point,
)
from mcu_deploy.plan.types import Constant

_Parameters = Callable[[Operator, tuple[Tensor, Tensor, Tensor]], dict[str, int | str]]


def _tensors(graph: Graph, operator: Operator) -> tuple[Tensor, Tensor, Tensor]:
    first, second = (graph.tensors[index] for index in operator.inputs)
    return first, second, graph.tensors[operator.outputs[0]]


def _lowering(parameters: _Parameters) -> Lowering:
    """For an operator with two inputs that broadcast, of which one may be a constant."""

    def lower(graph: Graph, operator: Operator, prefix: str) -> Lowered:
        first, second, output = _tensors(graph, operator)
        constants = tuple(
            Constant(f"{prefix}_constant", tensor.data.reshape(-1), tensor.index)
            for tensor in (first, second)
            if tensor.data is not None
        )
        arguments = tuple(
            tensor.index if tensor.data is None else constants[0].name for tensor in (first, second)
        )
        fields = parameters(operator, (first, second, output))
        return Lowered({**broadcast(graph, operator), **fields}, constants, arguments=arguments)

    return lower


def _common(operator: Operator, tensors: tuple[Tensor, Tensor, Tensor]) -> dict[str, int | str]:
    """ADD, SUB and SQUARED_DIFFERENCE, for ``md_add_t``."""
    first, second, output = tensors
    reals = common_scale(operator.kind, *tensors)
    of_first, of_second, of_output = (quantize_multiplier(real) for real in reals)
    return {
        "left_shift": LEFT_SHIFT[operator.kind, output.dtype],
        "first_zero_point": zero_point(first),
        "first_multiplier": of_first.significand,
        "first_shift": of_first.shift,
        "second_zero_point": zero_point(second),
        "second_multiplier": of_second.significand,
        "second_shift": of_second.shift,
        "output_multiplier": of_output.significand,
        "output_shift": of_output.shift,
        "output_zero_point": zero_point(output),
        **_activation(operator, output),
    }


def _product(operator: Operator, tensors: tuple[Tensor, Tensor, Tensor]) -> dict[str, int | str]:
    """MUL, for ``md_mul_t``; the real multiplier in double precision."""
    first, second, output = tensors
    made = quantize_multiplier(float(scale(first)) * float(scale(second)) / float(scale(output)))
    return {
        "first_zero_point": zero_point(first),
        "second_zero_point": zero_point(second),
        "multiplier": made.significand,
        "shift": made.shift,
        "output_zero_point": zero_point(output),
        **_activation(operator, output),
    }


def _plain(operator: Operator, tensors: tuple[Tensor, Tensor, Tensor]) -> dict[str, int | str]:
    """Numbers as they are, for ``md_plain_t``."""
    del tensors
    low, high = PLAIN_ACTIVATIONS[str(operator.options.get("fused_activation_function", "NONE"))]
    return {"activation_min": low, "activation_max": high}


def _activation(operator: Operator, output: Tensor) -> dict[str, int | str]:
    if "fused_activation_function" in operator.options:
        low, high = fused_activation(operator, output)
    else:
        limits = np.iinfo(output.dtype.value)
        low, high = int(limits.min), int(limits.max)
    return {"activation_min": low, "activation_max": high}


def _kernel(function: str, family: str, dtype: DataType, reason: str, parameters: _Parameters) -> Kernel:
    return Kernel(
        implementation=PORTABLE,
        function=f"{function}_{ABBREVIATIONS[dtype]}",
        header=f"{family}.h",
        headers=("md_broadcast.h", "md_requantize.h"),
        sources=(f"portable/{family}.c",),
        reason=of_type(dtype, reason),
        lower=_lowering(parameters),
        struct=f"{family}_t",
        overlap=elementwise,
    )


def _rescaled(function: str, family: str, reason: str, parameters: _Parameters) -> tuple[Kernel, ...]:
    """int8 and int16 with their scales, int32 without."""
    return (
        *(_kernel(function, family, dtype, reason, parameters) for dtype in (DataType.INT8, DataType.INT16)),
        _kernel(function, "md_plain", DataType.INT32, "int32 without scales", _plain),
    )


def _compared(function: str) -> tuple[Kernel, ...]:
    return tuple(
        _kernel(function, "md_plain", dtype, "quantised alike: the integers are compared", _plain)
        for dtype in (DataType.INT8, DataType.INT16, DataType.INT32)
    )


def _linear(graph: Graph, operator: Operator) -> str | None:
    """Whether ``md_linear_sum_s8`` can perform an ADD or SUB."""
    tensors = _tensors(graph, operator)
    if tensors[2].dtype is not DataType.INT8 or _linear_sum(operator, tensors) is None:
        return None
    return "a linear function of both inputs makes each of the 65,536 outputs"


def _linear_sum(operator: Operator, tensors: tuple[Tensor, Tensor, Tensor]) -> LinearSum | None:
    sign = -1 if operator.kind == "SUB" else 1
    fields = {name: int(value) for name, value in _common(operator, tensors).items()}
    return linear_sum(sign, *(float(scale(one)) for one in tensors), **fields)


def _linear_parameters(operator: Operator, tensors: tuple[Tensor, Tensor, Tensor]) -> dict[str, int | str]:
    """ADD and SUB, for ``md_linear_sum_s8_t``."""
    made = _linear_sum(operator, tensors)
    assert made is not None
    return {
        "first_factor": made.first,
        "second_factor": made.second,
        "offset": made.offset,
        "fraction": made.fraction,
        **_activation(operator, tensors[2]),
    }


def _shifted_right(graph: Graph, operator: Operator) -> str | None:
    """Whether ``md_helium_mul_s8`` can perform a MUL."""
    tensors = _tensors(graph, operator)
    if tensors[2].dtype is not DataType.INT8 or int(_product(operator, tensors)["shift"]) >= 0:
        return None
    return "products rescaled once, 16 elements at a time"


_HELIUM_MUL = replace(
    _kernel("md_mul", "md_mul", DataType.INT8, "", _product),
    implementation=HELIUM,
    function="md_helium_mul_s8",
    header="md_helium_mul_s8.h",
    headers=("md_mul.h", "md_broadcast.h", "md_helium_broadcast.h", "md_requantize.h"),
    sources=("helium/md_helium_mul_s8.c", "helium/md_helium_broadcast.c", "portable/md_mul.c"),
    reason=_shifted_right,
)

_LINEAR = portable(
    "md_linear_sum",
    _linear,
    _lowering(_linear_parameters),
    ("md_broadcast.h", "md_requantize.h"),
    overlap=elementwise,
)
_LINEAR_SUM = (
    replace(
        _LINEAR,
        implementation=HELIUM,
        headers=(*_LINEAR.headers, "md_helium_broadcast.h"),
        sources=("helium/md_linear_sum_s8.c", "helium/md_helium_broadcast.c"),
    ),
    _LINEAR,
)

_COMMON = "both inputs brought to one scale"

KERNELS: Mapping[str, tuple[Kernel, ...]] = {
    "ADD": (*_LINEAR_SUM, *_rescaled("md_add", "md_add", _COMMON, _common)),
    "MAXIMUM": _compared("md_maximum"),
    "MINIMUM": _compared("md_minimum"),
    "MUL": (_HELIUM_MUL, *_rescaled("md_mul", "md_mul", "products rescaled once", _product)),
    "SQUARED_DIFFERENCE": _rescaled("md_squared_difference", "md_add", _COMMON, _common),
    "SUB": (*_LINEAR_SUM, *_rescaled("md_sub", "md_add", _COMMON, _common)),
}
