"""What the features should be: the formulas in float64, with NumPy's own FFT and logarithm.

Independent of the reference on purpose: it shares neither tables nor code with it, only the specification.
Tests bound the reference's rounding error with it, in every precision, and it is itself compared with the
libraries whose conventions the presets follow (librosa, Kaldi, TensorFlow, SciPy).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mcu_deploy.frontend.spec import FrontendSpec, features_stage, spectrum_bins

Float64 = npt.NDArray[np.float64]


def defined_features(spec: FrontendSpec, pcm: npt.NDArray[np.int16]) -> dict[str, Float64]:
    """Every stage of a clip but ``quantised``, by its formula.

    Args:
        spec: the front end. Its precision and arithmetic make no difference.
        pcm: (samples * channels,) int16, interleaved; as many samples as make ``min_frames``, and no more
            than ``clip_samples``.

    Returns:
        by stage name (`mcu_deploy.frontend.spec.stages`), in the order of computation, an array whose first
        axis is the vector: frame * channels + channel of the frames that the clip makes, or, for
        ``prepared``, the frame of the model's input, all of them. Units are those of float32: samples are
        fractions of full scale or integers, as the specification says.
    """
    frames = defined_frames(spec, pcm)
    made = _frame_stages(spec, frames.reshape(-1, spec.frame_samples)) if spec.spectral else {}
    if spec.clip_steps:
        features = made[features_stage(spec)] if spec.spectral else frames
        made["prepared"] = _prepared(spec, features.reshape(len(frames), spec.channels, -1))
    return made


def defined_frames(spec: FrontendSpec, pcm: npt.NDArray[np.int16]) -> Float64:
    """The clip's samples by frame, (frames, channels, frame_samples), with its ends as centring has them."""
    signal = pcm.reshape(-1, spec.channels).T / (32768.0 if spec.samples == "fraction" else 1.0)
    frames = spec.frames_in(signal.shape[1])
    if spec.centring != "none":
        half = spec.frame_samples // 2
        signal = np.pad(
            signal, ((0, 0), (half, half)), "reflect" if spec.centring == "reflect" else "constant"
        )
    cut = [signal[:, t * spec.hop_samples :][:, : spec.frame_samples] for t in range(frames)]
    return np.stack(cut)


def mel_filters(spec: FrontendSpec) -> Float64:
    """The filters over all bins, (mel_filters, fft_size / 2 + 1), zeros included.

    The edges are spaced evenly in mel; a side is linear in mel (TensorFlow's
    ``linear_to_mel_weight_matrix``, Kaldi's ``MelBanks``) or in Hz (librosa's ``filters.mel``).
    """
    low, high = _mel(spec, np.array([spec.mel_low_hz, spec.mel_high_hz]))
    edges = np.linspace(low, high, spec.mel_filters + 2)
    edges_hz = _hz(spec, edges)
    bins: Float64 = np.fft.rfftfreq(spec.fft_size, 1 / spec.sample_rate_hz).astype(np.float64)
    if spec.mel_triangles == "mel":
        bins = _mel(spec, bins)
    corners = edges if spec.mel_triangles == "mel" else edges_hz
    left, centre, right = (corners[i : i + spec.mel_filters, np.newaxis] for i in range(3))
    weights = np.maximum(0, np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)))
    if spec.mel_normalization == "slaney":
        weights *= 2 / (edges_hz[2:] - edges_hz[:-2])[:, np.newaxis]
    return weights


def window(spec: FrontendSpec) -> Float64:
    """The window, (frame_samples,): symmetric ones end as they begin, periodic ones would a sample later."""
    name, _, kind = spec.window.partition("-")
    period = spec.frame_samples if kind == "periodic" else spec.frame_samples - 1
    turn = 2 * np.pi * np.arange(spec.frame_samples) / period
    match name:
        case "hann":
            return 0.5 - 0.5 * np.cos(turn)
        case "hamming":
            return 0.54 - 0.46 * np.cos(turn)
        case "blackman":
            return 0.42 - 0.5 * np.cos(turn) + 0.08 * np.cos(2 * turn)
        case "povey":  # Kaldi's, feature-window.cc
            return (0.5 - 0.5 * np.cos(turn)) ** 0.85
    return np.ones(spec.frame_samples)


def dct_rows(spec: FrontendSpec) -> Float64:
    """The DCT and its lifter as a matrix, (dct_coefficients, mel_filters).

    Types and the scalings ``none`` and ``ortho`` are those of SciPy's ``fft.dct``; ``htk`` is that of the HTK
    Book, section 5.6 (sqrt(2 / N) in place of 2), as is the lifter.
    """
    size = spec.mel_filters
    k, n = np.arange(spec.dct_coefficients)[:, np.newaxis], np.arange(size)
    ends = {1: (0, size - 1), 2: (), 3: (0,)}[spec.dct_type]  # inputs that count half
    match spec.dct_type:
        case 1:
            cosines = np.cos(np.pi * k * n / (size - 1))
        case 2:
            cosines = np.cos(np.pi * k * (2 * n + 1) / (2 * size))
        case _:
            cosines = np.cos(np.pi * (2 * k + 1) * n / (2 * size))
    halves = np.where(np.isin(n, ends), 0.5, 1)
    if spec.dct_normalization == "ortho":
        half_rows = {1: (0, size - 1), 2: (0,), 3: ()}[spec.dct_type]
        period = size - 1 if spec.dct_type == 1 else size
        rows = cosines * np.sqrt(2 / period * halves * np.where(np.isin(k, half_rows), 0.5, 1))
    else:
        rows = cosines * halves * (2 if spec.dct_normalization == "none" else np.sqrt(2 / size))
    if spec.dct_lifter:
        rows *= 1 + spec.dct_lifter / 2 * np.sin(np.pi * k / spec.dct_lifter)
    return rows


def _frame_stages(spec: FrontendSpec, frames: Float64) -> dict[str, Float64]:
    """The stages of each frame by itself, for (vectors, frame_samples)."""
    if spec.dc_removal:
        frames = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    windowed = (frames - spec.pre_emphasis * before) * window(spec)
    spectrum = np.abs(np.fft.rfft(windowed, spec.fft_size))
    if spec.spectrum == "power":
        spectrum = spectrum**2
    mel = np.einsum("fb,mb->fm", spectrum, mel_filters(spec))  # frames alike stay alike, as by BLAS not
    log = _logarithm(spec, np.maximum(mel + spec.log_offset, spec.log_floor))
    made = {"windowed": windowed, "spectrum": spectrum[:, : spectrum_bins(spec)], "mel": mel, "log": log}
    if spec.kind == "mfcc":
        made["dct"] = np.einsum("fm,km->fk", log, dct_rows(spec))
    if features_stage(spec) == "features":
        last = made["dct" if spec.kind == "mfcc" else "log"]
        made["features"] = (last - spec.feature_mean) / spec.feature_std
    return made


def _logarithm(spec: FrontendSpec, x: Float64) -> Float64:
    match spec.log:
        case "natural":
            return np.log(x)
        case "log2":
            return np.log2(x)
    return np.log10(x) * (10 if spec.log == "decibel" else 1)


def _mel(spec: FrontendSpec, hz: Float64) -> Float64:
    """HTK Book, section 5.4 (Kaldi writes 1127 ln for 2595 log10: the factor falls out of every filter), or
    Slaney's Auditory Toolbox: 3 mel in 200 Hz up to 1 kHz, 27 mel in a factor of 6.4 above."""
    if spec.mel_scale != "slaney":
        return 2595 * np.log10(1 + hz / 700)
    return np.where(hz < 1000, 3 * hz / 200, 15 + 27 * np.log(np.maximum(hz, 1000) / 1000) / np.log(6.4))


def _hz(spec: FrontendSpec, mel: Float64) -> Float64:
    """The inverse of `_mel`."""
    if spec.mel_scale != "slaney":
        return 700 * (np.power(10, mel / 2595) - 1)
    return np.where(mel < 15, 200 * mel / 3, 1000 * np.power(6.4, (mel - 15) / 27))


def _prepared(spec: FrontendSpec, features: Float64) -> Float64:
    """The rows of the model's input, each [coefficient][map], from (frames, channels, coefficients)."""
    orders = [_normalised(spec, features)]
    for _ in range(spec.deltas):
        orders.append(_slopes(orders[-1], spec.delta_width))
    common = len(orders[-1])
    orders = [order[(len(order) - common) // 2 :][:common] for order in orders]
    maps = np.concatenate(orders, axis=1).swapaxes(1, 2)
    if spec.resize == "bilinear":
        maps = _interpolated(_interpolated(maps, spec.resize_frames, 0), spec.resize_coefficients, 1)
    elif spec.resize == "subsample":
        maps = maps[:: spec.frames // spec.resize_frames, :: spec.coefficients // spec.resize_coefficients]
    rows = np.zeros((spec.input_frames, spec.input_coefficients * spec.input_maps))
    rows[: len(maps)] = maps.reshape(len(maps), -1)
    return rows


def _normalised(spec: FrontendSpec, features: Float64) -> Float64:
    match spec.normalization:
        case "mean":
            result: Float64 = features - features.mean(axis=0)
            return result
        case "min-max":
            spread = np.ptp(features)
            return (features - features.min()) / spread if spread > 0 else np.zeros_like(features)
        case "standard":
            centred = features - features.flat[0]  # exact zeros where everything is alike
            centred -= centred.mean()
            result = centred / (centred.std() + spec.normalization_epsilon)
            return result
    return features


def _slopes(features: Float64, width: int) -> Float64:
    """HTK Book, section 5.9, of the frames that have ``width`` neighbours on both sides."""
    count = len(features) - 2 * width
    steps = range(1, width + 1)
    total = sum(n * (features[width + n :][:count] - features[width - n :][:count]) for n in steps)
    return np.asarray(total / (2 * sum(n * n for n in steps)), np.float64)


def _interpolated(x: Float64, size: int, axis: int) -> Float64:
    """One axis resized as ``tf.image.resize(method="bilinear", antialias=False)``: element i of the result
    has its centre at (i + 1/2) of its own elements, and beyond the outermost centres nothing changes."""
    old = x.shape[axis]
    position = np.clip((np.arange(size) + 0.5) * old / size - 0.5, 0, old - 1)
    low = np.minimum(position.astype(np.int64), max(0, old - 2))
    high = np.minimum(low + 1, old - 1)
    weight = (position - low).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    result: Float64 = (1 - weight) * x.take(low, axis) + weight * x.take(high, axis)
    return result
