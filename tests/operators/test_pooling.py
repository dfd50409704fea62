"""AVERAGE_POOL_2D and MAX_POOL_2D on int8 and int16. Seed 23."""

from __future__ import annotations

import pytest
from harness import Build, Case, Suite, parametrize

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType
from mcu_deploy.plan.operators.types import HELIUM
from mcu_deploy.plan.planner import make_plan


def pool(
    kind: str,
    shape: tuple[int, ...],
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: str,
    zero_point: int = 3,
    activation: str = "NONE",
    dtype: DataType = DataType.INT8,
    scale: float = 0.05,
) -> Build:
    def build(builder: GraphBuilder) -> int:
        image = builder.input(shape, scale, zero_point, dtype=dtype)
        return builder.operator(
            kind,
            [image],
            filter_height=size[0],
            filter_width=size[1],
            stride_h=stride[0],
            stride_w=stride[1],
            padding=padding,
            fused_activation_function=activation,
        )

    return build


SUITE = Suite(
    tuple(
        case
        for kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D")
        for case in (
            *(
                Case(
                    f"{kind} {size} stride {stride} {padding}",
                    pool(kind, (1, 7, 8, 5), size, stride, padding),
                )
                for size in ((2, 2), (3, 3), (1, 4), (5, 2))
                for stride in ((1, 1), (2, 2), (3, 1))
                for padding in ("SAME", "VALID")
            ),
            Case(f"{kind} global", pool(kind, (1, 25, 5, 7), (25, 5), (1, 1), "VALID")),
            # More than 256 positions, and more than the kernels for Helium average.
            *(
                Case(f"{kind} global of {shape}", pool(kind, shape, shape[1:3], (1, 1), "VALID"))
                for shape in (
                    (1, 1, 300, 17),
                    (1, 64, 64, 2),
                    (1, 75, 76, 3),
                    (1, 5700, 1, 3),
                    (1, 76, 76, 3),
                )
            ),
            *(
                Case(
                    f"{kind} {size} of {channels} channels",
                    pool(kind, (1, 5, 6, channels), size, (1, 1), "SAME"),
                )
                for size in ((2, 3), (5, 6))
                for channels in (15, 16, 33)
            ),
            Case(f"{kind} wide", pool(kind, (1, 3, 600, 4), (2, 280), (1, 160), "SAME")),
            Case(f"{kind} 1x1", pool(kind, (1, 3, 3, 2), (1, 1), (1, 1), "VALID")),
            Case(f"{kind} above input", pool(kind, (1, 3, 2, 2), (9, 9), (2, 2), "SAME")),
            Case(f"{kind} far above input", pool(kind, (1, 3, 2, 2), (30_000, 30_000), (2, 2), "SAME")),
            Case(f"{kind} one channel", pool(kind, (1, 6, 6, 1), (2, 2), (2, 2), "VALID")),
            Case(f"{kind} two batches", pool(kind, (2, 4, 4, 3), (2, 2), (2, 2), "VALID")),
            *(
                Case(
                    f"{kind} {activation} {zero}",
                    pool(kind, (1, 5, 5, 3), (2, 2), (1, 1), "SAME", zero, activation),
                )
                for activation in ("RELU", "RELU6", "RELU_N1_TO_1")
                for zero in (-128, 0, 127)
            ),
            *(
                Case(
                    f"{kind} int16 {size} stride {stride} {padding} {activation} {scale}",
                    pool(kind, (2, 6, 7, 3), size, stride, padding, 0, activation, DataType.INT16, scale),
                )
                for size, stride in (((1, 1), (1, 1)), ((2, 3), (1, 2)), ((6, 7), (3, 3)), ((9, 9), (2, 2)))
                for padding in ("SAME", "VALID")
                if padding == "SAME" or size != (9, 9)
                for activation, scale in (
                    ("NONE", 0.05),
                    ("RELU", 0.05),
                    ("RELU6", 3e-4),
                    ("RELU_N1_TO_1", 1e-4),
                )
            ),
        )
    ),
    seed=23,
)


@parametrize(SUITE)
def test_pooling(case: str, target: str) -> None:
    SUITE.check(case, target)


@pytest.mark.parametrize(("width", "kernel"), [(71, "md_helium_max_pool_s8"), (72, "md_max_pool_s8")])
def test_windows_are_not_too_large_for_helium(width: int, kernel: str) -> None:
    builder = GraphBuilder("pool", 1)
    made = pool("MAX_POOL_2D", (1, 80, width, 3), (80, 100), (1, 1), "SAME")(builder)
    assert isinstance(made, int)
    (step,) = make_plan(builder.build([made]), HELIUM).steps
    assert step.kernel == kernel
