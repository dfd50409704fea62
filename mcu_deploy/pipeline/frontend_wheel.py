"""CMSIS-DSP's own MFCC in float32, from the package ``cmsisdsp``: built with fast-math, so other bits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mcu_deploy.frontend.reference import cut_frames
from mcu_deploy.frontend.spec import FrontendSpec
from mcu_deploy.frontend.tables import make_tables

WHEEL_STAGE = "dct"
"""The stage that the wheel's function ends with."""


def wheel_features(spec: FrontendSpec, pcm: npt.NDArray[np.int16]) -> npt.NDArray[np.float32] | None:
    """``arm_mfcc_f32`` of a clip, (frames * channels, dct_coefficients); None where it has no such option.

    It takes magnitudes, natural logarithms and frames without pre-emphasis, and floors nothing, so that
    silence is left out.
    """
    plain = (spec.kind, spec.precision, spec.spectrum, spec.log) == (
        "mfcc",
        "float32",
        "magnitude",
        "natural",
    )
    if not plain or spec.dc_removal or spec.pre_emphasis != 0 or not pcm.any():
        return None
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
    frames = cut_frames(spec, pcm).reshape(-1, spec.frame_samples)
    padded = np.zeros((len(frames), spec.fft_size), np.float32)
    padded[:, : spec.frame_samples] = frames
    scratch = np.zeros(2 * spec.fft_size, np.float32)
    return np.array([dsp.arm_mfcc_f32(instance, frame, scratch) for frame in padded], np.float32)
