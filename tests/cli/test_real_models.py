"""The published models and recordings: every compared bit equal, every word right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from command import Result, mcu_deploy

from mcu_deploy.build import build
from mcu_deploy.pipeline.options import RunOptions
from mcu_deploy.pipeline.project import load_project
from mcu_deploy.pipeline.run import collect_inputs, run_batch
from mcu_deploy.simulate.runner import find_simulator

pytestmark = pytest.mark.qemu

File = Callable[[str], Path]

WORDS = {
    "speech_commands_down.wav": ["down"],
    "speech_commands_yes.wav": ["yes"],
    "speech_commands_right_left_up.wav": ["right", "left", "up"],
    "speech_commands_yes_no_go_stop.wav": ["yes", "no", "go", "stop"],
}


def _assert_verified(result: Result) -> None:
    assert result.code == 0, result.err
    document = result.document
    assert document["verdict"] == "verified"
    for run in document["runs"]:
        assert run["outputs_bit_exact"] is True
        assert run["layers_bit_exact"] is True
        assert run["features_bit_exact"] is (None if run["start_seconds"] is None else True)


@pytest.mark.parametrize("name", ["kws_micronet_m.tflite", "kws_micronet_l.tflite"])
def test_words_are_recognised_and_verified(
    name: str, model_path: File, audio_path: File, tools: None, tmp_path: Path
) -> None:
    wavs = [part for file in WORDS for part in ("--input", audio_path(file))]
    for simulator in ("qemu", "native"):
        options = ("--simulator", simulator, "--layers", "--json", "--output-dir", tmp_path / "project")
        result = mcu_deploy("deploy", model_path(name), *wavs, *options)
        _assert_verified(result)
        labels = [run["label"] for run in result.document["runs"]]
        assert labels == [word for words in WORDS.values() for word in words]
        assert result.document["frontend"] == "micronet-kws"


@pytest.mark.parametrize(("simulator", "count"), [("native", 20), ("qemu", 3)])
def test_the_anomaly_detector_on_random_tensors(
    simulator: str, count: int, model_path: File, tools: None, tmp_path: Path
) -> None:
    options = ("--simulator", simulator, "--layers", "--random", count, "--seed", 1, "--json")
    result = mcu_deploy("deploy", model_path("ad_small_int8.tflite"), *options, cwd=tmp_path)
    _assert_verified(result)
    assert [run["label"] for run in result.document["runs"]] == [None] * count
    assert [path.name for path in tmp_path.iterdir()] == ["mcu-deploy-out"]


@pytest.mark.parametrize(("frontend", "words"), [((), "8000 Hz"), (("--frontend", "none"), "no front end")])
def test_a_recording_of_another_rate_or_without_front_end(
    frontend: tuple[str, ...], words: str, model_path: File, audio_path: File, tmp_path: Path
) -> None:
    arguments = ("--input", audio_path("baby_cry_8k.wav"), *frontend)
    result = mcu_deploy("deploy", model_path("kws_micronet_m.tflite"), *arguments, cwd=tmp_path)
    assert result.code == 2
    assert words in result.err
    assert list(tmp_path.iterdir()) == []


def test_the_sanitizers_find_nothing_in_a_real_model(
    model_path: File, audio_path: File, tools: None, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    assert mcu_deploy("generate", model_path("kws_micronet_m.tflite"), "--output-dir", folder).code == 0
    options = RunOptions("native", (str(audio_path("speech_commands_yes.wav")),), random=2, layers=True)
    project = load_project(folder)
    records = []
    for preset in ("host", "sanitize"):
        simulator = find_simulator(project.board, "native")
        run_batch(project, build(folder, preset), simulator, collect_inputs(project, options), options)
        records.append((folder / "run" / "records.bin").read_bytes())
        assert (folder / "run" / "stderr.txt").read_bytes() == b""
    assert records[0] == records[1]
