"""SQUARED_DIFFERENCE. Seed 33."""

from __future__ import annotations

from elementwise_cases import INT16, NOT_WITH_OVERFLOW, arithmetic_cases, binary
from harness import Case, Suite, parametrize

SHAPES = ((9, 30), (9, 30))

SUITE = Suite(
    (
        *arithmetic_cases("SQUARED_DIFFERENCE"),
        # Multipliers far above 1 wrap.
        Case(
            "large multiplier",
            binary("SQUARED_DIFFERENCE", SHAPES, (1.0, 3), (0.3, -4), (2e-9, 5)),
            not_on=NOT_WITH_OVERFLOW,
        ),
        Case(
            "int16 large multiplier",
            binary("SQUARED_DIFFERENCE", SHAPES, (1.0, 0), (0.3, 0), (5e-9, 0), dtype=INT16),
            not_on=NOT_WITH_OVERFLOW,
        ),
    ),
    seed=33,
)


@parametrize(SUITE)
def test_squared_difference(case: str, target: str) -> None:
    SUITE.check(case, target)
