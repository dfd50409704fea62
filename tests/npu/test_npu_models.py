"""The public models on the NPU's model: TFLite Micro's bytes in every configuration of U55 and U65.

Set MCU_DEPLOY_MODEL_PATH to the folder that holds them.
"""

from __future__ import annotations

import os
from pathlib import Path

import npu_harness
import pytest

MODELS = [
    "kws_micronet_l",
    "kws_micronet_m",
    "ad_small_int8",
    "audio_sound_event_v1.0.2_int8",
    "audio_sound_event_v1.001.000_int8",
]


def find(name: str) -> Path:
    folder = os.environ.get("MCU_DEPLOY_MODEL_PATH")
    path = Path(folder or ".") / f"{name}.tflite"
    if not folder or not path.is_file():
        pytest.skip(f"{name}.tflite is not in MCU_DEPLOY_MODEL_PATH")
    return path


@pytest.mark.parametrize("configuration", npu_harness.CONFIGURATIONS)
@pytest.mark.parametrize("name", MODELS)
def test_a_model_gives_tflms_bytes(name: str, configuration: str) -> None:
    assert not npu_harness.compare(find(name), configuration, count=5, seed=11)


def test_sanitizers_find_nothing() -> None:
    difference = npu_harness.compare(find("kws_micronet_m"), "ethos-u65-512", count=1, variant="sanitized")
    assert not difference
