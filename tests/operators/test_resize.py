"""RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR. Seed 48."""

from __future__ import annotations

from harness import Build, Case, Suite, parametrize
from moving import integers

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import OptionValue

MODES: dict[str, dict[str, OptionValue]] = {
    "plain": {},
    "aligned": {"align_corners": True},
    "half pixels": {"half_pixel_centers": True},
    "both": {"align_corners": True, "half_pixel_centers": True},
}


def resize(kind: str, shape: tuple[int, ...], size: tuple[int, int], mode: str) -> Build:
    def build(builder: GraphBuilder) -> int:
        inputs = [builder.input(shape, zero_point=3), integers(builder, size)]
        return builder.operator_with_outputs(kind, inputs, **MODES[mode])[0]

    return build


SUITE = Suite(
    tuple(
        Case(
            f"{kind} {shape} to {size} {mode}",
            resize(f"RESIZE_{kind}", shape, size, mode),
            not_on={"npu": "Vela takes this for a copy"} if mode == "both" and shape[1:3] == size else {},
        )
        for kind in ("BILINEAR", "NEAREST_NEIGHBOR")
        for mode in MODES
        if (kind, mode) != ("BILINEAR", "both")
        for shape, size in (
            ((1, 3, 4, 3), (6, 8)),
            ((1, 3, 4, 3), (5, 9)),
            ((2, 7, 5, 2), (3, 2)),
            ((1, 6, 6, 1), (13, 1)),
            ((1, 1, 1, 5), (3, 4)),
            ((1, 4, 3, 2), (4, 3)),
            ((1, 10, 10, 1), (33, 47)),
            ((1, 21, 34, 1), (11, 7)),
        )
    ),
    seed=48,
)


@parametrize(SUITE)
def test_resize(case: str, target: str) -> None:
    SUITE.check(case, target)
