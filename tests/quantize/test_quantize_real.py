"""Public models, on sounds that resemble recordings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command import mcu_deploy
from synthetic_scenes import write_scenes

from mcu_deploy.graph.reader import read_model

pytestmark = pytest.mark.usefixtures("interpreter")


@pytest.mark.parametrize(
    ("name", "frontend", "sound", "files", "decibels"),
    [
        ("audio_sound_event_v1.0.2_float32", "audio-sound-event", (2, 8000, 1), 8, 15),
        ("dcase2020_mobnet_drq", "dcase2020-task1b", (10, 48000, 2), 3, 25),
        ("dcase2020_smallfcnn_drq", "dcase2020-task1b", (10, 48000, 2), 3, 15),
    ],
)
def test_a_public_model(
    name: str,
    frontend: str,
    sound: tuple[float, int, int],
    files: int,
    decibels: float,
    model_path: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    """It becomes full int8 of the size that is due, which TFLM runs and Vela takes as a whole."""
    model = model_path(f"{name}.tflite")
    write_scenes(tmp_path / "scenes", files, *sound)
    options = ("--calibration", "scenes", "--frontend", frontend, "-o", "made.tflite", "--json")
    result = mcu_deploy("quantize", model, *options, cwd=tmp_path)
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document["interpreter"] == "tflm" and document["npu"]["cpu_operators"] == []
    assert document["calibration"]["outputs"][0]["snr_db"] > decibels
    assert document["int8"]["bytes"] < 0.55 * document["model"]["float32_bytes"]
    floats = {operator.kind for operator in read_model(model).operators}
    assert {operator.kind for operator in read_model(tmp_path / "made.tflite").operators} == floats
