"""SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND. Seed 46."""

from __future__ import annotations

from harness import Build, Case, Suite, parametrize
from moving import integers

from mcu_deploy.graph.builder import GraphBuilder

Pairs = tuple[tuple[int, int], ...]


def blocks(
    kind: str, shape: tuple[int, ...], sizes: tuple[int, ...], margins: Pairs, zero_point: int = 0
) -> Build:
    def build(builder: GraphBuilder) -> int:
        operands = [integers(builder, sizes), integers(builder, margins)]
        return builder.operator(kind, [builder.input(shape, zero_point=zero_point), *operands])

    return build


SUITE = Suite(
    (
        *(
            Case(f"to batches {shape} {sizes} {margins}", blocks("SPACE_TO_BATCH_ND", shape, sizes, margins))
            for shape, sizes, margins in (
                ((1, 4, 4, 3), (2, 2), ((0, 0), (0, 0))),
                ((2, 4, 6, 1), (2, 3), ((0, 0), (0, 0))),
                ((1, 5, 7, 3), (2, 3), ((1, 0), (1, 1))),
                ((2, 3, 3, 2), (4, 4), ((0, 1), (4, 1))),
                ((1, 9, 1, 5), (3, 1), ((3, 3), (0, 0))),
                ((1, 5, 4), (2,), ((1, 0),)),
                ((2, 6, 3), (3,), ((0, 0),)),
                ((1, 4, 4, 3), (1, 1), ((0, 0), (0, 0))),
            )
        ),
        *(
            Case(f"to space {shape} {sizes} {crops}", blocks("BATCH_TO_SPACE_ND", shape, sizes, crops))
            for shape, sizes, crops in (
                ((4, 2, 2, 3), (2, 2), ((0, 0), (0, 0))),
                ((12, 2, 2, 1), (2, 3), ((0, 0), (0, 0))),
                ((6, 3, 3, 3), (2, 3), ((1, 0), (1, 1))),
                ((32, 1, 2, 2), (4, 4), ((0, 1), (4, 1))),
                ((3, 5, 1, 5), (3, 1), ((3, 3), (0, 0))),
                ((2, 3, 4), (2,), ((1, 0),)),
                ((6, 2, 3), (3,), ((0, 0),)),
            )
        ),
        *(
            Case(
                f"to batches zero point {zero}",
                blocks("SPACE_TO_BATCH_ND", (1, 3, 3, 2), (2, 2), ((1, 0), (0, 1)), zero),
            )
            for zero in (-128, -1, 5, 127)
        ),
    ),
    seed=46,
)


@parametrize(SUITE)
def test_space_and_batch(case: str, target: str) -> None:
    SUITE.check(case, target)
