"""Whole graphs against TFLM: many in one program, every tensor compared; what fails is shrunk and kept."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from firmware import Runs, TargetRun, Unit, run_on_host, run_on_qemu
from graph_text import as_text, snippet
from harness import assert_same, corner_inputs
from references import references
from shrinking import shrink

from mcu_deploy.graph.checks import check
from mcu_deploy.graph.ir import Graph
from mcu_deploy.graph.reader import parse_model
from mcu_deploy.graph.writer import write_model
from mcu_deploy.plan.operators.types import DSP, HELIUM, PORTABLE
from mcu_deploy.plan.planner import make_plan, observable_tensors
from mcu_deploy.plan.types import Plan
from mcu_deploy.reference.tflm import ReferenceRun

TARGETS: Mapping[str, Callable[[Sequence[Unit]], list[list[TargetRun]]]] = {
    "native": run_on_host,
    "qemu": run_on_qemu,
    "cortex-m4": functools.partial(run_on_qemu, board_name="mps2-an386"),
}
PLAN_TARGETS = {"native": PORTABLE, "qemu": HELIUM, "cortex-m4": DSP}
Job = tuple[Graph, Runs]
Results = list[list[ReferenceRun] | str]

describe = as_text


def inputs_of(graph: Graph, seed: int) -> Runs:
    """Four runs: random values, all least, only the extremes, and random again."""
    runs = corner_inputs(graph, np.random.default_rng(seed))
    return [runs[0], runs[1], runs[4], runs[5]]


def compare(
    jobs: Sequence[Job],
    target: str,
    wanted: Results | None = None,
    plan: Callable[[Graph, str], Plan] = make_plan,
) -> list[str]:
    """For each graph what is wrong with it on a target; empty if nothing.

    Args:
        jobs: graphs and the inputs of their runs.
        target: one of ``TARGETS``.
        wanted: what ``references`` made of the same jobs.
        plan: plans a graph for a target of ``plan.kernels.TARGETS``.
    """
    wanted = references(jobs) if wanted is None else wanted
    problems, units = [""] * len(jobs), {}
    for number, ((graph, runs), reference) in enumerate(zip(jobs, wanted, strict=True)):
        if isinstance(reference, str):
            problems[number] = f"TFLM refuses what the checks accept: {reference}"
            continue
        try:
            read = parse_model(write_model(graph), graph.name)
            check(read)
            units[number] = Unit(read, plan(read, PLAN_TARGETS[target]), runs)
        except Exception as error:  # of whatever kind: it belongs to this graph
            problems[number] = f"{type(error).__name__}: {error}"
    for number, result in _run(units, target).items():
        reference = wanted[number]
        assert not isinstance(reference, str)
        problems[number] = (
            result if isinstance(result, str) else _difference(units[number], reference, result)
        )
    return problems


def _run(units: Mapping[int, Unit], target: str) -> dict[int, list[TargetRun] | str]:
    """All in one program; where that fails, halves, until the graph that breaks it is alone."""
    if not units:
        return {}
    numbers = list(units)
    try:
        return dict(zip(numbers, TARGETS[target](list(units.values())), strict=True))
    except Exception as error:
        if len(numbers) == 1:
            return {numbers[0]: f"{type(error).__name__}: {error}"[:2000]}
    middle = len(numbers) // 2
    first = {number: units[number] for number in numbers[:middle]}
    second = {number: units[number] for number in numbers[middle:]}
    return _run(first, target) | _run(second, target)


def _difference(unit: Unit, wanted: Sequence[ReferenceRun], got: Sequence[TargetRun]) -> str:
    """The first tensor that differs, in the order in which they are made."""
    observed = observable_tensors(unit.plan)
    pieces = dict(piece for step in unit.plan.steps for piece in step.pieces)
    try:
        for number, (reference, result) in enumerate(zip(wanted, got, strict=True)):
            for operator in unit.graph.operators:
                for tensor in pieces.keys() & operator.outputs:
                    values = reference.tensors[tensor].reshape(-1)
                    values = values[: pieces[tensor] // values.itemsize]
                    assert_same(number, tensor, values, result.tensors[tensor])
                for tensor in observed.keys() & operator.outputs:
                    view, values = observed[tensor], reference.tensors[tensor]
                    data = result.tensors[view.tensor][view.offset : view.offset + values.nbytes]
                    assert_same(number, tensor, values, data)
            for tensor, values, data in zip(
                unit.graph.outputs, reference.outputs, result.outputs, strict=True
            ):
                assert_same(number, tensor, values, data)
    except AssertionError as error:
        return str(error)
    return ""


def explain(graph: Graph, seed: int, target: str, folder: Path) -> str:
    """Empty if a graph has TFLM's bits; else what is wrong, shrunk, and where it was written."""
    job = (graph, inputs_of(graph, seed))
    (problem,) = compare([job], target)
    return explain_failure(job, problem, seed, target, folder) if problem else ""


def explain_failure(job: Job, problem: str, seed: int, target: str, folder: Path) -> str:
    """Shrinks a graph that fails, and writes it as a TFLite file, its inputs and lines for a test."""
    small, runs, found = shrink(job, problem, lambda jobs: compare(jobs, target))
    folder.mkdir(parents=True, exist_ok=True)
    name = f"seed_{seed}_{target}"
    (folder / f"{name}.tflite").write_bytes(write_model(small))
    np.savez(
        folder / f"{name}.npz",
        **{f"run_{i}_input_{k}": values for i, run in enumerate(runs) for k, values in enumerate(run)},
    )
    (folder / f"{name}.py").write_text(snippet(small))
    text = snippet(small)
    return (
        f"seed {seed} on {target}: {problem}\nshrunk to {len(small.operators)} operators, written to "
        f"{folder / name}.tflite, .npz, .py: {found}\n{as_text(small)}\n{text if len(text) < 6000 else ''}"
    )
