"""Every value of the tables of int8 functions against TFLM, for hundreds of quantisations. Seed 61."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.checks import check
from mcu_deploy.graph.ir import Graph, OptionValue
from mcu_deploy.graph.writer import write_model
from mcu_deploy.plan.planner import make_plan
from mcu_deploy.reference.tflm import run_reference

# TFLM takes at most 1024 buffers in a model; RELU_N1_TO_1 needs six.
QUANTISATIONS = 400
ALL_VALUES = np.arange(-128, 128).astype(np.int8).reshape(1, 256)

Options = Callable[[np.random.Generator], dict[str, OptionValue]]


@dataclass(frozen=True)
class Function:
    """An operator, and how to draw quantisations for it.

    Attributes:
        kind: the operator.
        output: scale and zero point of the output, where it is fixed.
        input_zero: the input's zero point, where the function is not defined for all others.
        ratios: powers of ten between which the output's scale is times the input's.
        quantisations: how many are drawn.
        options: draws the operator's options.
    """

    kind: str
    output: tuple[float, int] | None = None
    input_zero: int | None = None
    ratios: tuple[float, float] = (-2, 2)
    quantisations: int = QUANTISATIONS
    options: Options = field(default=lambda rng: {}, hash=False)


def alpha(rng: np.random.Generator) -> dict[str, OptionValue]:
    return {"alpha": float(np.float32(rng.uniform(-1.5, 1.5)))}


FUNCTIONS = (
    Function("ABS"),
    Function("ELU"),
    Function("HARD_SWISH", ratios=(-2, 1)),
    Function("LEAKY_RELU", options=alpha),
    Function("LOGISTIC", output=(1 / 256, -128)),
    Function("NEG"),
    Function("RELU"),
    Function("RELU6"),
    Function("RELU_N1_TO_1", quantisations=160),
    Function("RSQRT", input_zero=-128),
    Function("TANH", output=(1 / 128, 0)),
)


def zero_point(rng: np.random.Generator) -> int:
    return int(rng.choice([-128, 0, 127, rng.integers(-128, 128)]))


def add(builder: GraphBuilder, function: Function, rng: np.random.Generator) -> int:
    """One input and the operator; one in seven with equal scales."""
    scale = float(10 ** rng.uniform(-3, 1))
    zero = zero_point(rng) if function.input_zero is None else function.input_zero
    values = builder.input((1, 256), scale, zero)
    output = function.output or (scale * 10 ** rng.uniform(*function.ratios), zero_point(rng))
    if function.output is None and rng.integers(7) == 0:
        output = (scale, output[1])
    return builder.operator(
        function.kind, [values], scale=output[0], zero_point=output[1], **function.options(rng)
    )


def tables(graph: Graph) -> list[np.ndarray]:
    return [step.constants[0].values for step in make_plan(graph).steps]


def compare(graph: Graph) -> None:
    runs = [[ALL_VALUES] * len(graph.inputs)]
    (reference,) = run_reference(write_model(graph), runs)
    for operator, table, output in zip(graph.operators, tables(graph), reference.outputs, strict=True):
        different = np.flatnonzero(table != output.reshape(-1))
        assert not different.size, f"operator {operator.index}, inputs {different[:5] - 128}"


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.kind)
def test_tables_of_hundreds_of_quantisations(function: Function) -> None:
    rng = np.random.default_rng(61)
    builder, outputs = GraphBuilder("tables"), []
    while len(outputs) < function.quantisations:
        trial = GraphBuilder("one")
        state = rng.bit_generator.state
        try:
            check(trial.build([add(trial, function, rng)]))
        except ModelError:
            continue  # beyond what can be expressed; the rules have tests of their own
        rng.bit_generator.state = state
        outputs.append(add(builder, function, rng))
    compare(builder.build(outputs))


# Found by search: float32 would round the 16-bit multiplier of the output another way.
HARD_SWISH_SCALES = (
    (0.15532787144184113, 0.11888407170772552),
    (0.11596931517124176, 0.1064896360039711),
    (0.08094841986894608, 0.0805232971906662),
)


def test_multipliers_are_of_double_precision() -> None:
    """Ratios that put values in the middle between two outputs, where the last bits of a multiplier count."""
    rng = np.random.default_rng(61)
    builder, outputs = GraphBuilder("ties"), []
    for kind in ("ABS", "ELU", "LEAKY_RELU", "RELU", "RSQRT"):
        for _ in range(90):
            scale = np.float32(rng.uniform(0.01, 2))
            steps = rng.integers(1, 100) + 0.5
            value = rng.integers(1, 128)
            real = 1 / np.sqrt(float(scale) * value) if kind == "RSQRT" else float(scale) * value
            values = builder.input((1, 256), float(scale), -128 if kind == "RSQRT" else 0)
            options = {"alpha": 1.0} if kind == "LEAKY_RELU" else {}
            outputs.append(builder.operator(kind, [values], scale=real / steps, zero_point=-20, **options))
    for scale, result in HARD_SWISH_SCALES:
        values = builder.input((1, 256), scale, -20)
        outputs.append(builder.operator("HARD_SWISH", [values], scale=result, zero_point=-10))
    compare(builder.build(outputs))
