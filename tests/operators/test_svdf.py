"""SVDF, its state kept from run to run. Seed 40."""

from __future__ import annotations

import numpy as np
from harness import Build, Case, Suite, parametrize, tie_biases

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType

INT8, INT16 = DataType.INT8, DataType.INT16


def svdf(
    batches: int = 1,
    inputs: int = 7,
    units: int = 3,
    rank: int = 1,
    memory: int = 4,
    state: DataType = INT16,
    input_zero_point: int = -3,
    state_zero_point: int = 0,
    output_zero_point: int = -128,
    activation: str = "RELU",
    scales: tuple[float, float] = (1.0, 1.0),
) -> Build:
    """Scales, times ``scales``, let random states and outputs use their range."""

    def build(builder: GraphBuilder) -> int:
        filters = units * rank
        reach = 100.0 if state is INT8 else 30000.0
        features = builder.rng.integers(-127, 128, (filters, inputs), dtype=np.int8)
        times = builder.rng.integers(-reach, reach, (filters, memory)).astype(state.numpy)
        feature_scale = scales[0] * reach / 3 / (73 * 73 * np.sqrt(inputs))
        time_scale = scales[1] * 48 / (reach / 2 * reach / 3 * np.sqrt(memory * rank))
        spread = int(np.clip(48 / time_scale, 1, 2**31 - 1))
        bias = builder.rng.integers(-spread, spread, units, dtype=np.int32)
        return builder.operator(
            "SVDF",
            [
                builder.input((batches, inputs), scale=0.5, zero_point=input_zero_point),
                builder.constant(features, feature_scale),
                builder.constant(times, time_scale),
                builder.constant(bias, 0.5 * time_scale),
                builder.variable((batches, filters * memory), 0.5, state_zero_point, dtype=state),
            ],
            scale=0.5,
            zero_point=output_zero_point,
            rank=rank,
            fused_activation_function=activation,
        )

    return build


def ties(state_scale: float, time_scale: float, output_scale: float) -> Build:
    """Biases at which it shows how the second multiplier is made."""

    def build(builder: GraphBuilder) -> int:
        count = 635
        product = np.float32(state_scale) * np.float32(time_scale)
        biases = tie_biases(float(product) / float(np.float32(output_scale)), count)
        return builder.operator(
            "SVDF",
            [
                builder.input((1, 1), scale=1.0, zero_point=0),
                builder.constant(np.zeros((count, 1), np.int8), 1.0),
                builder.constant(np.zeros((count, 1), np.int16), time_scale),
                builder.constant(biases, float(product)),
                builder.variable((1, count), state_scale, dtype=INT16),
            ],
            scale=output_scale,
            zero_point=0,
            rank=1,
        )

    return build


def state_ties(input_scale: float, weight_scale: float) -> Build:
    """An input of only 127 makes a state next to a half: it shows how the first multiplier is made."""

    def build(builder: GraphBuilder) -> int:
        accumulator = 127 * 127
        product = float(np.float32(input_scale)) * float(np.float32(weight_scale))
        state_scale = np.float32(product * accumulator / 10000.5)
        return builder.operator(
            "SVDF",
            [
                builder.input((1, 1), scale=input_scale, zero_point=0),
                builder.constant(np.full((1, 1), 127, np.int8), weight_scale),
                builder.constant(np.full((1, 1), 1, np.int16), 1.0),
                builder.constant(np.full(1, -10000, np.int32), state_scale),
                builder.variable((1, 1), state_scale, dtype=INT16),
            ],
            scale=state_scale,
            zero_point=0,
            rank=1,
        )

    return build


SUITE = Suite(
    (
        *(
            Case(f"{batches} x {inputs} to {units} x {rank}, {memory} {state.value}", svdf(*sizes, state))
            for state in (INT8, INT16)
            for sizes in (
                (1, 1, 1, 1, 1),
                (1, 7, 3, 1, 4),
                (2, 5, 2, 2, 3),
                (3, 4, 1, 3, 2),
                (1, 40, 12, 2, 6),
            )
            for batches, inputs, units, rank, memory in (sizes,)
        ),
        *(
            Case(
                f"zero points {zero} {state.value}",
                svdf(input_zero_point=zero, output_zero_point=-zero - 1, state=state),
            )
            for zero in (-128, 0, 127)
            for state in (INT8, INT16)
        ),
        *(
            Case(f"state zero point {zero}", svdf(state=INT8, state_zero_point=zero))
            for zero in (-128, 5, 127)
        ),
        Case("int16 state with a zero point", svdf(state_zero_point=1000)),
        Case("RELU is the range of the output", svdf(output_zero_point=0)),
        Case("no activation", svdf(activation="NONE")),
        *(
            Case(f"scales times {scales} {state.value}", svdf(state=state, scales=scales))
            for scales in ((100.0, 1.0), (1e-3, 1.0), (1.0, 100.0), (1.0, 1e-3), (1e4, 1e4))
            for state in (INT8, INT16)
        ),
        Case("a unit's accumulator that wraps", svdf(memory=64, inputs=64, scales=(1e4, 1.0))),
        *(
            Case(f"ties {number}", ties(*scales))
            for number, scales in enumerate(
                np.random.default_rng(40).uniform((1e-3, 1e-5, 0.05), (2e-3, 2e-5, 0.1), (8, 3)).tolist()
            )
        ),
        *(
            Case(f"state ties {number}", state_ties(*scales))
            for number, scales in enumerate(
                np.random.default_rng(41).uniform((1e-3, 1e-5), (2e-3, 2e-5), (12, 2)).tolist()
            )
        ),
    ),
    seed=40,
)


@parametrize(SUITE)
def test_svdf(case: str, target: str) -> None:
    SUITE.check(case, target)
