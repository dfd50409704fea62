"""ADD and SUB. Seed 31."""

from __future__ import annotations

from elementwise_cases import INT16, activation_cases, arithmetic_cases, binary
from harness import Case, Suite, parametrize

FINE = (0.0005, 0)

SUITE = Suite(
    tuple(
        case
        for kind in ("ADD", "SUB")
        for case in (
            *arithmetic_cases(kind),
            *activation_cases(kind),
            # TFLM does not regard it.
            *(
                Case(
                    f"{kind} int16 power of two {power}",
                    binary(kind, ((5, 7), (5, 7)), FINE, FINE, FINE, dtype=INT16, pot_scale_int16=power),
                )
                for power in (True, False)
            ),
        )
    ),
    seed=31,
)


@parametrize(SUITE)
def test_add(case: str, target: str) -> None:
    SUITE.check(case, target)
