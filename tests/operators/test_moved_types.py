"""The operators that only move data, with every element type that they can have. Seed 50."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from harness import TARGETS, Build, Case, Suite, parametrize
from moving import integers

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType
from mcu_deploy.graph.rules import RULES

# What models can have at their ends.
TYPES = (DataType.INT8, DataType.INT16, DataType.INT32, DataType.FLOAT32)
SHAPE = (2, 4, 3)

Move = Callable[[GraphBuilder, Callable[[Sequence[int]], int]], int | Sequence[int]]


def move(kind: str, *operands: object, shape: Sequence[int] = SHAPE, **options: int) -> Move:
    """An operator with one data input and constants after it."""

    def build(builder: GraphBuilder, source: Callable[[Sequence[int]], int]) -> int | Sequence[int]:
        constants = [builder.constant(np.array(one, np.int32)) for one in operands]
        return builder.operator_with_outputs(kind, [source(shape), *constants], **options)

    return build


def split(builder: GraphBuilder, source: Callable[[Sequence[int]], int]) -> Sequence[int]:
    axis, values = builder.constant(np.int32(1)), source(SHAPE)
    given = builder.tensors[values]
    return builder.operator_with_outputs(
        "SPLIT", [axis, values], dtype=given.dtype, quantization=given.quantization, num_splits=2
    )


def pad_v2(builder: GraphBuilder, source: Callable[[Sequence[int]], int]) -> int:
    values = source((2, 3))
    given = builder.tensors[values]
    padding = integers(builder, [(0, 1), (2, 0)])
    scale = None if given.quantization is None else float(given.quantization.scale[0])
    filled = builder.constant(np.array([-77], given.dtype.numpy), scale)
    return builder.operator("PADV2", [values, padding, filled])


def joined(kind: str, **options: int) -> Move:
    def build(builder: GraphBuilder, source: Callable[[Sequence[int]], int]) -> int:
        return builder.operator(kind, [source(SHAPE), source(SHAPE)], axis=1, **options)  # type: ignore[arg-type]

    return build


MOVES: dict[str, Move] = {
    "BATCH_TO_SPACE_ND": move("BATCH_TO_SPACE_ND", [2], [[1, 0]]),
    "CONCATENATION": joined("CONCATENATION"),
    "EXPAND_DIMS": move("EXPAND_DIMS", 1),
    "GATHER": move("GATHER", [3, 0, 1], axis=1),
    "PACK": joined("PACK", values_count=2),
    "PAD": move("PAD", [[1, 0], [0, 2], [1, 1]]),
    "PADV2": pad_v2,
    "RESHAPE": move("RESHAPE", [3, 8]),
    "RESIZE_NEAREST_NEIGHBOR": move("RESIZE_NEAREST_NEIGHBOR", [5, 2], shape=(1, 3, 4, 3)),
    "SLICE": move("SLICE", [0, 1, 1], [2, 2, 2]),
    "SPACE_TO_BATCH_ND": move("SPACE_TO_BATCH_ND", [2], [[1, 1]]),
    "SPLIT": split,
    "SPLIT_V": move("SPLIT_V", [1, 3], 1, num_splits=2),
    "SQUEEZE": move("SQUEEZE", shape=(1, 3, 1, 4)),
    "STRIDED_SLICE": move("STRIDED_SLICE", [1, 0, 2], [-3, 4, 0], [-1, 3, -1]),
    "TRANSPOSE": move("TRANSPOSE", [2, 0, 1]),
    "UNPACK": move("UNPACK", num=3, axis=2),
}


def built(kind: str, dtype: DataType) -> Build:
    def build(builder: GraphBuilder) -> int | Sequence[int]:
        return MOVES[kind](builder, lambda shape: builder.input(shape, zero_point=0, dtype=dtype))

    return build


SUITE = Suite(
    tuple(
        Case(f"{kind} {dtype.value}", built(kind, dtype))
        for kind in MOVES
        for dtype in TYPES
        if dtype in RULES[kind].input(1 if kind == "SPLIT" else 0).dtypes
    ),
    seed=50,
)


@parametrize(SUITE, tuple(TARGETS))
def test_moved_types(case: str, target: str) -> None:
    SUITE.check(case, target)
