"""DEPTHWISE_CONV_2D. Seed 21."""

from __future__ import annotations

from harness import Build, Case, Suite, parametrize

from mcu_deploy.graph.builder import GraphBuilder, OutputQuantization
from mcu_deploy.graph.ir import OptionValue
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
        Case("multiplier above 1", depthwise((1, 4, 4, 6), (1, 1), output=OutputQuantization(1e-5, 0))),
    ),
    seed=21,
)


@parametrize(SUITE)
def test_depthwise_conv_2d(case: str, target: str) -> None:
    SUITE.check(case, target)


def test_only_multipliers_above_one_are_gathered() -> None:
    builder = GraphBuilder("kernels", 1)
    outputs = [depthwise((1, 4, 4, 3), multiplier=multiplier)(builder) for multiplier in (1, 2)]
    kernels = [step.kernel for step in make_plan(builder.build(outputs)).steps]
    assert kernels == ["md_depthwise_conv2d_s8", "md_conv2d_s8"]
