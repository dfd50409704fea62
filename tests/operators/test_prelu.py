"""PRELU on int8 and int16. Seed 64."""

from __future__ import annotations

import numpy as np
from harness import Build, Case, Suite, parametrize

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType

SCALES = ((0.1, 0.02, 0.1), (0.1, 0.007, 0.07), (3.0, 0.01, 0.5), (0.02, 1.0, 5.0), (0.5, 0.1, 1e-4))


def prelu(
    dtype: DataType,
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    scales: tuple[float, float, float] = SCALES[1],
    zeros: tuple[int, int, int] = (0, 0, 0),
) -> Build:
    def build(builder: GraphBuilder) -> int:
        values = builder.input(shapes[0], scales[0], zeros[0], dtype=dtype)
        alpha = builder.rng.integers(-128, 128, shapes[1]).astype(np.int8)
        constant = builder.constant(alpha, scales[1], zeros[1])
        return builder.operator("PRELU", [values, constant], scale=scales[2], zero_point=zeros[2])

    return build


# It refuses the whole model.
ON_CPU = {"npu": "Vela cannot compile PRELU of int16 with several alphas"}

SHAPES = (
    ((1, 5, 6, 7), (7,)),
    ((1, 5, 6, 7), (1, 1, 7)),
    ((1, 5, 6, 7), (1, 1, 1, 7)),
    ((2, 5, 6, 7), (5, 6, 7)),
    ((2, 5, 6, 7), (2, 5, 6, 7)),
    ((2, 5, 6, 7), (1, 6, 1)),
    ((2, 5, 6, 7), (5, 1, 7)),
    ((2, 5, 6, 7), (2, 1, 6, 1)),
    ((2, 5, 6, 7), (1,)),
    ((9, 33), (33,)),
    ((100,), (100,)),
    ((1, 1, 1, 1), (1,)),
)
ZEROS = ((0, 0, 0), (-128, 0, -128), (127, -128, 5), (-7, 127, 127))

SUITE = Suite(
    (
        *(Case(f"int8 {shapes}", prelu(DataType.INT8, shapes, zeros=(-3, 4, 10))) for shapes in SHAPES),
        *(
            Case(f"int16 {shapes}", prelu(DataType.INT16, shapes, zeros=(0, 4, 0)), not_on=ON_CPU)
            for shapes in SHAPES
        ),
        *(
            Case(f"int8 {scales} {zeros}", prelu(DataType.INT8, ((1, 40, 40), (40,)), scales, zeros))
            for scales in SCALES
            for zeros in ZEROS
        ),
        *(
            Case(
                f"int16 {scales} {zero}",
                prelu(DataType.INT16, ((1, 40, 40), (40,)), scales, (0, zero, 0)),
                not_on=ON_CPU,
            )
            for scales in SCALES
            for zero in (-128, 0, 127)
        ),
    ),
    seed=64,
)


@parametrize(SUITE)
def test_prelu(case: str, target: str) -> None:
    SUITE.check(case, target)
