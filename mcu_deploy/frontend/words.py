"""What somebody may have meant: the nearest word, or ours for that of librosa, Kaldi or TensorFlow."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

OTHER_KEYS = {
    "mel_filters": "n_mels num_mels num_mel_bins num_filters nfilt n_filters",
    "fft_size": "n_fft nfft fft_length fft_len",
    "frame_samples": "win_length window_length window_size frame_length frame_size frame_len",
    "hop_samples": "hop_length hop_size hop frame_shift frame_step window_shift stride",
    "sample_rate_hz": "sr fs sample_rate samplerate sampling_rate sample_frequency rate",
    "mel_low_hz": "fmin f_min low_freq lowfreq lower_edge_hertz",
    "mel_high_hz": "fmax f_max high_freq highfreq upper_edge_hertz",
    "dct_coefficients": "n_mfcc num_mfcc num_ceps numcep",
    "dct_lifter": "lifter cepstral_lifter ceplifter",
    "dct_normalization": "dct_norm",
    "pre_emphasis": "preemphasis preemph pre_emph preemphasis_coefficient",
    "dc_removal": "remove_dc_offset remove_dc",
    "window": "win_type window_type window_fn",
    "spectrum": "power",
    "centring": "center centre pad_mode",
    "mel_scale": "htk",
    "mel_normalization": "norm mel_norm",
    "log_floor": "amin floor",
    "channels": "n_channels num_channels",
    "frames": "n_frames num_frames",
    "feature_mean": "mean",
    "feature_std": "std",
    "normalization_epsilon": "epsilon eps",
    "precision": "dtype",
}
"""Our key, and what other tools call it."""

OTHER_VALUES = {
    "kind": {"log-mel": "mel melspectrogram logmel fbank filterbank", "pcm": "raw samples waveform wav"},
    "samples": {"integer": "int int16", "fraction": "float normalized"},
    "centring": {"zeros": "constant zero"},
    "window": {
        "hann-periodic": "hann hanning",
        "hann-symmetric": "symmetric",
        "hamming-periodic": "hamming",
        "blackman-periodic": "blackman",
        "rectangular": "none ones boxcar rect",
    },
    "spectrum": {"magnitude": "abs amplitude mag", "power": "square squared energy"},
    "mel_normalization": {"slaney": "area"},
    "log": {"natural": "ln log loge", "decibel": "db"},
    "dct_normalization": {"ortho": "orthonormal orthogonal"},
    "normalization": {"mean": "cmn", "min-max": "range", "standard": "zscore cmvn meanvar"},
    "resize": {"subsample": "nearest decimate stride", "bilinear": "linear"},
    "layout": {"frames-first": "time-first", "coefficients-first": "frequency-first mel-first"},
    "precision": {"float32": "f32 float fp32", "q31": "int32", "q15": "int16"},
    "arithmetic": {"exact": "helium mve"},
}
"""By key: our value, and what other tools call it."""


def likely_key(word: str, keys: Iterable[str]) -> str | None:
    """The one of ``keys`` that is meant by ``word``, or None where nothing is near."""
    return _likely(word, keys, OTHER_KEYS)


def likely_value(key: str, word: str, values: Iterable[str]) -> str | None:
    """The one of a key's ``values`` that is meant by ``word``, or None where nothing is near."""
    return _likely(word, values, OTHER_VALUES.get(key, {}))


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The one of ``words`` that is spelt most like ``word``, or None where none is."""
    return _likely(word, words, {})


def _likely(word: str, words: Iterable[str], others: Mapping[str, str]) -> str | None:
    """Neither case nor the kind of dash counts. Another tool's word stands before what is spelt alike."""
    known = {_plain(one): one for one in words}
    wanted = _plain(word[:100])
    for ours, theirs in others.items():
        if wanted in map(_plain, theirs.split()) and wanted not in known:
            return ours
    close = difflib.get_close_matches(wanted, known, n=1, cutoff=0.45)
    return known[close[0]] if close else None


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")
