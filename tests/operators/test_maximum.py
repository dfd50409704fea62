"""MAXIMUM and MINIMUM, of tensors that are quantised alike. Seed 34."""

from __future__ import annotations

from elementwise_cases import INT16, doubled, shape_cases
from harness import Case, Suite, parametrize

ALIKE, FINE = (0.05, -3), (0.0005, 0)

SUITE = Suite(
    tuple(
        case
        for kind in ("MAXIMUM", "MINIMUM")
        for case in (
            *shape_cases(kind, ALIKE, ALIKE, ALIKE),
            *shape_cases(kind, FINE, FINE, FINE, INT16),
            Case(f"{kind} of a tensor and itself", doubled(kind, ALIKE, ALIKE)),
        )
    ),
    seed=34,
)


@parametrize(SUITE)
def test_maximum(case: str, target: str) -> None:
    SUITE.check(case, target)
