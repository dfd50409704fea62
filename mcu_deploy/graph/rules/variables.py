"""VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE, CALL_ONCE, as ``graph.variables`` leaves them."""

from __future__ import annotations

from collections.abc import Mapping

from mcu_deploy.graph.ir import DataType
from mcu_deploy.graph.rules.types import OperatorRule, ShapeRule, TensorRule, same_shape

_TYPES = (DataType.INT8, DataType.INT16, DataType.INT32)
_STATE = TensorRule("variable", _TYPES, (0, 1, 2, 3, 4), state=True, quantization="any")
_VALUE = TensorRule("value", _TYPES, (0, 1, 2, 3, 4), quantization="any")

RULES: Mapping[str, OperatorRule] = {
    "ASSIGN_VARIABLE": OperatorRule((_STATE, _VALUE), ()),
    "CALL_ONCE": OperatorRule((), ()),
    "READ_VARIABLE": OperatorRule((_STATE,), (_VALUE,)),
    "VAR_HANDLE": OperatorRule((), ()),
}

SHAPES: Mapping[str, ShapeRule] = {"READ_VARIABLE": same_shape}
