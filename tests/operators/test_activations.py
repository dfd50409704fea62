"""Functions of one int8 value; tests/plan/test_arithmetic_activation.py has more quantisations. Seed 24."""

from __future__ import annotations

from collections.abc import Mapping

from harness import Build, Case, Suite, parametrize

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import OptionValue

# Enough elements to hold every int8 value several times over.
SHAPE = (1, 40, 40)
SCALES = (
    (0.1, 0.1),
    (0.1, 0.07),
    (0.25, 0.1),
    (0.75, 0.7),
    (2.95, 1.1),
    (0.02, 0.5),
    (3.0, 0.01),
    (1.0, 1e-5),
    (1e-8, 100.0),
)
ZEROS = ((0, 0), (-128, -128), (127, -128), (-128, 127), (13, -40))


def function(
    kind: str,
    source: tuple[float, int],
    result: tuple[float, int],
    shape: tuple[int, ...] = SHAPE,
    **options: OptionValue,
) -> Build:
    def build(builder: GraphBuilder) -> int:
        values = builder.input(shape, *source)
        return builder.operator(kind, [values], scale=result[0], zero_point=result[1], **options)

    return build


# TFLM's fixed point ends where one step of the input is 15 or more; Vela's tables go on.
FAR = {"npu": "Vela gives 0 its own value at a scale of 15 and more, where TFLM gives it the least"}
UNSCALED = {"npu": "Vela does not rescale NEG"}
FLAT = {"npu": "Vela cannot express a ratio of scales of 1e-10"}


def _elsewhere(kind: str, source: float, result: float) -> Mapping[str, str]:
    if kind == "NEG" and source != result:
        return UNSCALED
    return FLAT if kind == "LEAKY_RELU" and source < 1e-6 else {}


def cases(kind: str, scales: tuple[tuple[float, float], ...], **options: OptionValue) -> list[Case]:
    return [
        Case(
            f"{kind} {scale} {zero} {options or ''}",
            function(kind, (scale[0], zero[0]), (scale[1], zero[1]), **options),
            not_on=_elsewhere(kind, *scale),
        )
        for scale in scales
        for zero in ZEROS
    ]


def fixed(kind: str, result: tuple[float, int]) -> list[Case]:
    """Those whose output is always quantised alike."""
    return [
        Case(
            f"{kind} {scale} {zero}", function(kind, (scale, zero), result), not_on=FAR if scale >= 15 else {}
        )
        for scale in (2.0**-28, 0.004, 0.0235, 0.1, 1.0, 15.0, 16.0, 1e9)
        for zero in (-128, -5, 0, 127)
    ]


SUITE = Suite(
    (
        *cases("ABS", SCALES),
        *cases("ELU", SCALES[:-1]),
        *cases("HARD_SWISH", ((0.1, 0.1), (0.02, 0.0157), (1.5, 3.0), (0.003, 0.0001), (40.0, 0.4))),
        *cases("LEAKY_RELU", SCALES, alpha=0.125),
        *cases("LEAKY_RELU", ((0.1, 0.07),), alpha=-0.3),
        *cases("LEAKY_RELU", ((0.1, 0.07),), alpha=1.7),
        *cases("LEAKY_RELU", ((0.1, 0.07),), alpha=0.0),
        *fixed("LOGISTIC", (1 / 256, -128)),
        *cases("NEG", (*SCALES[:7], (1.0, 3e-6), (1e-8, 100.0))),
        *cases("RELU", SCALES),
        *cases("RELU_N1_TO_1", SCALES),
        *cases("RELU_N1_TO_1", ((0.02, 0.008), (0.004, 1 / 127))),
        *fixed("TANH", (1 / 128, 0)),
        *(
            Case(f"RELU6 {scale} {zero}", function("RELU6", (scale, zero), (scale, zero)))
            for scale in (0.01, 0.0235, 0.1, 5.0, 13.0)
            for zero in (-128, -5, 0, 127)
        ),
        *(
            Case(f"RSQRT {scale} {zero}", function("RSQRT", (scale, zero), result), limits=(zero, 127))
            for scale, result in ((0.1, (0.1, 0)), (2.0, (0.01, -128)), (1e-4, (1.0, 5)), (90.0, (1e-6, 0)))
            for zero in (-128, 0, 126)
        ),
        *(
            Case(f"TANH of shape {shape}", function("TANH", (0.05, 3), (1 / 128, 0), shape))
            for shape in ((1,), (7, 1), (1, 1, 9), (2, 3, 5, 7))
        ),
    ),
    seed=24,
)


@parametrize(SUITE)
def test_activations(case: str, target: str) -> None:
    SUITE.check(case, target)
