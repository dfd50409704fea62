"""A graph that fails becomes as small as it can be, and the lines that are printed build it again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from differential import Job, compare, inputs_of
from graph_text import snippet
from random_graphs import grow
from random_operators import GENERATORS
from shrinking import shrink

from mcu_deploy.graph.builder import GraphBuilder, affine
from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.graph.writer import write_model


def grown_with(kind: str, operators: int) -> tuple[int, Graph]:
    """The first seed whose graph has the kind among at least so many operators."""
    for seed in range(200):
        graph = grow(seed, GENERATORS)
        if len(graph.operators) >= operators and kind in {one.kind for one in graph.operators}:
            return seed, graph
    raise AssertionError(f"no graph with {kind}")


def test_what_fails_is_left_alone_with_the_values_that_it_got() -> None:
    seed, graph = grown_with("MEAN", 20)

    def fails(jobs: Sequence[Job]) -> list[str]:
        return ["no" if "MEAN" in {one.kind for one in graph.operators} else "" for graph, _ in jobs]

    small, runs, problem = shrink((graph, inputs_of(graph, seed)), "no", fails)
    assert problem == "no"
    assert [operator.kind for operator in small.operators] == ["MEAN"]
    assert len(runs) == 1
    assert compare([(small, runs)], "native") == [""]


def test_what_needs_two_operators_keeps_both() -> None:
    seed, graph = grown_with("SVDF", 12)

    def fails(jobs: Sequence[Job]) -> list[str]:
        return ["no" if len(graph.operators) > 1 and len(runs) > 2 else "" for graph, runs in jobs]

    small, runs, _ = shrink((graph, inputs_of(graph, seed)), "no", fails)
    assert (len(small.operators), len(runs)) == (2, 3)


def test_the_printed_lines_build_the_graph() -> None:
    for seed in range(30):
        graph = grow(seed, GENERATORS)
        names = {"GraphBuilder": GraphBuilder, "affine": affine, "DataType": DataType, "np": np}
        exec(snippet(graph), names)
        again = names["graph"]
        assert isinstance(again, Graph)
        assert write_model(again) == write_model(graph)
