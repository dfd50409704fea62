"""When tensors are alive, and which may lie in each other's memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from mcu_deploy.graph.ir import Graph
from mcu_deploy.plan.types import Step, View

# What is read and what is made at one time.
Call = tuple[Sequence[int], Sequence[int]]
Lives = Mapping[int, tuple[int, int]]


def lifetimes(
    graph: Graph, calls: Iterable[Call], views: Mapping[int, View], state: Collection[int] = ()
) -> Lives:
    """For each tensor with memory of its own, the first and last call during which its value must survive.

    Args:
        graph: its inputs are there before the first call (-1), its outputs are read after the last.
        calls: the tensors that each reads and makes, in order.
        views: tensors without memory of their own.
        state: tensors that are always alive.
    """
    first = dict.fromkeys(graph.inputs, -1)
    last = dict(first)
    end = 0
    for end, (inputs, outputs) in enumerate(calls, 1):
        for tensor in outputs:
            root = views.get(tensor, View(tensor)).tensor
            first.setdefault(root, end - 1)
            last[root] = end - 1
        for tensor in inputs:
            last[views.get(tensor, View(tensor)).tensor] = end - 1
    for tensor in graph.outputs:
        last[views.get(tensor, View(tensor)).tensor] = end
    for tensor in state:
        first[tensor], last[tensor] = -1, end
    return {tensor: (first[tensor], last[tensor]) for tensor in first}


def overlaps(steps: Sequence[Step], views: Mapping[int, View], lives: Lives) -> dict[tuple[int, int], int]:
    """Which tensors may overlap although both are alive at one step, which reads one and makes the other.

    Returns:
        By the tensor that is made and one that nothing needs afterwards, both with memory of their own: how
        many bytes before the latter the former must at least begin.
    """
    found: dict[tuple[int, int], int] = {}
    for step in steps:
        if len(step.outputs) != 1:
            continue
        made = views.get(step.outputs[0], View(step.outputs[0]))
        if lives[made.tensor][0] != step.index:
            continue  # other steps have made parts of it
        read: dict[int, list[int | None]] = {}
        for tensor in step.inputs:
            place = views.get(tensor, View(tensor))
            before = step.overlaps.get(tensor)
            moved = None if before is None else max(0, before + made.offset - place.offset)
            read.setdefault(place.tensor, []).append(moved)
        for root, distances in read.items():
            known = [one for one in distances if one is not None]
            if lives[root][1] == step.index and len(known) == len(distances):
                found[made.tensor, root] = max(known)
    return found
