"""``mcu-deploy quantize`` as a user runs it."""

from __future__ import annotations

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any

import command
import float_models
import numpy as np
import pytest
from command import Result, assert_refused, chirp, listing, mcu_deploy, write_wav
from float_models import FloatBuilder
from synthetic_scenes import write_scenes

from mcu_deploy.graph.ir import DataType
from mcu_deploy.graph.reader import read_model
from mcu_deploy.graph.writer import write_model

pytestmark = pytest.mark.usefixtures("interpreter")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A float model, arrays to calibrate with and others."""
    (tmp_path / "model.tflite").write_bytes(write_model(float_models.classifier()))
    np.save(tmp_path / "calibration.npy", float_models.inputs(20))
    np.save(tmp_path / "one.npy", float_models.inputs(1, seed=8)[0, 0])
    np.savez(tmp_path / "held.npz", a=float_models.inputs(4, seed=6), b=float_models.inputs(1, seed=7)[0])
    return tmp_path


def _quantize(folder: Path, *arguments: object) -> Result:
    return mcu_deploy("quantize", *arguments, cwd=folder)


def test_a_model_is_quantised_and_compared(folder: Path) -> None:
    options = ("--calibration", "calibration.npy", "one.npy", "--held-out", "held.npz", "--json")
    result = _quantize(folder, "model.tflite", *options)
    assert result.code == 0, result.err
    document: dict[str, Any] = json.loads(result.out)
    made = folder / "model_int8.tflite"
    assert document["schema"] == "mcu-deploy/quantize/1"
    assert document["int8"]["file"] == made.name
    assert document["int8"]["sha256"] == hashlib.sha256(made.read_bytes()).hexdigest()
    assert document["int8"]["bytes"] == made.stat().st_size < document["model"]["bytes"]
    assert document["interpreter"] == "tflm"
    assert (document["calibration"]["files"], document["calibration"]["inputs"]) == (2, 21)
    assert (document["held_out"]["files"], document["held_out"]["inputs"]) == (1, 5)
    for part in ("calibration", "held_out"):
        (output,) = document[part]["outputs"]
        assert output["snr_db"] > 25 and output["top1_agreement"] >= 0.8
    assert [layer["kind"] for layer in document["layers"]] == [
        operator.kind for operator in read_model(made).operators
    ]
    worst = [layer["snr_db"] for layer in document["worst_layers"]]
    assert worst == sorted(worst) and worst[0] == min(layer["snr_db"] for layer in document["layers"])
    assert document["npu"]["cpu_operators"] == ["SOFTMAX"] or document["npu"]["cpu_operators"] == []
    assert document["problems"] == [] and document["notes"] == []
    inspected = mcu_deploy("inspect", made, "--json")
    assert json.loads(inspected.out)["problems"] == []


def test_the_result_deploys_natively(folder: Path, tools: None) -> None:
    assert _quantize(folder, "model.tflite", "--random", 3).code == 0
    result = mcu_deploy("deploy", "model_int8.tflite", "--simulator", "native", "--layers", cwd=folder)
    assert result.code == 0, result.err


def test_the_text_names_figures_and_notes(folder: Path) -> None:
    result = _quantize(folder, "model.tflite", "--random", "3", "-o", "made.tflite")
    assert result.code == 0, result.err
    assert "made.tflite" in result.out and "top-1 agreement" in result.out
    assert "worst layers" in result.out and "ethos-u55-128" in result.out
    assert "the inputs are random" in result.out and "no held-out inputs" in result.out


def test_recordings_pass_through_the_front_end(tmp_path: Path) -> None:
    builder = FloatBuilder("keywords")
    x = builder.conv(builder.image((1, 49, 10, 1)), 4, stride_h=2, stride_w=2)
    model = builder.build([builder.dense(x, 3)])
    (tmp_path / "model.tflite").write_bytes(write_model(model))
    write_scenes(tmp_path / "scenes", 3, 1.5, 16000, 1)
    write_wav(tmp_path / "short.wav", chirp(0.4).tobytes())
    options = ("--calibration", "scenes", "short.wav", "--frontend", "micronet-kws", "--json")
    result = _quantize(tmp_path, "model.tflite", *options)
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document["frontend"] == "micronet-kws"
    assert document["calibration"]["files"] == 4 and document["calibration"]["inputs"] == 4
    assert document["calibration"]["outputs"][0]["snr_db"] > 25


def test_arrays_in_the_layout_of_the_source(tmp_path: Path) -> None:
    builder = FloatBuilder("first")
    source = builder.input((1, 3, 12, 10), dtype=DataType.FLOAT32)
    order = builder.constant(np.array([0, 2, 3, 1], np.int32))
    last = builder.operator("TRANSPOSE", [source, order], shape=(1, 12, 10, 3))
    (tmp_path / "model.tflite").write_bytes(write_model(builder.build([builder.conv(last, 4)])))
    values = float_models.inputs(3)
    np.save(tmp_path / "last.npy", values)
    np.save(tmp_path / "first.npy", values.transpose(0, 1, 4, 2, 3))
    documents = []
    for name in ("last", "first"):
        result = _quantize(
            tmp_path, "model.tflite", "--calibration", f"{name}.npy", "--json", "-o", f"{name}.tflite"
        )
        assert result.code == 0, result.err
        documents.append(json.loads(result.out))
    assert documents[0]["int8"]["sha256"] == documents[1]["int8"]["sha256"]
    assert any("channels last" in note for note in documents[0]["notes"])


def test_several_inputs_come_from_one_file(tmp_path: Path) -> None:
    builder = FloatBuilder("two")
    first = builder.input((1, 6), dtype=DataType.FLOAT32, name="first")
    second = builder.input((1, 4), dtype=DataType.FLOAT32, name="second")
    x = builder.operator("ADD", [builder.dense(first, 3), builder.dense(second, 3)], shape=(1, 3))
    (tmp_path / "model.tflite").write_bytes(write_model(builder.build([x])))
    values = float_models.inputs(6, shape=(1, 6)), float_models.inputs(6, shape=(1, 4))
    np.savez(tmp_path / "named.npz", second=values[1], first=values[0])
    result = _quantize(tmp_path, "model.tflite", "--calibration", "named.npz", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["calibration"]["inputs"] == 6
    np.savez(tmp_path / "odd.npz", second=values[1][:2], first=values[0])
    assert_refused(_quantize(tmp_path, "model.tflite", "--calibration", "odd.npz", "--force"), 2, "odd.npz")


def _bad(tmp_path: Path) -> None:
    """Files of every kind that cannot be used."""
    np.save(tmp_path / "nan.npy", np.full((3, *float_models.SHAPE), np.nan, np.float32))
    np.save(tmp_path / "constant.npy", np.full((3, *float_models.SHAPE), 0.5, np.float32))
    np.save(tmp_path / "shape.npy", np.zeros((3, 7), np.float32))
    np.save(tmp_path / "int8.npy", np.zeros(float_models.SHAPE, np.int8))
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY\x01\x00")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "text.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    write_wav(tmp_path / "sound.wav", chirp(1).tobytes())


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["nan.npy"], ("nan.npy", "NaN")),
        (["constant.npy"], ("every value", "0.5")),
        (["shape.npy"], ("shape.npy", "(3, 7)", "(1, 12, 10, 3)")),
        (["int8.npy"], ("int8", "float")),
        (["broken.npy"], ("broken.npy",)),
        (["broken.npz"], ("broken.npz",)),
        (["text.txt"], ("text.txt", ".wav")),
        (["empty"], ("empty",)),
        (["missing.npy"], ("missing.npy",)),
        (["sound.wav"], ("sound.wav", "--frontend")),
        (["calibration.npy", "nan.npy"], ("nan.npy",)),
    ],
)
def test_calibration_that_cannot_be_used(folder: Path, files: list[str], words: tuple[str, ...]) -> None:
    _bad(folder)
    before = listing(folder)
    assert_refused(_quantize(folder, "model.tflite", "--calibration", *files), 2, *words)
    assert listing(folder) == before


def test_models_that_cannot_be_used(folder: Path) -> None:
    (folder / "int8.tflite").write_bytes(command.dense_model())
    (folder / "text.onx").write_text("not a model")
    (folder / "folder").mkdir()
    odd = FloatBuilder("odd")
    x = odd.operator("FLOOR", [odd.image()], shape=float_models.SHAPE)
    (folder / "odd.tflite").write_bytes(write_model(odd.build([x])))
    calibration = ("--calibration", "calibration.npy")
    before = listing(folder)
    assert_refused(_quantize(folder, "int8.tflite", *calibration), 2, "full int8 already")
    assert_refused(_quantize(folder, "text.onx", *calibration), 2, "text.onx", ".keras")
    assert_refused(_quantize(folder, "folder", *calibration), 2, "SavedModel")
    assert_refused(_quantize(folder, "missing.tflite", *calibration), 2, "missing.tflite")
    assert_refused(_quantize(folder, "odd.tflite", *calibration), 2, "FLOOR")
    assert_refused(_quantize(folder, "model.tflite"), 2, "no calibration inputs")
    assert_refused(_quantize(folder, "model.tflite", "--random", 1, *calibration), 2, "two kinds")
    assert_refused(
        _quantize(folder, "model.tflite", *calibration, "--frontend", "micronet-kws"), 2, "micronet-kws"
    )
    assert_refused(
        _quantize(folder, "model.tflite", *calibration, "--input-shape", "1,x"), 2, "--input-shape"
    )
    assert_refused(_quantize(folder, "model.tflite", *calibration, "-o", "no/out.tflite"), 2, "no/out.tflite")
    assert_refused(_quantize(folder, "model.tflite", *calibration, "--timeout", "0.01"), 1, "0.01 s")
    assert listing(folder) == before


def test_a_file_that_is_there_is_kept_unless_forced(folder: Path) -> None:
    (folder / "made.tflite").write_bytes(b"precious")
    options = ("model.tflite", "--random", 2, "-o", "made.tflite")
    assert_refused(_quantize(folder, *options), 2, "made.tflite", "--force")
    assert (folder / "made.tflite").read_bytes() == b"precious"
    assert _quantize(folder, *options, "--force").code == 0
    assert read_model(folder / "made.tflite").operators


def test_without_an_interpreter_the_way_to_get_one_is_told(folder: Path) -> None:
    hidden = folder / "hidden"
    for name in ("ai_edge_litert", "tensorflow"):
        (hidden / name).mkdir(parents=True)
        (hidden / name / "__init__.py").write_text("raise ImportError('hidden')")
    result = mcu_deploy(
        "quantize", "model.tflite", "--random", 1, cwd=folder, env={"PYTHONPATH": _path(hidden)}
    )
    assert_refused(result, 4, "pip install")


def _path(first: Path) -> str:
    return os.pathsep.join([str(first), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)


def test_figures_are_numbers(folder: Path) -> None:
    document = json.loads(_quantize(folder, "model.tflite", "--random", 2, "--json").out)
    for layer in document["layers"]:
        assert layer["snr_db"] is None or math.isfinite(layer["snr_db"])
