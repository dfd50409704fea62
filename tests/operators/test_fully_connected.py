"""FULLY_CONNECTED. Seed 22."""

from __future__ import annotations

import numpy as np
from harness import DSP_TARGETS, NPU, TARGETS, Build, Case, Suite, parametrize, tie_biases

from mcu_deploy.graph.builder import GraphBuilder, OutputQuantization
from mcu_deploy.graph.ir import OptionValue

ANY_OUTPUT = OutputQuantization()
WRAPS = {"npu": "what no longer fits 32 bits wraps in TFLM, and saturates on the NPU"}


def dense(
    shape: tuple[int, ...],
    units: int,
    per_channel: bool = False,
    bias: bool = True,
    input_zero_point: int = 5,
    output: OutputQuantization = ANY_OUTPUT,
    **options: OptionValue,
) -> Build:
    def build(builder: GraphBuilder) -> int:
        features = builder.input(shape, zero_point=input_zero_point)
        return builder.fully_connected(
            features, units, per_channel=per_channel, bias=bias, output=output, **options
        )

    return build


def rounded_product(input_scale: float, weight_scale: float, output_scale: float) -> Build:
    """Biases at which it would show if the product of the scales were rounded to float32."""

    def build(builder: GraphBuilder) -> int:
        product = float(np.float32(input_scale)) * float(np.float32(weight_scale))
        features = builder.input((1, 1), scale=input_scale, zero_point=0)
        weights = builder.constant(np.zeros((635, 1), np.int8), weight_scale)
        biases = builder.constant(tie_biases(product / float(np.float32(output_scale)), 635), product)
        inputs = [features, weights, biases]
        return builder.operator("FULLY_CONNECTED", inputs, scale=output_scale, zero_point=0)

    return build


def dead_channel(multiplier: float) -> Build:
    """As converters write a channel that RELU always makes 0: with an output scale next to nothing."""

    def build(builder: GraphBuilder) -> int:
        features = builder.input((1, 8), scale=1.0, zero_point=-128)
        weights = builder.rng.integers(-127, 128, (5, 8), dtype=np.int8)
        inputs = [features, builder.constant(weights, multiplier), -1]
        options = {"fused_activation_function": "RELU"}
        return builder.operator("FULLY_CONNECTED", inputs, scale=1.0, zero_point=-128, **options)

    return build


SUITE = Suite(
    (
        *(
            Case(
                f"{shape} to {units}{' per channel' if per_channel else ''}", dense(shape, units, per_channel)
            )
            for shape in ((1, 1), (1, 2), (2, 3), (3, 4), (1, 7), (4, 65))
            for units in (1, 2, 5)
            for per_channel in (False, True)
        ),
        Case("of an image", dense((1, 3, 4, 5), 6)),
        Case("of an image, batches", dense((3, 2, 2, 5), 6)),
        Case("over the last axis", dense((2, 3, 5), 4, keep_num_dims=True)),
        Case("no bias", dense((2, 9), 4, bias=False)),
        Case("no bias per channel", dense((2, 9), 4, per_channel=True, bias=False)),
        *(
            Case(
                f"{activation} {zero}",
                dense(
                    (2, 16),
                    9,
                    fused_activation_function=activation,
                    output=OutputQuantization(zero_point=zero),
                ),
            )
            for activation in ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
            for zero in (-128, 0, 127)
        ),
        *(
            Case(f"input zero point {zero}", dense((2, 9), 4, input_zero_point=zero))
            for zero in (-128, 0, 127)
        ),
        Case("multiplier that shifts bits out", dead_channel(23744.0), not_on=WRAPS),
        Case("multiplier that shifts nearly all out", dead_channel(2.0**28), not_on=WRAPS),
        Case("multiplier above 1", dense((1, 4), 4, output=OutputQuantization(1e-5, 0))),
        *(
            Case(
                f"scales {number}",
                rounded_product(*scales),
                not_on={"npu": "Vela rounds the product of the scales to float32"},
            )
            for number, scales in enumerate(
                np.random.default_rng(22).uniform((1e-4, 1e-4, 0.05), (2e-4, 2e-4, 0.1), (8, 3)).tolist()
            )
        ),
    ),
    seed=22,
)


@parametrize(SUITE, (*TARGETS, *DSP_TARGETS, NPU))
def test_fully_connected(case: str, target: str) -> None:
    SUITE.check(case, target)
