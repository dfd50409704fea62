"""Whatever kernel a plan chooses of those that say they can perform an operator: TFLM's bits.

A plan for speed takes the first of a table, one for size any of them, so each must know what it cannot do.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence

import numpy as np
import pytest
from differential import TARGETS, Job, Results, compare, inputs_of
from harness import target_params
from random_graphs import grow
from random_operators import GENERATORS
from references import references

from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.plan import planner
from mcu_deploy.plan.kernels import KERNELS
from mcu_deploy.plan.kernels import TARGETS as IMPLEMENTATIONS
from mcu_deploy.plan.planner import make_plan
from mcu_deploy.plan.selection import Choice
from mcu_deploy.plan.types import Optimise, Plan

SEEDS = range(300, 360)


@functools.cache
def jobs() -> tuple[list[Job], Results]:
    graphs = [(seed, grow(seed, GENERATORS)) for seed in SEEDS]
    made = [(graph, inputs_of(graph, seed)) for seed, graph in graphs]
    return made, references(made)


def admitted(graph: Graph, operator: Operator, implementations: Collection[str]) -> list[Choice]:
    """Of implementations of one function, which no program can have both, the first."""
    found: dict[str, Choice] = {}
    for kernel in KERNELS[operator.kind]:
        reason = kernel.reason(graph, operator)
        if kernel.implementation in implementations and reason is not None:
            found.setdefault(kernel.function, Choice(kernel, reason))
    return list(found.values())


def any_kernels(
    graph: Graph, operators: Sequence[Operator], implementations: Collection[str], optimise: Optimise
) -> dict[int, Choice]:
    """In place of ``choose_kernels``: for each operator any that can, the last one most often."""
    del optimise
    rng = np.random.default_rng(len(operators))
    found = {}
    for one in operators:
        choices = admitted(graph, one, implementations)
        found[one.index] = choices[-1] if rng.random() < 0.7 else choices[int(rng.integers(len(choices)))]
    return found


@pytest.mark.parametrize("target", target_params(tuple(TARGETS)))
def test_any_kernel_that_can(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "choose_kernels", any_kernels)
    made, wanted = jobs()
    problems = compare(made, target, wanted)
    assert not any(problems), {seed: one for seed, one in zip(SEEDS, problems, strict=True) if one}


@pytest.mark.parametrize("target", target_params(tuple(TARGETS)))
def test_size(target: str) -> None:
    made, wanted = jobs()

    def plan(graph: Graph, plan_target: str) -> Plan:
        return make_plan(graph, plan_target, Optimise.SIZE)

    problems = compare(made, target, wanted, plan)
    assert not any(problems), {seed: one for seed, one in zip(SEEDS, problems, strict=True) if one}


def test_the_choices_are_many() -> None:
    counts = {
        len(admitted(graph, operator, IMPLEMENTATIONS["helium"]))
        for graph, _ in jobs()[0]
        for operator in graph.operators
    }
    assert {1, 2, 3} <= counts
