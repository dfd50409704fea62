"""Keras files and SavedModels: converted by TensorFlow, and none of their code run."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command import assert_refused, mcu_deploy

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.reader import read_model
from mcu_deploy.quantize.converters import convert_keras

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="tensorflow is not installed"
)

MAKE = """
import sys, numpy as np, keras
keras.utils.set_random_seed(3)
layers = keras.layers
def body(source):
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(source)
    x = layers.GlobalAveragePooling2D()(layers.BatchNormalization()(x))
    return layers.Dense(3, activation="softmax")(x)
fixed, open_ = keras.Input((12, 10, 2), name="image"), keras.Input((None, 10, 2), name="image")
model = keras.Model(fixed, body(fixed))
model.save("model.keras")
model.save("model.h5")
model.export("saved", verbose=False)
keras.Model(open_, body(open_)).save("open.keras")
keras.Model(fixed, layers.Lambda(lambda x: x * 2)(fixed)).save("lambda.keras")
values = np.random.default_rng(5).normal(0.3, 1, (20, 12, 10, 2)).astype(np.float32)
np.save("inputs.npy", values)
np.save("outputs.npy", model.predict(values, verbose=0))
"""


@pytest.fixture(scope="session")
def keras_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of every kind, made in a process of its own."""
    folder = tmp_path_factory.mktemp("keras")
    subprocess.run([sys.executable, "-c", MAKE], cwd=folder, check=True, capture_output=True, timeout=300)
    return folder


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "saved"])
def test_a_keras_model_is_quantised(name: str, keras_models: Path, tmp_path: Path) -> None:
    output = tmp_path / "made.tflite"
    options = ("--calibration", "inputs.npy", "-o", output, "--json")
    result = mcu_deploy("quantize", name, *options, cwd=keras_models)
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document["model"]["format"] == ("SavedModel" if name == "saved" else "Keras")
    assert document["int8"]["inputs"][0]["shape"] == [1, 12, 10, 2]
    (figures,) = document["calibration"]["outputs"]
    assert figures["snr_db"] > 25 and figures["top1_agreement"] >= 0.9
    assert "fixed to (1, 12, 10, 2)" in document["notes"][0]
    assert read_model(output).operators


def test_the_float_graph_computes_what_keras_does(keras_models: Path) -> None:
    from mcu_deploy.quantize.interpreter import run_model

    graph = convert_keras(keras_models / "model.keras", (), 300).graph
    values = np.load(keras_models / "inputs.npy")[:, np.newaxis]
    found = run_model(graph, [values]).outputs[0]
    np.testing.assert_allclose(found[:, 0], np.load(keras_models / "outputs.npy"), rtol=1e-4, atol=1e-6)


def test_a_dimension_that_is_not_known_is_fixed_by_an_option(keras_models: Path) -> None:
    with pytest.raises(ModelError, match="--input-shape"):
        convert_keras(keras_models / "open.keras", (), 300)
    graph = convert_keras(keras_models / "open.keras", ((1, 20, 10, 2),), 300).graph
    assert graph.tensors[graph.inputs[0]].shape == (1, 20, 10, 2)


def test_code_in_a_file_is_not_run(keras_models: Path) -> None:
    options = ("--calibration", "inputs.npy")
    result = mcu_deploy("quantize", "lambda.keras", *options, cwd=keras_models)
    assert_refused(result, 2, "Lambda", "not run", ".tflite")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.h5").write_bytes(b"\x89HDF\r\n\x1a\n and no more")
    with pytest.raises(ModelError, match=r"bad\.h5"):
        convert_keras(tmp_path / "bad.h5", (), 300)


@pytest.mark.parametrize("name", ["smallfcnn", "mobnet"])
def test_the_scene_models_load_as_their_authors_converted_them(
    name: str, model_path: Callable[[str], Path]
) -> None:
    """Keras 2.2 wrote them, with Lambda layers that Keras 3 refuses."""
    converted = convert_keras(model_path(f"dcase2020_{name}.hdf5"), (), 300)
    published = read_model(model_path(f"dcase2020_{name}_drq.tflite"))
    weighted = ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "CONCATENATION", "SOFTMAX", "MAX_POOL_2D")
    counts = [
        Counter(operator.kind for operator in graph.operators) for graph in (converted.graph, published)
    ]
    if name == "mobnet":
        assert [counts[0][kind] for kind in weighted] == [counts[1][kind] for kind in weighted]
        assert sum("its code is not run" in note for note in converted.notes) == 2
    else:
        assert counts[0]["CONV_2D"] == counts[1]["CONV_2D"] == 7
    assert converted.graph.tensors[converted.graph.inputs[0]].shape == (1, 128, 461, 6)
