"""Branch and bound for the least arena.

Any plan, pushed down as far as it goes, places the buffers in the order of their offsets, each as low as
those below it allow. So all plans that matter are sequences in which each offset follows from the buffers
before, and none is lower than the last. The work is bounded by a number of steps, not by time, to stay
deterministic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

_WORK = 400_000  # placements times buffers, or times a fourth of what all steps have alive if that is more
_MOST_BUFFERS = 400  # each is a call deeper


@dataclass(frozen=True)
class Problem:
    """What is to be placed.

    Attributes:
        sizes: of the buffers, aligned.
        lives: their first and last steps.
        gaps: for each buffer and each that it meets, by how much the other must start behind its start if it
            does not start before.
    """

    sizes: tuple[int, ...]
    lives: tuple[tuple[int, int], ...]
    gaps: Sequence[Mapping[int, int]]

    def groups(self) -> list[list[int]]:
        """The buffers that are alive at one step, of each step that has not only some of another's."""
        steps = sorted({first for first, _ in self.lives})
        found = [[i for i, (first, last) in enumerate(self.lives) if first <= step <= last] for step in steps]
        sets = [frozenset(group) for group in found]
        return [
            group
            for number, group in enumerate(found)
            if not any(sets[number] < other for other in sets[max(0, number - 1) : number + 2])
        ]

    def bound(self) -> int:
        """The bytes that some step needs at least: no plan is smaller."""
        return max((self.need(group) for group in self.groups()), default=0)

    def need(self, group: Sequence[int]) -> int:
        """Bytes that buffers of one step cover at least: what any two can have in common is saved."""
        total = sum(self.sizes[i] for i in group)
        for i in group:
            for j, saved in self.savings[i]:
                if j in group:
                    total -= saved
        return total

    @cached_property
    def savings(self) -> list[list[tuple[int, int]]]:
        """For each buffer those that may overlap it, and by how many bytes."""
        return [
            [(j, min(size - gap, self.sizes[j])) for j, gap in apart.items() if gap < size]
            for size, apart in zip(self.sizes, self.gaps, strict=True)
        ]


def search(problem: Problem, best: list[int], alignment: int) -> tuple[list[int], bool]:
    """The best plan found, and whether it is proven that there is no smaller one.

    Args:
        problem: what is to be placed.
        best: a plan to begin with.
        alignment: sizes and gaps are multiples of it.
    """
    return _Search(problem, best, alignment).run()


class _Search:
    def __init__(self, problem: Problem, best: list[int], alignment: int) -> None:
        self.problem = problem
        self.alignment = alignment
        self.best = best
        self.best_size = max(
            (offset + size for offset, size in zip(best, problem.sizes, strict=True)), default=0
        )
        self.groups = problem.groups()
        self.bound = problem.bound()
        self.left = _WORK
        self.work = max(len(best), sum(map(len, self.groups)) // 4)
        self.offsets = [-1] * len(best)
        self.seen: dict[tuple[int, ...], int] = {}

    def run(self) -> tuple[list[int], bool]:
        if len(self.offsets) > _MOST_BUFFERS:
            self.left = 0
        elif self.best_size > self.bound:
            self._extend(0, [0] * len(self.offsets), 0)
        return self.best, self.left > 0 or self.best_size == self.bound

    def _extend(self, placed: int, lows: list[int], floor: int) -> None:
        """Tries every next buffer; ``lows`` says how low each can go, ``floor`` where the last one began."""
        if placed == len(self.offsets):
            self.best = list(self.offsets)
            self.best_size = max(
                offset + size for offset, size in zip(self.offsets, self.problem.sizes, strict=True)
            )
            return
        waiting = [i for i, offset in enumerate(self.offsets) if offset < 0]
        for index in sorted(waiting, key=lambda i: (lows[i], -self.problem.sizes[i], i)):
            offset = lows[index]
            if offset < floor:
                continue
            if self.left <= 0 or self.best_size == self.bound:
                return
            self.left -= self.work
            after = list(lows)
            for other, gap in self.problem.gaps[index].items():
                after[other] = max(after[other], offset + gap)
            self.offsets[index] = offset
            if self._promising(after, offset):
                self._extend(placed + 1, after, offset)
            self.offsets[index] = -1

    def _promising(self, lows: list[int], floor: int) -> bool:
        """Whether a smaller plan than the best can follow, and none as good was tried from here."""
        limit = self.best_size - self.alignment
        waiting = [offset < 0 for offset in self.offsets]
        for group in self.groups:
            rest = [i for i in group if waiting[i]]
            if rest and max(floor, min(lows[i] for i in rest)) + self.problem.need(rest) > limit:
                return False
        state = tuple(low if wait else -1 for low, wait in zip(lows, waiting, strict=True))
        known = self.seen.get(state)
        if known is not None and known <= floor:
            return False
        self.seen[state] = floor
        return True
