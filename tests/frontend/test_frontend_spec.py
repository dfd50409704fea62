"""Front-end specifications: the preset, and everything that a file may get wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mcu_deploy.errors import InputError
from mcu_deploy.frontend import load_spec, parse_spec, preset_names, spec_table, stages
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
            "correct",
        ),
        ({"clip_samples": "16320"}, "clip_samples = 16320 does not make frames = 49", "correct"),
        ({"min_frames": "50"}, "min_frames is larger than frames", "correct"),
        ({"min_frames": "1", "deltas": "1"}, "min_frames cannot stand with deltas", "correct"),
        ({"deltas": "2", "delta_width": "8", "frames": "32"}, "deltas leave no frame", "correct"),
        ({"mel_scale": "'kaldi'", "mel_triangles": "'hz'"}, "kaldi has triangles linear in mel", "correct"),
        ({"centring": "'reflect'", "frame_samples": "641"}, "centring takes an even frame_samples", ""),
        ({"precision": "'q31'", "samples": "'integer'"}, "q31 takes samples = fraction", "correct"),
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
        ({"frame_samples": "2000"}, "frame_samples is larger than fft_size", "correct"),
        ({"mel_low_hz": "4000.0"}, "mel_low_hz is not below mel_high_hz", "correct"),
        ({"mel_high_hz": "8000.5"}, "mel_high_hz is above half of sample_rate_hz", "correct"),
        ({"mel_filters": "513", "fft_size": "1024"}, "mel_filters = 513 is out of range", "to 512"),
        (
            {"fft_size": "64", "frame_samples": "64"},
            "mel_filters is larger than half",
            "",
        ),
        ({"dct_coefficients": "41"}, "dct_coefficients is larger than mel_filters", "correct"),
        ({"hop_samples": "65535", "frames": "10000"}, "a clip is longer than", "correct"),
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


def test_an_unknown_preset_names_the_nearest():
    with pytest.raises(InputError, match="no front end named 'micronet-kwz'") as caught:
        load_spec("micronet-kwz")
    assert "did you mean 'micronet-kws'?" in caught.value.hint


@pytest.mark.parametrize("name", ["gone.toml", "folder/gone", ".", "nul\0.toml"])
def test_a_file_that_cannot_be_read(tmp_path, name):
    with pytest.raises(InputError, match="cannot read the front end"):
        load_spec(tmp_path / name)


def test_bytes_that_are_not_text(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(b"kind = '\xff'")
    with pytest.raises(InputError, match="not a TOML file"):
        load_spec(path)
