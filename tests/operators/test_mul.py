"""MUL. Seed 32."""

from __future__ import annotations

from elementwise_cases import arithmetic_cases
from harness import Suite, parametrize

SUITE = Suite(tuple(arithmetic_cases("MUL")), seed=32)


@parametrize(SUITE)
def test_mul(case: str, target: str) -> None:
    SUITE.check(case, target)
