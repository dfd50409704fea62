"""VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE and CALL_ONCE: state in resource variables. Seed 45."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from harness import TARGETS, assert_same, corner_inputs, target_params
from variable_models import VariableBuilder

from mcu_deploy.boards.reader import load_board
from mcu_deploy.errors import ModelError
from mcu_deploy.graph.checks import check
from mcu_deploy.graph.ir import DataType
from mcu_deploy.graph.reader import parse_model
from mcu_deploy.graph.writer import encode
from mcu_deploy.npu.compiled import read_compiled
from mcu_deploy.npu.vela import compile_model, vela_options
from mcu_deploy.plan.planner import make_plan, observable_tensors
from mcu_deploy.plan.types import Constant
from mcu_deploy.reference.tflm import run_reference

FRAME = (1, 1, 4)
FIRST = np.array([[[-10, 0, 1, 100]]], np.int8)


def total(builder: VariableBuilder, frame: int, variable: str) -> int:
    """The sum of all frames, which it keeps, and a layer behind."""
    handle = builder.handle(variable)
    kept = builder.read(handle, FRAME, frame)
    whole = builder.operator("ADD", [kept, frame])
    builder.assign(handle, whole)
    return builder.fully_connected(whole, 3)


def streaming() -> bytes:
    builder = VariableBuilder("streaming", 45)
    return builder.file([total(builder, builder.input(FRAME, 0.05, -3), "total")])


def ring() -> bytes:
    """A history of five frames and the new one, of which the last five are kept, as in streaming models."""
    builder = VariableBuilder("ring", 45)
    frame = builder.input(FRAME, 0.05, -3)
    builder.call_once()
    handle = builder.handle("history")
    whole = builder.operator("CONCATENATION", [builder.read(handle, (1, 5, 4), frame), frame], axis=1)
    ends = [builder.constant(np.array(numbers, np.int32)) for numbers in ((0, 1, 0), (1, 6, 4), (1, 1, 1))]
    builder.assign(handle, builder.operator("STRIDED_SLICE", [whole, *ends]))
    first = np.arange(-10, 10, dtype=np.int8).reshape(1, 5, 4)
    return builder.file([builder.fully_connected(whole, 3)], {"history": first})


def initialised() -> bytes:
    """Two totals, of which one has first values."""
    builder = VariableBuilder("initialised", 45)
    frame = builder.input(FRAME, 0.05, -3)
    builder.call_once()
    outputs = [total(builder, frame, "first"), total(builder, frame, "second")]
    return builder.file(outputs, {"second": FIRST})


def read_after_assign() -> bytes:
    """What was read keeps its value when the variable gets another one; a second handle reads that."""
    builder = VariableBuilder("order", 45)
    frame = builder.input(FRAME, 0.05, 0, dtype=DataType.INT16)
    handle = builder.handle("one")
    before = builder.read(handle, FRAME, frame)
    builder.assign(handle, frame)
    after = builder.read(builder.handle("one"), FRAME, frame)
    return builder.file([before, after])


@pytest.mark.parametrize("target", target_params())
@pytest.mark.parametrize("make", [streaming, ring, initialised, read_after_assign])
def test_variables(make: Callable[[], bytes], target: str) -> None:
    data = make()
    graph = parse_model(data, "variables")
    check(graph)
    rng = np.random.default_rng(45)
    runs = [*corner_inputs(graph, rng), *corner_inputs(graph, rng)]
    references = run_reference(data, runs, all_tensors=True)
    observed = observable_tensors(make_plan(graph))
    for number, (reference, result) in enumerate(zip(references, TARGETS[target](graph, runs), strict=True)):
        for tensor, view in observed.items():
            wanted = reference.tensors[tensor]
            assert_same(number, tensor, wanted, result.tensors[view.tensor][view.offset :][: wanted.nbytes])


def refused(data: bytes) -> str:
    with pytest.raises(ModelError) as caught:
        check(parse_model(data, "variables"))
    assert caught.value.hint
    return " ".join((caught.value.message, *caught.value.details))


def test_the_value_that_a_reset_gives() -> None:
    graph = parse_model(initialised(), "initialised")
    first, second = (tensor for tensor in graph.tensors if tensor.is_variable)
    assert (first.name, first.shape, first.initial) == ("first", FRAME, None)
    assert second.initial is not None and second.initial.tolist() == FIRST.tolist()
    plan = make_plan(graph)
    assert plan.state[first.index] == 256 - 3
    assert isinstance(plan.state[second.index], Constant)
    assert [graph.operators[index].kind for index in plan.removed] == [
        "CALL_ONCE",
        "VAR_HANDLE",
        "VAR_HANDLE",
    ]


def test_a_variable_has_one_type() -> None:
    builder = VariableBuilder("types", 1)
    frame = builder.input(FRAME, 0.05, -3)
    handle = builder.handle("one")
    kept = builder.read(handle, (1, 4), frame)
    builder.assign(handle, frame)
    assert 'the variable "one" is int8 (1, 4) and int8 (1, 1, 4)' in refused(builder.file([kept]))


def test_a_variable_is_assigned() -> None:
    builder = VariableBuilder("read", 1)
    kept = builder.read(builder.handle("one"), FRAME, builder.input(FRAME, 0.05, -3))
    assert 'the variable "one" is never assigned' in refused(builder.file([kept]))


@pytest.mark.parametrize("first", [np.zeros((1, 4), np.int8), np.zeros(FRAME, np.int16)])
def test_first_values_fit(first: npt.NDArray[np.generic]) -> None:
    builder = VariableBuilder("first", 1)
    frame = builder.input(FRAME, 0.05, -3)
    builder.call_once()
    output = total(builder, frame, "one")
    assert 'the first value of "one" does not fit' in refused(builder.file([output], {"one": first}))


def test_first_values_come_first() -> None:
    builder = VariableBuilder("late", 1)
    output = total(builder, builder.input(FRAME, 0.05, -3), "one")
    builder.call_once()
    assert "uses variables before it initialises them" in refused(builder.file([output], {"one": FIRST}))


@pytest.mark.parametrize("subgraph", [0, -1, 2])
def test_the_subgraph_that_initialises_is_another_one(subgraph: int) -> None:
    builder = VariableBuilder("calls", 1)
    frame = builder.input(FRAME, 0.05, -3)
    builder.call_once(subgraph)
    output = total(builder, frame, "one")
    assert "CALL_ONCE runs a subgraph that is not another one" in refused(
        builder.file([output], {"one": FIRST})
    )


def test_a_subgraph_that_nothing_calls() -> None:
    builder = VariableBuilder("several", 1)
    output = total(builder, builder.input(FRAME, 0.05, -3), "one")
    assert "the model has 2 subgraphs" in refused(builder.file([output], {"one": FIRST}))


def test_first_values_are_constants() -> None:
    builder = VariableBuilder("computed", 1)
    frame = builder.input(FRAME, 0.05, -3)
    builder.call_once()
    values = builder.values([total(builder, frame, "one")], {"one": FIRST})
    constant = next(tensor for tensor in values["subgraphs"][1]["tensors"] if tensor["buffer"])
    constant["buffer"] = 0
    assert "the model's first state is not constant" in refused(encode(values))


def test_handles_are_for_variables_only() -> None:
    builder = VariableBuilder("handle", 1)
    frame = builder.input(FRAME, 0.05, -3)
    handle = builder.handle("one")
    builder.assign(handle, frame)
    output = builder.operator("ADD", [frame, handle], shape=FRAME)
    assert "ADD uses a handle of a variable" in refused(builder.file([output]))


def test_variables_need_handles() -> None:
    builder = VariableBuilder("handle", 1)
    frame = builder.input(FRAME, 0.05, -3)
    builder.assign(builder.handle("one"), frame)
    output = builder.read(frame, FRAME, frame)
    assert "READ_VARIABLE has no handle" in refused(builder.file([output]))


@pytest.mark.parametrize("make", [streaming, initialised])
def test_variables_are_for_the_cpu_alone(make: Callable[[], bytes]) -> None:
    data = make()
    made = compile_model(
        data, vela_options(load_board("corstone-300").npu, "ethos-u55-128", None, None, "size", None)
    )
    with pytest.raises(ModelError, match="resource variables") as caught:
        read_compiled(made.model, parse_model(data, "variables"))
    assert "--npu none" in caught.value.hint
