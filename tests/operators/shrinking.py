"""Making a graph that fails smaller while it still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from firmware import Runs
from references import references

from mcu_deploy.graph.ir import Graph

Array = npt.NDArray[np.generic]
Job = tuple[Graph, Runs]
MOST_ROUNDS = 40
MOST_CANDIDATES = 24


def shrink(job: Job, problem: str, compare: Callable[[Sequence[Job]], list[str]]) -> tuple[Graph, Runs, str]:
    """A graph with as few operators as still fail, with its inputs and what is then wrong.

    Operators are cut off from the front, where the tensors that TFLM computed become inputs, and from the
    back, where fewer outputs are left; then runs are left out.

    Args:
        job: a graph and its inputs.
        problem: what is wrong with it.
        compare: what is wrong with each of several; empty for nothing.
    """
    for _ in range(MOST_ROUNDS):
        candidates = sorted(_smaller(job), key=_size)
        chosen = None
        for start in range(0, len(candidates), MOST_CANDIDATES):
            part = candidates[start : start + MOST_CANDIDATES]
            failing = [(one, found) for one, found in zip(part, compare(part), strict=True) if found]
            if failing:
                chosen = failing[0]
                break
        if chosen is None:
            break
        job, problem = chosen
    return job[0], job[1], problem


def _size(job: Job) -> tuple[int, int, int]:
    graph, runs = job
    return len(graph.operators), sum(tensor.elements for tensor in graph.tensors), len(runs)


def _smaller(job: Job) -> Iterator[Job]:
    graph, runs = job
    (reference,) = references([job])
    for cut in range(len(graph.operators)):
        keep = [operator.index for operator in graph.operators if operator.index != cut]
        yield from _parts(graph, runs, reference, keep)
    if len(graph.operators) > 2:
        middle = len(graph.operators) // 2
        for keep in (range(middle), range(middle, len(graph.operators))):
            yield from _parts(graph, runs, reference, list(keep))
        for one in range(len(graph.operators)):
            yield from _parts(graph, runs, reference, [one])
    if len(graph.outputs) > 1:
        for position in range(len(graph.outputs)):
            rest = graph.outputs[:position] + graph.outputs[position + 1 :]
            yield compact(replace(graph, outputs=rest)), runs
    if len(runs) > 1:
        for number in range(len(runs)):
            yield graph, [runs[number]]
        yield graph, runs[:-1]


def _parts(graph: Graph, runs: Runs, reference: object, keep: Sequence[int]) -> Iterator[Job]:
    """The graph with these operators only; what the others made for them are inputs."""
    operators = tuple(graph.operators[index] for index in keep)
    made = [tensor for operator in operators for tensor in operator.outputs]
    read = {tensor for operator in operators for tensor in operator.inputs if tensor >= 0}
    inputs = [
        tensor
        for tensor in sorted(read - set(made))
        if graph.tensors[tensor].data is None and not graph.tensors[tensor].is_variable
    ]
    outputs = [tensor for tensor in made if tensor not in read or tensor in graph.outputs]
    if not outputs or not inputs:
        return
    if isinstance(reference, str):
        if not set(inputs) <= set(graph.inputs):
            given = [
                [np.zeros(graph.tensors[index].shape, graph.tensors[index].dtype.numpy) for index in inputs]
                for _ in runs
            ]
        else:
            given = [[run[graph.inputs.index(index)] for index in inputs] for run in runs]
    else:
        given = [[run.tensors[index] for index in inputs] for run in reference]  # type: ignore[attr-defined]
    part = replace(graph, operators=operators, inputs=tuple(inputs), outputs=tuple(outputs))
    yield compact(part), given


def compact(graph: Graph) -> Graph:
    """The graph without operators that no output needs and without tensors that nothing uses.

    Inputs stay, so that their values stay in place.
    """
    needed, kept = set(graph.outputs), []
    for operator in reversed(graph.operators):
        if needed & set(operator.outputs):
            kept.append(operator)
            needed |= {index for index in operator.inputs if index >= 0}
    kept.reverse()
    used = {*graph.inputs, *graph.outputs}
    for operator in kept:
        used |= {
            index for index in (*operator.inputs, *operator.outputs, *operator.intermediates) if index >= 0
        }
    number = {index: position for position, index in enumerate(sorted(used))}
    number[-1] = -1

    def moved(indices: Sequence[int]) -> tuple[int, ...]:
        return tuple(number[index] for index in indices)

    return replace(
        graph,
        tensors=tuple(replace(graph.tensors[index], index=number[index]) for index in sorted(used)),
        operators=tuple(
            replace(
                operator,
                index=position,
                inputs=moved(operator.inputs),
                outputs=moved(operator.outputs),
                intermediates=moved(operator.intermediates),
            )
            for position, operator in enumerate(kept)
        ),
        inputs=moved(graph.inputs),
        outputs=moved(graph.outputs),
    )
