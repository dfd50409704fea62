"""Where each buffer lies in the arena.

Packing intervals of time and size optimally is NP-hard, but a network is small: several orders of a first-fit
placement, changes to the best of them, then a bounded search that is exact for small graphs (``search.py``).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mcu_deploy.plan.search import Problem, search

ALIGNMENT = 16
# Changes of orders, times buffers, or times an eighth of what they meet if that is more: at most about a
# quarter of a second.
_CHANGES = 30_000

# For the indices of two buffers of which the first may overlap the second: how many bytes before the second
# it must at least begin.
Overlaps = Mapping[tuple[int, int], int]


@dataclass(frozen=True)
class Buffer:
    """A need for memory: ``size`` bytes during the steps ``first`` to ``last``, both included."""

    size: int
    first: int
    last: int

    def meets(self, other: Buffer) -> bool:
        """Whether there is a step at which both are alive."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Placement:
    """A plan.

    Attributes:
        offsets: of each buffer, multiples of ``ALIGNMENT``.
        size: bytes of the arena, a multiple of ``ALIGNMENT``.
        least: no plan is smaller: it was proven.
    """

    offsets: tuple[int, ...]
    size: int
    least: bool


def align(size: int) -> int:
    """``size`` rounded up to ``ALIGNMENT``."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def peak(buffers: Sequence[Buffer]) -> int:
    """The most bytes that are alive at one step."""
    changes: dict[int, int] = {}
    for buffer in buffers:
        changes[buffer.first] = changes.get(buffer.first, 0) + align(buffer.size)
        changes[buffer.last + 1] = changes.get(buffer.last + 1, 0) - align(buffer.size)
    most = alive = 0
    for step in sorted(changes):
        alive += changes[step]
        most = max(most, alive)
    return most


def arena_size(buffers: Sequence[Buffer], offsets: Sequence[int]) -> int:
    """The bytes that a plan needs, a multiple of ``ALIGNMENT``."""
    return max(
        (offset + align(buffer.size) for buffer, offset in zip(buffers, offsets, strict=True)), default=0
    )


def greedy_by_size(buffers: Sequence[Buffer], overlaps: Overlaps | None = None) -> list[int]:
    """TFLM's planner: largest first, each at the lowest offset where it fits; there without overlaps."""
    return _place(buffers, gaps(buffers, overlaps or {}), _order(buffers, lambda buffer: (buffer.size,)))


def plan_memory(buffers: Sequence[Buffer], overlaps: Overlaps | None = None) -> Placement:
    """An offset for each buffer, so that no two that are alive at one step overlap.

    Deterministic, and never larger than ``greedy_by_size`` without overlaps.

    Args:
        buffers: what is needed.
        overlaps: the exceptions.
    """
    problem = Problem(
        tuple(align(buffer.size) for buffer in buffers),
        tuple((buffer.first, buffer.last) for buffer in buffers),
        gaps(buffers, overlaps or {}),
    )

    def size(offsets: Sequence[int]) -> int:
        return arena_size(buffers, offsets)

    orders = [_order(buffers, key) for key in _ORDERINGS]
    order = min(orders, key=lambda order: size(_place(buffers, problem.gaps, order)))
    best = min(greedy_by_size(buffers), _improved(buffers, problem, order), key=size)
    offsets, least = search(problem, best, ALIGNMENT)
    return Placement(tuple(offsets), arena_size(buffers, offsets), least)


def gaps(buffers: Sequence[Buffer], overlaps: Overlaps) -> list[dict[int, int]]:
    """By how much each buffer must start behind each that it meets, if it does not start before that.

    Returns:
        For each buffer, by the others that it meets: how far behind its own start they must start.
    """
    return [
        {
            j: min(align(one.size), align(overlaps.get((i, j), one.size)))
            for j, other in enumerate(buffers)
            if j != i and one.meets(other)
        }
        for i, one in enumerate(buffers)
    ]


def _improved(buffers: Sequence[Buffer], problem: Problem, order: list[int]) -> list[int]:
    """The offsets by the order after changes that did not make it worse.

    What ends at the top, or one that it meets, is placed earlier. The choice is random, but always the same.
    """
    chance = random.Random(0)
    bound = problem.bound()
    best = _place(buffers, problem.gaps, order)
    work = max(1, len(buffers), sum(map(len, problem.gaps)) // 8)
    for _ in range(_CHANGES // work):
        size = arena_size(buffers, best)
        if size <= bound:
            break
        top = next(i for i, offset in enumerate(best) if offset + align(buffers[i].size) == size)
        moved = chance.choice([top, *problem.gaps[top]]) if chance.random() < 0.5 else top
        place = order.index(moved)
        changed = [one for one in order if one != moved]
        changed.insert(chance.randint(0, max(0, place - 1)), moved)
        tried = _place(buffers, problem.gaps, changed)
        if arena_size(buffers, tried) <= size:
            order, best = changed, tried
    return best


_ORDERINGS: tuple[Callable[[Buffer], tuple[int, ...]], ...] = (
    lambda buffer: (buffer.size,),
    lambda buffer: (buffer.size * (buffer.last - buffer.first + 1),),
    lambda buffer: (buffer.last - buffer.first, buffer.size),
    lambda buffer: (-buffer.first, buffer.size),
    lambda buffer: (buffer.last, buffer.size),
)


def _order(buffers: Sequence[Buffer], key: Callable[[Buffer], tuple[int, ...]]) -> list[int]:
    """Indices, the largest key first, ties in the order given."""
    return sorted(range(len(buffers)), key=lambda i: (*(-part for part in key(buffers[i])), i))


def _place(buffers: Sequence[Buffer], apart: Sequence[Mapping[int, int]], order: Sequence[int]) -> list[int]:
    """Places each buffer in turn at the lowest offset where it meets no other."""
    offsets = [-1] * len(buffers)
    for index in order:
        taken = sorted(
            (offsets[i] - gap, offsets[i] + apart[i][index])
            for i, gap in apart[index].items()
            if offsets[i] >= 0
        )
        candidate = 0
        for start, end in taken:
            if start < candidate < end:
                candidate = end
        offsets[index] = candidate
    return offsets
