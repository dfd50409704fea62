"""GATHER. Seed 45."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from harness import TARGETS, Build, Case, Suite, parametrize, run_on_host

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType, OptionValue


def gather(shape: Sequence[int], indices: object, **options: OptionValue) -> Build:
    def build(builder: GraphBuilder) -> int:
        values = builder.input(shape, zero_point=3)
        return builder.operator("GATHER", [values, builder.constant(np.array(indices, np.int32))], **options)

    return build


SUITE = Suite(
    (
        Case("of one axis", gather((7,), [6, 0, 3, 3])),
        Case("one index", gather((7, 3), 4)),
        Case("rows", gather((7, 3), [6, 0, 3])),
        Case("columns", gather((7, 3), [2, 0], axis=1)),
        Case("of the last axis", gather((2, 3, 4), [3, 1, 1], axis=-1)),
        Case("of a middle axis", gather((2, 3, 4), [2, 1, 0, 2], axis=1)),
        Case("indices of two axes", gather((2, 3, 4), [[2, 1], [0, 2]], axis=1)),
        Case("in batches", gather((2, 3, 4), [[2, 1], [0, 2]], axis=1, batch_dims=1)),
        Case("in batches before the axis", gather((2, 3, 4), [[2, 1], [0, 3]], axis=2, batch_dims=1)),
        Case("batches counted from the end", gather((2, 3, 4), [[2, 1], [0, 3]], axis=2, batch_dims=-1)),
    ),
    seed=45,
)


@parametrize(SUITE)
def test_gather(case: str, target: str) -> None:
    SUITE.check(case, target)


def computed(shape: tuple[int, ...], indices: tuple[int, ...], **options: OptionValue) -> Build:
    def build(builder: GraphBuilder) -> int:
        values = builder.constant(builder.rng.integers(-128, 128, shape, dtype=np.int8), 0.05, 3)
        positions = builder.input(indices, dtype=DataType.INT32)
        return builder.operator("GATHER", [values, positions], **options)

    return build


# An embedding, for example.
COMPUTED = Suite(
    (
        Case("rows of a constant", computed((5, 3), (4,)), (0, 4)),
        Case("columns of a constant", computed((5, 4), (2, 3), axis=1), (0, 3)),
        Case("in batches", computed((3, 4, 2), (3, 5), axis=1, batch_dims=1), (0, 3)),
    ),
    seed=451,
)


@parametrize(COMPUTED, tuple(TARGETS))
def test_computed_indices(case: str, target: str) -> None:
    COMPUTED.check(case, target)


def test_indices_outside_take_the_nearest_row() -> None:
    """TFLM reads outside of the tensor; here no input may make that happen."""
    builder = GraphBuilder("outside", 1)
    graph = builder.build([computed((5, 3), (6,))(builder)])
    rows = builder.tensors[0].data
    assert rows is not None
    positions = np.array([-(2**31), -1, 0, 4, 5, 2**31 - 1], np.int32)
    (result,) = run_on_host(graph, [[positions]])
    assert result.outputs[0] == rows[np.clip(positions, 0, 4)].tobytes()
