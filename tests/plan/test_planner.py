"""Plans: lifetimes, aliases, inputs and outputs of every shape."""

from __future__ import annotations

from dataclasses import replace

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import Graph
from mcu_deploy.graph.reader import NPU_OPERATOR
from mcu_deploy.graph.rules import RULES
from mcu_deploy.plan.kernels import KERNELS, VIEWS
from mcu_deploy.plan.planner import make_plan, observable_tensors, offset_of
from mcu_deploy.plan.types import Allocation, Plan, View


def chain() -> tuple[Graph, list[int]]:
    builder = GraphBuilder("chain", 3)
    tensors = [builder.input((1, 8, 8, 3))]
    tensors.append(builder.conv_2d(tensors[-1], 8, (3, 3)))
    tensors.append(builder.depthwise_conv_2d(tensors[-1], 1, (3, 3)))
    tensors.append(builder.conv_2d(tensors[-1], 4, (1, 1)))
    return builder.build(tensors[-1:]), tensors


def tensor_allocation(plan: Plan, tensor: int) -> Allocation:
    return next(one for one in plan.allocations if one.tensor == tensor)


def test_lifetimes_reach_from_making_to_the_last_use() -> None:
    graph, tensors = chain()
    plan = make_plan(graph)
    lives = [(tensor_allocation(plan, t).first_step, tensor_allocation(plan, t).last_step) for t in tensors]
    assert lives == [(-1, 0), (0, 1), (1, 2), (2, 3)]


def test_scratch_memory_lives_during_its_step_only() -> None:
    graph, _ = chain()
    plan = make_plan(graph)
    scratch = [one for one in plan.allocations if one.tensor < 0]
    assert [(one.step, one.first_step, one.last_step) for one in scratch] == [(0, 0, 0), (1, 1, 1)]
    assert scratch[0].size == 2 * 3 * 3 * 3
    assert scratch[1].size == 8 * 9 + 8


def test_macs_and_constants_are_counted() -> None:
    graph, _ = chain()
    plan = make_plan(graph)
    assert [step.macs for step in plan.steps] == [64 * 8 * 27, 64 * 8 * 9, 64 * 4 * 8]
    assert plan.macs == sum(step.macs for step in plan.steps)
    # Weights, and nine bytes a channel of bias, multiplier and shift.
    assert plan.constant_bytes == (8 * 27 + 8 * 9 + 4 * 8) + 9 * (8 + 8 + 4)


def test_all_inputs_are_alive_before_the_first_step_and_outputs_to_the_end() -> None:
    builder = GraphBuilder("several", 1)
    first, second, unused = (builder.input((1, 100), 0.1, 0) for _ in range(3))
    one = builder.operator("RELU6", [first])
    two = builder.operator("RELU6", [second])
    plan = make_plan(builder.build([one, two]))
    assert tensor_allocation(plan, second).first_step == -1
    assert tensor_allocation(plan, unused).last_step == -1
    assert tensor_allocation(plan, one).last_step == len(plan.steps) == 2
    places = [tensor_allocation(plan, tensor) for tensor in (first, second, unused)]
    assert len({place.offset for place in places}) == 3


def test_a_reshaped_input_may_be_an_output() -> None:
    builder = GraphBuilder("reshape", 1)
    values = builder.input((1, 12), 0.1, 0)
    flat = builder.operator("RESHAPE", [values], new_shape=(3, 4))
    plan = make_plan(builder.build([flat]))
    assert plan.steps == ()
    assert plan.views == {flat: View(values)}
    assert offset_of(plan, flat) == tensor_allocation(plan, values).offset
    assert tensor_allocation(plan, values).last_step == 0
    assert observable_tensors(plan) == {}


def test_an_input_that_is_an_output_survives() -> None:
    builder = GraphBuilder("through", 1)
    values = builder.input((1, 64), 0.1, 0)
    other = builder.operator("RELU6", [builder.operator("RELU6", [values])])
    plan = make_plan(replace(builder.build([other]), outputs=(values, other)))
    assert tensor_allocation(plan, values).last_step == len(plan.steps)


def test_an_unused_result_has_a_place() -> None:
    builder = GraphBuilder("unused", 1)
    values = builder.input((1, 64), 0.1, 0)
    unused = builder.operator("RELU6", [values])
    plan = make_plan(builder.build([builder.operator("RELU6", [values])]))
    assert (tensor_allocation(plan, unused).first_step, tensor_allocation(plan, unused).last_step) == (0, 0)


def test_all_that_the_checks_let_through_can_be_planned() -> None:
    assert {*KERNELS, *VIEWS} == {*RULES, NPU_OPERATOR}
