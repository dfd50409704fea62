"""TRANSPOSE_CONV on int8 and int16. Seed 44."""

from __future__ import annotations

import numpy as np
from harness import Build, Case, Suite, parametrize

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType

INT8, INT16 = DataType.INT8, DataType.INT16


def transpose_conv(
    dtype: DataType = INT8,
    shape: tuple[int, ...] = (1, 4, 5, 3),
    channels: int = 2,
    kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (2, 2),
    padding: str = "SAME",
    more: tuple[int, int] = (0, 0),
    bias: bool = True,
    per_channel: bool = True,
    zero_points: tuple[int, int] = (-7, 11),
    activation: str = "NONE",
    multiplier: float = 1.0,
) -> Build:
    """``more`` is added to the output's height and width, ``multiplier`` relative to what fills its range."""

    def build(builder: GraphBuilder) -> int:
        rng, wide = builder.rng, dtype is INT16
        first, second = (0, 0) if wide else zero_points
        size = [
            (count - 1) * step + (length if padding == "VALID" else step) + extra
            for count, length, step, extra in zip(shape[1:3], kernel, stride, more, strict=True)
        ]
        image = builder.input(shape, scale=0.05, zero_point=first, dtype=dtype)
        real = multiplier * 48 / (73 * 73 * np.sqrt(shape[3] * kernel[0] * kernel[1]))
        scales = real * rng.uniform(0.3, 1.7, channels if per_channel else 1)
        weights = builder.constant(
            rng.integers(-127, 128, (channels, *kernel, shape[3]), dtype=np.int8), scales
        )
        inputs = [builder.constant(np.array([shape[0], *size, channels], np.int32)), weights, image]
        if bias:
            reach = int(min(48 / real, 2**20)) * (256 if wide else 1)
            values = rng.integers(-reach, reach + 1, channels, dtype=np.int64 if wide else np.int32)
            inputs.append(builder.constant(values, 0.05 * scales))
        return builder.operator(
            "TRANSPOSE_CONV",
            inputs,
            dtype=dtype,
            scale=0.05,
            zero_point=second,
            padding=padding,
            stride_h=stride[0],
            stride_w=stride[1],
            fused_activation_function=activation,
        )

    return build


SUITE = Suite(
    (
        *(
            Case(
                f"{kernel} stride {stride} {padding} {dtype.value}",
                transpose_conv(dtype, kernel=kernel, stride=stride, padding=padding),
            )
            for kernel in ((1, 1), (3, 3), (2, 5))
            for stride in ((1, 1), (2, 2), (3, 1))
            for padding in ("SAME", "VALID")
            for dtype in (INT8, INT16)
        ),
        *(
            Case(f"{name} {dtype.value}", transpose_conv(dtype, **parameters))  # type: ignore[arg-type]
            for dtype in (INT8, INT16)
            for name, parameters in (
                ("one value", {"shape": (1, 1, 1, 1), "channels": 1, "kernel": (1, 1)}),
                ("batches", {"shape": (3, 3, 2, 4), "channels": 5}),
                ("one row of samples", {"shape": (1, 1, 20, 2), "kernel": (1, 8), "stride": (1, 4)}),
                ("stride above the kernel", {"kernel": (2, 2), "stride": (4, 3), "padding": "VALID"}),
                ("an output that is longer", {"padding": "VALID", "more": (1, 1)}),
                ("an output that is shorter", {"more": (-1, -1)}),
                ("no bias", {"bias": False}),
                ("one scale", {"per_channel": False}),
                ("RELU", {"activation": "RELU"}),
                ("RELU6", {"activation": "RELU6"}),
                ("RELU_N1_TO_1", {"activation": "RELU_N1_TO_1"}),
                ("multiplier above 1", {"multiplier": 1000.0}),
                ("small multiplier", {"multiplier": 1e-3}),
            )
        ),
        *(
            Case(f"zero points {first} {second}", transpose_conv(zero_points=(first, second)))
            for first in (-128, 0, 127)
            for second in (-128, 127)
        ),
    ),
    seed=44,
)


@parametrize(SUITE)
def test_transpose_conv(case: str, target: str) -> None:
    SUITE.check(case, target)
