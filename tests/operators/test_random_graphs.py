"""Random graphs of all operators, deployed in batches: every tensor has TFLM's bits.

A failure names its seed: ``python tests/operators/random_graphs.py --seed N --target T`` grows it alone.
"""

from __future__ import annotations

import functools
from collections import Counter
from pathlib import Path

import pytest
from differential import TARGETS, Job, Results, compare, explain_failure, inputs_of
from harness import target_params
from random_graphs import LEAST_OPERATORS, MOST_OPERATORS, grow
from random_operators import ELSEWHERE, GENERATORS
from references import references

from mcu_deploy.graph.rules import RULES

BATCH = 100
SEEDS = range(200)
SLOW_SEEDS = range(1000, 6000)
FOLDER = Path("build/random-graphs")


def starts(seeds: range) -> list[int]:
    return list(seeds[::BATCH])


@functools.lru_cache(maxsize=1)
def batch(start: int) -> tuple[list[Job], Results]:
    """The graphs of a batch, and what TFLM makes of them; targets come one after another."""
    graphs = [(seed, grow(seed, GENERATORS)) for seed in range(start, start + BATCH)]
    jobs = [(graph, inputs_of(graph, seed)) for seed, graph in graphs]
    return jobs, references(jobs)


def check_batch(start: int, target: str) -> None:
    print(f"seeds {start} to {start + BATCH - 1} on {target}")
    jobs, wanted = batch(start)
    problems = compare(jobs, target, wanted)
    failed = [number for number, problem in enumerate(problems) if problem]
    if failed:
        first = failed[0]
        text = explain_failure(jobs[first], problems[first], start + first, target, FOLDER)
        pytest.fail(f"seeds {[start + number for number in failed]} fail\n{text}", pytrace=False)


@pytest.mark.parametrize("target", target_params(("native", "qemu")))
@pytest.mark.parametrize("start", starts(SEEDS))
def test_random_graphs(start: int, target: str) -> None:
    check_batch(start, target)


@pytest.mark.qemu
def test_random_graphs_with_the_dsp_extension() -> None:
    check_batch(starts(SEEDS)[-1], "cortex-m4")


@pytest.mark.slow
@pytest.mark.parametrize("target", target_params(tuple(TARGETS)))
@pytest.mark.parametrize("start", starts(SLOW_SEEDS))
def test_many_random_graphs(start: int, target: str) -> None:
    check_batch(start, target)


def test_every_supported_kind_is_grown() -> None:
    missing = sorted(RULES.keys() - GENERATORS.keys() - ELSEWHERE)
    assert not missing, f"tests/operators/random_operators.py has no entry for {', '.join(missing)}"


def test_the_graphs_are_as_varied_as_promised() -> None:
    graphs = [grow(seed, GENERATORS) for seed in SEEDS]
    sizes = [len(graph.operators) for graph in graphs]
    assert min(sizes) >= LEAST_OPERATORS and max(sizes) <= MOST_OPERATORS + 3  # with RESHAPEs between
    assert min(sizes) < 5 and max(sizes) >= MOST_OPERATORS
    assert sum(len(graph.inputs) > 1 for graph in graphs) > len(graphs) // 2
    assert sum(len(graph.outputs) > 1 for graph in graphs) > len(graphs) // 2
    kinds = Counter(operator.kind for graph in graphs for operator in graph.operators)
    assert kinds.keys() == RULES.keys() - ELSEWHERE
    assert min(kinds.values()) >= 10, kinds


def test_a_seed_gives_the_same_graph_again() -> None:
    one, other = grow(7, GENERATORS), grow(7, GENERATORS)
    assert [op.kind for op in one.operators] == [op.kind for op in other.operators]
    assert all(
        (a.data == b.data).all()
        for a, b in zip(one.tensors, other.tensors, strict=True)
        if a.data is not None
    )
