"""The stand-in for AclNet has the published shapes, and is the same network in every format."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import aclnet_weights
import numpy as np
import pytest
from aclnet_graph import INPUT_SHAPE, LAYERS, Conv, MaxPool, output_shape, parameters
from aclnet_weights import Float, Statistics, sounds

from mcu_deploy.graph.macs import operator_macs
from mcu_deploy.graph.reader import read_model
from mcu_deploy.quantize.interpreter import run_model
from mcu_deploy.resources import resource_dir

PARAMETERS = 2_716_991
# (channels, height, width) behind each pooling, as the publisher's file has them.
POOLED = [
    (128, 1, 100),
    (64, 65, 51),
    (128, 34, 27),
    (256, 19, 15),
    (512, 11, 9),
    (1024, 7, 6),
]


@pytest.fixture(scope="module")
def made() -> tuple[dict[str, Float], list[Statistics]]:
    return aclnet_weights.seeded(0)


@pytest.fixture(scope="module")
def expected(made: tuple[dict[str, Float], list[Statistics]]) -> Float:
    """The probabilities of two sounds that the weights were not scaled on."""
    logits = aclnet_weights.logits(made[0], sounds(2, first=700))
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the documented command writes with TensorFlow."""
    folder = tmp_path_factory.mktemp("aclnet")
    _build(folder, "keras,tflite", "tensorflow")
    return folder


def _build(folder: Path, formats: str, package: str) -> str:
    pytest.importorskip(package)
    script = resource_dir("models") / "aclnet" / "build.py"
    command = [sys.executable, str(script), str(folder), "--formats", formats, "--statistics"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_shapes_are_the_published_ones() -> None:
    shape = INPUT_SHAPE
    pooled = []
    for layer in LAYERS:
        shape = output_shape(layer, shape)
        if isinstance(layer, MaxPool):
            pooled.append(shape)
    assert pooled == POOLED
    assert shape == (53, 1, 1)
    assert parameters() == PARAMETERS


def test_no_channel_is_dead_and_none_outgrows_the_others(
    made: tuple[dict[str, Float], list[Statistics]],
) -> None:
    arrays, statistics = made
    assert sum(array.size for array in arrays.values()) == PARAMETERS
    assert len(statistics) == sum(isinstance(layer, Conv) for layer in LAYERS) + 1
    for layer in statistics:
        assert layer.dead == 0, layer
        assert 0.4 < layer.positive < 0.95 and 2 < layer.largest < 30, layer


def test_sounds_get_different_answers(made: tuple[dict[str, Float], list[Statistics]]) -> None:
    logits = aclnet_weights.logits(made[0], sounds(8, first=700))
    assert len(set(logits.argmax(axis=1))) >= 4


def test_the_tflite_file_is_the_network(built: Path, expected: Float) -> None:
    graph = read_model(built / "aclnet_seeded.tflite")
    assert sum(operator_macs(graph, operator) or 0 for operator in graph.operators) == 702_615_360
    shape = graph.tensors[graph.inputs[0]].shape
    found = run_model(graph, (sounds(2, first=700).reshape(2, *shape),), timeout=120)
    np.testing.assert_allclose(found.outputs[0].reshape(2, 53), expected, atol=1e-4)


def test_the_keras_file_is_the_network(built: Path, expected: Float) -> None:
    import keras

    model = keras.models.load_model(built / "aclnet_seeded.keras", compile=False)
    assert model.count_params() == PARAMETERS
    found = model.predict(sounds(2, first=700).transpose(0, 2, 3, 1), verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_onnx_file_is_the_network(tmp_path: Path, expected: Float) -> None:
    text = _build(tmp_path, "onnx", "onnx")
    assert "2,716,991 parameters" in text and "stage4_2_pointwise" in text
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(str(tmp_path / "aclnet_seeded.onnx"))
    clip = sounds(1, first=700)
    assert clip.shape == (1, *INPUT_SHAPE)
    (found,) = evaluator.run(None, {"samples": clip})
    np.testing.assert_allclose(found, expected[:1], atol=1e-4)
