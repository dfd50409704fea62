"""CONCATENATION and PACK. Seed 41."""

from __future__ import annotations

import numpy as np
from harness import Build, Case, Suite, parametrize
from moving import source

from mcu_deploy.graph.builder import GraphBuilder


def concatenation(axis: int, *shapes: tuple[int, ...]) -> Build:
    def build(builder: GraphBuilder) -> int:
        return builder.operator("CONCATENATION", [source(builder, shape) for shape in shapes], axis=axis)

    return build


def pack(axis: int, shape: tuple[int, ...], count: int) -> Build:
    def build(builder: GraphBuilder) -> int:
        sources = [source(builder, shape) for _ in range(count)]
        return builder.operator("PACK", sources, axis=axis, values_count=count)

    return build


def with_constant(kind: str, axis: int) -> Build:
    def build(builder: GraphBuilder) -> int:
        values = builder.rng.integers(-128, 128, (2, 3, 4), dtype=np.int8)
        sources = [
            source(builder, (2, 3, 4)),
            builder.constant(values, 0.05, -128),
            source(builder, (2, 3, 4)),
        ]
        options = {"values_count": 3} if kind == "PACK" else {}
        return builder.operator(kind, sources, axis=axis, **options)

    return build


def twice(builder: GraphBuilder) -> int:
    values = source(builder, (1, 4, 3))
    return builder.operator("CONCATENATION", [values, values], axis=2)


def of_inputs(builder: GraphBuilder) -> int:
    inputs = [builder.input((1, 4), zero_point=3), builder.input((1, 8), zero_point=3)]
    return builder.operator("CONCATENATION", inputs, axis=1)


SUITE = Suite(
    (
        *(
            Case(
                f"{len(shapes)} along {axis} of {len(shapes[0])}",
                concatenation(axis, *shapes),
            )
            for axis, shapes in (
                (0, ((3,), (5,))),
                (-1, ((3,), (5,), (1,))),
                (0, ((2, 3), (1, 3), (4, 3))),
                (1, ((2, 3), (2, 4), (2, 1))),
                (1, ((2, 3, 4), (2, 1, 4))),
                (2, ((2, 3, 4), (2, 3, 1))),
                (3, ((1, 5, 3, 8), (1, 5, 3, 4))),
                (-1, ((1, 5, 3, 2), (1, 5, 3, 1), (1, 5, 3, 3), (1, 5, 3, 1))),
                (1, ((1, 5, 3, 8), (1, 2, 3, 8))),
                (2, ((1, 5, 3, 3), (1, 5, 4, 3))),
                (3, ((2, 2, 2, 2, 2), (2, 2, 2, 1, 2))),
            )
        ),
        Case("one", concatenation(1, (2, 3))),
        Case("ten", concatenation(1, *((3, number) for number in range(1, 11)))),
        Case("twice the same", twice),
        Case("of inputs of the model", of_inputs),
        *(
            Case(f"{kind} with a constant along {axis}", with_constant(kind, axis))
            for kind in ("CONCATENATION", "PACK")
            for axis in (0, 1, 2)
        ),
        *(Case(f"PACK {axis}", pack(axis, (2, 3, 4), 3)) for axis in (0, 1, 2, 3, -1, -4)),
        Case("PACK of one", pack(1, (2, 3), 1)),
        Case("PACK of four words", pack(0, (4,), 5)),
    ),
    seed=41,
)


@parametrize(SUITE)
def test_concatenation(case: str, target: str) -> None:
    SUITE.check(case, target)
