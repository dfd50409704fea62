"""CMSIS-DSP's own MFCC in float32, from the package ``cmsisdsp``: built with fast-math, so other bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mcu_deploy.frontend.keys import FLT_MIN
from mcu_deploy.frontend.reference import cut_frames, frame_stages
from mcu_deploy.frontend.spec import FrontendSpec
from mcu_deploy.frontend.tables import make_tables

_WHEEL_OFFSET = 1e-6  # it is in arm_mfcc_f32 itself
Float32 = npt.NDArray[np.float32]

WHEEL_STAGE = "dct"
"""The stage that the wheel's function ends with."""


def beside_the_wheel(spec: FrontendSpec, pcm: npt.NDArray[np.int16]) -> tuple[Float32, Float32] | None:
    """``arm_mfcc_f32`` of a clip's frames with sound, and the Python reference's DCT of the same.

    The wheel's function adds 1e-6 before the logarithm, whatever the front end says, so the reference is
    asked to do that too, without another floor: then only the arithmetic differs.

    Args:
        spec: the front end.
        pcm: a clip of it.

    Returns:
        both as (frames, dct_coefficients); None where the front end has a step that the wheel's function has
        not (it takes magnitudes, natural logarithms and frames without pre-emphasis), or nothing is heard.
    """
    plain = (spec.kind, spec.precision, spec.spectrum, spec.log) == (
        "mfcc",
        "float32",
        "magnitude",
        "natural",
    )
    if not plain or spec.dc_removal or spec.pre_emphasis != 0:
        return None
    frames = cut_frames(spec, pcm).reshape(-1, spec.frame_samples)
    heard = frames.any(axis=1)
    if not heard.any():
        return None
    _, made = frame_stages(replace(spec, log_offset=_WHEEL_OFFSET, log_floor=FLT_MIN), pcm)
    return _wheel_features(spec, frames[heard]), made[WHEEL_STAGE][heard].astype(np.float32)


def _wheel_features(spec: FrontendSpec, frames: npt.NDArray[np.int16]) -> Float32:
    import cmsisdsp as dsp  # half a second

    tables = make_tables(spec)
    window = np.zeros(spec.fft_size, np.float32)
    window[: spec.frame_samples] = tables.window
    instance = dsp.arm_mfcc_instance_f32()
    dsp.arm_mfcc_init_f32(
        instance,
        spec.fft_size,
        spec.mel_filters,
        spec.dct_coefficients,
        tables.dct.ravel(),
        tables.mel.first.astype(np.uint32),
        tables.mel.length.astype(np.uint32),
        tables.mel.weights,
        window,
    )
    padded = np.zeros((len(frames), spec.fft_size), np.float32)
    padded[:, : spec.frame_samples] = frames
    scratch = np.zeros(2 * spec.fft_size, np.float32)
    return np.array([dsp.arm_mfcc_f32(instance, frame, scratch) for frame in padded], np.float32)
