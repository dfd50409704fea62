"""CONV_2D in the blocks and sizes at which the kernels for Helium and the DSP extension turn. Seed 21.

Not on the NPU, which has no such blocks: Vela would take minutes.
"""

from __future__ import annotations

from harness import DSP_TARGETS, TARGETS, Case, Suite, parametrize
from test_conv_2d import conv

from mcu_deploy.graph.builder import OutputQuantization

SUITE = Suite(
    (
        # Every remainder of a vector's 16 elements, and of what is done of several vectors in turn.
        *(
            Case(
                f"1x1 {pixels}x{depth} to {channels}",
                conv(
                    (1, 1, pixels, depth),
                    channels,
                    (1, 1),
                    output=OutputQuantization(zero_point=(-128, 5, None)[depth % 3]),
                    fused_activation_function=("NONE", "RELU")[depth % 2],
                ),
            )
            for depth in (*range(1, 35), 47, 48, 49, 64, 65, 80, 81, 96, 97, 112, 129, 145, 160)
            for pixels, channels in ((depth % 5 + 1, depth * 7 % 17 + 1), (2, depth * 5 % 8 + 1))
        ),
        # Of the DSP kernels: four rows by two channels by eight elements.
        *(
            Case(f"1x1 {rows} rows of {depth} to {channels}", conv((1, 1, rows, depth), channels, (1, 1)))
            for rows, depth, channels in (
                *((rows, 9, 3) for rows in range(2, 10)),
                *((4, depth, 4) for depth in range(6, 12)),
                *((1, depth, 3) for depth in range(6, 12)),
                (7, 35, 5),
            )
        ),
        # As many rows and columns as 8 bits can count, one less and one more.
        *(
            Case(f"{shape} {kernel} {padding}", conv(shape, 3, kernel, padding=padding))
            for shape, kernel in (
                *(((1, 1, size, 1), (1, 3)) for size in (253, 254, 255, 256, 257)),
                *(((1, size, 1, 1), (3, 1)) for size in (253, 254, 255, 256, 257)),
                *(((1, 4, size, 1), (3, 3)) for size in (126, 127, 128)),
            )
            for padding in ("SAME", "VALID")
        ),
    ),
    seed=21,
)


@parametrize(SUITE, (*TARGETS, *DSP_TARGETS))
def test_conv_2d_blocks(case: str, target: str) -> None:
    SUITE.check(case, target)
