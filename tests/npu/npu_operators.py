"""Small models of one operator each that Vela maps to the NPU, by name."""

from __future__ import annotations

import numpy as np
from npu_makers import (
    BLOCK,
    FINE,
    INPUT,
    INT8,
    INT16,
    Make,
    batch_matmul,
    binary,
    convolution,
    convolution_16,
    dense,
    dense_16,
    dense_of_two_inputs,
    depthwise,
    pool,
    prelu,
    stack,
    transpose_convolution,
    unary,
    with_numbers,
)

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import Graph


def build(name: str) -> Graph:
    """The model of a case."""
    builder = GraphBuilder(name, seed=len(name))
    return builder.build([CASES[name](builder)])


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
            f"{kind}_int16": binary(kind, BLOCK, BLOCK, FINE, FINE, FINE, dtype=INT16),
            f"{kind}_int16_zero_point": binary(
                kind, BLOCK, BLOCK, (0.001, 5), (0.001, 5), (0.001, 5), dtype=INT16
            ),
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
        for padding in ("SAME", "VALID"):
            cases[f"{kind}_int16_{padding}"] = pool(kind, (1, 9, 7, 21), (3, 2), (2, 2), padding, INT16)
    return cases


CASES: dict[str, Make] = {
    "conv": convolution((1, 8, 8, 3), 16, (3, 3)),
    "conv_batch": convolution((3, 8, 8, 3), 16, (3, 3)),
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
    "fully_connected_int16": dense_16,
    "fully_connected_of_two_inputs": dense_of_two_inputs,
    "BATCH_MATMUL": batch_matmul,
    "transpose_conv_same": transpose_convolution((3, 3), 2, "SAME", (1, 10, 12, 11)),
    "transpose_conv_valid": transpose_convolution((3, 3), 2, "VALID", (1, 11, 13, 11)),
    "transpose_conv_4x4": transpose_convolution((4, 4), 2, "SAME", (1, 10, 12, 11)),
    "transpose_conv_stride_1": transpose_convolution((3, 3), 1, "SAME", (1, 5, 6, 11)),
    **_pools(),
    **_elementwise(),
    "ADD_batch": binary("ADD", (3, 6, 7, 19), (1, 6, 7, 19)),
    "ADD_5_dimensions": binary("ADD", (2, 1, 3, 4, 5), (2, 1, 3, 4, 5)),
    "ADD_int16_zero_points": binary("ADD", BLOCK, BLOCK, (0.001, 5), (0.0007, -9), (0.002, 300), dtype=INT16),
    "SQUARED_DIFFERENCE_int16": binary(
        "SQUARED_DIFFERENCE", BLOCK, BLOCK, FINE, (0.0007, 0), FINE, dtype=INT16
    ),
    "SQUARED_DIFFERENCE": binary("SQUARED_DIFFERENCE", BLOCK, BLOCK),
    "ABS": unary("ABS"),
    "ABS_int16": unary("ABS", FINE, (0.0013, 0), dtype=INT16),
    "ELU": unary("ELU"),
    "PRELU": prelu,
    "LEAKY_RELU": unary("LEAKY_RELU", alpha=0.1),
    "LEAKY_RELU_one_scale": unary("LEAKY_RELU", output=INPUT, alpha=0.3),
    "LEAKY_RELU_negative": unary("LEAKY_RELU", alpha=-0.4),
    "LEAKY_RELU_above_one": unary("LEAKY_RELU", alpha=1.7),
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
    "RELU_int16": unary("RELU", FINE, (0.0013, 0), dtype=INT16),
    "RSQRT": unary("RSQRT", (0.05, -128)),
    "QUANTIZE": unary("QUANTIZE"),
    "QUANTIZE_from_int16": unary("QUANTIZE", (0.001, 0), (0.3, 4), dtype=INT16, output_type=INT8),
    "QUANTIZE_from_int16_zero_point": unary("QUANTIZE", (0.001, 7), (0.3, 4), dtype=INT16, output_type=INT8),
    "QUANTIZE_int16": unary("QUANTIZE", FINE, (0.0013, 0), dtype=INT16),
    "QUANTIZE_to_int16_zero_point": unary("QUANTIZE", output=(0.0003, 7), output_type=INT16),
    "QUANTIZE_to_int16": unary("QUANTIZE", output=(0.0003, 0), output_type=INT16),
    "SOFTMAX": unary("SOFTMAX", (0.08, 3), (1 / 256, -128), shape=(1, 40), beta=1.0),
    "SOFTMAX_rows": unary("SOFTMAX", (0.2, 3), (1 / 256, -128), shape=(7, 300), beta=1.0),
    "SOFTMAX_int16": unary("SOFTMAX", (0.0003, 0), (1 / 32768, 0), shape=(1, 40), dtype=INT16, beta=1.0),
    "MEAN": with_numbers("MEAN", BLOCK, [[1, 2]], (1, 1, 1, 19), (0.04, 3), keep_dims=True),
    "MEAN_one_scale": with_numbers("MEAN", BLOCK, [[1, 2]], (1, 1, 1, 19), keep_dims=True),
    "MEAN_height": with_numbers("MEAN", BLOCK, [[1]], (1, 1, 7, 19), (0.04, 3), keep_dims=True),
    "MEAN_int16": with_numbers("MEAN", BLOCK, [[1, 2]], (1, 1, 1, 19), (0.0007, 0), INT16, keep_dims=True),
    "MEAN_large": with_numbers("MEAN", (1, 70, 80, 5), [[1, 2]], (1, 1, 1, 5), (0.04, 3), keep_dims=True),
    "REDUCE_MAX": with_numbers("REDUCE_MAX", BLOCK, [[1, 2]], (1, 1, 1, 19), keep_dims=True),
    "REDUCE_MAX_depth": with_numbers("REDUCE_MAX", BLOCK, [[3]], (1, 6, 7, 1), keep_dims=True),
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
    **{
        f"TRANSPOSE_{''.join(map(str, order))}": with_numbers(
            "TRANSPOSE", (1, 5, 6, 9), [order], tuple((1, 5, 6, 9)[axis] for axis in order)
        )
        for order in ([0, 2, 1, 3], [0, 1, 3, 2], [0, 3, 2, 1], [0, 3, 1, 2], [0, 2, 3, 1])
    },
    "TRANSPOSE_int16": with_numbers("TRANSPOSE", (1, 5, 6, 9), [[0, 2, 1, 3]], (1, 6, 5, 9), dtype=INT16),
    "PAD_int16": with_numbers(
        "PAD", (1, 8, 8, 5), [[[0, 0], [1, 2], [2, 1], [0, 3]]], (1, 11, 11, 8), dtype=INT16
    ),
    "SLICE_int16": with_numbers(
        "SLICE", (1, 5, 6, 40), [[0, 1, 2, 16], [1, 3, 3, 20]], (1, 3, 3, 20), dtype=INT16
    ),
    "CONCATENATION": stack("CONCATENATION", (1, 5, 6, 9), (1, 5, 6, 7), (1, 5, 6, 16), axis=3),
    "CONCATENATION_int16": stack("CONCATENATION", (1, 5, 6, 9), (1, 3, 6, 9), (1, 8, 6, 9), INT16, axis=1),
    "PACK": stack("PACK", (5, 6), (5, 6), (2, 5, 6), axis=0, values_count=2),
    "PACK_last": stack("PACK", (5, 6), (5, 6), (5, 6, 2), axis=2, values_count=2),
    "cascade": cascade,
}
