"""SPLIT, SPLIT_V and UNPACK. Seed 47."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from harness import Build, Case, Suite, parametrize
from moving import integers, source

from mcu_deploy.graph.builder import GraphBuilder


def split(shape: tuple[int, ...], axis: int, count: int) -> Build:
    def build(builder: GraphBuilder) -> Sequence[int]:
        inputs = [builder.constant(np.int32(axis)), source(builder, shape)]
        split = builder.tensors[inputs[1]]
        options = {"dtype": split.dtype, "quantization": split.quantization, "num_splits": count}
        return builder.operator_with_outputs("SPLIT", inputs, **options)

    return build


def split_v(shape: tuple[int, ...], axis: int, sizes: tuple[int, ...]) -> Build:
    def build(builder: GraphBuilder) -> Sequence[int]:
        inputs = [source(builder, shape), integers(builder, sizes), builder.constant(np.int32(axis))]
        return builder.operator_with_outputs("SPLIT_V", inputs, num_splits=len(sizes))

    return build


def unpack(shape: tuple[int, ...], axis: int) -> Build:
    def build(builder: GraphBuilder) -> Sequence[int]:
        return builder.operator_with_outputs("UNPACK", [source(builder, shape)], num=shape[axis], axis=axis)

    return build


SUITE = Suite(
    (
        *(
            Case(
                f"SPLIT {shape} along {axis} in {count}",
                split(shape, axis, count),
                not_on={"npu": "Vela refuses an axis counted from the end"} if axis < 0 else {},
            )
            for shape, axis, count in (
                ((12,), 0, 3),
                ((12,), -1, 4),
                ((4, 6), 0, 2),
                ((4, 6), 1, 3),
                ((2, 3, 4), 1, 3),
                ((1, 5, 3, 8), 3, 2),
                ((1, 6, 3, 4), 1, 2),
                ((1, 6, 3, 3), 1, 2),
                ((2, 3), 1, 1),
            )
        ),
        *(
            Case(f"SPLIT_V {shape} along {axis} in {sizes}", split_v(shape, axis, sizes))
            for shape, axis, sizes in (
                ((12,), 0, (4, 8)),
                ((12,), 0, (1, 5, 6)),
                ((4, 6), 1, (2, -1)),
                ((4, 6), 0, (1, 3)),
                ((2, 3, 4), -1, (1, 2, 1)),
                ((1, 5, 3, 8), 1, (-1,)),
            )
        ),
        *(
            Case(
                f"UNPACK {shape} along {axis}",
                unpack(shape, axis),
                not_on={"npu": "Vela gives a scalar no place"} if len(shape) == 1 else {},
            )
            for shape, axis in (
                ((4,), 0),
                ((3, 4), 0),
                ((3, 4), 1),
                ((2, 3, 4), -2),
                ((2, 3, 4, 2), 2),
                ((1, 4), 0),
            )
        ),
    ),
    seed=47,
)


@parametrize(SUITE)
def test_split(case: str, target: str) -> None:
    SUITE.check(case, target)
