"""The five systems end to end: with their front ends, on the CPU and the NPU, every layer compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import systems
from command import Result, mcu_deploy
from synthetic_machines import machine, write_machine
from synthetic_scenes import write_scenes
from system_checks import anomaly_scores, published_differences, wrong_labels
from system_models import SYSTEMS, System, board_file, system_model

from mcu_deploy.boards.reader import load_board
from mcu_deploy.registry.cards import card_by_name

BY_NAME = {system.name: system for system in SYSTEMS}


def _native(model: object, folder: Path, *options: object) -> Result:
    common = ("--simulator", "native", "--layers", "--output-dir", folder / "project", "--json")
    return mcu_deploy("deploy", model, *common, *options)


def _verified(result: Result) -> dict[str, Any]:
    assert result.code == 0, result.err
    document = result.document
    assert document["verdict"] == "verified"
    for run in document["runs"]:
        assert run["features_bit_exact"] and run["layers_bit_exact"] and run["outputs_bit_exact"]
    return document


@pytest.mark.parametrize("name", ["audio_sound_event_v1.0.2_int8", "audio_sound_event_v1.001.000_int8"])
def test_audio_sound_event_has_the_published_layers(name: str, model_path: Callable[[str], Path]) -> None:
    assert published_differences(model_path(f"{name}.tflite")) == []


def test_another_network_has_not(model_path: Callable[[str], Path]) -> None:
    differences = published_differences(model_path("ad_small_int8.tflite"))
    assert differences[0].startswith("layer 0: ") and "MACs, published 10,730,000" in differences[-1]


def test_wrong_labels_are_told() -> None:
    scores = np.eye(12)[[7, 7]].tolist()
    runs = [
        {"input": "go_stop.wav", "start_seconds": float(start), "scores": one}
        for start, one in enumerate(scores)
    ]
    assert wrong_labels(BY_NAME["kws-micronet-l"], {"runs": runs}) == ["go_stop.wav at 0 s: stop, not go"]


def test_the_machine_is_always_the_same_until_its_fault() -> None:
    sound = machine(1, 2.0)
    np.testing.assert_array_equal(sound, machine(1, 2.0))
    assert np.abs(sound).max() == 8000
    faulty = machine(1, 2.0, 1.0).astype(np.int32)
    changed = np.flatnonzero(np.abs(faulty * (sound[100] / faulty[100]) - sound) > 100)
    assert changed.min() >= 16000 and changed.size > 1000


def test_keywords_are_heard(
    model_path: Callable[[str], Path], audio_path: Callable[[str], Path], tmp_path: Path, tools: None
) -> None:
    names = ("down", "right_left_up", "yes", "yes_no_go_stop")
    files = [audio_path(f"speech_commands_{name}.wav") for name in names]
    given = [argument for file in files for argument in ("--input", file)]
    document = _verified(_native(model_path("kws_micronet_l.tflite"), tmp_path, *given))
    assert [run["label"] for run in document["runs"]] == "_".join(names).split("_")


@pytest.mark.parametrize("name", ["audio_sound_event_v1.0.2_int8", "audio_sound_event_v1.001.000_int8"])
def test_a_baby_is_heard(
    name: str,
    model_path: Callable[[str], Path],
    audio_path: Callable[[str], Path],
    tmp_path: Path,
    tools: None,
) -> None:
    model, recording = model_path(f"{name}.tflite"), audio_path("baby_cry_8k.wav")
    document = _verified(_native(model, tmp_path, "--input", recording, "--npu", "ethos-u55-128"))
    labels = [run["label"] for run in document["runs"]]
    assert len(labels) == 3 and labels[0] == "baby crying" and labels.count("baby crying") >= 2


def test_a_machine_is_listened_to_in_overlapping_windows(
    model_path: Callable[[str], Path], tmp_path: Path, tools: None
) -> None:
    recording = write_machine(tmp_path / "machine.wav", 0, 6.0, 3.0)
    model = model_path("ad_small_int8.tflite")
    document = _verified(_native(model, tmp_path, "--input", recording, "--hop", 0.96))
    scores = anomaly_scores(document)
    assert [start for start, _ in scores] == pytest.approx([0, 0.96, 1.92, 2.88, 3.84])
    assert all(0 < score < 1 for _, score in scores) and len({score for _, score in scores}) > 1


@pytest.mark.parametrize("network", ["mobnet", "smallfcnn"])
def test_scenes_are_quantised_and_deployed_within_the_limit(
    network: str, model_path: Callable[[str], Path], tmp_path: Path, tools: None
) -> None:
    pytest.importorskip("tensorflow")
    source = model_path(f"dcase2020_{network}_drq.tflite")
    scenes = write_scenes(tmp_path / "scenes", 3, 10, 48000, 2)
    made = tmp_path / "int8.tflite"
    quantised = mcu_deploy("quantize", source, "--calibration", *scenes[:2], "-o", made)
    assert quantised.code == 0, quantised.err
    assert made.stat().st_size < 350_000
    board = board_file(BY_NAME[f"dcase2020-{network}-int8"], tmp_path)
    options = ("--frontend", "dcase2020-task1b", "--board", board, "--input", scenes[2])
    document = _verified(_native(made, tmp_path, *options, "--npu", "ethos-u55-128"))
    assert document["npu"]["cpu_operators"] == []
    assert systems.arena_memory(tmp_path / "project") == "ddr"


def test_the_arena_can_be_kept_to_one_memory(tmp_path: Path) -> None:
    board = load_board(board_file(BY_NAME["dcase2020-mobnet-int8"], tmp_path))
    assert board.placement["arena"] == ("ddr",)
    assert load_board(board_file(BY_NAME["kws-micronet-l"], tmp_path)).placement["arena"][0] == "dtcm"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("systems")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "npu"),
    [
        pytest.param(system, npu, id=f"{system.name}-{npu}")
        for system in SYSTEMS
        for npu in systems.configurations(system)
    ],
)
def test_the_systems_run_everywhere(
    system: System, npu: str, cache: Path, tmp_path: Path, model_path: Callable[[str], Path], tools: None
) -> None:
    if system.seeded:
        pytest.importorskip("onnx")
    else:
        model_path(card_by_name(system.card).file)
    made = system_model(system, cache)
    assert made is not None
    model, report = made
    result = systems.measure(system, model, npu, cache, tmp_path)
    assert report is None or report["held_out"]["outputs"][0]["top1_agreement"] >= 0.5
    for simulator in ("native", "qemu"):
        assert all(run["layers_bit_exact"] for run in result[simulator]["runs"])
