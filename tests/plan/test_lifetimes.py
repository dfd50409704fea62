"""Which tensors may lie in each other's memory: with views, joins, and tensors that live on."""

from __future__ import annotations

import numpy as np

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import Graph
from mcu_deploy.plan.lifetimes import lifetimes, overlaps
from mcu_deploy.plan.planner import make_plan, offset_of
from mcu_deploy.plan.types import Plan, Step, View


def allowed(graph: Graph) -> tuple[Plan, dict[tuple[int, int], int]]:
    plan = make_plan(graph)
    calls = [(step.inputs, step.outputs) for step in plan.steps]
    return plan, overlaps(plan.steps, plan.views, lifetimes(graph, calls, plan.views, plan.state))


def relu(builder: GraphBuilder, values: int) -> int:
    return builder.operator("RELU6", [values])


def test_a_chain_is_computed_in_one_place() -> None:
    builder = GraphBuilder("chain", 1)
    values = builder.input((1, 100), 0.05, 0)
    made = [values]
    for _ in range(3):
        made.append(relu(builder, made[-1]))
    plan, pairs = allowed(builder.build(made[-1:]))
    assert pairs == {(made[i + 1], made[i]): 0 for i in range(3)}
    assert (plan.arena_bytes, plan.arena_least) == (112, True)


def test_what_is_read_again_is_left_alone() -> None:
    builder = GraphBuilder("again", 1)
    values = builder.input((1, 100), 0.05, 0)
    first = relu(builder, values)
    second = builder.operator("LOGISTIC", [first], scale=1 / 256, zero_point=-128)
    total = builder.operator("ADD", [first, second])
    _, pairs = allowed(builder.build([first, total]))
    # Not `first`: it is an output of the model.
    assert pairs == {(first, values): 0, (total, second): 0}


def test_a_tensor_read_through_views_counts_from_where_they_lie() -> None:
    """Both halves of one tensor: the output may begin where the first does, and is done with the second."""
    builder = GraphBuilder("halves", 1)
    values = relu(builder, builder.input((2, 64), 0.05, 0))
    halves = builder.operator_with_outputs("UNPACK", [values], num=2)
    total = builder.operator("ADD", list(halves))
    plan, pairs = allowed(builder.build([total]))
    assert pairs[total, values] == 0
    assert plan.arena_bytes == 128


def test_a_view_that_begins_late_may_be_overwritten_from_before_it() -> None:
    """What lies before it in the same tensor is needed no more; the distance is never below 0."""
    builder = GraphBuilder("late", 1)
    whole = relu(builder, builder.input((4, 16), 0.05, 0))
    begin, size = (builder.constant(np.array(one, np.int32)) for one in ([3, 0], [1, 16]))
    row = builder.operator("SLICE", [whole, begin, size], shape=(1, 16))
    made = relu(builder, row)
    plan, pairs = allowed(builder.build([made]))
    assert pairs[made, whole] == 0
    assert offset_of(plan, row) == offset_of(plan, whole) + 48


def test_parts_of_a_joined_tensor_do_not_overwrite_each_other() -> None:
    """The first part may take over its input's memory, counted from where it lies in the whole."""
    builder = GraphBuilder("joined", 1)
    sources = [relu(builder, builder.input((1, 32), 0.05, 0)) for _ in range(2)]
    parts = [relu(builder, one) for one in sources]
    whole = builder.operator("CONCATENATION", parts[::-1], axis=1)
    plan, pairs = allowed(builder.build([whole]))
    assert plan.views[parts[0]].offset == 32
    assert pairs[whole, sources[0]] == 32
    assert (whole, sources[1]) not in pairs


def test_state_and_what_a_kernel_says_nothing_about_are_left_alone() -> None:
    def step(distances: dict[int, int]) -> Step:
        return Step(0, (0,), "ADD", "f", "portable", "", (0, 1), (2,), (0, 1), overlaps=distances)

    lives = {0: (-1, 0), 1: (-1, 0), 2: (0, 1)}
    assert overlaps([step({0: 3, 1: 5})], {}, lives) == {(2, 0): 3, (2, 1): 5}
    assert overlaps([step({0: 3})], {}, lives) == {(2, 0): 3}
    assert overlaps([step({0: 3, 1: 5})], {}, {**lives, 1: (-1, 1)}) == {(2, 0): 3}
    # Both in one tensor: the greater distance; or none, if one of them has none.
    same = {1: View(0)}
    assert overlaps([step({0: 3, 1: 5})], same, lives) == {(2, 0): 5}
    assert overlaps([step({0: 3})], same, lives) == {}
