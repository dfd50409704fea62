"""MUL. Seed 32."""

from __future__ import annotations

from elementwise_cases import INT16, NOT_WITH_OVERFLOW, activation_cases, arithmetic_cases, binary
from harness import Case, Suite, parametrize

SHAPES = ((9, 30), (9, 30))

SUITE = Suite(
    (
        *arithmetic_cases("MUL"),
        *activation_cases("MUL"),
        # Multipliers far above 1 wrap.
        Case(
            "MUL large multiplier",
            binary("MUL", SHAPES, (1.0, 3), (1.0, -4), (2e-9, 5)),
            not_on=NOT_WITH_OVERFLOW,
        ),
        Case(
            "MUL int16 large multiplier",
            binary("MUL", SHAPES, (1.0, 0), (1.0, 0), (2e-9, 0), dtype=INT16),
            not_on=NOT_WITH_OVERFLOW,
        ),
    ),
    seed=32,
)


@parametrize(SUITE)
def test_mul(case: str, target: str) -> None:
    SUITE.check(case, target)
