"""Cases that all operators with two inputs, which broadcast, have in common."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from harness import Build, Case

from mcu_deploy.graph.builder import GraphBuilder

Shape = tuple[int, ...]
# Scale and zero point.
Quantised = tuple[float, int]

# A computed tensor without dimensions; as a constant it is fine.
NOT_WITH_SCALARS = {"npu": "Vela gives a tensor without dimensions no place in memory"}

SHAPES: tuple[tuple[Shape, Shape], ...] = (
    ((1, 5, 3, 7), (1, 5, 3, 7)),
    ((1, 5, 3, 8), (1, 1, 1, 8)),
    ((1, 1, 1, 8), (1, 5, 3, 8)),
    ((3, 5), (1,)),
    ((), (3, 5)),
    ((2, 3, 4, 5), (2, 1, 4, 1)),
    ((2, 1, 4, 1), (1, 3, 1, 5)),
    ((1, 3, 4, 1), (2, 1, 1, 5)),
    ((4, 5), (2, 3, 4, 5)),
    ((2, 3, 1, 1), (4, 5)),
    ((7,), (3, 1)),
    ((1, 1), (1, 1, 1)),
)


def binary(
    kind: str,
    shapes: tuple[Shape, Shape],
    first: Quantised = (0.05, -3),
    second: Quantised = (0.031, 17),
    output: Quantised = (0.07, 5),
    constant: int | None = None,
    activation: str | None = None,
) -> Build:
    """An operator; ``constant``: which of its inputs is one."""

    def build(builder: GraphBuilder) -> int:
        inputs = []
        for position, (shape, (scale, zero_point)) in enumerate(zip(shapes, (first, second), strict=True)):
            if position == constant:
                values = builder.rng.integers(-128, 128, shape, dtype=np.int8)
                inputs.append(builder.constant(values, scale, zero_point))
            else:
                inputs.append(builder.input(shape, scale, zero_point))
        options = {} if activation is None else {"fused_activation_function": activation}
        return builder.operator(kind, inputs, scale=output[0], zero_point=output[1], **options)

    return build


def shape_cases(kind: str, output: Quantised) -> Iterator[Case]:
    """Every way to broadcast, with constants on either side."""
    for shapes in SHAPES:
        for constant, suffix in ((None, ""), (0, " constant first"), (1, " constant second")):
            computed = [shape for position, shape in enumerate(shapes) if position != constant]
            yield Case(
                f"{kind} {shapes[0]} {shapes[1]}{suffix}",
                binary(kind, shapes, output=output, constant=constant),
                not_on=NOT_WITH_SCALARS if () in computed else {},
            )


def arithmetic_cases(kind: str) -> Iterator[Case]:
    """The cases of ADD, SUB and MUL."""
    yield from shape_cases(kind, (0.07, 5))
