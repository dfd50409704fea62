"""Tensors in the memory of others: parts of their input, and inputs in their places in an output."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mcu_deploy.graph.builder import GraphBuilder, OutputQuantization
from mcu_deploy.graph.ir import Graph
from mcu_deploy.plan import placing
from mcu_deploy.plan.placing import JOIN_REASON
from mcu_deploy.plan.planner import make_plan, observable_tensors, offset_of
from mcu_deploy.plan.types import Optimise, Plan, View


def relu(builder: GraphBuilder, source: int) -> int:
    return builder.operator("RELU6", [source])


def join(builder: GraphBuilder, *sources: int, axis: int = 1) -> int:
    return builder.operator("CONCATENATION", sources, axis=axis)


def kinds(plan: Plan) -> list[str]:
    return [step.kind for step in plan.steps]


def branches(builder: GraphBuilder, *sizes: int) -> list[int]:
    """Tensors of these sizes, quantised alike, made from a small one."""
    source = builder.input((1, 4))
    output = OutputQuantization(0.05, -1)
    return [builder.fully_connected(source, size, output=output) for size in sizes]


def test_inputs_are_made_in_their_places() -> None:
    builder = GraphBuilder("join", 1)
    parts = branches(builder, 64, 32)
    whole = join(builder, *parts)
    result = relu(builder, whole)
    plan = make_plan(builder.build([result]))
    assert kinds(plan) == ["FULLY_CONNECTED", "FULLY_CONNECTED", "RELU6"]
    assert plan.removed == {2: JOIN_REASON}
    assert plan.views == {parts[0]: View(whole, 0), parts[1]: View(whole, 64)}
    assert [offset_of(plan, part) - offset_of(plan, whole) for part in parts] == [0, 64]
    (place,) = [one for one in plan.allocations if one.tensor == whole]
    assert (place.first_step, place.last_step, place.size) == (0, 2, 96)
    assert [step.completed for step in plan.steps] == [(), (whole,), ()]
    assert observable_tensors(plan) == {tensor: View(tensor) for tensor in (*parts, whole, result)}


def nested(builder: GraphBuilder) -> int:
    first, second, third = branches(builder, 64, 32, 16)
    return join(builder, third, join(builder, first, second))


def through_reshape(builder: GraphBuilder) -> int:
    first, second = branches(builder, 64, 32)
    images = [builder.operator("RESHAPE", [one], new_shape=(1, -1, 4)) for one in (first, second)]
    return builder.operator("CONCATENATION", images, axis=1)


def packed(builder: GraphBuilder) -> int:
    return builder.operator("PACK", branches(builder, 64, 64), axis=0, values_count=2)


def read_elsewhere(builder: GraphBuilder) -> int:
    first, second = branches(builder, 64, 32)
    whole = join(builder, first, second)
    third = relu(builder, first)
    return join(builder, relu(builder, whole), third)


JOINED = {
    nested: (3, 2),
    through_reshape: (2, 1),
    packed: (2, 1),
    read_elsewhere: (4, 2),
}


@pytest.mark.parametrize("build", JOINED, ids=lambda build: build.__name__)
def test_what_is_joined(build: Callable[[GraphBuilder], int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is copied, and less memory is needed."""
    builder = GraphBuilder("joined", 1)
    graph = builder.build([build(builder)])
    plan = make_plan(graph)
    steps, joins = JOINED[build]
    assert len(plan.steps) == steps
    assert list(plan.removed.values()).count(JOIN_REASON) == joins
    monkeypatch.setattr(placing, "JOINS", {})
    copied = make_plan(graph)
    assert len(copied.steps) == len(plan.steps) + joins
    assert plan.arena_bytes < copied.arena_bytes


def of_an_input(builder: GraphBuilder) -> Graph:
    return builder.build([join(builder, builder.input((1, 8)), *branches(builder, 8))])


def of_a_constant(builder: GraphBuilder) -> Graph:
    constant = builder.constant(np.zeros((1, 8), np.int8), 0.05, -1)
    return builder.build([join(builder, constant, *branches(builder, 8))])


def of_the_same_twice(builder: GraphBuilder) -> Graph:
    (part,) = branches(builder, 8)
    return builder.build([join(builder, part, part)])


def of_a_part(builder: GraphBuilder) -> Graph:
    first, second = branches(builder, 8, 8)
    halves = [builder.constant(np.array(one, np.int32)) for one in ([0, 0], [1, 4])]
    half = builder.operator("SLICE", [first, *halves])
    return builder.build([join(builder, half, second)])


def off_a_word(builder: GraphBuilder) -> Graph:
    return builder.build([join(builder, *branches(builder, 6, 8))])


def along_an_inner_axis(builder: GraphBuilder) -> Graph:
    parts = [relu(builder, builder.input((2, 8))) for _ in range(2)]
    return builder.build([join(builder, *parts)])


@pytest.mark.parametrize(
    "build", [of_an_input, of_a_constant, of_the_same_twice, of_a_part, off_a_word, along_an_inner_axis]
)
def test_what_is_copied(build: Callable[[GraphBuilder], Graph]) -> None:
    assert kinds(make_plan(build(GraphBuilder("copied", 1))))[-1] == "CONCATENATION"


def test_a_tensor_has_one_place() -> None:
    builder = GraphBuilder("places", 1)
    first, second, third = branches(builder, 8, 8, 8)
    plan = make_plan(builder.build([join(builder, first, second), join(builder, third, first)]))
    assert kinds(plan) == ["FULLY_CONNECTED"] * 3 + ["CONCATENATION"]


def test_what_would_raise_the_peak_is_copied() -> None:
    """The whole, most of which comes late, would be kept while the largest tensors are."""
    builder = GraphBuilder("peak", 1)
    small, late = branches(builder, 16, 64)
    image = builder.operator("RESHAPE", [relu(builder, late)], new_shape=(1, 8, 8, 1))
    image = relu(builder, builder.conv_2d(image, 64, (1, 1)))
    quantised = builder.tensors[small].quantization
    assert quantised is not None
    alike = OutputQuantization(float(quantised.scale[0]), int(quantised.zero_point[0]))
    part = builder.conv_2d(image, 16, (1, 1), output=alike)
    flat = builder.operator("RESHAPE", [part], new_shape=(1, -1))
    graph = builder.build([join(builder, small, flat)])
    plan = make_plan(graph)
    assert kinds(plan)[-1] == "CONCATENATION"
    fast = make_plan(graph, optimise=Optimise.SPEED)
    assert "CONCATENATION" not in kinds(fast)
    assert fast.arena_bytes > plan.arena_bytes


@pytest.mark.parametrize(("size", "steps"), [(8, 1), (6, 2)])
def test_parts_of_an_input_lie_there(size: int, steps: int) -> None:
    """If they begin at a whole word: else each SPLIT is a step."""
    builder = GraphBuilder("parts", 1)
    source = relu(builder, builder.input((2, size)))
    axis = builder.constant(np.int32(0))
    quantization = builder.tensors[source].quantization
    dtype = builder.tensors[source].dtype
    options = {"num_splits": 2, "quantization": quantization, "dtype": dtype}
    halves = builder.operator_with_outputs("SPLIT", [axis, source], **options)  # type: ignore[arg-type]
    plan = make_plan(builder.build(halves))
    assert len(plan.steps) == steps
    if steps == 1:
        assert plan.views == {halves[0]: View(source, 0), halves[1]: View(source, size)}
        assert observable_tensors(plan)[halves[1]] == View(source, size)
