"""ADD and SUB of int8 as one linear function: all pairs of inputs against TFLM. Seed 64."""

from __future__ import annotations

import numpy as np

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.writer import write_model
from mcu_deploy.plan.planner import make_plan
from mcu_deploy.reference.tflm import run_reference

Quantised = tuple[float, int]
VALUES = np.arange(-128, 128)
QUANTISATIONS = 40
# Halves, whose rounding away from zero a linear function must follow.
HALVES: tuple[tuple[Quantised, Quantised, Quantised], ...] = (
    ((0.05, 3), (0.05, -4), (0.1, 5)),
    ((0.5, -128), (0.25, 127), (1.0, 0)),
    ((0.25, 7), (0.25, 7), (0.5, 127)),
)


def drawn(rng: np.random.Generator) -> tuple[Quantised, Quantised, Quantised]:
    first, second = np.exp(rng.uniform(-4, 0, 2)).tolist()
    output = max(first, second) * float(np.exp(rng.uniform(-1, 1)))
    zeros = rng.integers(-128, 128, 3).tolist()
    return (first, zeros[0]), (second, zeros[1]), (output, zeros[2])


def test_all_pairs_of_inputs() -> None:
    rng = np.random.default_rng(64)
    builder = GraphBuilder("sums", 64)
    outputs = []
    for number, (first, second, output) in enumerate((*HALVES, *(drawn(rng) for _ in range(QUANTISATIONS)))):
        inputs = [builder.input((256, 1), *first), builder.input((1, 256), *second)]
        kind = ("ADD", "SUB")[number % 2]
        outputs.append(builder.operator(kind, inputs, scale=output[0], zero_point=output[1]))
    graph = builder.build(outputs)
    every = VALUES.astype(np.int8)
    given = [every.reshape(tensor.shape) for tensor in (graph.tensors[index] for index in graph.inputs)]
    (reference,) = run_reference(write_model(graph), [given])
    for step, wanted in zip(make_plan(graph).steps, reference.outputs, strict=True):
        assert step.kernel == "md_linear_sum_s8"
        values = {name: int(value) for name, value in step.parameters.items()}
        sums = values["first_factor"] * VALUES[:, None] + values["second_factor"] * VALUES + values["offset"]
        assert np.abs(sums).max() <= 2**31 - 1 - 2**15
        made = np.clip(sums >> values["fraction"], values["activation_min"], values["activation_max"])
        assert np.array_equal(made, wanted)
