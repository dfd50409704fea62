"""Functions that make models of one operator, or of a few, as a ``GraphBuilder`` is filled."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType, OptionValue

Shape = tuple[int, ...]
Scale = tuple[float, int]
Make = Callable[[GraphBuilder], int]
BLOCK = (1, 6, 7, 19)
INPUT: Scale = (0.05, -1)
FINE: Scale = (0.001, 0)  # for 16 bits
INT8, INT16 = DataType.INT8, DataType.INT16


def convolution(image: Shape, channels: int, kernel: tuple[int, int], **options: OptionValue) -> Make:
    return lambda b: b.conv_2d(b.input(image), channels, kernel, **options)  # type: ignore[arg-type]


def depthwise(image: Shape, multiplier: int, kernel: tuple[int, int], **options: OptionValue) -> Make:
    return lambda b: b.depthwise_conv_2d(b.input(image), multiplier, kernel, **options)  # type: ignore[arg-type]


def dense(rows: int, inputs: int, units: int) -> Make:
    return lambda b: b.fully_connected(b.input((rows, inputs)), units)


def dense_16(b: GraphBuilder) -> int:
    scale = np.float32(0.002)
    weights = b.constant(b.rng.integers(-127, 128, (12, 40), dtype=np.int8), scale)
    bias = b.constant(b.rng.integers(-10000, 10000, 12).astype(np.int64), np.float32(FINE[0]) * scale)
    image = b.input((2, 40), *FINE, dtype=INT16)
    return b.operator("FULLY_CONNECTED", [image, weights, bias], shape=(2, 12), scale=0.003, zero_point=0)


def batch_matmul(b: GraphBuilder) -> int:
    inputs = [b.input((1, 5, 7, 12)), b.input((1, 5, 12, 9), 0.03, 5)]
    return b.operator("BATCH_MATMUL", inputs, shape=(1, 5, 7, 9), scale=0.07, zero_point=3)


def dense_of_two_inputs(b: GraphBuilder) -> int:
    inputs = [b.input((4, 12)), b.input((9, 12), 0.03, 0)]
    return b.operator("FULLY_CONNECTED", inputs, shape=(4, 9), scale=0.07, zero_point=3)


def prelu(b: GraphBuilder) -> int:
    slopes = b.constant(b.rng.integers(-128, 128, (1, 1, 19), dtype=np.int8), np.float32(0.01), 2)
    return b.operator("PRELU", [b.input(BLOCK), slopes], shape=BLOCK, scale=0.07, zero_point=3)


def stack(kind: str, one: Shape, two: Shape, shape: Shape, dtype: DataType = INT8, **options: int) -> Make:
    """Two inputs of one scale side by side."""
    scale = INPUT if dtype == INT8 else FINE
    return lambda b: b.operator(
        kind, [b.input(image, *scale, dtype=dtype) for image in (one, two)], shape=shape, **options
    )


def pool(
    kind: str,
    image: Shape,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: str,
    dtype: DataType = INT8,
) -> Make:
    scale = INPUT if dtype == INT8 else FINE
    return lambda b: b.operator(
        kind,
        [b.input(image, *scale, dtype=dtype)],
        filter_height=kernel[0],
        filter_width=kernel[1],
        stride_h=stride[0],
        stride_w=stride[1],
        padding=padding,
    )


def binary(
    kind: str,
    one: Shape,
    two: Shape,
    first: Scale = INPUT,
    second: Scale = (0.03, 5),
    output: Scale = (0.07, 3),
    *,
    dtype: DataType = INT8,
    constant: npt.ArrayLike | None = None,
    **options: OptionValue,
) -> Make:
    def make(b: GraphBuilder) -> int:
        x = b.input(one, *first, dtype=dtype)
        if constant is None:
            y = b.input(two, *second, dtype=dtype)
        else:
            y = b.constant(np.asarray(constant, dtype.numpy).reshape(two), *second)
        shape = np.broadcast_shapes(one, two)
        return b.operator(kind, [x, y], shape=shape, scale=output[0], zero_point=output[1], **options)

    return make


def unary(
    kind: str,
    first: Scale = INPUT,
    output: Scale = (0.07, 3),
    *,
    shape: Shape = BLOCK,
    dtype: DataType = INT8,
    output_type: DataType | None = None,
    **options: OptionValue,
) -> Make:
    return lambda b: b.operator(
        kind,
        [b.input(shape, *first, dtype=dtype)],
        shape=shape,
        dtype=output_type or dtype,
        scale=output[0],
        zero_point=output[1],
        **options,
    )


def with_numbers(
    kind: str,
    image: Shape,
    numbers: Sequence[Sequence[int] | Sequence[Sequence[int]]],
    shape: Shape,
    output: Scale | None = None,
    dtype: DataType = INT8,
    **options: OptionValue,
) -> Make:
    """An operator whose further inputs are constant numbers."""
    first = INPUT if dtype == INT8 else FINE
    scale, zero_point = output or first
    return lambda b: b.operator(
        kind,
        [b.input(image, *first, dtype=dtype), *(b.constant(np.array(v, np.int32)) for v in numbers)],
        shape=shape,
        scale=scale,
        zero_point=zero_point,
        **options,
    )


def transpose_convolution(kernel: tuple[int, int], stride: int, padding: str, shape: Shape) -> Make:
    def make(b: GraphBuilder) -> int:
        image = b.input((1, 5, 6, 9))
        scales = np.full(shape[3], 0.002, np.float32)
        weights = b.constant(b.rng.integers(-127, 128, (shape[3], *kernel, 9), dtype=np.int8), scales)
        bias = b.constant(b.rng.integers(-900, 900, shape[3], dtype=np.int32), np.float32(0.05) * scales)
        return b.operator(
            "TRANSPOSE_CONV",
            [b.constant(np.array(shape, np.int32)), weights, image, bias],
            shape=shape,
            dtype=INT8,
            scale=0.05,
            zero_point=4,
            stride_h=stride,
            stride_w=stride,
            padding=padding,
            version=3,
        )

    return make


def convolution_16(kind: str, bias_type: type[np.signedinteger]) -> Make:  # type: ignore[type-arg]
    """16-bit activations with 8-bit weights."""

    def make(b: GraphBuilder) -> int:
        image = b.input((1, 8, 8, 12), 0.0005, 0, dtype=INT16)
        is_depthwise = kind == "DEPTHWISE_CONV_2D"
        channels = 12 if is_depthwise else 20
        shape = (1, 3, 3, 12) if is_depthwise else (channels, 3, 3, 12)
        scales = np.linspace(0.001, 0.003, channels).astype(np.float32)
        values = b.rng.integers(-127, 128, shape, dtype=np.int8)
        weights = b.constant(values, scales, axis=3 if is_depthwise else 0)
        bias = b.constant(
            b.rng.integers(-100000, 100000, channels).astype(bias_type), np.float32(0.0005) * scales
        )
        options: dict[str, OptionValue] = {"depth_multiplier": 1} if is_depthwise else {}
        return b.operator(
            kind,
            [image, weights, bias],
            shape=(1, 8, 8, channels),
            scale=0.002,
            zero_point=0,
            stride_h=1,
            stride_w=1,
            **options,
        )

    return make
