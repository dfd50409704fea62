"""GATHER. Seed 45."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from harness import Build, Case, Suite, parametrize

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import OptionValue


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
