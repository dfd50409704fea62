"""The bundled model, deployed by its name on its recordings: what `make demo` shows."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mcu_deploy.resources import resource_dir

RECORDINGS = sorted((resource_dir("models") / "kws_demo" / "recordings").glob("*.wav"))
REAL = (
    "speech_commands_down.wav",
    "speech_commands_yes.wav",
    "speech_commands_right_left_up.wav",
    "speech_commands_yes_no_go_stop.wav",
)


def _said(path: Path) -> list[str]:
    """The words that a recording's file name states, one a second."""
    return [word for word in path.stem.split("_") if word not in ("speech", "commands")]


def _deploy(simulator: str, recordings: list[Path], folder: Path) -> dict[str, object]:
    command = [sys.executable, "-m", "mcu_deploy.cli.main", "deploy", "kws-demo", "--json", "--layers"]
    command += ["--simulator", simulator, "--output-dir", str(folder)]
    for path in recordings:
        command += ["--input", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    document: dict[str, object] = json.loads(done.stdout)
    return document


def _labels(document: dict[str, object]) -> list[tuple[str, str]]:
    runs = document["runs"]
    assert isinstance(runs, list)
    return [(Path(run["input"]).name, run["label"]) for run in runs]


@pytest.mark.parametrize("simulator", ["native", pytest.param("qemu", marks=pytest.mark.qemu)])
def test_the_bundled_recordings_are_named_right(simulator: str, tmp_path: Path) -> None:
    document = _deploy(simulator, RECORDINGS, tmp_path / "project")
    expected = [(path.name, word) for path in RECORDINGS for word in _said(path)[:-1]]  # the voice is last
    assert document["verdict"] == "verified"
    assert _labels(document) == expected


def test_real_words_are_named_right(audio_path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    recordings = [audio_path(name) for name in REAL]
    document = _deploy("native", recordings, tmp_path / "project")
    assert document["verdict"] == "verified"
    assert _labels(document) == [(path.name, word) for path in recordings for word in _said(path)]


def test_the_model_is_small_enough_to_bundle() -> None:
    assert (resource_dir("models") / "kws_demo" / "kws_demo.tflite").stat().st_size <= 120 * 1024
