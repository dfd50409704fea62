"""Small models that several tests of the NPU share.

Vela leaves an average over padded windows above 8x8 to the CPU.
"""

from __future__ import annotations

import numpy as np

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import Graph


def wide_average(builder: GraphBuilder, source: int) -> int:
    return builder.operator(
        "AVERAGE_POOL_2D",
        [source],
        filter_height=9,
        filter_width=9,
        stride_h=1,
        stride_w=1,
        padding="SAME",
    )


def all_on_npu() -> Graph:
    builder = GraphBuilder("npu", 2)
    x = builder.conv_2d(builder.input((1, 8, 8, 4)), 8, (3, 3), fused_activation_function="RELU")
    return builder.build([builder.depthwise_conv_2d(x, 1, (3, 3))])


def all_on_cpu() -> Graph:
    builder = GraphBuilder("cpu", 2)
    return builder.build([wide_average(builder, builder.input((1, 8, 8, 4)))])


def mixed() -> Graph:
    """NPU, CPU, NPU, CPU, NPU, with RESHAPE in between; the last needs the first one's result."""
    builder = GraphBuilder("mixed", 3)
    first = builder.conv_2d(builder.input((1, 8, 8, 4)), 8, (3, 3))
    x = wide_average(builder, first)
    x = builder.operator("RESHAPE", [x, builder.constant(np.array([1, 4, 16, 8], np.int32))])
    x = wide_average(builder, x)
    x = builder.operator("RESHAPE", [x, builder.constant(np.array([1, 8, 8, 8], np.int32))])
    x = builder.conv_2d(x, 8, (3, 3))
    x = builder.operator("ADD", [first, x], shape=(1, 8, 8, 8), scale=0.1, zero_point=3)
    return builder.build([x])


def without_weights() -> Graph:
    builder = GraphBuilder("weightless", 4)
    x = builder.operator(
        "MAX_POOL_2D", [builder.input((1, 8, 8, 4))], filter_height=2, filter_width=2, stride_h=2, stride_w=2
    )
    return builder.build([x])
