"""The front end of this project's Python reference, for many clips at once."""

from __future__ import annotations

import dataclasses

import numpy as np

from mcu_deploy.frontend import load_spec
from mcu_deploy.frontend.clip import quantise
from mcu_deploy.frontend.reference import reference_features

# The MicroNets' own input quantisation, so that one front end serves them and this model.
INPUT_SCALE = 0.20109497010707855
INPUT_ZERO_POINT = -5
SPEC = load_spec("micronet-kws")
CLIP = 16000
_HOPS = CLIP // SPEC.hop_samples


def clip_features(clips: np.ndarray) -> np.ndarray:
    """int16 clips (n, 16000) to int8 features (n, 49, 10), as the firmware makes them.

    A clip is a whole number of hops long, so the clips laid end to end are one long clip whose frames
    are theirs, but for the one in fifty that straddles two; frames know nothing of each other.
    """
    frames = _HOPS * len(clips) - 1
    joined = dataclasses.replace(SPEC, frames=frames, min_frames=frames, clip_samples=clips.size)
    values = reference_features(joined, clips.reshape(-1))
    straddling = np.zeros((1, values.shape[1]), np.float32)
    frames = np.concatenate([values, straddling]).reshape(len(clips), _HOPS, -1)
    return quantise(frames[:, : SPEC.frames], INPUT_SCALE, INPUT_ZERO_POINT)


def dequantise(features: np.ndarray) -> np.ndarray:
    """int8 features (n, 49, 10) as the float input (n, 49, 10, 1) that they stand for."""
    return ((features.astype(np.float32) - INPUT_ZERO_POINT) * np.float32(INPUT_SCALE))[..., None]
