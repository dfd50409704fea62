"""MEAN, SUM and REDUCE_MAX. Seed 37."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from elementwise_cases import INT8, INT16, NOT_WITH_OVERFLOW, NOT_WITH_SCALARS, Quantised
from harness import Build, Case, Suite, parametrize

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType

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


# Scales of input and output, from the tiny to the huge; some sums wrap as they are rescaled.
SCALES = ((0.05, 0.05), (1e-7, 3e-3), (1e-30, 1.0), (0.9, 1e-3), (2.0, 2e-9))


def reduce(
    kind: str,
    shape: tuple[int, ...],
    axes: Sequence[int] | int,
    keep_dims: bool,
    source: Quantised,
    output: Quantised,
    dtype: DataType = INT8,
) -> Build:
    def build(builder: GraphBuilder) -> int:
        inputs = [builder.input(shape, *source, dtype=dtype), builder.constant(np.array(axes, np.int32))]
        return builder.operator(kind, inputs, keep_dims=keep_dims, scale=output[0], zero_point=output[1])

    return build


def not_on(kind: str, shape: tuple[int, ...], axes: tuple[int, ...], keep_dims: bool) -> dict[str, str]:
    """What Vela's streams compute something else for."""
    if kind == "SUM" and len({axis % len(shape) for axis in axes}) > 1:
        return {"npu": "Vela sums along one axis only"}
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


def quantised_cases(kind: str) -> Iterator[Case]:
    """Of MEAN and SUM."""
    shape, axes = (1, 9, 11, 8), (1, 2)
    for source, output in product((-128, 0, 127), (-128, 0, 127)):
        build = reduce(kind, shape, axes, True, (0.05, source), (0.04, output))
        yield Case(f"{kind} zero points {source} {output}", build, not_on=not_on(kind, shape, axes, True))
    for dtype, scales in product((INT8, INT16), SCALES):
        zeros = (4, -5) if dtype is INT8 else (0, 0)
        source, output = zip(scales, zeros, strict=True)
        build = reduce(kind, shape, axes, True, source, output, dtype)
        wraps = NOT_WITH_OVERFLOW if scales[0] / scales[1] > 100 else {}
        excluded = not_on(kind, shape, axes, True) or wraps
        yield Case(f"{kind} {dtype.value} scales {scales}", build, not_on=excluded)
    for shape, axes in REDUCTIONS:
        build = reduce(kind, shape, axes, True, (0.0005, 0), (0.0007, 0), INT16)
        yield Case(f"{kind} int16 {shape} over {axes}", build, not_on=not_on(kind, shape, axes, True))
    # The longest that int16 can be, at its most extreme.
    build = reduce(kind, (65535, 1), (0,), True, (0.05, 0), (0.05, 0), INT16)
    yield Case(f"{kind} int16 longest", build, not_on=NOT_WITH_OVERFLOW if kind == "SUM" else {})


SUITE = Suite(
    (
        *(case for kind in ("MEAN", "SUM", "REDUCE_MAX") for case in cases(kind)),
        *(case for kind in ("MEAN", "SUM") for case in quantised_cases(kind)),
    ),
    seed=37,
)


@parametrize(SUITE)
def test_reduce(case: str, target: str) -> None:
    SUITE.check(case, target)
