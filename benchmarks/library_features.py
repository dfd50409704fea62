"""The presets' features by the libraries whose conventions they follow; for benchmarks and tests.

Needs the extra ``compare``. Each library is imported where it is used: they take seconds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mcu_deploy.frontend import FrontendSpec

LIBRARIES = {
    "micronet-kws": "TensorFlow",
    "micronet-ad": "librosa, TensorFlow",
    "audio-sound-event": "kaldi-native-fbank",
    "dcase2020-task1b": "librosa",
    "aclnet": "SciPy",
}


def library_features(spec: FrontendSpec, clip: np.ndarray) -> np.ndarray:
    """What a preset's library makes of a clip, in the shape of the model's input.

    Args:
        spec: a preset, in any precision.
        clip: interleaved int16; a full clip.
    """
    match spec.name:
        case "micronet-kws":
            return tensorflow_mfcc(spec, clip)["dct"]
        case "micronet-ad":
            return resized(
                10 * np.log10(np.maximum(librosa_mel(clip), np.finfo(np.float32).tiny)).T + 30, 32, 32
            )
        case "audio-sound-event":
            log = kaldi_fbank(spec, clip)
            features = np.zeros((spec.frames, spec.mel_filters))
            features[: len(log)] = log - log.mean(axis=0, dtype=np.float64)
            return features.T
        case "dcase2020-task1b":
            return published_scene_features(clip, np.float32)
        case "aclnet":
            from scipy.stats import zscore

            return zscore(clip / 32768).reshape(spec.feature_shape)
    raise ValueError(f"no library for {spec.name}")


def tensorflow_mfcc(spec: FrontendSpec, clip: np.ndarray, dtype: str = "float32") -> dict[str, Any]:
    """TensorFlow's MFCC stages; its DCT scales every row alike, row 0 too, as ``htk`` does."""
    import tensorflow as tf

    spectrum = tf.abs(tf.signal.stft((clip / 32768).astype(dtype), 640, 320, 1024))
    weights = tf.signal.linear_to_mel_weight_matrix(40, 513, 16000, 20.0, 4000.0, dtype=tf.as_dtype(dtype))
    mel = spectrum @ weights
    log = tf.math.log(tf.maximum(mel, spec.log_floor))
    dct = tf.signal.mfccs_from_log_mel_spectrograms(log)[:, :10]
    stages = {"weights": weights, "spectrum": spectrum, "mel": mel, "log": log, "dct": dct}
    return {name: np.asarray(value) for name, value in stages.items()}


def resized(features: np.ndarray, frames: int, coefficients: int) -> np.ndarray:
    """``tf.image.resize`` of a picture of frames and coefficients."""
    import tensorflow as tf

    image = features[..., np.newaxis].astype(np.float32)
    size = (frames, coefficients)
    return np.asarray(tf.image.resize(image, size, method="bilinear", antialias=False))[..., 0]


def librosa_mel(clip: np.ndarray) -> np.ndarray:
    """micronet-ad's mel spectrum, (filters, frames), as librosa makes it by default."""
    import librosa

    return librosa.feature.melspectrogram(
        y=clip / 32768, sr=16000, n_fft=1024, hop_length=512, n_mels=64, center=False
    )


def kaldi_frames(options: Any, computer: Any, spec: FrontendSpec, clip: np.ndarray) -> np.ndarray:
    """Features by kaldi-native-fbank; what is set here is what all its extractors share."""
    frame = options.frame_opts
    frame.samp_freq = spec.sample_rate_hz
    frame.frame_length_ms = 1000 * spec.frame_samples / spec.sample_rate_hz
    frame.frame_shift_ms = 1000 * spec.hop_samples / spec.sample_rate_hz
    frame.dither, frame.snip_edges, frame.remove_dc_offset = 0, True, spec.dc_removal
    frame.preemph_coeff = spec.pre_emphasis
    frame.window_type = spec.window.replace("hann-", "hanning-").removesuffix("-symmetric")
    options.mel_opts.num_bins = spec.mel_filters
    options.mel_opts.low_freq, options.mel_opts.high_freq = spec.mel_low_hz, spec.mel_high_hz
    extractor = computer(options)
    scale = 32768 if spec.samples == "fraction" else 1
    extractor.accept_waveform(spec.sample_rate_hz, (clip / scale).tolist())
    extractor.input_finished()
    return np.stack([extractor.get_frame(i) for i in range(extractor.num_frames_ready)])


def kaldi_fbank(spec: FrontendSpec, clip: np.ndarray) -> np.ndarray:
    """Kaldi's log filter banks, (frames, filters)."""
    import kaldi_native_fbank as knf

    options = knf.FbankOptions()
    options.use_power, options.use_log_fbank = spec.spectrum == "power", True
    return kaldi_frames(options, knf.OnlineFbank, spec, clip)


def published_deltas(x: np.ndarray) -> np.ndarray:
    """(x[t + 1] - x[t - 1]) / 10 + (x[t + 2] - x[t - 2]) / 5 along the axis of frames, 1."""
    return (x[:, 3:-1] - x[:, 1:-3]) / 10 + (x[:, 4:] - x[:, :-4]) / 5


def published_scene_features(clip: np.ndarray, dtype: Any) -> np.ndarray:
    """(128, 461, 6): the published steps on librosa of its time, which by default reflected the ends."""
    import librosa

    options = {"n_fft": 2048, "hop_length": 1024, "n_mels": 128, "htk": True, "norm": None}
    options |= {"sr": 48000, "center": True, "pad_mode": "reflect", "dtype": dtype}
    mel = np.stack(
        [librosa.feature.melspectrogram(y=clip[c::2] / 32768, **options) for c in range(2)], axis=-1
    )
    log = np.log(mel.astype(dtype) + dtype(1e-8))
    scaled = (log - log.min()) / (log.max() - log.min())
    first = published_deltas(scaled)
    second = published_deltas(first)
    return np.concatenate([scaled[:, 4:-4], first[:, 2:-2], second], axis=-1)
