"""Small models of one operator each that Vela maps to the NPU, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType, Graph, OptionValue

Shape = tuple[int, ...]
Scale = tuple[float, int]
Make = Callable[[GraphBuilder], int]
BLOCK = (1, 6, 7, 19)
INPUT: Scale = (0.05, -1)
INT8, INT16, INT32 = DataType.INT8, DataType.INT16, DataType.INT32


def build(name: str) -> Graph:
    """The model of a case."""
    builder = GraphBuilder(name, seed=len(name))
    return builder.build([CASES[name](builder)])


def convolution(image: Shape, channels: int, kernel: tuple[int, int], **options: OptionValue) -> Make:
    return lambda b: b.conv_2d(b.input(image), channels, kernel, **options)  # type: ignore[arg-type]


def depthwise(image: Shape, multiplier: int, kernel: tuple[int, int], **options: OptionValue) -> Make:
    return lambda b: b.depthwise_conv_2d(b.input(image), multiplier, kernel, **options)  # type: ignore[arg-type]


def dense(rows: int, inputs: int, units: int) -> Make:
    return lambda b: b.fully_connected(b.input((rows, inputs)), units)


def pool(kind: str, image: Shape, kernel: tuple[int, int], stride: tuple[int, int], padding: str) -> Make:
    return lambda b: b.operator(
        kind,
        [b.input(image)],
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
    output: Scale = INPUT,
    **options: OptionValue,
) -> Make:
    """An operator whose further inputs are constant numbers."""
    return lambda b: b.operator(
        kind,
        [b.input(image), *(b.constant(np.array(values, np.int32)) for values in numbers)],
        shape=shape,
        scale=output[0],
        zero_point=output[1],
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


def cascade(b: GraphBuilder) -> int:
    """Layers that Vela runs in stripes through rolling buffers, whose feature maps have several tiles."""
    x = b.conv_2d(b.input((1, 96, 96, 3)), 16, (3, 3), stride=(2, 2))
    x = b.conv_2d(b.depthwise_conv_2d(x, 1, (3, 3)), 32, (1, 1))
    x = b.depthwise_conv_2d(x, 1, (5, 5), stride=(2, 2))
    y = b.conv_2d(x, 32, (3, 3))
    x = b.operator("ADD", [x, y], shape=(1, 24, 24, 32), scale=0.1, zero_point=2)
    return b.conv_2d(x, 24, (3, 3))


def _elementwise() -> dict[str, Make]:
    cases: dict[str, Make] = {}
    for kind in ("ADD", "SUB", "MUL"):
        fine = (0.002 if kind != "MUL" else 0.0005, 0)
        cases |= {
            kind: binary(kind, BLOCK, BLOCK),
            f"{kind}_one_scale": binary(kind, BLOCK, BLOCK, second=INPUT),
            f"{kind}_exact_scale": binary(kind, BLOCK, BLOCK, second=INPUT, output=(0.1, -1)),
            f"{kind}_second_scale_larger": binary(kind, BLOCK, BLOCK, (0.01, 7)),
            f"{kind}_over_depth": binary(kind, BLOCK, (1, 6, 7, 1)),
            f"{kind}_over_height_and_width": binary(kind, BLOCK, (1, 1, 1, 19)),
            f"{kind}_over_height": binary(kind, BLOCK, (1, 1, 7, 19)),
            f"{kind}_reversed": binary(kind, (1, 6, 1, 19), BLOCK),
            f"{kind}_scalar": binary(kind, BLOCK, (), constant=37),
            f"{kind}_constant": binary(kind, BLOCK, (1, 1, 1, 19), constant=np.arange(19) * 3 - 20),
            f"{kind}_relu6": binary(kind, BLOCK, BLOCK, fused_activation_function="RELU6"),
            f"{kind}_int16": binary(kind, BLOCK, BLOCK, (0.001, 0), (0.0007, 0), fine, dtype=INT16),
            f"{kind}_int16_one_scale": binary(kind, BLOCK, BLOCK, (0.001, 0), (0.001, 0), fine, dtype=INT16),
        }
    for kind in ("MINIMUM", "MAXIMUM"):
        cases |= {
            kind: binary(kind, BLOCK, BLOCK, INPUT, INPUT, INPUT),
            f"{kind}_broadcast": binary(kind, BLOCK, (1, 1, 1, 19), INPUT, INPUT, INPUT),
            f"{kind}_scalar": binary(kind, BLOCK, (), INPUT, INPUT, INPUT, constant=5),
        }
    return cases


def _pools() -> dict[str, Make]:
    cases = {}
    for kind in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        for image, kernel, stride, padding in (
            ((1, 8, 8, 16), (2, 2), (2, 2), "VALID"),
            ((1, 9, 7, 5), (3, 3), (1, 1), "SAME"),
            ((1, 9, 7, 21), (3, 2), (2, 2), "SAME"),
            ((1, 8, 8, 3), (8, 8), (1, 1), "VALID"),
            ((1, 12, 12, 4), (4, 4), (3, 3), "VALID"),
            ((1, 9, 9, 70), (8, 7), (1, 1), "SAME"),
            ((1, 20, 20, 3), (20, 20), (1, 1), "VALID"),
        ):
            name = f"{kind}_{image[1]}x{image[2]}x{image[3]}_{kernel[0]}x{kernel[1]}_{padding}"
            cases[name] = pool(kind, image, kernel, stride, padding)
    return cases


CASES: dict[str, Make] = {
    "conv": convolution((1, 8, 8, 3), 16, (3, 3)),
    "conv_odd": convolution((1, 11, 13, 17), 33, (5, 4), stride=(1, 2), padding="VALID"),  # type: ignore[arg-type]
    "conv_stride_2": convolution((1, 9, 7, 5), 7, (3, 3), stride=(2, 2)),  # type: ignore[arg-type]
    "conv_stride_3_1": convolution((1, 9, 9, 33), 5, (2, 3), stride=(3, 1)),  # type: ignore[arg-type]
    "conv_stride_1_4": convolution((1, 3, 40, 12), 16, (3, 9), stride=(1, 4), padding="VALID"),  # type: ignore[arg-type]
    "conv_dilated": convolution((1, 16, 16, 8), 24, (3, 3), dilation_h_factor=2, dilation_w_factor=2),
    "conv_dilated_4": convolution((1, 8, 8, 16), 16, (3, 3), dilation_h_factor=4, dilation_w_factor=4),
    "conv_one_channel": convolution((1, 20, 20, 1), 9, (10, 4), stride=(2, 2)),  # type: ignore[arg-type]
    "conv_1x1": convolution((1, 5, 5, 40), 130, (1, 1)),
    "conv_64x64": convolution((1, 66, 66, 1), 3, (64, 64), padding="VALID"),
    "conv_1x100": convolution((1, 1, 300, 4), 10, (1, 100), padding="VALID"),
    "conv_deep": convolution((1, 12, 12, 6), 300, (3, 3)),
    "conv_relu": convolution((1, 7, 9, 19), 21, (7, 7), fused_activation_function="RELU"),
    "conv_int16": convolution_16("CONV_2D", np.int64),
    "conv_int16_bias32": convolution_16("CONV_2D", np.int32),
    "depthwise": depthwise((1, 8, 8, 16), 1, (3, 3)),
    "depthwise_odd": depthwise((1, 10, 12, 70), 1, (5, 2), stride=(1, 2), padding="VALID"),  # type: ignore[arg-type]
    "depthwise_stride_3": depthwise((1, 9, 9, 33), 1, (4, 4), stride=(3, 3), padding="VALID"),  # type: ignore[arg-type]
    "depthwise_dilated": depthwise((1, 12, 12, 20), 1, (3, 3), dilation_h_factor=2, dilation_w_factor=2),
    "depthwise_multiplier": depthwise((1, 8, 8, 1), 8, (3, 3)),
    "depthwise_12x11": depthwise((1, 24, 24, 3), 1, (12, 11)),
    "depthwise_int16": convolution_16("DEPTHWISE_CONV_2D", np.int64),
    "fully_connected": dense(1, 333, 12),
    "fully_connected_wide": dense(1, 40, 260),
    "fully_connected_batch": dense(5, 20, 6),
    "transpose_conv_same": transpose_convolution((3, 3), 2, "SAME", (1, 10, 12, 11)),
    "transpose_conv_valid": transpose_convolution((3, 3), 2, "VALID", (1, 11, 13, 11)),
    "transpose_conv_4x4": transpose_convolution((4, 4), 2, "SAME", (1, 10, 12, 11)),
    "transpose_conv_stride_1": transpose_convolution((3, 3), 1, "SAME", (1, 5, 6, 11)),
    **_pools(),
    **_elementwise(),
    "SQUARED_DIFFERENCE": binary("SQUARED_DIFFERENCE", BLOCK, BLOCK),
    "ABS": unary("ABS"),
    "LEAKY_RELU": unary("LEAKY_RELU", alpha=0.1),
    "LEAKY_RELU_one_scale": unary("LEAKY_RELU", output=INPUT, alpha=0.3),
    "LEAKY_RELU_int16": unary("LEAKY_RELU", (0.001, 0), (0.001, 0), dtype=INT16, alpha=0.3),
    "LEAKY_RELU_int16_scaled": unary("LEAKY_RELU", (0.001, 0), (0.0013, 0), dtype=INT16, alpha=0.3),
    "LOGISTIC": unary("LOGISTIC", output=(1 / 256, -128)),
    "TANH": unary("TANH", output=(1 / 128, 0)),
    **{
        f"{kind}_int16_{number}": unary(kind, (scale, 0), (1 / 32768, 0), dtype=INT16)
        for kind in ("LOGISTIC", "TANH")
        for number, scale in enumerate((1 / 2048, 1 / 4096, 1 / 8192, 0.0003, 0.0007, 0.00011))
    },
    "HARD_SWISH": unary("HARD_SWISH"),
    "RELU": unary("RELU"),
    "RELU6_one_scale": unary("RELU6", output=INPUT),
    "RSQRT": unary("RSQRT", (0.05, -128)),
    "QUANTIZE": unary("QUANTIZE"),
    "QUANTIZE_from_int16": unary("QUANTIZE", (0.001, 0), (0.3, 4), dtype=INT16, output_type=INT8),
    "QUANTIZE_to_int16": unary("QUANTIZE", output=(0.0003, 0), output_type=INT16),
    "SOFTMAX": unary("SOFTMAX", (0.08, 3), (1 / 256, -128), shape=(1, 40), beta=1.0),
    "SOFTMAX_rows": unary("SOFTMAX", (0.2, 3), (1 / 256, -128), shape=(7, 300), beta=1.0),
    "SOFTMAX_int16": unary("SOFTMAX", (0.0003, 0), (1 / 32768, 0), shape=(1, 40), dtype=INT16, beta=1.0),
    "MEAN": with_numbers("MEAN", BLOCK, [[1, 2]], (1, 1, 1, 19), (0.04, 3), keep_dims=True),
    "MEAN_one_scale": with_numbers("MEAN", BLOCK, [[1, 2]], (1, 1, 1, 19), keep_dims=True),
    "MEAN_height": with_numbers("MEAN", BLOCK, [[1]], (1, 1, 7, 19), (0.04, 3), keep_dims=True),
    "MEAN_large": with_numbers("MEAN", (1, 70, 80, 5), [[1, 2]], (1, 1, 1, 5), (0.04, 3), keep_dims=True),
    "REDUCE_MAX": with_numbers("REDUCE_MAX", BLOCK, [[1, 2]], (1, 1, 1, 19), keep_dims=True),
    "RESIZE_BILINEAR": with_numbers("RESIZE_BILINEAR", (1, 5, 6, 9), [[10, 12]], (1, 10, 12, 9)),
    "RESIZE_BILINEAR_4": with_numbers("RESIZE_BILINEAR", (1, 5, 6, 9), [[20, 24]], (1, 20, 24, 9)),
    "RESIZE_BILINEAR_half_pixel": with_numbers(
        "RESIZE_BILINEAR", (1, 5, 6, 9), [[10, 12]], (1, 10, 12, 9), half_pixel_centers=True
    ),
    "RESIZE_BILINEAR_corners": with_numbers(
        "RESIZE_BILINEAR", (1, 5, 6, 9), [[9, 11]], (1, 9, 11, 9), align_corners=True
    ),
    "RESIZE_NEAREST_NEIGHBOR": with_numbers(
        "RESIZE_NEAREST_NEIGHBOR", (1, 5, 6, 9), [[10, 12]], (1, 10, 12, 9)
    ),
    "RESIZE_NEAREST_NEIGHBOR_corners": with_numbers(
        "RESIZE_NEAREST_NEIGHBOR", (1, 5, 6, 9), [[9, 11]], (1, 9, 11, 9), align_corners=True
    ),
    "PAD": with_numbers("PAD", (1, 8, 8, 5), [[[0, 0], [1, 2], [2, 1], [0, 3]]], (1, 11, 11, 8)),
    "SLICE": with_numbers("SLICE", (1, 5, 6, 40), [[0, 1, 2, 16], [1, 3, 3, 20]], (1, 3, 3, 20)),
    "STRIDED_SLICE": with_numbers(
        "STRIDED_SLICE", (1, 8, 8, 40), [[0, 1, 0, 3], [1, 7, 8, 39], [1, 2, 2, 1]], (1, 3, 4, 36)
    ),
    "TRANSPOSE": with_numbers("TRANSPOSE", (1, 5, 6, 9), [[0, 2, 1, 3]], (1, 6, 5, 9)),
    "CONCATENATION": lambda b: b.operator(
        "CONCATENATION", [b.input((1, 5, 6, 9)), b.input((1, 5, 6, 7))], shape=(1, 5, 6, 16), axis=3
    ),
    "cascade": cascade,
}
