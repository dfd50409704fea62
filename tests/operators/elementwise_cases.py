"""Cases that all operators with two inputs, which broadcast, have in common."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, product

import numpy as np
import numpy.typing as npt
from harness import Build, Case

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType

Shape = tuple[int, ...]
Shapes = tuple[Shape, Shape]
# Scale and zero point.
Quantised = tuple[float, int]

INT8, INT16 = DataType.INT8, DataType.INT16

# A computed tensor without dimensions; as a constant it is fine.
NOT_WITH_SCALARS = {"npu": "Vela gives a tensor without dimensions no place in memory"}
# Multipliers far above 1.
NOT_WITH_OVERFLOW = {"npu": "the NPU saturates where TFLM wraps"}

SHAPES: tuple[Shapes, ...] = (
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
# Inputs and output, from the tiny to the huge, for all kinds of arithmetic.
SCALES = (
    (0.05, 0.05, 0.05),
    (0.05, 0.05, 0.1),
    (0.5, 1e-4, 0.5),
    (1e-7, 0.9, 0.9),
    (1e-30, 2.0, 30.0),
    (0.25, 0.125, 100.0),
    (1e-9, 3e-9, 2.5e-9),
    (1e5, 3e5, 1e10),
)
ZERO_POINTS = (-128, 0, 127)
ACTIVATIONS = ("RELU", "RELU6", "RELU_N1_TO_1")


def binary(
    kind: str,
    shapes: Shapes,
    first: Quantised = (0.05, -3),
    second: Quantised = (0.031, 17),
    output: Quantised = (0.07, 5),
    *,
    constant: int | None = None,
    values: npt.NDArray[np.generic] | None = None,
    dtype: DataType = INT8,
    **options: str | bool,
) -> Build:
    """An operator; ``constant``: which of its inputs is one, with these values or random ones."""

    def build(builder: GraphBuilder) -> int:
        inputs = []
        limits = np.iinfo(dtype.value)
        for position, (shape, (scale, zero_point)) in enumerate(zip(shapes, (first, second), strict=True)):
            if position == constant:
                drawn = builder.rng.integers(limits.min, limits.max + 1, shape).astype(dtype.numpy)
                inputs.append(builder.constant(drawn if values is None else values, scale, zero_point))
            else:
                inputs.append(builder.input(shape, scale, zero_point, dtype=dtype))
        return builder.operator(kind, inputs, scale=output[0], zero_point=output[1], **options)

    return build


def doubled(kind: str, source: Quantised, output: Quantised) -> Build:
    """An operator whose inputs are the same tensor."""

    def build(builder: GraphBuilder) -> int:
        tensor = builder.input((3, 7, 5), *source)
        return builder.operator(kind, [tensor, tensor], scale=output[0], zero_point=output[1])

    return build


def shape_cases(
    kind: str, first: Quantised, second: Quantised, output: Quantised, dtype: DataType = INT8
) -> Iterator[Case]:
    """Every way to broadcast, with constants on either side."""
    for shapes in SHAPES:
        for constant, suffix in ((None, ""), (0, " constant first"), (1, " constant second")):
            computed = [shape for position, shape in enumerate(shapes) if position != constant]
            yield Case(
                f"{kind} {dtype.value} {shapes[0]} {shapes[1]}{suffix}",
                binary(kind, shapes, first, second, output, constant=constant, dtype=dtype),
                not_on=NOT_WITH_SCALARS if () in computed else {},
            )


def arithmetic_cases(kind: str) -> Iterator[Case]:
    """Broadcasts and quantisations of ADD, SUB, MUL and SQUARED_DIFFERENCE."""
    yield from shape_cases(kind, (0.0513, -3), (0.0317, 17), (0.0709, 5))
    yield from shape_cases(kind, (0.0005, 0), (0.0003, 0), (0.0007, 0), INT16)
    # All values of one input with many of the other decide how each rounds.
    every, outputs = np.arange(-128, 128).astype(np.int8).reshape(256, 1), cycle(ZERO_POINTS)
    for one, other in product(ZERO_POINTS, ZERO_POINTS):
        build = binary(
            kind,
            ((256, 1), (1, 32)),
            (0.05, one),
            (0.0313, other),
            (0.0771, next(outputs)),
            constant=0,
            values=every,
        )
        yield Case(f"{kind} zero points {one} {other}", build)
    for dtype, (one, other, made) in product((INT8, INT16), SCALES):
        zeros = (3, -4, 5) if dtype is INT8 else (0, 0, 0)
        quantised = [(scale, zero) for scale, zero in zip((one, other, made), zeros, strict=True)]
        name = f"{kind} {dtype.value} scales {one} {other} {made}"
        yield Case(name, binary(kind, ((9, 30), (9, 30)), *quantised, dtype=dtype))
    yield Case(f"{kind} of a tensor and itself", doubled(kind, (0.05, -3), (0.07, 5)))


def activation_cases(kind: str) -> Iterator[Case]:
    """Fused activations of ADD, SUB and MUL."""
    for activation in ACTIVATIONS:
        for zero in ZERO_POINTS:
            output = (0.05, zero)
            build = binary(kind, ((4, 20), (4, 20)), output=output, fused_activation_function=activation)
            yield Case(f"{kind} {activation} {zero}", build)
        one, other, made = (0.0005, 0), (0.0003, 0), (0.0004, 0)
        build = binary(
            kind,
            ((4, 20), (4, 20)),
            one,
            other,
            made,
            dtype=INT16,
            fused_activation_function=activation,
        )
        yield Case(f"{kind} int16 {activation}", build)
