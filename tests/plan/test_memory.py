"""The memory planner: what is alive together overlaps as far as it may, never more than greedy-by-size."""

from __future__ import annotations

import itertools
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcu_deploy.plan import search
from mcu_deploy.plan.memory import (
    ALIGNMENT,
    Buffer,
    align,
    arena_size,
    gaps,
    greedy_by_size,
    peak,
    plan_memory,
)

Needs = tuple[list[Buffer], dict[tuple[int, int], int]]


@st.composite
def needs(draw: st.DrawFn, most: int, largest: int = 5000) -> Needs:
    """Buffers, and for some of those that are made where another is read for the last time, an overlap."""
    one = st.builds(
        lambda size, first, length: Buffer(size, first, first + length),
        st.integers(1, largest),
        st.integers(-1, 8),
        st.integers(0, 4),
    )
    buffers = draw(st.lists(one, max_size=most))
    pairs = [
        (i, j)
        for (i, made), (j, read) in itertools.permutations(enumerate(buffers), 2)
        if made.first == read.last
    ]
    return buffers, {pair: draw(st.integers(0, largest + 100)) for pair in pairs if draw(st.booleans())}


def assert_sound(given: Needs, offsets: list[int] | tuple[int, ...]) -> None:
    buffers, overlaps = given
    assert all(offset >= 0 and offset % ALIGNMENT == 0 for offset in offsets)
    for i, j in itertools.permutations(range(len(buffers)), 2):
        a, b = buffers[i], buffers[j]
        if a.first > b.last or b.first > a.last:
            continue
        apart = offsets[i] + a.size <= offsets[j] or offsets[j] + b.size <= offsets[i]
        before = overlaps.get((i, j)), overlaps.get((j, i))
        within = (before[0] is not None and offsets[i] + before[0] <= offsets[j]) or (
            before[1] is not None and offsets[j] + before[1] <= offsets[i]
        )
        assert apart or within


@given(needs(40))
@settings(max_examples=60, deadline=None)
def test_what_lives_together_is_apart_and_greedy_is_not_better(given: Needs) -> None:
    buffers, overlaps = given
    for allowed in ({}, overlaps):
        plan = plan_memory(buffers, allowed)
        assert_sound((buffers, allowed), plan.offsets)
        assert_sound((buffers, allowed), greedy_by_size(buffers, allowed))
        assert plan.size == arena_size(buffers, plan.offsets)
        assert plan.size <= arena_size(buffers, greedy_by_size(buffers))
        assert allowed or peak(buffers) <= plan.size


def fits(given: Needs, end: int, offsets: list[int]) -> bool:
    """Whether the buffers after those that have offsets fit in below ``end``: tries every offset."""
    buffers, overlaps = given
    number = len(offsets)
    if number == len(buffers):
        return True
    for offset in range(0, end - align(buffers[number].size) + 1, ALIGNMENT):
        tried = [*offsets, offset]
        try:
            assert_sound((buffers[: number + 1], overlaps), tried)
        except AssertionError:
            continue
        if fits(given, end, tried):
            return True
    return False


@given(needs(5, largest=64))
@settings(max_examples=150, deadline=None)
def test_few_buffers_are_packed_optimally(given: Needs) -> None:
    plan = plan_memory(*given)
    assert plan.least
    assert fits(given, plan.size, [])
    assert not given[0] or not fits(given, plan.size - ALIGNMENT, [])


@given(needs(20))
@settings(max_examples=20, deadline=None)
def test_the_plan_is_deterministic(given: Needs) -> None:
    assert plan_memory(*given) == plan_memory(list(given[0]), dict(given[1]))


def test_it_beats_greedy_by_size_where_that_fragments() -> None:
    """Greedy puts the large first and last buffers low; the middle ones then pile up above them."""
    rng = random.Random(5)
    better = 0
    for _ in range(30):
        buffers = [
            Buffer(rng.randint(1, 60) * 16, start, start + rng.randint(0, 4))
            for start in (rng.randint(0, 8) for _ in range(9))
        ]
        better += plan_memory(buffers).size < arena_size(buffers, greedy_by_size(buffers))
    assert better > 0


def test_a_chain_moves_down() -> None:
    """Each is made 16 bytes below the last."""
    buffers = [Buffer(1600, step, step + 1) for step in range(10)]
    plan = plan_memory(buffers, {(step + 1, step): 16 for step in range(9)})
    assert plan.size == 1600 + 9 * 16
    assert plan.offsets == tuple(range(144, -1, -16))


def test_the_search_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not searched to the end is not called the least."""
    rng = random.Random(6)
    buffers = [
        Buffer(rng.randint(1, 60) * 16, start, start + rng.randint(0, 6))
        for start in (rng.randint(0, 30) for _ in range(60))
    ]
    problem = search.Problem(
        tuple(one.size for one in buffers), tuple((one.first, one.last) for one in buffers), gaps(buffers, {})
    )
    monkeypatch.setattr(search, "_WORK", 6000)
    first = greedy_by_size(buffers)
    offsets, least = search.search(problem, first, ALIGNMENT)
    assert not least
    assert_sound((buffers, {}), offsets)
    assert arena_size(buffers, offsets) <= arena_size(buffers, first)


def test_what_lives_long_is_placed_soon() -> None:
    """State and skipped layers make the groups large that each placement looks at."""
    chance = random.Random(1)
    state = [Buffer(chance.randint(1, 5000), -1, 151) for _ in range(150)]
    layers = [Buffer(chance.randint(1, 5000), i - 1, i + chance.choice([0, 0, 1, 3, 10])) for i in range(150)]
    skipped = [Buffer(chance.randint(1, 5000), i - 1, i + chance.choice([100, 200, 380])) for i in range(390)]
    before = time.process_time()
    for buffers in (state + layers, skipped):
        assert_sound((buffers, {}), plan_memory(buffers).offsets)
    assert time.process_time() - before < 15


def test_many_buffers_are_placed() -> None:
    buffers = [Buffer(100 + step % 7, step, step + 2) for step in range(1000)]
    assert plan_memory(buffers).size == 3 * 112


@pytest.mark.parametrize(
    ("buffers", "size"), [([], 0), ([Buffer(1, 0, 0)], 16), ([Buffer(16, 0, 0), Buffer(1, 1, 1)], 16)]
)
def test_small_cases(buffers: list[Buffer], size: int) -> None:
    plan = plan_memory(buffers)
    assert (plan.size, plan.least) == (size, True)
