"""CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED on int16 with int8 weights. Seed 43."""

from __future__ import annotations

import numpy as np
from harness import Build, Case, Suite, parametrize

from mcu_deploy.graph.builder import GraphBuilder, OutputQuantization
from mcu_deploy.graph.ir import DataType, OptionValue

Shape = tuple[int, ...]
SAME, VALID = {"padding": "SAME"}, {"padding": "VALID"}
ANY_OUTPUT = OutputQuantization()


def conv(shape: Shape, channels: int, kernel: tuple[int, int], **options: object) -> Build:
    def build(builder: GraphBuilder) -> int:
        image = builder.input(shape, zero_point=0, dtype=DataType.INT16)
        return builder.conv_2d(image, channels, kernel, **options)  # type: ignore[arg-type]

    return build


def depthwise(shape: Shape, multiplier: int, kernel: tuple[int, int], **options: object) -> Build:
    def build(builder: GraphBuilder) -> int:
        image = builder.input(shape, zero_point=0, dtype=DataType.INT16)
        return builder.depthwise_conv_2d(image, multiplier, kernel, **options)  # type: ignore[arg-type]

    return build


def dense(shape: Shape, units: int, **options: object) -> Build:
    def build(builder: GraphBuilder) -> int:
        features = builder.input(shape, zero_point=0, dtype=DataType.INT16)
        return builder.fully_connected(features, units, **options)  # type: ignore[arg-type]

    return build


def grouped(shape: Shape, channels: int, depth: int) -> Build:
    """A 3x3 convolution whose filters see only ``depth`` of the input channels."""

    def build(builder: GraphBuilder) -> int:
        image = builder.input(shape, zero_point=0, dtype=DataType.INT16)
        weights = builder.rng.integers(-127, 128, (channels, 3, 3, depth), dtype=np.int8)
        filters = builder.constant(weights, builder.rng.uniform(0.001, 0.003, channels))
        options: dict[str, OptionValue] = {**SAME, "stride_h": 1, "stride_w": 1}
        return builder.operator("CONV_2D", [image, filters, -1], scale=0.05, zero_point=0, **options)

    return build


def scaled(real: float, bias: int = 0, value: int = 127) -> Build:
    """Four inputs of equal weights, times a given multiplier, with the biases ``bias``, ``-bias`` and 0."""

    def build(builder: GraphBuilder) -> int:
        features = builder.input((3, 4), scale=1.0, zero_point=0, dtype=DataType.INT16)
        weights = builder.constant(np.full((3, 4), value, np.int8), real)
        biases = builder.constant(np.array([bias, -bias, 0], np.int64), real)
        return builder.operator("FULLY_CONNECTED", [features, weights, biases], scale=1.0, zero_point=0)

    return build


def ties(shift: int, significand: int) -> Build:
    """Biases that the multiplier takes to the middle between two values, or next to it.

    Of the significand's 31 bits only the upper half counts, rounded: it decides where the middles lie.
    """

    def build(builder: GraphBuilder) -> int:
        real = significand * 2.0 ** (shift - 31)
        middles = np.arange(800) * 79 % 60_000 - 30_000 + 0.5
        half = min((significand + 2**15) >> 16, 2**15 - 1)
        biases = np.round(middles / (half * 2.0 ** (shift - 15))) + np.arange(800) % 5 - 2
        features = builder.input((1, 1), scale=1.0, zero_point=0, dtype=DataType.INT16)
        weights = builder.constant(np.zeros((800, 1), np.int8), real)
        inputs = [features, weights, builder.constant(biases.astype(np.int64), real)]
        return builder.operator("FULLY_CONNECTED", inputs, scale=1.0, zero_point=0)

    return build


CONVOLUTIONS = (
    *(
        Case(
            f"conv {height}x{width} stride {stride} {options['padding']}",
            conv((1, 7, 6, 3), 5, (height, width), stride=stride, **options),
        )
        for height, width in ((1, 1), (3, 3), (2, 4))
        for stride in ((1, 1), (2, 3))
        for options in (SAME, VALID)
    ),
    Case("conv one value", conv((1, 1, 1, 1), 1, (1, 1))),
    Case("conv batches", conv((3, 4, 5, 2), 3, (3, 2), **SAME)),
    Case("conv dilated", conv((1, 9, 9, 2), 3, (3, 3), dilation_h_factor=2, dilation_w_factor=3, **SAME)),
    Case("conv no bias", conv((1, 4, 4, 3), 4, (3, 3), bias=False)),
    Case("conv one scale", conv((1, 4, 4, 3), 4, (3, 3), per_channel=False)),
    Case("conv two groups", grouped((1, 5, 5, 4), 6, 2)),
    Case("conv a group a channel", grouped((1, 4, 4, 3), 3, 1)),
    *(
        Case(
            f"depthwise times {multiplier} {options['padding']}",
            depthwise((1, 6, 5, 3), multiplier, (3, 2), **options),
        )
        for multiplier in (1, 2, 5)
        for options in (SAME, VALID)
    ),
    Case("depthwise batches", depthwise((2, 5, 5, 4), 1, (3, 3), stride=(2, 2), **SAME)),
    Case("depthwise one scale, no bias", depthwise((1, 5, 5, 4), 1, (3, 3), per_channel=False, bias=False)),
    Case("depthwise dilated", depthwise((1, 9, 8, 2), 1, (3, 3), dilation_h_factor=2, dilation_w_factor=2)),
)

DENSE = (
    *(
        Case(f"dense {shape} to {units} {per_channel}", dense(shape, units, per_channel=per_channel))
        for shape in ((1, 1), (2, 3), (3, 65))
        for units in (1, 5)
        for per_channel in (False, True)
    ),
    Case("dense of an image", dense((2, 2, 3, 5), 4)),
    Case("dense over the last axis", dense((2, 3, 5), 4, keep_num_dims=True)),
    Case("dense no bias", dense((2, 9), 4, bias=False)),
    Case("dense no bias per channel", dense((2, 9), 4, bias=False, per_channel=True)),
)

ARITHMETIC = (
    *(
        Case(
            f"{activation} {scale}",
            dense((2, 16), 9, output=OutputQuantization(scale), **{"fused_activation_function": activation}),
        )
        for activation in ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
        for scale in (1e-4, 0.05)
    ),
    *(
        Case(f"multiplier {real}", scaled(real))
        for real in (1.0, 0.5, 0.02, 1e-3, 1e-6, 2.0**-31, 2.0**-33, 100.0, 127.0)
    ),
    *(Case(f"bias {bias}", scaled(2.0**-30, bias)) for bias in (2**31, 2**40, 2**46 + 12345)),
    Case("weights of -128", scaled(0.001, value=-128)),
    *(
        Case(f"ties {significand} {shift}", ties(shift, significand))
        for shift in (-3, -12)
        for significand in (2**30, 2**30 + 2**15, 2**31 - 2**16, 2**31 - 2**8, 1_500_000_000)
    ),
)

SUITE = Suite((*CONVOLUTIONS, *DENSE, *ARITHMETIC), seed=43)


@parametrize(SUITE)
def test_int16_convolutions(case: str, target: str) -> None:
    SUITE.check(case, target)
