"""RESHAPE."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.ir import DataType, Tensor
from mcu_deploy.graph.rules.conditions import INPUT, OUTPUT
from mcu_deploy.graph.rules.types import (
    Inputs,
    OperatorRule,
    Options,
    Shape,
    ShapeRule,
    TensorRule,
    given,
    single,
)

_NEW_SHAPE = TensorRule(
    "new shape", (DataType.INT32,), (1,), constant=True, optional=True, quantization="any"
)


MAX_RANK = 8


def _reshape(inputs: Inputs, options: Options) -> Shape:
    values = given(inputs, 0)
    if len(inputs) > 1 and inputs[1] is not None:
        wanted = _constant_shape(inputs[1])
    else:
        stated = options["new_shape"]
        assert isinstance(stated, tuple)
        wanted = stated
    rest = prod(size for size in wanted if size != -1)
    if wanted.count(-1) == 1 and rest > 0:
        wanted = tuple(values.elements // rest if size == -1 else size for size in wanted)
    if any(size < 1 for size in wanted) or prod(wanted) != values.elements:
        raise ModelError(f"{values.elements} values do not fit into the shape {wanted}")
    return wanted


def _constant_shape(tensor: Tensor) -> Shape:
    if tensor.data is None:
        raise ModelError("the new shape is computed while the model runs")
    if tensor.dtype is not DataType.INT32 or len(tensor.shape) != 1 or tensor.elements > MAX_RANK:
        raise ModelError("the new shape is not a short vector of int32")
    return tuple(int(size) for size in tensor.data)


RULES: Mapping[str, OperatorRule] = {"RESHAPE": OperatorRule((INPUT, _NEW_SHAPE), (OUTPUT,))}

SHAPES: Mapping[str, ShapeRule] = {"RESHAPE": single(_reshape)}
