"""TRANSPOSE. Seed 40."""

from __future__ import annotations

import itertools

from harness import Build, Case, Suite, parametrize
from moving import integers, source

from mcu_deploy.graph.builder import GraphBuilder


def transpose(shape: tuple[int, ...], axes: tuple[int, ...]) -> Build:
    def build(builder: GraphBuilder) -> int:
        return builder.operator("TRANSPOSE", [source(builder, shape), integers(builder, axes)])

    return build


SUITE = Suite(
    (
        Case("one axis", transpose((7,), (0,))),
        *(Case(f"2 axes {axes}", transpose((5, 3), axes)) for axes in itertools.permutations(range(2))),
        *(Case(f"3 axes {axes}", transpose((2, 5, 3), axes)) for axes in itertools.permutations(range(3))),
        *(Case(f"4 axes {axes}", transpose((2, 3, 4, 5), axes)) for axes in itertools.permutations(range(4))),
        *(
            Case(f"5 axes {axes}", transpose((2, 3, 2, 3, 2), axes))
            for axes in ((4, 3, 2, 1, 0), (0, 2, 1, 4, 3), (1, 0, 3, 2, 4), (2, 3, 4, 0, 1))
        ),
        Case("of unit axes", transpose((1, 4, 1, 3), (2, 1, 0, 3))),
        Case("of unit axes and others", transpose((1, 4, 1, 3), (3, 0, 1, 2))),
        Case("a spectrogram", transpose((1, 49, 10, 1), (0, 2, 1, 3))),
    ),
    seed=40,
)


@parametrize(SUITE)
def test_transpose(case: str, target: str) -> None:
    SUITE.check(case, target)
