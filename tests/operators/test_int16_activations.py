"""Functions of one int16 value. Seed 62."""

from __future__ import annotations

from harness import Build, Case, Suite, parametrize

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType, OptionValue

# A random sixteenth of all values in each of two runs.
SHAPE = (1, 64, 64)
SCALES = ((0.1, 0.1), (0.1, 0.07), (0.013, 0.0371), (3e-4, 0.5), (3.0, 0.01), (1.0, 1e-5), (1e-8, 100.0))


def function(
    kind: str, source: float, result: float, shape: tuple[int, ...] = SHAPE, **options: OptionValue
) -> Build:
    def build(builder: GraphBuilder) -> int:
        values = builder.input(shape, source, 0, dtype=DataType.INT16)
        return builder.operator(kind, [values], scale=result, zero_point=0, **options)

    return build


FAR = {"npu": "the NPU limits what wraps in TFLM, where a ratio of 1e5 leaves 32 bits"}


def cases(kind: str, scales: tuple[tuple[float, float], ...], **options: OptionValue) -> list[Case]:
    return [
        Case(
            f"{kind} {source} {result} {options or ''}",
            function(kind, source, result, **options),
            not_on=FAR if source / result > 1e4 else {},
        )
        for source, result in scales
    ]


# Scales that are powers of two, next to one, and others up to the largest.
SIGMOID_SCALES = (
    *(2.0**-exponent for exponent in (0, 9, 10, 11, 12, 13, 14, 15, 20, 31)),
    *(2.0**-12 * 1.0006, 2.0**-12 * 1.0008, 2.0**-11 * 0.9995, 2.0**-11 * 0.999),
    *(1e-12, 3.1e-5, 0.0007, 0.011, 0.3, 2.6),
)

SUITE = Suite(
    (
        *cases("ABS", SCALES),
        *cases("LEAKY_RELU", SCALES, alpha=0.125),
        *cases("LEAKY_RELU", SCALES[:3], alpha=-0.3),
        *cases("LEAKY_RELU", SCALES[:3], alpha=1.7),
        *cases("RELU", SCALES),
        *cases("RELU6", ((2.0**-12, 2.0**-12), (1e-4, 1e-4), (0.1, 0.1), (7.0, 7.0))),
        *cases("LOGISTIC", tuple((scale, 2.0**-15) for scale in SIGMOID_SCALES)),
        *cases("TANH", tuple((scale, 2.0**-15) for scale in SIGMOID_SCALES)),
        *(
            Case(f"TANH of shape {shape}", function("TANH", 0.0003, 2.0**-15, shape))
            for shape in ((1,), (7, 1), (2, 3, 5, 7))
        ),
    ),
    seed=62,
)


@parametrize(SUITE)
def test_int16_activations(case: str, target: str) -> None:
    SUITE.check(case, target)
