"""L2_NORMALIZATION over the last axis, to the fixed output scale. Seed 38."""

from __future__ import annotations

from harness import Build, Case, Suite, parametrize

from mcu_deploy.graph.builder import GraphBuilder


def normalize(shape: tuple[int, ...], zero_point: int) -> Build:
    def build(builder: GraphBuilder) -> int:
        source = builder.input(shape, 0.05, zero_point)
        return builder.operator("L2_NORMALIZATION", [source], scale=1 / 128, zero_point=0)

    return build


SUITE = Suite(
    (
        *(
            Case(f"{shape} zero point {zero_point}", normalize(shape, zero_point))
            for shape in ((1, 64), (3, 1), (7,), (2, 3, 4), (1, 4, 5, 6))
            for zero_point in (-128, -1, 0, 127)
        ),
        # Sums of squares of every magnitude, from none to the largest that fits.
        Case("a value in a row", normalize((300, 1), -77)),
        Case("two small values in a row", normalize((100, 2), 5), limits=(2, 8)),
        Case("three values in a row", normalize((500, 3), -1)),
        Case("the longest row", normalize((1, 33025), -128)),
    ),
    seed=38,
)


@parametrize(SUITE)
def test_l2_normalization(case: str, target: str) -> None:
    SUITE.check(case, target)
