"""The float64 definition against librosa, Kaldi and SciPy.

librosa and SciPy are asked to compute in float64: then only the order of operations differs, and the bounds
are some ten times the error that was seen. What they do by default (librosa's filters and results are
float32, kaldi-native-fbank has nothing else) is bounded by about twice what was seen; float32 has a unit
roundoff u of 6e-8. Errors are absolute, in the feature's unit. TensorFlow has a file of its own.
"""

from __future__ import annotations

import numpy as np
import pytest
from frontend_libraries import MADE, RECORDINGS, library, signal, variant, worst
from library_features import kaldi_fbank, kaldi_frames, published_scene_features

from mcu_deploy.frontend import load_spec, preset_names, stages
from mcu_deploy.frontend.definition import dct_rows, defined_features, mel_filters, window
from mcu_deploy.frontend.keys import FLT_MIN, KEYS

librosa = library("librosa")
knf = library("kaldi_native_fbank")
scipy_fft = library("scipy.fft")
scipy_signal = library("scipy.signal")
scipy_stats = library("scipy.stats")

FLOAT64 = 1e-11


# What the definition makes.


@pytest.mark.parametrize("name", preset_names())
def test_the_stages_are_those_of_the_specification(name):
    spec = load_spec(name)
    made = defined_features(spec, signal(spec, "noise"))
    assert list(made) == [stage.name for stage in stages(spec) if stage.name != "quantised"]
    for stage in stages(spec)[:-1]:
        assert made[stage.name].shape == (stage.vectors, *stage.shape)
        assert made[stage.name].dtype == np.float64


@pytest.mark.parametrize("precision", ["q31", "q15"])
@pytest.mark.parametrize("name", ["micronet-kws", "micronet-ad", "dcase2020-task1b"])
def test_fixed_point_should_make_the_same_features(name, precision):
    spec = variant(name)
    fixed = variant(name, precision=precision)
    clip = signal(spec, "noise")
    want, made = defined_features(spec, clip), defined_features(fixed, clip)
    assert "features" in made
    for stage in want:
        assert np.array_equal(made[stage], want[stage])


# micronet-ad: librosa's log-mel spectrum.


@pytest.mark.parametrize("name", [*RECORDINGS[16000], *MADE])
def test_micronet_ad_is_librosas_mel_spectrum_in_decibel(name):
    spec = load_spec("micronet-ad")
    clip = signal(spec, name)
    made = defined_features(spec, clip)
    framing = {"n_fft": 1024, "hop_length": 512, "center": False}
    spectrum = np.abs(librosa.stft(clip / 32768, **framing)) ** 2
    exact = librosa.feature.melspectrogram(S=spectrum, sr=16000, n_fft=1024, n_mels=64, dtype=np.float64)
    default = librosa.feature.melspectrogram(y=clip / 32768, sr=16000, n_mels=64, **framing)
    largest = max(1.0, spectrum.max())  # of an FFT's bins every one errs by as much as the largest
    assert worst(made["spectrum"], spectrum.T[:, :512]) < FLOAT64 * largest
    assert worst(made["mel"], exact.T) < FLOAT64 * largest
    decibel, rounded = (10 * np.log10(np.maximum(mel.T, FLT_MIN)) for mel in (exact, default))
    # A square wave leaves bins empty but for the rounding of its FFT, which is any library's own.
    heard = made["mel"] > 1e-12 * made["mel"].max(axis=1, keepdims=True)
    assert worst(made["log"] * heard, decibel * heard) < 1e-9
    assert worst(made["log"] * heard, rounded * heard) < 6e-7  # its filters are float32: 10 log10(1 + u)
    assert np.array_equal(made["features"], made["log"] + 30)


# audio-sound-event: Kaldi's filter banks.


def assert_like_kaldi(made, got, bound):
    """Kaldi keeps mel numbers of up to 2146 in float32, so its filters' weights err by some 5e-6, and its
    FFT by some u of the frame's largest bins: each in proportion to the frame. The logarithm's error is that
    over the filter's own output, so it is largest in a filter that hears little."""
    mel = np.maximum(made["mel"], np.finfo(np.float32).eps)
    frame = mel.max(axis=1, keepdims=True)
    assert np.max(np.abs(np.exp(got.astype(np.float64)) - mel) / frame) < 1.5e-5
    assert worst(got, made["log"]) < bound


@pytest.mark.parametrize(
    ("name", "start", "bound"),
    [
        ("baby_cry_8k.wav", 0, 9e-4),
        ("baby_cry_8k.wav", 20_000, 9e-4),
        ("baby_cry_8k.wav", 48_000, 9e-4),  # what is left makes 92 frames
        ("noise", 0, 3e-5),
        ("quiet noise", 0, 4e-5),
        ("chirp", 0, 7e-3),
        ("silence", 0, 1e-6),
    ],
)
def test_audio_sound_event_is_kaldis_fbank_less_its_mean(name, start, bound):
    spec = load_spec("audio-sound-event")
    clip = signal(spec, name, start)
    made = defined_features(spec, clip)
    got = kaldi_fbank(spec, clip)
    assert_like_kaldi(made, got, bound)
    count = len(got)
    assert worst(got - got.mean(axis=0, dtype=np.float64), made["prepared"][:count]) < 2 * bound
    assert made["prepared"].shape == (192, 24)
    assert not made["prepared"][count:].any()


@pytest.mark.parametrize("kind", ["povey", "hann-symmetric", "hamming-symmetric", "rectangular"])
@pytest.mark.parametrize("spectrum", ["power", "magnitude"])
@pytest.mark.parametrize("samples", ["fraction", "integer"])
def test_kaldis_other_settings(kind, spectrum, samples):
    spec = variant(
        "audio-sound-event",
        window=kind,
        spectrum=spectrum,
        samples=samples,
        pre_emphasis=0.9,
        dc_removal=False,
        mel_low_hz=100.0,
        mel_high_hz=3500.0,
    )
    clip = signal(spec, "noise")
    assert_like_kaldi(defined_features(spec, clip), kaldi_fbank(spec, clip), 3e-5)


@pytest.mark.parametrize("lifter", [0.0, 22.0])
def test_kaldis_mfcc_is_the_orthonormal_dct_with_its_lifter(lifter):
    spec = variant(
        "audio-sound-event",
        kind="mfcc",
        dct_coefficients=13,
        dct_normalization="ortho",
        dct_lifter=lifter,
        normalization="none",
    )
    clip = signal(spec, "noise")
    options = knf.MfccOptions()
    options.num_ceps, options.use_energy, options.cepstral_lifter = 13, False, lifter
    got = kaldi_frames(options, knf.OnlineMfcc, spec, clip)
    assert worst(got, defined_features(spec, clip)["dct"]) < 2e-4  # up to 12 times u of a value of 60


# dcase2020-task1b: the published features.


@pytest.mark.parametrize("name", ["noise", "quiet noise", "chirp"])
def test_dcase_features_are_the_published_ones(name):
    spec = load_spec("dcase2020-task1b")
    clip = signal(spec, "noise") // 8 + signal(spec, name) // 2
    made = defined_features(spec, clip)["prepared"].reshape(461, 128, 6).transpose(1, 0, 2)
    assert worst(published_scene_features(clip, np.float64), made) < FLOAT64
    assert worst(published_scene_features(clip, np.float32), made) < 3e-7  # a value of 1 in a few roundings


# aclnet


@pytest.mark.parametrize("name", [RECORDINGS[16000][0], *MADE])
def test_aclnet_takes_scipys_zscore(name):
    spec = load_spec("aclnet")
    clip = signal(spec, name)
    want = scipy_stats.zscore(clip / 32768) if clip.any() else np.zeros(clip.size)
    assert worst(defined_features(spec, clip)["prepared"].reshape(-1), want) < 1e-10  # epsilon / deviation


# The formulas one by one.


@pytest.mark.parametrize("size", [2, 5, 32, 33, 640])
@pytest.mark.parametrize("kind", KEYS["window"].choices)
def test_windows_are_scipys(kind, size):
    spec = variant("micronet-kws", window=kind, frame_samples=size)
    name, _, ends = kind.partition("-")
    name = {"rectangular": "boxcar", "povey": "hann"}.get(name, name)
    want = scipy_signal.get_window(name, size, fftbins=ends == "periodic")
    assert worst(window(spec), want**0.85 if kind == "povey" else want) < FLOAT64


@pytest.mark.parametrize(("rate", "fft", "count"), [(16000, 512, 40), (8000, 256, 24), (44100, 2048, 128)])
@pytest.mark.parametrize("scale", ["htk", "slaney"])
@pytest.mark.parametrize("normalization", ["none", "slaney"])
def test_filters_linear_in_hz_are_librosas(rate, fft, count, scale, normalization):
    low, high = 20.0, 0.47 * rate
    spec = variant(
        "micronet-ad",
        sample_rate_hz=rate,
        fft_size=fft,
        mel_filters=count,
        mel_scale=scale,
        mel_normalization=normalization,
        mel_low_hz=low,
        mel_high_hz=high,
    )
    norm = "slaney" if normalization == "slaney" else None
    options = {"n_fft": fft, "n_mels": count, "fmin": low, "fmax": high, "htk": scale == "htk", "norm": norm}
    want = librosa.filters.mel(sr=rate, dtype=np.float64, **options)
    assert worst(mel_filters(spec), want) < FLOAT64


@pytest.mark.parametrize("centring", ["reflect", "zeros"])
@pytest.mark.parametrize(
    ("kind", "name"), [("hamming-periodic", "hamming"), ("blackman-periodic", "blackman")]
)
@pytest.mark.parametrize("samples", [6400, 6401, 1999])
def test_a_centred_frame_shorter_than_the_fft_is_librosas(centring, kind, name, samples):
    spec = variant(
        "micronet-kws",
        frame_samples=400,
        hop_samples=160,
        frames=41,
        fft_size=512,
        window=kind,
        centring=centring,
        samples="integer",
    )
    clip = signal(spec, "noise")
    clip = np.resize(clip, samples)
    options = {"n_fft": 512, "win_length": 400, "hop_length": 160, "window": name}
    mode = "reflect" if centring == "reflect" else "constant"
    want = np.abs(librosa.stft(clip.astype(np.float64), pad_mode=mode, **options)).T
    got = defined_features(spec, clip)["spectrum"]
    assert worst(got, want[:, : got.shape[1]]) < 32768 * FLOAT64


@pytest.mark.parametrize("size", [2, 3, 10, 40])
@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize("normalization", ["none", "ortho", "htk"])
def test_dct_is_scipys(size, kind, normalization):
    spec = variant(
        "micronet-kws",
        mel_filters=size,
        dct_coefficients=size,
        dct_type=kind,
        dct_normalization=normalization,
    )
    norm = "ortho" if normalization == "ortho" else None
    want = scipy_fft.dct(np.eye(size), type=kind, norm=norm, axis=0)
    if normalization == "htk":  # sqrt(2 / N) where SciPy has 2
        want = want * np.sqrt(2 / size) / 2
    assert worst(dct_rows(spec), want) < FLOAT64
    if normalization == "ortho":
        assert worst(dct_rows(spec) @ dct_rows(spec).T, np.eye(size)) < FLOAT64


@pytest.mark.parametrize("width", [1, 2, 3, 8])
def test_deltas_are_librosas_away_from_the_ends(width):
    """librosa fits a line over 2 N + 1 frames: the same regression."""
    spec = variant("dcase2020-task1b", channels=1, frames=60, delta_width=width, normalization="none")
    made = defined_features(spec, signal(spec, "noise"))
    maps = made["prepared"].reshape(60 - 4 * width, 128, 3)
    first = librosa.feature.delta(made["log"], width=2 * width + 1, axis=0)[width:-width]
    second = librosa.feature.delta(first, width=2 * width + 1, axis=0)[width:-width]
    assert worst(maps[..., 0], made["log"][2 * width : -2 * width]) == 0
    assert worst(maps[..., 1], first[width:-width]) < FLOAT64
    assert worst(maps[..., 2], second) < FLOAT64


@pytest.mark.parametrize(("log", "function"), [("natural", np.log), ("log2", np.log2), ("log10", np.log10)])
def test_the_offset_comes_before_the_floor(log, function):
    spec = variant("micronet-kws", log=log, log_offset=0.25, log_floor=0.5)
    made = defined_features(spec, signal(spec, "quiet noise"))
    want = function(np.maximum(made["mel"] + 0.25, 0.5))
    assert made["mel"].min() < 0.25
    assert np.array_equal(made["log"], want)


def test_subsampling_takes_every_second_row_and_column():
    spec = variant("micronet-ad", resize="subsample")
    made = defined_features(spec, signal(spec, "noise"))
    assert np.array_equal(made["prepared"], made["features"][::2, ::2])


def test_what_is_all_alike_has_neither_range_nor_deviation():
    for normalization in ("mean", "min-max", "standard"):
        spec = variant("micronet-ad", normalization=normalization)
        assert not np.abs(defined_features(spec, signal(spec, "silence"))["prepared"]).max() > 1e-12
