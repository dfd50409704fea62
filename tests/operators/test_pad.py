"""PAD and PADV2. Seed 44."""

from __future__ import annotations

from typing import Any

import numpy as np
from harness import Build, Case, Suite, parametrize
from moving import integers

from mcu_deploy.graph.builder import GraphBuilder, OutputQuantization
from mcu_deploy.graph.ir import DataType


def pad(shape: tuple[int, ...], *padding: tuple[int, int], zero_point: int = 3) -> Build:
    def build(builder: GraphBuilder) -> int:
        values = builder.input(shape, zero_point=zero_point)
        return builder.operator("PAD", [values, integers(builder, padding)])

    return build


def pad_v2(value: int, shape: tuple[int, ...], *padding: tuple[int, int]) -> Build:
    def build(builder: GraphBuilder) -> int:
        values = builder.input(shape, 0.05, 3)
        filled = builder.constant(np.array([value], np.int8), 0.05, 3)
        return builder.operator("PADV2", [values, integers(builder, padding), filled])

    return build


def convolution(
    kind: str,
    shape: tuple[int, ...],
    kernel: tuple[int, int],
    sides: tuple[int, int, int, int],
    multiplier: int = 1,
    dtype: DataType = DataType.INT8,
    **options: Any,
) -> Build:
    """A PAD by top, bottom, left and right, which the convolution takes in."""

    def build(builder: GraphBuilder) -> int:
        image = builder.input(shape, zero_point=-77 if dtype is DataType.INT8 else 0, dtype=dtype)
        padding = integers(builder, [(0, 0), sides[:2], sides[2:], (0, 0)])
        padded = builder.operator("PAD", [image, padding])
        if kind == "CONV_2D":
            return builder.conv_2d(padded, 5, kernel, padding="VALID", **options)
        return builder.depthwise_conv_2d(padded, multiplier, kernel, padding="VALID", **options)

    return build


def requantised(builder: GraphBuilder) -> int:
    """TFLM moves the bytes, and pads with the output's zero point."""
    values = builder.input((1, 3), 0.05, 3)
    return builder.operator("PAD", [values, integers(builder, [(0, 0), (1, 2)])], scale=0.1, zero_point=-7)


SUITE = Suite(
    (
        *(
            Case(f"{shape} by {padding}", pad(shape, *padding))
            for shape, padding in (
                ((5,), ((2, 3),)),
                ((2, 3), ((0, 0), (1, 0))),
                ((2, 3), ((1, 2), (0, 0))),
                ((2, 3, 4), ((1, 0), (0, 2), (3, 1))),
                ((1, 4, 5, 3), ((0, 0), (1, 1), (1, 1), (0, 0))),
                ((1, 4, 5, 3), ((0, 0), (0, 3), (2, 0), (0, 0))),
                ((2, 2, 3, 3), ((1, 1), (1, 2), (0, 1), (2, 1))),
                ((1, 4, 5, 3), ((0, 0), (0, 0), (0, 0), (0, 5))),
                ((2, 2, 2, 2, 2), ((1, 0), (0, 1), (1, 1), (2, 0), (0, 2))),
            )
        ),
        *(
            Case(f"{kind} {kernel} by {sides} {options}", convolution(kind, shape, kernel, sides, **options))
            for kind in ("CONV_2D", "DEPTHWISE_CONV_2D")
            for shape, kernel, sides, options in (
                ((1, 8, 7, 3), (3, 3), (1, 1, 1, 1), {}),
                ((1, 8, 7, 3), (3, 3), (0, 1, 0, 1), {"stride": (2, 2)}),
                ((1, 8, 7, 3), (4, 5), (3, 0, 1, 4), {"stride": (3, 1)}),
                ((2, 5, 5, 4), (3, 3), (2, 2, 2, 2), {}),
                ((1, 5, 6, 2), (3, 2), (2, 3, 1, 2), {"dilation_h_factor": 2, "dilation_w_factor": 3}),
                ((1, 1, 9, 6), (1, 5), (0, 0, 4, 0), {}),
                ((1, 1, 1, 3), (2, 2), (1, 0, 0, 1), {}),
                ((1, 3, 3, 2), (3, 3), (0, 0, 1, 1), {"fused_activation_function": "RELU6"}),
            )
        ),
        Case(
            "a depth multiplier",
            convolution("DEPTHWISE_CONV_2D", (1, 5, 4, 3), (3, 3), (1, 2, 2, 0), multiplier=2),
        ),
        *(
            Case(
                f"{kind} on int16",
                convolution(
                    kind,
                    (1, 5, 4, 3),
                    (3, 3),
                    (1, 2, 2, 0),
                    dtype=DataType.INT16,
                    output=OutputQuantization(0.001, 0),
                ),
            )
            for kind in ("CONV_2D", "DEPTHWISE_CONV_2D")
        ),
        Case("nothing", pad((2, 3), (0, 0), (0, 0))),
        *(
            Case(f"zero point {zero}", pad((2, 3), (1, 1), (2, 0), zero_point=zero))
            for zero in (-128, 0, 127)
        ),
        *(
            Case(f"value {value}", pad_v2(value, (2, 3, 2), (1, 1), (0, 2), (3, 0)))
            for value in (-128, 0, 3, 127)
        ),
        Case("requantised", requantised, not_on={"npu": "the NPU rescales"}),
    ),
    seed=44,
)


@parametrize(SUITE)
def test_pad(case: str, target: str) -> None:
    SUITE.check(case, target)
