"""The libraries whose conventions front ends follow, and signals to compare on."""

from __future__ import annotations

import dataclasses
import importlib
import os
import wave
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from frontend_harness import find_on

from mcu_deploy.frontend import FrontendSpec, load_spec

RECORDINGS = {
    8000: ("baby_cry_8k.wav",),
    16000: ("speech_commands_right_left_up.wav", "speech_commands_yes_no_go_stop.wav"),
}
MADE = ("noise", "quiet noise", "chirp", "square", "silence")


def library(name: str) -> ModuleType:
    """A library of the extra ``compare``; where it is not installed the tests skip, but fail in CI."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        message = f"{error.name} is not installed: pip install -e '.[compare]'"
        if os.environ.get("CI"):
            raise AssertionError(message) from error
        pytest.skip(message, allow_module_level=True)


def variant(preset: str, **keys: Any) -> FrontendSpec:
    """A preset with other values; the clip is as long as its frames need."""
    return dataclasses.replace(load_spec(preset), clip_samples=0, min_frames=0, **keys)


def signal(spec: FrontendSpec, name: str, start: int = 0) -> np.ndarray:
    """A clip: of a recording from ``start`` on (as long as it lasts), or one of `MADE`."""
    if name.endswith(".wav"):
        with wave.open(str(find_on("MCU_DEPLOY_AUDIO_PATH", name))) as file:
            assert (file.getframerate(), file.getnchannels()) == (spec.sample_rate_hz, spec.channels)
            pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return pcm[start:][: spec.clip_samples]
    rng = np.random.default_rng(20240607)
    shape = (spec.clip_samples, spec.channels)
    time = np.arange(spec.clip_samples)[:, np.newaxis] / spec.sample_rate_hz
    loudness = 1 / np.arange(1, spec.channels + 1)
    made = {
        "noise": lambda: rng.normal(0, 3000, shape) * loudness,
        "quiet noise": lambda: rng.integers(-2, 3, shape),
        "chirp": lambda: 20_000 * np.sin(2 * np.pi * (300 + 200 * time) * time) * loudness,
        "square": lambda: np.where(np.broadcast_to(time * 400 % 1 < 0.5, shape), 32767, -32768),
        "silence": lambda: np.zeros(shape),
    }
    return np.round(made[name]()).astype(np.int16).reshape(-1)


def worst(got: np.ndarray, want: np.ndarray) -> float:
    """The largest absolute difference of arrays of the same shape."""
    assert np.shape(got) == np.shape(want)
    return float(np.max(np.abs(np.asarray(got, np.float64) - want)))
