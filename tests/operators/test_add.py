"""ADD and SUB. Seed 31."""

from __future__ import annotations

import pytest
from elementwise_cases import INT16, activation_cases, arithmetic_cases, binary
from harness import Case, Suite, parametrize

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.plan.planner import make_plan

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


@pytest.mark.parametrize("kind", ["ADD", "SUB"])
def test_what_no_linear_function_makes_is_rescaled(kind: str) -> None:
    builder = GraphBuilder("halves", 1)
    shapes = ((4, 20), (4, 20))
    builds = [binary(kind, shapes), binary(kind, shapes, (0.0513, -3), (0.0317, 17), (0.0709, 5))]
    kernels = [step.kernel for step in make_plan(builder.build([build(builder) for build in builds])).steps]
    assert kernels == [f"md_{kind.lower()}_s8", "md_linear_sum_s8"]
