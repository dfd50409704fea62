"""CONV_2D. Seed 20."""

from __future__ import annotations

import numpy as np
import pytest
from harness import DSP_TARGETS, NPU, TARGETS, Build, Case, Suite, parametrize, tie_biases

from mcu_deploy.graph.builder import GraphBuilder, OutputQuantization
from mcu_deploy.graph.ir import Graph, OptionValue
from mcu_deploy.plan.planner import make_plan

Shape = tuple[int, ...]

ANY_OUTPUT = OutputQuantization()


def conv(
    shape: Shape,
    channels: int,
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    input_zero_point: int = -7,
    output: OutputQuantization = ANY_OUTPUT,
    bias: bool = True,
    per_channel: bool = True,
    **options: OptionValue,
) -> Build:
    def build(builder: GraphBuilder) -> int:
        image = builder.input(shape, zero_point=input_zero_point)
        return builder.conv_2d(
            image,
            channels,
            kernel,
            stride=stride,
            bias=bias,
            per_channel=per_channel,
            output=output,
            **options,
        )

    return build


def grouped(shape: Shape, channels: int, depth: int) -> Build:
    """A 3x3 convolution whose filters see only ``depth`` of the input channels."""

    def build(builder: GraphBuilder) -> int:
        image = builder.input(shape, zero_point=9)
        weights = builder.rng.integers(-127, 128, (channels, 3, 3, depth), dtype=np.int8)
        scales = builder.rng.uniform(0.001, 0.003, channels)
        return builder.operator(
            "CONV_2D",
            [image, builder.constant(weights, scales), -1],
            shape=(*shape[:3], channels),
            scale=0.05,
            zero_point=3,
            padding="SAME",
            stride_h=1,
            stride_w=1,
        )

    return build


def scaled(
    multiplier: float, depth: int = 4, value: int = 127, bias: int = 0, output_zero_point: int = 0
) -> Build:
    """A 1x1 convolution with a given multiplier and constant weights."""

    def build(builder: GraphBuilder) -> int:
        image = builder.input((1, 3, 3, depth), scale=1.0, zero_point=-128)
        weights = builder.constant(np.full((3, 1, 1, depth), value, np.int8), np.full(3, multiplier))
        biases = builder.constant(np.array([bias, -bias, 0], np.int32), np.full(3, multiplier))
        return builder.operator(
            "CONV_2D",
            [image, weights, biases],
            scale=1.0,
            zero_point=output_zero_point,
            padding="VALID",
            stride_h=1,
            stride_w=1,
        )

    return build


def ties(
    input_scale: float,
    weight_scale: float,
    output_scale: float,
    channels: int = 635,
    pixels: int = 1,
    depth: int = 1,
) -> Build:
    """Biases at which the last bits of the multiplier decide; the weights are nothing."""

    def build(builder: GraphBuilder) -> int:
        image = builder.input((1, 1, pixels, depth), scale=input_scale, zero_point=0)
        weights = builder.constant(np.zeros((channels, 1, 1, depth), np.int8), weight_scale)
        product = (
            float(np.float32(input_scale)) * float(np.float32(weight_scale)) / float(np.float32(output_scale))
        )
        biases = builder.constant(tie_biases(product, channels), input_scale * weight_scale)
        return builder.operator(
            "CONV_2D",
            [image, weights, biases],
            scale=output_scale,
            zero_point=0,
            padding="VALID",
            stride_h=1,
            stride_w=1,
        )

    return build


def wrapping(output_zero_point: int, activation: str) -> Build:
    """A significand of 2**31 - 1 without a shift and the largest biases: adding the zero point wraps."""

    def build(builder: GraphBuilder) -> int:
        scale, weight_scale = 1 + 181 * 2.0**-23, 1 - 181 * 2.0**-23
        image = builder.input((1, 1, 5, 1), scale=scale, zero_point=0)
        weights = np.array([1, -1, 1, -1, 0, 0], np.int8).reshape(6, 1, 1, 1)
        largest = 2**31 - 1 - 256 * np.abs(weights.reshape(-1).astype(np.int64))
        biases = largest * np.array([1, 1, -1, -1, 1, -1])
        return builder.operator(
            "CONV_2D",
            [
                image,
                builder.constant(weights, np.full(6, weight_scale)),
                builder.constant(biases.astype(np.int32), np.full(6, scale * weight_scale)),
            ],
            scale=1.0,
            zero_point=output_zero_point,
            fused_activation_function=activation,
            padding="VALID",
            stride_h=1,
            stride_w=1,
        )

    return build


SAME = {"padding": "SAME"}
VALID = {"padding": "VALID"}

SUITE = Suite(
    (
        # 1x1: every tail of two rows by two channels by four elements.
        *(
            Case(f"1x1 {shape} to {channels}", conv(shape, channels, (1, 1)))
            for shape in ((1, 1, 1, 1), (1, 1, 3, 2), (1, 2, 2, 3), (1, 3, 3, 4), (1, 1, 1, 5), (1, 2, 1, 9))
            for channels in (1, 2, 5)
        ),
        Case("1x1 two batches", conv((2, 3, 3, 6), 7, (1, 1))),
        Case("1x1 stride 2", conv((1, 5, 6, 6), 7, (1, 1), (2, 2))),
        Case("whole input in one window", conv((2, 4, 3, 5), 6, (4, 3), **VALID)),
        Case("whole input, padded", conv((1, 3, 3, 2), 3, (3, 3), **SAME)),
        # Windows.
        *(
            Case(
                f"{kernel} stride {stride} {padding}",
                conv((1, 9, 8, 3), 5, kernel, stride, padding=padding),
            )
            for kernel in ((3, 3), (2, 2), (5, 1), (1, 4), (4, 7))
            for stride in ((1, 1), (2, 2), (3, 1), (1, 2))
            for padding in ("SAME", "VALID")
        ),
        Case("stride above kernel", conv((1, 9, 9, 2), 3, (2, 2), (4, 3), **SAME)),
        Case("kernel above input", conv((1, 2, 2, 3), 4, (7, 7), **SAME)),
        Case(
            "dilation 2 SAME", conv((1, 9, 9, 3), 4, (3, 3), dilation_h_factor=2, dilation_w_factor=2, **SAME)
        ),
        Case("dilation 3x1 VALID", conv((1, 9, 9, 3), 4, (3, 3), dilation_h_factor=3, **VALID)),
        Case("dilation 1x4 SAME", conv((1, 5, 9, 3), 4, (2, 3), dilation_w_factor=4, **SAME)),
        Case(
            "dilation above input",
            conv((1, 3, 3, 2), 3, (2, 2), dilation_h_factor=5, dilation_w_factor=5, **SAME),
        ),
        Case("two batches 3x3", conv((2, 5, 5, 3), 4, (3, 3), **SAME)),
        # As long as 8 or 16 bits can count rows, columns and bytes, and longer.
        *(
            Case(
                f"{shape} {kernel}",
                conv(shape, 2, kernel, (3, 3), **SAME),
                not_on={"npu": "Vela has no more than 16 bits for a dimension"},
            )
            for shape, kernel in (
                ((1, 1, 65540, 1), (1, 3)),
                ((1, 2, 32766, 1), (3, 3)),
                ((1, 3, 32767, 1), (3, 3)),
            )
        ),
        *(
            Case(f"{shape} {kernel}", conv(shape, 5, kernel, **SAME))
            for shape, kernel in (
                ((1, 5, 100, 2), (3, 3)),
                ((1, 5, 5, 15), (2, 1)),
                ((1, 5, 5, 10), (3, 3)),
                ((1, 5, 5, 11), (3, 3)),
                ((1, 5, 5, 16), (3, 3)),
                ((1, 5, 5, 17), (3, 3)),
                ((1, 5, 9, 5), (3, 4)),
            )
        ),
        Case(
            "dilation of 16 channels",
            conv((1, 7, 6, 16), 5, (3, 2), dilation_h_factor=2, dilation_w_factor=2, **SAME),
        ),
        Case("more windows than wait", conv((3, 7, 5, 1), 13, (3, 2), (1, 2), **SAME)),
        Case("audio first layer", conv((1, 49, 10, 1), 9, (10, 4), **SAME)),
        Case("one row of samples", conv((1, 1, 64, 1), 8, (1, 9), (1, 4), **SAME)),
        # Groups.
        Case("two groups", grouped((1, 5, 5, 4), 6, 2)),
        Case("three groups of odd channels", grouped((1, 4, 5, 9), 9, 3)),
        Case("a group a channel", grouped((1, 4, 4, 3), 3, 1)),
        # Quantisation.
        *(
            Case(
                f"{activation} {zero}",
                conv(
                    (1, 4, 4, 8),
                    6,
                    (3, 3),
                    fused_activation_function=activation,
                    output=OutputQuantization(zero_point=zero),
                ),
            )
            for activation in ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
            for zero in (-128, 0, 127)
        ),
        *(
            Case(f"input zero point {zero}", conv((1, 4, 4, 3), 4, (3, 3), input_zero_point=zero, **SAME))
            for zero in (-128, 0, 127)
        ),
        Case("no bias", conv((1, 4, 4, 3), 4, (3, 3), bias=False)),
        Case("one scale", conv((1, 4, 4, 3), 4, (3, 3), per_channel=False)),
        *(
            Case(f"multiplier {value} to {zero}", scaled(value, output_zero_point=zero))
            for value in (1.0, 1.5, 100.0, 0.75, 0.5, 0.25, 1e-3)
            for zero in (0, -128)
        ),
        Case(
            "multiplier 2**20",
            scaled(2.0**20),
            not_on={"npu": "what no longer fits 32 bits wraps in TFLM, and saturates on the NPU"},
        ),
        Case("multiplier flushed to zero", scaled(2.0**-33)),
        Case("smallest multiplier", scaled(2.0**-32)),
        Case(
            "multiplier that rounds up to a power of two",
            ties(1 + 2.0**-16, 1 - 2.0**-16, 2.0**24),
            not_on={"npu": "Vela leaves a multiplier of 2**31, with which one rounding less is done"},
        ),
        *(
            Case(f"ties {number} {shape}", ties(*scales, *shape))
            for shape in ((635, 1, 1), (639, 2, 1), (633, 2, 17))
            for number, scales in enumerate(
                np.random.default_rng(20).uniform((1e-4, 1e-4, 0.05), (2e-4, 2e-4, 0.1), (6, 3)).tolist()
            )
        ),
        Case(
            "smallest multiplier that is not flushed", scaled((1 - 2.0**-24) * 2.0**-31, 1, 1, 2**31 - 2**16)
        ),
        Case("large biases", scaled(2.0**-20, bias=2**30)),
        Case("largest biases", scaled(2.0**-24, depth=1, bias=2**31 - 1 - 127 * 256)),
        *(
            Case(
                f"{activation} of what wraps at {zero}",
                wrapping(zero, activation),
                not_on={"npu": "what no longer fits 32 bits wraps in TFLM, and saturates on the NPU"},
            )
            for activation in ("NONE", "RELU", "RELU6")
            for zero in (-128, -5, 127)
        ),
        Case("weights of -128", scaled(0.01, value=-128)),
        Case(
            "relu6 that clamps all",
            conv(
                (1, 3, 3, 2),
                3,
                (1, 1),
                output=OutputQuantization(10.0, -128),
                fused_activation_function="RELU6",
            ),
        ),
    ),
    seed=20,
)


@parametrize(SUITE, (*TARGETS, *DSP_TARGETS, NPU))
def test_conv_2d(case: str, target: str) -> None:
    SUITE.check(case, target)


def graph_of(build: Build) -> Graph:
    builder = GraphBuilder("one", 1)
    return builder.build([build(builder)])


@pytest.mark.parametrize(
    ("build", "kernel"),
    [
        (conv((1, 4, 4, 3), 4, (1, 1)), "md_fully_connected_s8"),
        (conv((1, 4, 4, 3), 4, (4, 4), **VALID), "md_fully_connected_s8"),
        (conv((1, 4, 4, 3), 4, (4, 4), **SAME), "md_conv2d_s8"),
        (conv((1, 4, 4, 3), 4, (1, 1), (2, 2)), "md_conv2d_s8"),
    ],
)
def test_the_cheaper_kernel_is_chosen_where_it_can_be(build: Build, kernel: str) -> None:
    (step,) = make_plan(graph_of(build)).steps
    assert step.kernel == kernel
    assert step.reason
