"""The judge of the C front end: every stage of a clip, with the bits that the target must have."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mcu_deploy.errors import InputError, ReferenceRunError
from mcu_deploy.frontend import float32
from mcu_deploy.frontend.clip import laid_out, prepared, quantise
from mcu_deploy.frontend.spec import FrontendSpec, features_stage

Array = npt.NDArray[np.generic]
Int16 = npt.NDArray[np.int16]


def reference_stages(spec: FrontendSpec, pcm: Int16, scale: float, zero_point: int) -> dict[str, Array]:
    """Every stage of a clip, as the C code makes it.

    Args:
        spec: the front end.
        pcm: (samples * channels,) int16, interleaved; as many samples as make ``min_frames``, and no more
            than ``clip_samples``.
        scale, zero_point: of the model's int8 input.

    Returns:
        by stage name (`mcu_deploy.frontend.spec.stages`), an array whose first axis is the number of the
        vector, except for ``quantised``, which has the shape of the model's input.

    Raises:
        InputError: ``pcm`` is not a clip.
        ReferenceRunError: this process flushes denormal floats to zero, so NumPy cannot judge.
    """
    features, made = frame_stages(spec, pcm)
    if spec.clip_steps:
        rows = prepared(spec, features)
        made["prepared"] = rows
        quantised = quantise(rows, scale, zero_point)
    else:
        maps = quantise(features, scale, zero_point).reshape(len(features), spec.channels, spec.coefficients)
        full = np.full((spec.frames, *maps.shape[1:]), quantise(np.zeros(1, np.float32), scale, zero_point))
        full[: len(maps)] = maps
        quantised = full.transpose(0, 2, 1).reshape(spec.frames, -1)
    made["quantised"] = laid_out(spec, quantised)
    return made


def reference_features(spec: FrontendSpec, pcm: Int16) -> npt.NDArray[np.float32]:
    """The model's input before quantisation, in its shape; arguments and errors as `reference_stages`."""
    features, _ = frame_stages(spec, pcm)
    if spec.clip_steps:
        rows = prepared(spec, features)
    else:
        rows = np.zeros((spec.frames, spec.coefficients * spec.channels), np.float32)
        maps = features.reshape(len(features), spec.channels, spec.coefficients)
        rows[: len(features)] = maps.transpose(0, 2, 1).reshape(len(features), -1)
    return laid_out(spec, rows).astype(np.float32)


def frame_stages(spec: FrontendSpec, pcm: Int16) -> tuple[npt.NDArray[np.float32], dict[str, Array]]:
    """The features of a clip's frames, (frames, channels * coefficients), and the stages within frames.

    Raises:
        InputError, ReferenceRunError: as `reference_stages`.
    """
    _check_arithmetic()
    frames = cut_frames(spec, pcm)
    vectors = frames.reshape(-1, spec.frame_samples)
    if not spec.spectral:
        factor = np.float32(1 / 32768 if spec.samples == "fraction" else 1)
        return frames.reshape(len(frames), -1).astype(np.float32) * factor, {}
    made: dict[str, Array] = {}
    if spec.fixed_point:
        from mcu_deploy.frontend import fixed  # it takes the wheel of CMSIS-DSP, half a second

        made |= fixed.frame_stages(spec, vectors)
    else:
        made |= float32.frame_stages(spec, vectors)
    features = made[features_stage(spec)].astype(np.float32)
    return features.reshape(len(frames), -1), made


def cut_frames(spec: FrontendSpec, pcm: Int16) -> Int16:
    """The frames of a clip, (frames, channels, frame_samples), with the padding at its ends.

    Raises:
        InputError: ``pcm`` is not a clip of int16.
    """
    samples = pcm.size // spec.channels
    if pcm.dtype != np.int16 or pcm.ndim != 1 or not spec.takes(pcm.size):
        raise InputError(
            f"the front end takes {spec.samples_of(spec.min_frames)} to {spec.clip_samples} samples of "
            f"{spec.channels} channels, int16, not {pcm.shape} of {pcm.dtype}",
            "cut or pad the recording to the length of a clip",
        )
    signal = pcm.reshape(samples, spec.channels)
    if spec.padding:
        width = ((spec.padding, spec.padding), (0, 0))
        signal = np.pad(signal, width, "reflect" if spec.centring == "reflect" else "constant")
    frames = spec.frames_in(samples)
    starts = spec.hop_samples * np.arange(frames)[:, np.newaxis]
    cut: Int16 = signal[starts + np.arange(spec.frame_samples)].transpose(0, 2, 1)
    return cut


def _check_arithmetic() -> None:
    smallest = np.full(1, np.finfo(np.float32).tiny, np.float32)
    if (smallest * np.float32(0.5))[0] == 0:
        raise ReferenceRunError(
            "this Python process flushes denormal floats to zero, so the reference would not be exact",
            "a loaded library was linked with -ffast-math; run mcu-deploy without it",
        )
