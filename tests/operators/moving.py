"""What tests of operators that only move data have in common."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType


def integers(builder: GraphBuilder, values: Sequence[int] | Sequence[Sequence[int]]) -> int:
    """A constant of int32."""
    return builder.constant(np.array(values, np.int32))


def source(builder: GraphBuilder, shape: Sequence[int], dtype: DataType = DataType.INT8) -> int:
    """A tensor of any values that a step makes, so that views of it are seen; int8 only, else an input."""
    if dtype is not DataType.INT8:
        return builder.input(shape, zero_point=0, dtype=dtype)
    values = builder.operator("RELU", [builder.input((1, prod(shape)), zero_point=-128)])
    return builder.operator("RESHAPE", [values], new_shape=tuple(shape))
