"""Where each buffer lies in the arena.

Packing intervals of time and size optimally is NP-hard, but a network is small: several orderings of a
first-fit placement, and for few buffers a bounded search over all orderings, usually reach the lower bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

ALIGNMENT = 16
_SEARCH_BUFFERS = 24
_SEARCH_PLACEMENTS = 20_000


@dataclass(frozen=True)
class Buffer:
    """A need for memory: ``size`` bytes during the steps ``first`` to ``last``, both included."""

    size: int
    first: int
    last: int

    def meets(self, other: Buffer) -> bool:
        """Whether there is a step at which both are alive."""
        return self.first <= other.last and other.first <= self.last


def align(size: int) -> int:
    """``size`` rounded up to ``ALIGNMENT``."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def lower_bound(buffers: Sequence[Buffer]) -> int:
    """The most bytes that are alive at one step: no plan can be smaller."""
    return max(
        (
            sum(align(other.size) for other in buffers if other.first <= buffer.first <= other.last)
            for buffer in buffers
        ),
        default=0,
    )


def arena_size(buffers: Sequence[Buffer], offsets: Sequence[int]) -> int:
    """The bytes that a plan needs, a multiple of ``ALIGNMENT``."""
    return max(
        (offset + align(buffer.size) for buffer, offset in zip(buffers, offsets, strict=True)), default=0
    )


def greedy_by_size(buffers: Sequence[Buffer]) -> list[int]:
    """TFLM's planner: largest first, each at the lowest offset where it fits."""
    return _place(buffers, _order(buffers, lambda buffer: (buffer.size,)))


def plan_memory(buffers: Sequence[Buffer]) -> list[int]:
    """An offset for each buffer, so that no two that are alive at one step overlap.

    Deterministic, and never larger than ``greedy_by_size``.
    """
    bound = lower_bound(buffers)
    best = greedy_by_size(buffers)
    for key in _ORDERINGS:
        if arena_size(buffers, best) == bound:
            return best
        offsets = _place(buffers, _order(buffers, key))
        if arena_size(buffers, offsets) < arena_size(buffers, best):
            best = offsets
    if len(buffers) <= _SEARCH_BUFFERS:
        best = _Search(buffers, best, bound).run()
    return best


_ORDERINGS: tuple[Callable[[Buffer], tuple[int, ...]], ...] = (
    lambda buffer: (buffer.size * (buffer.last - buffer.first + 1),),
    lambda buffer: (buffer.last - buffer.first, buffer.size),
    lambda buffer: (-buffer.first, buffer.size),
    lambda buffer: (buffer.last, buffer.size),
)


def _order(buffers: Sequence[Buffer], key: Callable[[Buffer], tuple[int, ...]]) -> list[int]:
    """Indices, the largest key first, ties in the order given."""
    return sorted(range(len(buffers)), key=lambda i: (*(-part for part in key(buffers[i])), i))


def _place(buffers: Sequence[Buffer], order: Sequence[int]) -> list[int]:
    """Places each buffer in turn at the lowest offset where it meets no other."""
    offsets = [-1] * len(buffers)
    placed: list[int] = []
    for index in order:
        offsets[index] = _lowest(buffers, offsets, placed, index)
        placed.append(index)
    return offsets


def _lowest(buffers: Sequence[Buffer], offsets: Sequence[int], placed: Sequence[int], index: int) -> int:
    buffer = buffers[index]
    taken = sorted(
        (offsets[i], offsets[i] + align(buffers[i].size)) for i in placed if buffers[i].meets(buffer)
    )
    candidate = 0
    for start, end in taken:
        if candidate + align(buffer.size) <= start:
            break
        candidate = max(candidate, end)
    return candidate


class _Search:
    """Branch and bound over the orders of first-fit placement.

    Any plan, pushed down as far as it goes, is the first-fit placement in the order of its offsets, so the
    best order gives the best plan. The work is bounded by a number of placements, not by time, to stay
    deterministic.
    """

    def __init__(self, buffers: Sequence[Buffer], best: list[int], bound: int) -> None:
        self.buffers = buffers
        self.best = best
        self.best_size = arena_size(buffers, best)
        self.bound = bound
        self.left = _SEARCH_PLACEMENTS
        self.offsets = [-1] * len(buffers)
        self.order = _order(buffers, lambda buffer: (buffer.size,))

    def run(self) -> list[int]:
        """The best plan found."""
        self._extend([])
        return self.best

    def _extend(self, placed: list[int]) -> None:
        if len(placed) == len(self.buffers):
            size = arena_size(self.buffers, self.offsets)
            if size < self.best_size:
                self.best, self.best_size = list(self.offsets), size
            return
        for index in self.order:
            if self.offsets[index] >= 0:
                continue
            if self.left == 0 or self.best_size == self.bound:
                return
            self.left -= 1
            offset = _lowest(self.buffers, self.offsets, placed, index)
            if offset + align(self.buffers[index].size) < self.best_size:
                self.offsets[index] = offset
                self._extend([*placed, index])
                self.offsets[index] = -1
