"""MEAN, SUM and REDUCE_MAX. Seed 37."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from elementwise_cases import NOT_WITH_SCALARS
from harness import Build, Case, Suite, parametrize

from mcu_deploy.graph.builder import GraphBuilder

# Input shape and axes.
REDUCTIONS: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((1, 5, 7, 3), (1, 2)),
    ((1, 5, 7, 3), (2, 1)),
    ((2, 5, 7, 3), (1, 2)),
    ((2, 5, 7, 3), (0, 2)),
    ((2, 5, 7, 3), (1, 3)),
    ((2, 5, 7, 3), (0, 1, 2, 3)),
    ((2, 5, 7, 3), (-1,)),
    ((2, 5, 7, 3), (-3, -2)),
    ((2, 5, 7, 3), (1, 1, -3)),
    ((2, 5, 1, 3), (2,)),
    ((4, 6, 5), (0,)),
    ((4, 6, 5), (1,)),
    ((6, 9), (1,)),
    ((13,), (0,)),
    ((1, 16, 8, 4), (1, 2)),
)


def reduce(
    kind: str,
    shape: tuple[int, ...],
    axes: Sequence[int] | int,
    keep_dims: bool,
    source: tuple[float, int],
    output: tuple[float, int],
) -> Build:
    def build(builder: GraphBuilder) -> int:
        inputs = [builder.input(shape, *source), builder.constant(np.array(axes, np.int32))]
        return builder.operator(kind, inputs, keep_dims=keep_dims, scale=output[0], zero_point=output[1])

    return build


def not_on(kind: str, shape: tuple[int, ...], axes: tuple[int, ...], keep_dims: bool) -> dict[str, str]:
    """What Vela's streams compute something else for."""
    last = {axis % len(shape) for axis in axes} == {len(shape) - 1}
    if kind == "SUM" and not last:
        return {"npu": "Vela sums along the last axis, whatever the axes are"}
    if kind == "REDUCE_MAX" and not keep_dims:
        return {"npu": "Vela expects that REDUCE_MAX keeps its axes"}
    return NOT_WITH_SCALARS if len(axes) == len(shape) and not keep_dims else {}


def cases(kind: str) -> Iterator[Case]:
    source = (0.05, -3)
    output = {"MEAN": (0.031, 9), "SUM": (0.9, -20), "REDUCE_MAX": source}[kind]
    for shape, axes in REDUCTIONS:
        for keep in (True, False):
            name = f"{kind} {shape} over {axes}{' kept' if keep else ''}"
            build = reduce(kind, shape, axes, keep, source, output)
            yield Case(name, build, not_on=not_on(kind, shape, axes, keep))
    excluded = not_on(kind, (3, 4, 5), (1,), True)
    yield Case(
        f"{kind} over a scalar axis", reduce(kind, (3, 4, 5), 1, True, source, output), not_on=excluded
    )


SUITE = Suite(tuple(case for kind in ("MEAN", "SUM", "REDUCE_MAX") for case in cases(kind)), seed=37)


@parametrize(SUITE)
def test_reduce(case: str, target: str) -> None:
    SUITE.check(case, target)
