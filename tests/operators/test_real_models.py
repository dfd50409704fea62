"""Every tensor of the public models, on random inputs, against TFLM."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from harness import TARGETS, assert_same

from mcu_deploy.graph.reader import read_model
from mcu_deploy.plan.planner import make_plan, observable_tensors
from mcu_deploy.reference.tflm import run_reference

MODELS = ("kws_micronet_l.tflite", "kws_micronet_m.tflite", "ad_small_int8.tflite")

# TFLM's arena_used_bytes with CMSIS-NN on a Cortex-M55, as measured: ours may not be larger.
TFLM_ARENA = {"kws_micronet_m.tflite": 105_428, "ad_small_int8.tflite": 114_340}

ModelPath = Callable[[str], Path]


@pytest.mark.parametrize("target", TARGETS)
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
        for tensor, seen in made.items():
            assert_same(number, tensor, reference.tensors[tensor], result.tensors[seen])
        for wanted, got in zip(reference.outputs, result.outputs, strict=True):
            assert wanted.tobytes() == got


@pytest.mark.parametrize("name", TFLM_ARENA)
def test_the_arena_is_not_larger_than_tflms(name: str, model_path: ModelPath) -> None:
    assert make_plan(read_model(model_path(name))).arena_bytes <= TFLM_ARENA[name]
