"""``--runtime tflm`` as a user calls it; runs need a TFLite Micro that somebody has built."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from command import assert_refused, contents, mcu_deploy
from tflm_models import archive, int8_graph, int16_graph, stand_in

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.writer import write_model
from mcu_deploy.tflm.library import LIBRARY

NPU = "ethos-u55-128"
REAL_MODELS = ("kws_micronet_l.tflite", "ad_small_int8.tflite", "audio_sound_event_v1.0.2_int8.tflite")
RECORDING = Path(__file__).parents[2] / "models/kws_demo/recordings/yes_awb.wav"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "int8.tflite"
    path.write_bytes(write_model(int8_graph()))
    return path


@pytest.fixture
def tflm(tools: None) -> Path:
    """A TFLite Micro for the Cortex-M55."""
    folder = os.environ.get("MCU_DEPLOY_TFLM_DIR")
    if not folder:
        pytest.skip("MCU_DEPLOY_TFLM_DIR is not set: no TFLite Micro to link with (docs/tflm.md)")
    return Path(folder)


def generate(model: Path, folder: Path, *options: object) -> Path:
    result = mcu_deploy("generate", model, "--runtime", "tflm", "--output-dir", folder, *options)
    assert result.code == 0, result.err
    return folder


def test_the_project_without_npu(model: Path, tmp_path: Path) -> None:
    folder = generate(model, tmp_path / "project")
    state = json.loads((folder / "deployment.json").read_text())
    arena = state["memory"]["arena_bytes"]
    assert state["identity"]["runtime"] == "tflm"
    assert [step["kind"] for step in state["steps"]] == [operator.kind for operator in int8_graph().operators]
    harness = (folder / "generated/model.cc").read_text()
    assert f"md_tflm_arena[{arena}]" in harness
    assert "MicroMutableOpResolver<5>" in harness
    assert re.findall(r"resolver->(\w+)\(([\w:]*)", harness) == [
        ("AddConv2D", "tflite::Register_CONV_2D_INT8"),
        ("AddDepthwiseConv2D", "tflite::Register_DEPTHWISE_CONV_2D_INT8"),
        ("AddReshape", ""),
        ("AddFullyConnected", "tflite::Register_FULLY_CONNECTED_INT8"),
        ("AddSoftmax", "tflite::Register_SOFTMAX_INT8"),
    ]
    stored = (folder / "generated/model_data.c").read_text().partition("{\n")[2]
    assert bytes(map(int, re.findall(r"\d+", stored))) == model.read_bytes()
    text = b"".join(contents(folder).values())
    assert str(tmp_path).encode() not in text


def test_the_project_for_an_npu_stores_what_vela_made(model: Path, tmp_path: Path) -> None:
    folder = generate(model, tmp_path / "project", "--npu", NPU)
    harness = (folder / "generated/model.cc").read_text()
    assert "resolver->AddEthosU()" in harness
    stored = (folder / "generated/model_data.c").read_text().partition("{\n")[2]
    assert bytes(map(int, re.findall(r"\d+", stored))) == (folder / "model/model_vela.tflite").read_bytes()
    assert (folder / "src/npu/driver/ethosu_driver.c").is_file()
    assert (folder / "src/tflm/md_tflm_npu.c").is_file()


def test_a_given_arena_is_kept_and_changed(model: Path, tmp_path: Path) -> None:
    folder = generate(model, tmp_path / "project", "--tflm-arena", 12_352)
    assert "md_tflm_arena[12352]" in (folder / "generated/model.cc").read_text()
    generate(model, folder)
    assert "md_tflm_arena[12352]" not in (folder / "generated/model.cc").read_text()


def test_what_cannot_be_is_refused_before_anything_is_built(model: Path, tools: None, tmp_path: Path) -> None:
    options = ("--runtime", "tflm", "--output-dir", tmp_path / "project")
    unset = {"MCU_DEPLOY_TFLM_DIR": ""}
    assert_refused(mcu_deploy("deploy", model, *options, env=unset), 4, "MCU_DEPLOY_TFLM_DIR", "docs/tflm.md")
    native = mcu_deploy("deploy", model, *options, "--simulator", "native")
    assert_refused(native, 2, "natively", "--runtime aot")
    assert_refused(mcu_deploy("deploy", model, *options, "--board", "host"), 2, "host", "--board")
    assert not (tmp_path / "project").exists()


def test_a_library_for_another_core_is_refused(model: Path, tools: None, tmp_path: Path) -> None:
    """The headers are stand-ins; the library is a real one of Armv7-A."""
    tflm = stand_in(tmp_path / "tflm")
    names = "AddConv2D( AddDepthwiseConv2D( AddReshape( AddFullyConnected( AddSoftmax( TFLMRegistration"
    (tflm / "tensorflow/lite/micro/micro_mutable_op_resolver.h").write_text(names)
    kinds = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "SOFTMAX")
    declared = " ".join(f"Register_{kind}_INT8();" for kind in kinds)
    (tflm / "tensorflow/lite/micro/kernels/conv.h").write_text(declared)
    archive(tflm / LIBRARY, ("-mcpu=cortex-a9", "-mfpu=neon", "-mfloat-abi=hard"))
    result = mcu_deploy(
        "deploy", model, "--runtime", "tflm", cwd=tmp_path, env={"MCU_DEPLOY_TFLM_DIR": str(tflm)}
    )
    assert_refused(result, 2, LIBRARY, "does not run", "-mcpu=cortex-m55")


def test_a_model_that_only_tflite_micro_runs(tmp_path: Path) -> None:
    """The runtime ``aot`` has no kernel for FLOOR of floats."""
    builder = GraphBuilder("floor", 1)
    given = builder.input((1, 4), dtype=int16_graph().tensors[0].dtype.FLOAT32)
    path = tmp_path / "floor.tflite"
    path.write_bytes(write_model(builder.build([builder.operator("FLOOR", [given], shape=(1, 4))])))
    assert mcu_deploy("generate", path, "--output-dir", tmp_path / "aot").code == 2
    assert "AddFloor" in (generate(path, tmp_path / "tflm") / "generated/model.cc").read_text()


@pytest.mark.qemu
@pytest.mark.parametrize("npu", ["none", NPU])
@pytest.mark.parametrize("name", REAL_MODELS)
def test_real_models_layer_by_layer(
    name: str, npu: str, model_path: Callable[[str], Path], tflm: Path, tmp_path: Path
) -> None:
    options = ("--runtime", "tflm", "--npu", npu, "--layers", "--json")
    result = mcu_deploy("deploy", model_path(name), *options, cwd=tmp_path)
    assert result.code == 0, result.err
    document = result.document
    assert document["verdict"] == "verified"
    assert document["runs"][0]["layers_bit_exact"] is True
    memory = document["memory"]
    assert memory["arena_used_bytes"] <= memory["arena_bytes"] <= 1.25 * memory["arena_used_bytes"]


@pytest.mark.qemu
def test_dedicated_sram(model_path: Callable[[str], Path], tflm: Path, tmp_path: Path) -> None:
    model = model_path("kws_micronet_m.tflite")
    modes = ("--npu-system-config", "Ethos_U65_High_End", "--npu-memory-mode", "Dedicated_Sram")
    options = ("--runtime", "tflm", "--npu", "ethos-u65-256", *modes, "--json")
    result = mcu_deploy("deploy", model, *options, cwd=tmp_path)
    assert result.code == 0, result.err
    assert result.document["verdict"] == "verified"


@pytest.mark.qemu
def test_the_front_end_and_a_fitted_arena(tflm: Path, tmp_path: Path) -> None:
    options = ("--runtime", "tflm", "--fit-arena", "--input", RECORDING, "--json")
    result = mcu_deploy("deploy", "kws-demo", *options, cwd=tmp_path)
    assert result.code == 0, result.err
    document = result.document
    assert document["verdict"] == "verified"
    assert document["runs"][0]["label"] == "yes"
    memory = document["memory"]
    assert 0 <= memory["arena_bytes"] - memory["arena_used_bytes"] < 16


@pytest.mark.qemu
def test_an_arena_that_is_too_small(model: Path, tflm: Path, tmp_path: Path) -> None:
    result = mcu_deploy("deploy", model, "--runtime", "tflm", "--tflm-arena", "1024", cwd=tmp_path)
    assert_refused(result, 1, "AllocateTensors", "--tflm-arena")
