"""ADD and SUB. Seed 31."""

from __future__ import annotations

from elementwise_cases import arithmetic_cases
from harness import Suite, parametrize

SUITE = Suite(tuple(case for kind in ("ADD", "SUB") for case in arithmetic_cases(kind)), seed=31)


@parametrize(SUITE)
def test_add(case: str, target: str) -> None:
    SUITE.check(case, target)
