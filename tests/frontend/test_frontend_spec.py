"""Front-end specifications: the preset, and everything that a file may get wrong."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from mcu_deploy.errors import InputError
from mcu_deploy.frontend import load_spec, parse_spec, preset_names, spec_table, stages, words
from mcu_deploy.frontend.keys import KEYS
from mcu_deploy.frontend.spec import spectrum_bins

PRESET = {
    "kind": "'mfcc'",
    "sample_rate_hz": "16000",
    "frame_samples": "640",
    "hop_samples": "320",
    "frames": "49",
    "window": "'hann-periodic'",
    "fft_size": "1024",
    "spectrum": "'magnitude'",
    "mel_filters": "40",
    "mel_scale": "'htk'",
    "mel_triangles": "'mel'",
    "mel_normalization": "'none'",
    "mel_low_hz": "20",
    "mel_high_hz": "4000.0",
    "log": "'natural'",
    "log_floor": "1.17549435e-38",
    "dct_coefficients": "10",
    "dct_normalization": "'htk'",
}

RESIZED = {"resize": "'bilinear'", "resize_frames": "2", "resize_coefficients": "2"}


def write(path, changes):
    lines = [f"{key} = {value}" for key, value in (PRESET | changes).items() if value is not None]
    path.write_text("\n".join(lines))
    return path


def test_the_preset_is_what_the_models_were_trained_with(tmp_path):
    spec = load_spec("micronet-kws")
    assert spec == dataclasses.replace(load_spec(write(tmp_path / "own.toml", {})), name="micronet-kws")
    assert (spec.clip_samples, spec.feature_shape, spectrum_bins(spec)) == (16000, (49, 10), 256)


def test_every_preset_is_its_own_table_again():
    presets = "aclnet audio-sound-event dcase2020-task1b micronet-ad micronet-kws"
    assert " ".join(preset_names()) == presets
    for name in preset_names():
        spec = load_spec(name)
        assert parse_spec(spec_table(spec), Path(f"{name}.toml")) == spec


def test_a_file_may_build_on_a_preset(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text("preset = 'micronet-kws'\nprecision = 'q31'\nkind = 'log-mel'")
    preset = load_spec("micronet-kws")
    own = load_spec(path)
    assert (own.kind, own.precision, own.dct_coefficients) == ("log-mel", "q31", 0)
    assert (own.window, own.frames, own.feature_shape) == (preset.window, 49, (49, 40))


def test_stages_of_the_preset():
    listed = [(s.index, s.name, s.dtype, s.shape, s.per_frame) for s in stages(load_spec("micronet-kws"))]
    assert listed == [
        (0, "windowed", "float32", (640,), True),
        (1, "spectrum", "float32", (256,), True),
        (2, "mel", "float32", (40,), True),
        (3, "log", "float32", (40,), True),
        (4, "dct", "float32", (10,), True),
        (5, "quantised", "int8", (49, 10), False),
    ]


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        ({"fft_sise": "1024"}, "unknown key 'fft_sise'", "did you mean 'fft_size'?"),
        ({"zzz": "1"}, "unknown key 'zzz'", "known: kind, sample_rate_hz"),
        ({"frames": None}, "key 'frames' is missing", "an int, from 1 to 10000"),
        ({"kind": "'plp'"}, "kind = 'plp' is not supported", "one of mfcc, log-mel, pcm"),
        ({"fft_size": "1000"}, "fft_size = 1000 is not supported", "512, 1024"),
        ({"channels": "9"}, "channels = 9 is out of range", "from 1 to 8"),
        ({"window": "'hann'"}, "window = 'hann' is not supported", "did you mean 'hann-"),
        ({"spectrum": "'powers'"}, "spectrum = 'powers' is not supported", "did you mean 'power'?"),
        ({"delta_width": "2"}, "delta_width has no meaning here", "it needs deltas = 1 or 2"),
        ({"kind": "'log-mel'"}, "dct_coefficients has no meaning here", "it needs kind = mfcc"),
        ({"kind": "'pcm'"}, "window has no meaning here", "it needs kind = log-mel or mfcc"),
        ({"resize_frames": "2"}, "resize_frames has no meaning here", "bilinear or subsample"),
        ({"resize": "'bilinear'"}, "key 'resize_frames' is missing", "an int, from 1"),
        (
            {"resize": "'subsample'", "resize_frames": "48", "resize_coefficients": "5"},
            "frames is not a multiple of resize_frames",
            "give resize_frames = 1 or 7 or 49",
        ),
        (
            {"clip_samples": "16320"},
            "clip_samples = 16320 makes frames = 50, not 49",
            "give frames = 50, or clip_samples = 16000 to 16319",
        ),
        ({"min_frames": "50"}, "min_frames is larger than frames", "min_frames = 1 to 49"),
        (
            {"min_frames": "1", "deltas": "1"},
            "min_frames cannot stand with deltas",
            "min_frames = 0, or deltas = 0",
        ),
        (
            {"deltas": "2", "delta_width": "8", "frames": "32"},
            "deltas leave no frame",
            "at least frames = 33, or at most delta_width = 7",
        ),
        (
            {"mel_scale": "'kaldi'", "mel_triangles": "'hz'"},
            "kaldi has triangles linear in mel",
            "mel_triangles = mel, or mel_scale = htk",
        ),
        (
            {"centring": "'reflect'", "frame_samples": "641"},
            "centring takes an even frame_samples",
            "frame_samples = 640, or 642",
        ),
        (
            {"precision": "'q31'", "samples": "'integer'"},
            "q31 takes samples = fraction",
            "samples = fraction, or precision = float32",
        ),
        ({"clip_samples": "100"}, "makes frames = 0, not 49", "give clip_samples = 16000 to 16319"),
        (
            {"frames": "1", "centring": "'zeros'"},
            "clip_samples = 321 makes frames = 2, not 1",
            "give frames = 2",
        ),
        ({"min_frames": "1"} | RESIZED, "min_frames cannot stand with resize", "or resize = none"),
        ({"deltas": "1"} | RESIZED, "deltas cannot stand with resize", "deltas = 0, or resize = none"),
        ({"mel_high_hz": "0", "mel_low_hz": "0"}, "mel_low_hz is not below", "give mel_high_hz above 0"),
        ({"dct_type": "1", "mel_filters": "1", "dct_coefficients": "1"}, "dct_type = 1", "mel_filters = 2"),
        (
            {"frames": "9000", "dct_coefficients": "128", "mel_filters": "128", "hop_samples": "1"},
            "more than 1048576 features",
            "at most frames = 8192",
        ),
        ({"preset": "'micronet'"}, "preset 'micronet' is not known", "did you mean 'micronet-"),
        ({"preset": "3"}, "preset 3 is not known", "correct"),
        ({"spectrum": "3"}, "spectrum is not a str", "magnitude, power"),
        ({"frames": "true"}, "frames is not an int", "from 1"),
        ({"frames": "49.0"}, "frames is not an int", "from 1"),
        ({"mel_low_hz": "'20'"}, "mel_low_hz is not a float", "from 0"),
        ({"mel_high_hz": "nan"}, "mel_high_hz = nan is out of range", "to 96000"),
        ({"mel_high_hz": "inf"}, "mel_high_hz = inf is out of range", "to 96000"),
        ({"frames": "0"}, "frames = 0 is out of range", "from 1"),
        ({"frames": "-49"}, "frames = -49 is out of range", "from 1"),
        ({"frames": "999999999999"}, "frames = 999999999999 is out of range", "to 10000"),
        ({"frames": "0x" + "f" * 40000}, "frames = a giant integer is out of range", "to 10000"),
        ({"frames": "9" * 40000}, "not a TOML file", "presets"),
        ({"mel_low_hz": "9" * 400}, "mel_low_hz is not a float", "from 0"),
        ({"log_floor": "0.0"}, "log_floor = 0.0 is out of range", "from 1.17549435e-38"),
        ({"log_floor": "1e300"}, "log_floor = 1e+300 is out of range", "to 1"),
        ({"log_floor": "1e-45"}, "log_floor = 1e-45 is out of range", "from 1.17549435e-38"),
        (
            {"frame_samples": "2000"},
            "frame_samples is larger than fft_size",
            "fft_size = 2048, or at most frame_samples = 1024",
        ),
        (
            {"mel_low_hz": "4000.0"},
            "mel_low_hz is not below mel_high_hz",
            "mel_low_hz below 4000, or mel_high_hz above 4000, up to 8000",
        ),
        (
            {"mel_high_hz": "8000.5"},
            "mel_high_hz is above half of sample_rate_hz",
            "at most mel_high_hz = 8000, or at least sample_rate_hz = 16001",
        ),
        ({"mel_filters": "513", "fft_size": "1024"}, "mel_filters = 513 is out of range", "to 512"),
        (
            {"fft_size": "64", "frame_samples": "64"},
            "mel_filters is larger than half",
            "at most mel_filters = 32, or fft_size = 128",
        ),
        (
            {"dct_coefficients": "41"},
            "dct_coefficients is larger than mel_filters",
            "at most dct_coefficients = 40, or at least mel_filters = 41",
        ),
        ({"hop_samples": "65535", "frames": "10000"}, "a clip is longer than", "at most frames = 64"),
        ({"frames": "[[[["}, "not a TOML file", "presets"),
        ({"frames": "[" * 30000}, "not a TOML file", "presets"),
        ({"frames": "1" + " " * 70000}, "larger than 65536 bytes", "front-end"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_a_file_may_get_wrong(tmp_path, changes, message, hint):
    with pytest.raises(InputError) as caught:
        load_spec(write(tmp_path / "bad.toml", changes))
    assert message in caught.value.message and "bad.toml" in caught.value.message
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint
    assert len(caught.value.message) < 400


WORDS = {
    "n_mels": "mel_filters",
    "n_fft": "fft_size",
    "win_length": "frame_samples",
    "frame_length": "frame_samples",
    "hop_length": "hop_samples",
    "frame-shift": "hop_samples",
    "sr": "sample_rate_hz",
    "sample_rate": "sample_rate_hz",
    "fmin": "mel_low_hz",
    "fmax": "mel_high_hz",
    "n_mfcc": "dct_coefficients",
    "preemph": "pre_emphasis",
    "preemphasis": "pre_emphasis",
    "Mel_Filters": "mel_filters",
}
VALUES = {
    "'ln'": ("log", "natural"),
    "'dB'": ("log", "decibel"),
    "'HTK'": ("mel_scale", "htk"),
    "'Hann'": ("window", "hann-periodic"),
    "'MFCC'": ("kind", "mfcc"),
    "'mag'": ("spectrum", "magnitude"),
    "'log_mel'": ("kind", "log-mel"),
}


@pytest.mark.parametrize("word", WORDS)
def test_another_tools_key_names_ours(tmp_path, word):
    with pytest.raises(InputError, match=f"unknown key '{word}'") as caught:
        load_spec(write(tmp_path / "bad.toml", {word: "1"}))
    assert f"did you mean '{WORDS[word]}'?" in caught.value.hint


@pytest.mark.parametrize("value", VALUES)
def test_another_tools_value_names_ours(tmp_path, value):
    key, ours = VALUES[value]
    with pytest.raises(InputError, match=f"{key} = {value} is not supported") as caught:
        load_spec(write(tmp_path / "bad.toml", {key: value}))
    assert f"did you mean '{ours}'?" in caught.value.hint


def test_the_words_of_other_tools_lead_to_ours():
    assert set(words.OTHER_KEYS) <= set(KEYS)
    for key, values in words.OTHER_VALUES.items():
        assert set(values) <= set(KEYS[key].choices)


def test_an_unknown_preset_names_the_nearest():
    with pytest.raises(InputError, match="no front end named 'micronet-kwz'") as caught:
        load_spec("micronet-kwz")
    assert "did you mean 'micronet-kws'?" in caught.value.hint


@pytest.mark.parametrize("name", ["gone.toml", "folder/gone", ".", "nul\0.toml"])
def test_a_file_that_cannot_be_read(tmp_path, name):
    with pytest.raises(InputError, match="cannot read the front end"):
        load_spec(tmp_path / name)


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_may_never_end_is_no_file(tmp_path, kind):
    path = Path("/dev/zero")
    if kind == "pipe":
        path = tmp_path / "pipe.toml"
        os.mkfifo(path)
    with pytest.raises(InputError, match=r"cannot read the front end .*it is not a file"):
        load_spec(path)


def test_bytes_that_are_not_text(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(b"kind = '\xff'")
    with pytest.raises(InputError, match="not a TOML file"):
        load_spec(path)
