"""SLICE and STRIDED_SLICE. Seed 43."""

from __future__ import annotations

import numpy as np
from harness import Build, Case, Suite, parametrize
from moving import integers, source

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import OptionValue

Numbers = tuple[int, ...]


def slice_of(shape: Numbers, begin: Numbers, size: Numbers, wide: bool = False) -> Build:
    def build(builder: GraphBuilder) -> int:
        dtype = np.int64 if wide else np.int32
        operands = [builder.constant(np.array(values, dtype)) for values in (begin, size)]
        return builder.operator("SLICE", [source(builder, shape), *operands])

    return build


def strided(shape: Numbers, begin: Numbers, end: Numbers, strides: Numbers, **options: OptionValue) -> Build:
    def build(builder: GraphBuilder) -> int:
        operands = [integers(builder, values) for values in (begin, end, strides)]
        return builder.operator("STRIDED_SLICE", [source(builder, shape), *operands], **options)

    return build


SUITE = Suite(
    (
        *(
            Case(f"SLICE {shape} {begin} {size}", slice_of(shape, begin, size))
            for shape, begin, size in (
                ((9,), (0,), (9,)),
                ((9,), (4,), (3,)),
                ((9,), (3,), (-1,)),
                ((4, 6), (1, 0), (2, 6)),
                ((4, 6), (0, 1), (4, 3)),
                ((4, 6), (2, 0), (-1, -1)),
                ((3, 4, 5), (1, 1, 1), (2, 2, 2)),
                ((3, 4, 5), (1, 0, 0), (1, -1, -1)),
                ((1, 5, 4, 3), (0, 1, 0, 0), (1, 3, 4, 3)),
                ((1, 5, 4, 3), (0, 0, 1, 0), (1, 5, 2, 3)),
                ((2, 5, 4, 3), (1, 2, 1, 2), (1, 3, 3, 1)),
                ((2, 3, 2, 3, 4), (0, 1, 0, 1, 1), (2, 2, 1, 2, 3)),
            )
        ),
        Case("SLICE with 64-bit operands", slice_of((4, 6), (1, 2), (2, -1), wide=True)),
        *(
            Case(f"STRIDED_SLICE {shape} {begin} {end} {strides}", strided(shape, begin, end, strides))
            for shape, begin, end, strides in (
                ((9,), (0,), (9,), (1,)),
                ((9,), (1,), (8,), (3,)),
                ((9,), (-3,), (100,), (1,)),
                ((9,), (-100,), (-2,), (2,)),
                ((9,), (8,), (0,), (-1,)),
                ((9,), (-1,), (-100,), (-3,)),
                ((9,), (100,), (2,), (-2,)),
                ((4, 6), (1, 0), (3, 6), (1, 1)),
                ((4, 6), (0, 5), (4, 0), (2, -2)),
                ((3, 4, 5), (2, 3, 4), (0, 0, 0), (-1, -1, -1)),
                ((2, 5, 4, 3), (0, 1, 0, 1), (2, 5, 4, 2), (1, 2, 3, 1)),
                ((1, 8, 8, 3), (0, 0, 0, 0), (1, 8, 8, 3), (1, 2, 2, 1)),
                ((1, 8, 8, 3), (0, 1, 1, 0), (1, 7, 7, 3), (1, 1, 1, 1)),
                ((1, 8, 4, 3), (0, 4, 0, 0), (1, 8, 4, 3), (1, 1, 1, 1)),
            )
        ),
        *(
            Case(
                f"STRIDED_SLICE begin {begin} end {end} strides {strides}",
                strided((3, 4, 5), (1, 2, 3), (2, 3, 4), strides, begin_mask=begin, end_mask=end),
            )
            for begin in (0, 1, 5, 7)
            for end in (0, 2, 7)
            for strides in ((1, 1, 1), (2, 1, 2))
        ),
        Case(
            "STRIDED_SLICE backwards with masks",
            strided((3, 4, 5), (1, 2, 3), (0, 1, 2), (-1, -2, -1), begin_mask=5, end_mask=6),
        ),
        *(
            Case(
                f"STRIDED_SLICE shrink {mask}",
                strided((3, 4, 5), (1, -2, 0), (2, 4, 5), (1, 1, 1), shrink_axis_mask=mask),
                not_on={"npu": "Vela gives a scalar no place"} if mask == 7 else {},
            )
            for mask in range(1, 8)
        ),
        Case(
            "STRIDED_SLICE shrink whose end is elsewhere",
            strided((3, 4, 5), (-1, 0, 0), (0, 4, 5), (1, 1, 1), shrink_axis_mask=1),
        ),
        Case(
            "STRIDED_SLICE shrink with a mask of the begin",
            strided((3, 4, 5), (2, 0, 0), (3, 4, 5), (1, 1, 1), shrink_axis_mask=1, begin_mask=1),
            not_on={"npu": "Vela takes no notice of the mask"},
        ),
        Case(
            "STRIDED_SLICE shrink with a stride",
            strided((3, 4, 5), (1, 1, 0), (3, 4, 5), (2, 2, 2), shrink_axis_mask=2),
        ),
    ),
    seed=43,
)


@parametrize(SUITE)
def test_slice(case: str, target: str) -> None:
    SUITE.check(case, target)
