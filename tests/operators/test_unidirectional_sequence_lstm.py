"""UNIDIRECTIONAL_SEQUENCE_LSTM, its two states kept from run to run. Seed 42."""

from __future__ import annotations

import numpy as np
from harness import TARGETS, Build, Case, Suite, parametrize

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType

INT8, INT16 = DataType.INT8, DataType.INT16


def lstm(
    dtype: DataType = INT8,
    batches: int = 1,
    steps: int = 3,
    inputs: int = 5,
    cells: int = 4,
    time_major: bool = False,
    input_zero_point: int = -3,
    hidden_zero_point: int = 4,
    cell_scale: float = 2.0**-11,
    hidden_scale: float = 1.0,
    gain: float = 1.0,
    cell_clip: float = 0.0,
    bias: bool = True,
) -> Build:
    """``gain`` and ``hidden_scale`` are relative to what lets gates and hidden state use their range."""

    def build(builder: GraphBuilder) -> int:
        rng = builder.rng
        wide = dtype is INT16
        steps_of_one = 2.0**15 if wide else 2.0**7
        input_scale, hidden_step = 4 / steps_of_one, hidden_scale / steps_of_one
        zero_points = (0, 0) if wide else (input_zero_point, hidden_zero_point)
        shape = (steps, batches, inputs) if time_major else (batches, steps, inputs)
        source = builder.input(shape, scale=input_scale, zero_point=zero_points[0], dtype=dtype)

        def weights(depth: int) -> int:
            values = rng.integers(-127, 128, (cells, depth), dtype=np.int8)
            return builder.constant(values, gain * rng.uniform(0.5, 2) / (73 * np.sqrt(depth)))

        of_input = [weights(inputs) for _ in range(4)]
        of_hidden = [weights(cells) for _ in range(4)]
        biases = []
        for index in of_input:
            quantization = builder.tensors[index].quantization
            assert quantization is not None
            scale = input_scale * float(quantization.scale[0])
            values = np.round(rng.normal(0, bias * gain, cells) / scale)
            biases.append(builder.constant(values.astype(np.int64 if wide else np.int32), scale))
        state = (batches, cells)
        hidden = builder.variable(state, hidden_step, zero_points[1], dtype=dtype)
        cell = builder.variable(state, cell_scale, dtype=INT16)
        return builder.operator(
            "UNIDIRECTIONAL_SEQUENCE_LSTM",
            [source, *of_input, *of_hidden, *[-1] * 3, *biases, -1, -1, hidden, cell, *[-1] * 4],
            scale=hidden_step,
            zero_point=zero_points[1],
            fused_activation_function="TANH",
            cell_clip=cell_clip,
            time_major=time_major,
        )

    return build


def both(name: str, **parameters: float) -> list[Case]:
    return [Case(f"{name} {dtype.value}", lstm(dtype, **parameters)) for dtype in (INT8, INT16)]  # type: ignore[arg-type]


SUITE = Suite(
    (
        *(
            case
            for batches, steps, inputs, cells in (
                (1, 1, 1, 1),
                (1, 7, 3, 2),
                (2, 3, 5, 4),
                (3, 2, 1, 9),
                (1, 12, 40, 16),
            )
            for time_major in (False, True)
            for case in both(
                f"{batches} x {steps} x {inputs} to {cells}{' time-major' if time_major else ''}",
                batches=batches,
                steps=steps,
                inputs=inputs,
                cells=cells,
                time_major=time_major,
            )
        ),
        *(
            Case(f"zero points {first} {second}", lstm(input_zero_point=first, hidden_zero_point=second))
            for first in (-128, 0, 127)
            for second in (-128, 0, 127)
        ),
        *(
            case
            for power in (-16, -15, -13, -12, -9, -4, 0)
            for case in both(f"cell scale 2**{power}", cell_scale=2.0**power, gain=3.0)
        ),
        *(case for gain in (1e-3, 10.0, 60.0) for case in both(f"gain {gain}", gain=gain)),
        *(case for scale in (1e-3, 0.3, 3.0) for case in both(f"hidden scale {scale}", hidden_scale=scale)),
        *(
            case
            for clip in (0.25, 1e-9, 3.0, 1e9, -1.0)
            for case in both(f"cell clip {clip}", cell_clip=clip, gain=4.0, steps=8)
        ),
        *both("no biases", bias=False),
    ),
    seed=42,
)


@parametrize(SUITE, tuple(TARGETS))
def test_unidirectional_sequence_lstm(case: str, target: str) -> None:
    SUITE.check(case, target)
