"""Every tensor of the public models, on random inputs, against TFLM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from harness import TARGETS, assert_same, corner_inputs, target_params

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.checks import check
from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.graph.reader import read_model
from mcu_deploy.graph.rules import RULES
from mcu_deploy.graph.writer import write_model
from mcu_deploy.plan.planner import make_plan, observable_tensors
from mcu_deploy.reference.tflm import run_reference

MODELS = ("kws_micronet_l.tflite", "kws_micronet_m.tflite", "ad_small_int8.tflite")

# TFLM's arena_used_bytes with CMSIS-NN on a Cortex-M55, as measured: ours may not be larger.
TFLM_ARENA = {"kws_micronet_m.tflite": 105_428, "ad_small_int8.tflite": 114_340}

ModelPath = Callable[[str], Path]


@pytest.mark.parametrize("target", target_params())
@pytest.mark.parametrize("name", MODELS)
def test_every_tensor_has_tflms_bits(name: str, target: str, model_path: ModelPath) -> None:
    path = model_path(name)
    graph = read_model(path)
    rng = np.random.default_rng(1)
    runs = [
        [rng.integers(-128, 128, graph.tensors[i].shape, dtype=np.int8) for i in graph.inputs]
        for _ in range(3)
    ]
    references = run_reference(path.read_bytes(), runs, all_tensors=True)
    results = TARGETS[target](graph, runs)
    made = observable_tensors(make_plan(graph))
    assert made.keys() == {tensor for operator in graph.operators for tensor in operator.outputs}
    for number, (reference, result) in enumerate(zip(references, results, strict=True)):
        for tensor, view in made.items():
            assert view.offset == 0
            assert_same(number, tensor, reference.tensors[tensor], result.tensors[view.tensor])
        for wanted, got in zip(reference.outputs, result.outputs, strict=True):
            assert wanted.tobytes() == got


@pytest.mark.parametrize("name", TFLM_ARENA)
def test_the_arena_is_not_larger_than_tflms(name: str, model_path: ModelPath) -> None:
    assert make_plan(read_model(model_path(name))).arena_bytes <= TFLM_ARENA[name]


def alone(builder: GraphBuilder, graph: Graph, operator: Operator) -> list[int]:
    """Adds one operator of a graph to a builder, with inputs of its own; gives its outputs."""

    def add(index: int) -> int:
        if index < 0:
            return index
        tensor = graph.tensors[index]
        copy = builder.tensor(tensor.shape, tensor.quantization, dtype=tensor.dtype, data=tensor.data)
        if tensor.data is None and index in operator.inputs:
            builder.inputs.append(copy)
        return copy

    inputs, outputs = tuple(map(add, operator.inputs)), tuple(map(add, operator.outputs))
    moved = replace(operator, index=len(builder.operators), inputs=inputs, outputs=outputs)
    builder.operators.append(moved)
    return list(outputs)


@pytest.mark.parametrize("target", target_params())
def test_operators_of_a_model_with_extreme_scales(target: str, model_path: ModelPath) -> None:
    """Two of them have biases and multipliers at the end of their range; others are not supported yet."""
    whole = read_model(model_path("audio_sound_event_v1.0.2_int8.tflite"))
    builder = GraphBuilder()
    supported = [operator for operator in whole.operators if operator.kind in RULES]
    graph = builder.build([tensor for one in supported for tensor in alone(builder, whole, one)])
    check(graph)
    assert {21, 22} <= {operator.index for operator in supported}
    runs = corner_inputs(graph, np.random.default_rng(3))
    references = run_reference(write_model(graph), runs)
    for number, (wanted, got) in enumerate(zip(references, TARGETS[target](graph, runs), strict=True)):
        for tensor, one, other in zip(graph.outputs, wanted.outputs, got.outputs, strict=True):
            assert_same(number, tensor, one, other)
