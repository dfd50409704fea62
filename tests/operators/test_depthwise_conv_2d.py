"""DEPTHWISE_CONV_2D. Seed 21."""

from __future__ import annotations

import numpy as np
import pytest
from harness import DSP_TARGETS, NPU, TARGETS, Build, Case, Suite, parametrize, tie_biases

from mcu_deploy.graph.builder import GraphBuilder, OutputQuantization
from mcu_deploy.graph.ir import OptionValue
from mcu_deploy.plan.operators.types import HELIUM
from mcu_deploy.plan.planner import make_plan

ANY_OUTPUT = OutputQuantization()


def depthwise(
    shape: tuple[int, ...],
    kernel: tuple[int, int] = (3, 3),
    multiplier: int = 1,
    stride: tuple[int, int] = (1, 1),
    input_zero_point: int = 11,
    output: OutputQuantization = ANY_OUTPUT,
    bias: bool = True,
    per_channel: bool = True,
    **options: OptionValue,
) -> Build:
    def build(builder: GraphBuilder) -> int:
        image = builder.input(shape, zero_point=input_zero_point)
        return builder.depthwise_conv_2d(
            image,
            multiplier,
            kernel,
            stride=stride,
            bias=bias,
            per_channel=per_channel,
            output=output,
            **options,
        )

    return build


def ties(kernel: int, low: float, high: float, zero_point: int, channels: int = 256) -> Build:
    """A multiplier between ``low`` and ``high`` for each channel, at the edges of whose steps the biases lie.

    The weights are the largest, or nothing in every other channel, where nothing hides the bias.
    """

    def build(builder: GraphBuilder) -> int:
        image = builder.input((1, 4, 4, channels), scale=1.0, zero_point=0)
        signs = builder.rng.choice(np.array([-127, 0, 127], np.int8), (1, kernel, kernel, channels))
        signs[..., ::2] = 0
        scales = builder.rng.uniform(low, high, channels)
        biases = [int(tie_biases(float(one), channels)[number]) for number, one in enumerate(scales)]
        return builder.operator(
            "DEPTHWISE_CONV_2D",
            [
                image,
                builder.constant(signs, scales, axis=3),
                builder.constant(np.array(biases, np.int32), scales),
            ],
            scale=1.0,
            zero_point=zero_point,
            padding="SAME",
            stride_h=1,
            stride_w=1,
            depth_multiplier=1,
        )

    return build


SUITE = Suite(
    (
        *(
            Case(f"{channels} channels", depthwise((1, 5, 4, channels)))
            for channels in (1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 20, 32, 36)
        ),
        *(
            Case(
                f"{kernel} stride {stride} {padding}",
                depthwise((1, 9, 8, 6), kernel, 1, stride, padding=padding),
            )
            for kernel in ((3, 3), (2, 2), (5, 1), (1, 1), (4, 7))
            for stride in ((1, 1), (2, 2), (3, 1), (1, 2))
            for padding in ("SAME", "VALID")
        ),
        *(
            Case(
                f"multiplier {multiplier} on {channels}",
                depthwise((1, 5, 6, channels), multiplier=multiplier),
            )
            for multiplier in (2, 3, 8)
            for channels in (1, 2, 5)
        ),
        Case(
            "multiplier 2, stride 2, VALID",
            depthwise((1, 7, 7, 3), multiplier=2, stride=(2, 2), padding="VALID"),
        ),
        Case(
            "multiplier 3, dilated",
            depthwise((1, 7, 7, 3), multiplier=3, dilation_h_factor=2, dilation_w_factor=3),
        ),
        Case("multiplier 2, two batches", depthwise((2, 4, 4, 3), multiplier=2)),
        Case("dilation 2 SAME", depthwise((1, 9, 9, 5), dilation_h_factor=2, dilation_w_factor=2)),
        Case("dilation 1x3 VALID", depthwise((1, 9, 9, 5), dilation_w_factor=3, padding="VALID")),
        Case("dilation above input", depthwise((1, 3, 3, 4), dilation_h_factor=5, dilation_w_factor=5)),
        Case("kernel above input", depthwise((1, 2, 2, 4), (7, 7))),
        Case("two batches", depthwise((2, 5, 4, 6))),
        *(
            Case(
                f"{activation} {zero}",
                depthwise(
                    (1, 4, 4, 6),
                    fused_activation_function=activation,
                    output=OutputQuantization(zero_point=zero),
                ),
            )
            for activation in ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
            for zero in (-128, 0, 127)
        ),
        *(
            Case(f"input zero point {zero}", depthwise((1, 4, 4, 5), input_zero_point=zero))
            for zero in (-128, 0, 127)
        ),
        Case("no bias", depthwise((1, 4, 4, 6), bias=False)),
        Case("one scale", depthwise((1, 4, 4, 6), per_channel=False)),
        *(
            Case(
                f"multipliers {low} to {high} after {kernel}x{kernel} to {zero}",
                ties(kernel, low, high, zero),
            )
            for low, high in ((0.001, 0.03), (0.3, 1.4), (1.0, 40.0))
            for kernel in (2, 3)
            for zero in (-128, 5)
        ),
        # 3x3 windows with four channels and more to a register.
        *(
            Case(
                f"3x3 of {channels} channels stride {stride} to {zero} {activation} {padding}",
                depthwise(
                    (1, 6, 7, channels),
                    stride=stride,
                    output=OutputQuantization(zero_point=zero),
                    fused_activation_function=activation,
                    padding=padding,
                ),
            )
            for channels in (4, 28)
            for stride in ((1, 1), (2, 1), (1, 3))
            for zero, activation in ((-128, "RELU"), (-128, "NONE"), (3, "NONE"), (-3, "RELU"))
            for padding in ("SAME", "VALID")
        ),
        *(
            Case(
                f"3x3 of {shape} dilation {dilation}",
                depthwise(
                    shape,
                    output=OutputQuantization(zero_point=-128),
                    dilation_h_factor=dilation[0],
                    dilation_w_factor=dilation[1],
                ),
            )
            for shape in ((1, 6, 7, 20), (1, 1, 9, 8), (1, 9, 1, 8), (2, 2, 2, 16), (1, 1, 1, 4))
            for dilation in ((1, 1), (2, 3))
        ),
    ),
    seed=21,
)


@parametrize(SUITE, (*TARGETS, *DSP_TARGETS, NPU))
def test_depthwise_conv_2d(case: str, target: str) -> None:
    SUITE.check(case, target)


@pytest.mark.parametrize(
    ("build", "kernel"),
    [
        (
            depthwise((1, 4, 4, 8), output=OutputQuantization(zero_point=-128)),
            "md_helium_depthwise_3x3_relu_s8",
        ),
        (depthwise((1, 4, 4, 8), output=OutputQuantization(zero_point=1)), "md_helium_depthwise_3x3_s8"),
        (depthwise((1, 4, 4, 6), output=OutputQuantization(zero_point=1)), "md_helium_depthwise_s8"),
        (depthwise((1, 4, 4, 8), (3, 2)), "md_helium_depthwise_s8"),
        (
            depthwise(
                (1, 4, 4, 8),
                output=OutputQuantization(0.05, zero_point=0),
                fused_activation_function="RELU",
            ),
            "md_helium_depthwise_s8",
        ),
        (ties(3, 1.0, 40.0, 0), "md_depthwise_conv2d_s8"),
        (depthwise((1, 4, 4, 8), multiplier=2), "md_conv2d_s8"),
    ],
)
def test_the_quickest_kernel_for_helium_is_chosen(build: Build, kernel: str) -> None:
    builder = GraphBuilder("kernels", 1)
    (step,) = make_plan(builder.build([build(builder)]), HELIUM).steps
    assert step.kernel == kernel
    assert step.reason


def test_only_multipliers_above_one_are_gathered() -> None:
    builder = GraphBuilder("kernels", 1)
    outputs = [depthwise((1, 4, 4, 3), multiplier=multiplier)(builder) for multiplier in (1, 2)]
    kernels = [step.kernel for step in make_plan(builder.build(outputs)).steps]
    assert kernels == ["md_depthwise_conv2d_s8", "md_conv2d_s8"]
