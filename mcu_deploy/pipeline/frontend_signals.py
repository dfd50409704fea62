"""What a front end is tried on: the user's recordings, or signals that are made here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mcu_deploy.errors import InputError
from mcu_deploy.frontend.spec import FrontendSpec
from mcu_deploy.inputs import InputVector, wav_windows

Int16 = npt.NDArray[np.int16]

_SEED = 20240607
_SQUARE_HZ = 400
_LEVEL = 3000  # standard deviation of the noise


def recorded_windows(
    files: Sequence[str], spec: FrontendSpec, hop_seconds: float | None = None, pad: bool = False
) -> list[InputVector]:
    """Every window of recordings, in the order given.

    Args:
        files: ``.wav`` paths.
        spec: gives rate, channels and window.
        hop_seconds: distance of the windows; None for the window's length.
        pad: whether a last window that is too short is filled with zeros.

    Raises:
        InputError: a file is missing, damaged, of another rate, or shorter than a clip.
    """
    windows: list[InputVector] = []
    for name in files:
        if not Path(name).is_file():
            raise InputError(f"input {name!r} is not a file", "give a .wav file")
        if Path(name).suffix.lower() != ".wav":
            raise InputError(f"input {name!r} is no .wav file", "a front end takes recordings: give a .wav")
        windows += wav_windows(name, spec, hop_seconds, pad)
    return windows


def built_in_signals(spec: FrontendSpec) -> list[InputVector]:
    """Silence, a full-scale square wave, noise and a chirp up to half of the sample rate, a clip each.

    The channels differ. Where a shorter clip is allowed, one of noise comes after them.
    """
    n = np.arange(spec.clip_samples)
    noise = np.random.default_rng(_SEED).normal(0, _LEVEL, (spec.clip_samples, spec.channels))
    square, chirp = [], []
    for channel in range(spec.channels):
        half_period = max(1, spec.sample_rate_hz // (2 * _SQUARE_HZ)) + channel
        square.append(np.where(n // half_period % 2, -32768, 32767))
        chirp.append(np.rint(20_000 * np.sin(np.pi / 2 * n * n / len(n) + channel)))
    made = {
        "silence": np.zeros((spec.clip_samples, spec.channels)),
        "square wave": np.stack(square, axis=1),
        "noise": noise,
        "chirp": np.stack(chirp, axis=1),
    }
    if spec.min_frames < spec.frames:
        made["short noise"] = noise[: spec.samples_of((spec.min_frames + spec.frames) // 2) + 1]
    return [InputVector(name, None, _pcm(signal), ()) for name, signal in made.items()]


def _pcm(signal: npt.NDArray[np.float64] | npt.NDArray[np.int64]) -> Int16:
    """(samples, channels) as interleaved int16."""
    limited: Int16 = np.clip(signal, -32768, 32767).astype(np.int16).reshape(-1)
    return limited
