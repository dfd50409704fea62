"""The memory planner: no two buffers that are alive together overlap, and never more than greedy-by-size."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcu_deploy.plan import memory
from mcu_deploy.plan.memory import (
    ALIGNMENT,
    Buffer,
    arena_size,
    greedy_by_size,
    lower_bound,
    plan_memory,
)


def buffers(most: int) -> st.SearchStrategy[list[Buffer]]:
    one = st.builds(
        lambda size, first, length: Buffer(size, first, first + length),
        st.integers(1, 5000),
        st.integers(-1, 12),
        st.integers(0, 5),
    )
    return st.lists(one, max_size=most)


def assert_sound(needs: list[Buffer], offsets: list[int]) -> None:
    assert all(offset >= 0 and offset % ALIGNMENT == 0 for offset in offsets)
    for (a, at), (b, bt) in itertools.combinations(zip(needs, offsets, strict=True), 2):
        together = a.first <= b.last and b.first <= a.last
        assert not together or at + a.size <= bt or bt + b.size <= at


@given(buffers(40))
@settings(max_examples=60, deadline=None)
def test_no_two_live_buffers_overlap_and_greedy_is_not_better(needs: list[Buffer]) -> None:
    offsets = plan_memory(needs)
    assert_sound(needs, offsets)
    assert_sound(needs, greedy_by_size(needs))
    assert lower_bound(needs) <= arena_size(needs, offsets) <= arena_size(needs, greedy_by_size(needs))


@given(buffers(5))
@settings(max_examples=40, deadline=None)
def test_few_buffers_are_packed_optimally(needs: list[Buffer]) -> None:
    best = min(
        arena_size(needs, memory._place(needs, order)) for order in itertools.permutations(range(len(needs)))
    )
    assert arena_size(needs, plan_memory(needs)) == best


@given(buffers(20))
@settings(max_examples=20, deadline=None)
def test_the_plan_is_deterministic(needs: list[Buffer]) -> None:
    assert plan_memory(needs) == plan_memory(list(needs))


def test_it_beats_greedy_by_size_where_that_fragments() -> None:
    """Greedy puts the large first and last buffers low; the middle ones then pile up above them."""
    rng = random.Random(5)
    better = 0
    for _ in range(30):
        needs = [
            Buffer(rng.randint(1, 60) * 16, start, start + rng.randint(0, 4))
            for start in (rng.randint(0, 8) for _ in range(9))
        ]
        better += arena_size(needs, plan_memory(needs)) < arena_size(needs, greedy_by_size(needs))
    assert better > 0


def test_the_search_is_bounded() -> None:
    """A graph for which the bound cannot be reached ends all the same."""
    search = memory._Search([Buffer(16 * (i + 1), i, i + 3) for i in range(20)], [10**6] * 20, 0)
    search.run()
    assert search.left == 0


@pytest.mark.parametrize(
    ("needs", "size"), [([], 0), ([Buffer(1, 0, 0)], 16), ([Buffer(16, 0, 0), Buffer(1, 1, 1)], 16)]
)
def test_small_cases(needs: list[Buffer], size: int) -> None:
    assert arena_size(needs, plan_memory(needs)) == size
