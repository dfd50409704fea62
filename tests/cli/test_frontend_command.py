"""``mcu-deploy frontend``, as a user calls it."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from command import COMMAND, Result, assert_refused, chirp, dense_model, listing, mcu_deploy, write_wav

from mcu_deploy.cli import commands
from mcu_deploy.errors import InputError, ToolMissingError
from mcu_deploy.frontend import load_spec, preset_names, stages
from mcu_deploy.frontend.cmsis import ensure_cmsis_dsp
from mcu_deploy.frontend.definition import dct_rows, mel_filters, window
from mcu_deploy.frontend.keys import KEYS
from mcu_deploy.pipeline import frontend_project
from mcu_deploy.pipeline.frontend_deviation import Deviation
from mcu_deploy.pipeline.frontend_labels import Recording, find_recordings, read_label_table, window_labels
from mcu_deploy.pipeline.frontend_signals import built_in_signals
from mcu_deploy.pipeline.frontend_variants import variants
from mcu_deploy.resources import resource_dir

Frontend = Callable[..., Result]

RECORDINGS = resource_dir("models") / "kws_demo" / "recordings"
NATIVE = ("--simulator", "native")
SMALL = "preset = 'micronet-kws'\nframes = 5\nclip_samples = 1920\nmin_frames = 5\n"


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A cache of the tests' own, which finds CMSIS-DSP where it is already."""
    for tool in ("cmake", "ninja", "cc"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    try:
        cmsis = ensure_cmsis_dsp(print)
    except ToolMissingError as error:
        pytest.skip(f"CMSIS-DSP's sources: {error.message}")
    cache = tmp_path_factory.mktemp("cache")
    return {"MCU_DEPLOY_CACHE_DIR": str(cache), "MCU_DEPLOY_CMSIS_DSP_DIR": str(cmsis)}


@pytest.fixture(scope="session")
def frontend(environment: dict[str, str]) -> Frontend:
    """``frontend(arguments...)``: runs ``mcu-deploy frontend arguments...``."""

    def call(*arguments: object, **options: Any) -> Result:
        return mcu_deploy("frontend", *arguments, env=environment | options.pop("env", {}), **options)

    return call


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A front end of 0.12 s."""
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """2.5 s at 16 kHz."""
    return write_wav(tmp_path / "chirp.wav", chirp(2.5).tobytes())


def checks(result: Result, code: int = 0) -> list[dict[str, Any]]:
    assert result.code == code, result.err
    document = json.loads(result.out)
    assert document["schema"] == "mcu-deploy/frontend-check/1"
    entries: list[dict[str, Any]] = document["checks"]
    return entries


# list and show


def test_list_has_a_line_for_every_preset(frontend: Frontend) -> None:
    lines = frontend("list").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(preset_names())
    documents = json.loads(frontend("list", "--json").out)
    assert [one["name"] for one in documents] == list(preset_names())
    stereo = next(one for one in documents if one["channels"] == 2)
    assert (stereo["sample_rate_hz"], stereo["feature_shape"]) == (48000, [128, 461, 6])


@pytest.mark.parametrize("name", preset_names())
def test_show_explains_every_key_and_gives_the_tables(name: str, frontend: Frontend) -> None:
    spec = load_spec(name)
    document = json.loads(frontend("show", name, "--json").out)
    text = frontend("show", name, "--tables").out
    for entry in document["parameters"]:
        assert entry["value"] == getattr(spec, entry["key"])
        assert entry["meaning"] == KEYS[entry["key"]].meaning
        assert entry["meaning"] in text
    assert [one["stage"] for one in document["stages"]] == [stage.name for stage in stages(spec)]
    assert document["derived"]["clip_seconds"] == spec.clip_samples / spec.sample_rate_hz
    tables = document["tables"]
    if not spec.spectral:
        assert tables["window"] == tables["dct"] == []
        return
    np.testing.assert_allclose(tables["window"], window(spec), atol=1e-7)
    exact = mel_filters(spec)
    assert len(tables["mel_filters"]) == spec.mel_filters
    for row, one in zip(exact, tables["mel_filters"], strict=True):
        made = np.zeros_like(row)
        made[one["first"] : one["first"] + one["length"]] = one["weights"]
        np.testing.assert_allclose(made, row, atol=1e-6 * max(row.max(), 1e-3))
        assert one["low_hz"] < one["centre_hz"] < one["high_hz"]
    if spec.kind == "mfcc":
        np.testing.assert_allclose(tables["dct"], dct_rows(spec), atol=1e-7)
    emitted = tables["emitted"]
    assert sum(map(len, emitted.values())) > 0 and all(key.startswith("md_frontend_") for key in emitted)


def test_show_without_tables_is_short(frontend: Frontend) -> None:
    assert "DCT row" not in frontend("show", "micronet-kws").out
    assert "DCT row 9" in frontend("show", "micronet-kws", "--tables").out


def test_show_of_a_file(small: Path, frontend: Frontend) -> None:
    text = frontend("show", small).out
    assert text.startswith("small\n")
    assert "clip 0.12 s" in text and "5 x 10" in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("kind = ", "not a TOML file"),
        ("preset = 'micronet-kws'\nfft_sise = 512", "did you mean 'fft_size'?"),
        ("preset = 'micronet-kws'\nwindow = 'han-periodic'", "did you mean 'hann-periodic'?"),
        ("preset = 'micronet-kws'\nclip_samples = 20000", "frames = 61, or clip_samples = 16000 to 16319"),
        ("", "key 'kind' is missing"),
    ],
)
@pytest.mark.parametrize("command", ["show", "check"])
def test_a_broken_file(command: str, content: str, words: str, frontend: Frontend, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(content)
    assert_refused(frontend(command, tmp_path / "own.toml"), 2, words, "own.toml")


@pytest.mark.parametrize("command", ["show", "check"])
def test_an_unknown_name(command: str, frontend: Frontend) -> None:
    assert_refused(frontend(command, "micronet-kvs"), 2, "'micronet-kvs'", "did you mean 'micronet-kws'?")


# check


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_verified_on_this_computer(name: str, frontend: Frontend) -> None:
    (check,) = checks(frontend("check", name, *NATIVE, "--json"))
    spec = load_spec(name)
    clips = built_in_signals(spec)
    frames = [spec.frames_in(clip.pcm.size // spec.channels) for clip in clips if clip.pcm is not None]
    assert check["verdict"] == "verified" and check["first_difference"] is None
    assert [one["input"] for one in check["inputs"]] == [clip.source for clip in clips]
    for stage, entry in zip(stages(spec), check["stages"], strict=True):
        assert entry["stage"] == stage.name and entry["bits_equal"] and entry["differing"] == 0
        expected = spec.channels * sum(frames) if stage.per_frame else len(clips)
        assert entry["vectors"] == (stage.vectors * len(clips) if stage.name == "prepared" else expected)
        if stage.dtype == "float32":
            assert entry["python_against_float64"]["snr_db"] > 70
    assert check["simulated_instructions"] is None  # nothing counts them here
    assert check["memory"]["flash_bytes"] is None and check["memory"]["ram_bytes"] > 0
    assert (check["wheel_against_python"] is not None) == (spec.kind == "mfcc")


@pytest.mark.qemu
@pytest.mark.parametrize("name", ["micronet-kws", "audio-sound-event"])
def test_presets_are_verified_on_qemu(name: str, tools: None, frontend: Frontend) -> None:
    (check,) = checks(frontend("check", name, "--simulator", "qemu", "--json"))
    spec = load_spec(name)
    assert check["verdict"] == "verified" and check["simulator"] == "qemu"
    count, memory = check["simulated_instructions"], check["memory"]
    assert count["frames"] == spec.frames
    assert 1000 < count["per_frame"] < 100_000
    assert abs(count["per_frame"] * spec.frames - count["clip"]) <= spec.frames
    assert memory["flash_bytes"] > memory["flash_code_bytes"] > 1000
    assert memory["flash_bytes"] - memory["flash_code_bytes"] >= memory["flash_table_bytes"]
    assert 0 < memory["stack_bytes"] < 16 * 1024


@pytest.mark.qemu
def test_other_arithmetic_is_measured_not_judged(small: Path, tools: None, frontend: Frontend) -> None:
    arguments = ("--simulator", "qemu", "--arithmetic", "scalar", "--arithmetic", "cmsis-helium")
    scalar, helium = checks(frontend("check", small, *arguments, "--json"))
    assert scalar["verdict"] == "verified"
    assert helium["verdict"] == "measured" and helium["first_difference"]["name"] == "spectrum"
    spectrum = next(one for one in helium["stages"] if one["stage"] == "spectrum")
    assert spectrum["differing"] > 0 and spectrum["target_against_float64"]["snr_db"] > 100
    assert helium["simulated_instructions"]["clip"] < scalar["simulated_instructions"]["clip"]
    text = frontend("check", small, *arguments).out
    assert "VERIFIED: small, float32, scalar" in text and "MEASURED: small, float32, cmsis-helium" in text


def test_arithmetic_that_this_computer_has_not_is_not_verified(small: Path, frontend: Frontend) -> None:
    """Scalar code of this precision has the bits of Python, which says nothing of the Helium code."""
    arguments = ("check", small, *NATIVE, "--arithmetic", "cmsis-helium", "--precision", "q31")
    (check,) = checks(frontend(*arguments, "--json"))
    assert check["verdict"] == "measured" and all(stage["bits_equal"] for stage in check["stages"])
    last = frontend(*arguments).out.splitlines()[-1]
    assert last.startswith("MEASURED: small, q31, cmsis-helium")
    assert "a build for this computer has no Helium" in last


def test_every_precision_is_verified(small: Path, frontend: Frontend) -> None:
    precisions = ["q15", "float32", "q31"]
    arguments = [word for name in precisions for word in ("--precision", name)]
    entries = checks(frontend("check", small, *NATIVE, *arguments, "--json"))
    assert [one["precision"] for one in entries] == precisions
    assert [one["verdict"] for one in entries] == ["verified"] * 3
    snr = {
        one["precision"]: stage["python_against_float64"]["snr_db"]
        for one in entries
        for stage in one["stages"]
        if stage["stage"] in ("dct", "features") and stage["dtype"] == "float32"
    }
    assert snr["q15"] < snr["q31"] < snr["float32"] + 20  # q31 may be better at quiet frames


def test_every_window_of_a_recording_is_checked(wav: Path, frontend: Frontend) -> None:
    arguments = ("check", "micronet-kws", *NATIVE, "--json", "--input", wav)
    for options, starts in (
        ((), [0, 1]),
        (("--pad",), [0, 1, 2]),
        (("--hop", 0.5), [0, 0.5, 1, 1.5]),
        (("--input", wav), [0, 1, 0, 1]),
    ):
        (check,) = checks(frontend(*arguments, *options))
        assert [one["start_seconds"] for one in check["inputs"]] == starts
        assert check["stages"][0]["vectors"] == 49 * len(starts)
        assert check["verdict"] == "verified"


def test_a_model_gives_the_quantisation(keyword_model: Path, frontend: Frontend, tmp_path: Path) -> None:
    (check,) = checks(frontend("check", "micronet-kws", *NATIVE, "--json", "--model", keyword_model))
    assert check["quantisation"] == {"scale": pytest.approx(0.6), "zero_point": 40}
    assert check["verdict"] == "verified"
    other = tmp_path / "dense.tflite"
    other.write_bytes(dense_model())
    assert_refused(frontend("check", "micronet-kws", "--model", other), 2, "the model takes int8(1, 8)")


def test_the_text_says_what_was_compared(wav: Path, frontend: Frontend) -> None:
    result = frontend("check", "micronet-kws", *NATIVE, "--input", wav)
    lines = result.out.splitlines()
    assert lines[0].split()[:2] == ["stage", "vectors"]
    assert [line.split()[0] for line in lines[1:7]] == [
        stage.name for stage in stages(load_spec("micronet-kws"))
    ]
    assert all("every bit" in line for line in lines[1:7])
    assert lines[-1] == (
        "VERIFIED: micronet-kws, float32, exact on corstone-300 (native): 2 clips, "
        "every bit of every stage equals the Python reference"
    )
    assert "build micronet-kws for this computer" in result.err


def built_projects(environment: dict[str, str]) -> list[Path]:
    return sorted((Path(environment["MCU_DEPLOY_CACHE_DIR"]) / "frontends").iterdir())


def test_a_front_end_is_built_once_and_heals(
    small: Path, frontend: Frontend, environment: dict[str, str]
) -> None:
    small.write_text(SMALL + "mel_filters = 39\n")
    assert frontend("check", "aclnet", *NATIVE).code == 0
    before = built_projects(environment)
    assert frontend("check", small, *NATIVE).code == 0
    (folder,) = set(built_projects(environment)) - set(before)
    executable = folder / "build" / "host" / "firmware"
    made = executable.stat().st_mtime_ns
    assert frontend("check", small, *NATIVE).code == 0
    assert executable.stat().st_mtime_ns == made
    tables = folder / "generated" / "frontend_tables.c"
    text = tables.read_text()
    tables.write_text(text + "#error edited\n")
    assert frontend("check", small, *NATIVE).code == 0
    assert tables.read_text() == text
    executable.write_bytes(executable.read_bytes()[:100])
    assert frontend("check", small, *NATIVE).code == 0
    assert set(built_projects(environment)) - set(before) == {folder}


def test_two_checks_of_one_front_end_at_once(small: Path, environment: dict[str, str]) -> None:
    small.write_text(SMALL + "mel_filters = 38\n")
    command = [*COMMAND, "frontend", "check", str(small), *NATIVE]
    env = {**os.environ, **environment}
    both = [subprocess.Popen(command, env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE) for _ in "ab"]
    for process in both:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err.decode()


@pytest.fixture
def damage(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Changes a digit of a table in the C code that commands of this process generate."""
    return lambda table: change_a_digit(table, environment, monkeypatch)


def change_a_digit(table: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    made = frontend_project.project_files
    name = PurePosixPath("generated/frontend_tables.c")

    def damaged(*arguments: Any) -> dict[PurePosixPath, bytes]:
        files = made(*arguments)
        head, found, rest = files[name].decode().partition(f"md_frontend_{table}[")
        assert found
        values = rest.split("0x1.", 8)
        values[7] = "8" + values[7] if values[7][0] != "8" else "9" + values[7]
        files[name] = (head + found + "0x1.".join(values)).encode()
        return files

    monkeypatch.setattr(frontend_project, "project_files", damaged)
    for key, value in environment.items():
        monkeypatch.setenv(key, value)


@pytest.mark.parametrize(("table", "stage"), [("window", "windowed"), ("mel_weights", "mel"), ("dct", "dct")])
def test_a_wrong_constant_is_located(
    table: str,
    stage: str,
    small: Path,
    damage: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The first stage that uses it is named."""
    damage(table)
    arguments = ["mcu-deploy", "frontend", "check", str(small), *NATIVE]
    monkeypatch.setattr(sys, "argv", arguments)
    assert commands.run_command() == 3
    text = capsys.readouterr().out
    first = next(line for line in text.splitlines() if line.startswith("first difference: "))
    assert f", {stage} [" in first and "Python 0x" in first and "target 0x" in first
    assert "DIFFERS: small, float32, exact on corstone-300 (native)" in text
    for line in text.splitlines()[1:]:
        if line.split()[0] == stage:
            assert "differ" in line
            break
        assert "every bit" in line
    monkeypatch.setattr(sys, "argv", [*arguments, "--json"])
    assert commands.run_command() == 3
    (check,) = json.loads(capsys.readouterr().out)["checks"]
    assert check["verdict"] == "differs" and check["first_difference"]["name"] == stage


BAD_CHECKS: dict[str, tuple[tuple[object, ...], int, str]] = {
    "a precision of samples": (("aclnet", "--precision", "q31"), 2, "precision has no meaning here"),
    "an unknown precision": (("micronet-kws", "--precision", "q7"), 2, "'q7' is not one of"),
    "an unknown arithmetic": (("micronet-kws", "--arithmetic", "neon"), 2, "'neon' is not one of"),
    "an unknown board": (("micronet-kws", "--board", "corstone-3000"), 2, "did you mean 'corstone-300'?"),
    "an unknown simulator": (("micronet-kws", "--simulator", "spike"), 2, "has no simulator 'spike'"),
    "a simulator that is not installed": (("micronet-kws", "--simulator", "fvp"), 4, "cannot find FVP"),
    "a missing recording": (("micronet-kws", "--input", "nothing.wav"), 2, "is not a file"),
    "a missing model": (("micronet-kws", "--model", "nothing.tflite"), 2, "does not exist"),
    "no name": ((), 2, "Missing argument 'NAME|FILE'"),
    "a time of zero": (("micronet-kws", "--timeout", "0"), 2, "--timeout"),
}


@pytest.mark.parametrize("case", BAD_CHECKS)
def test_check_refuses(case: str, frontend: Frontend, tmp_path: Path) -> None:
    arguments, code, words = BAD_CHECKS[case]
    assert_refused(frontend("check", *arguments, cwd=tmp_path), code, words)
    assert listing(tmp_path) == []


def test_check_refuses_recordings_that_do_not_fit(frontend: Frontend, tmp_path: Path) -> None:
    slow = write_wav(tmp_path / "slow.wav", chirp(1).tobytes(), rate=8000)
    assert_refused(frontend("check", "micronet-kws", "--input", slow), 2, "slow.wav", "8000 Hz", "sox")
    short = write_wav(tmp_path / "short.wav", chirp(0.5).tobytes())
    assert_refused(frontend("check", "micronet-kws", "--input", short), 2, "0.500 s long", "--pad")
    stereo = write_wav(tmp_path / "stereo.wav", chirp(1).tobytes(), channels=2)
    assert_refused(frontend("check", "micronet-kws", "--input", stereo), 2, "2 channels")
    np.save(tmp_path / "tensor.npy", np.zeros((1, 49, 10), np.int8))
    assert_refused(
        frontend("check", "micronet-kws", "--input", tmp_path / "tensor.npy"), 2, "is no .wav file"
    )


def test_a_front_end_that_fits_no_memory(frontend: Frontend, tmp_path: Path) -> None:
    path = tmp_path / "long.toml"
    path.write_text(
        "kind = 'log-mel'\nsample_rate_hz = 16000\nframe_samples = 400\nhop_samples = 160\nframes = 10000\n"
        "window = 'hann-periodic'\nfft_size = 512\nspectrum = 'power'\nmel_filters = 200\nmel_scale = 'htk'\n"
        "mel_triangles = 'hz'\nmel_low_hz = 20\nmel_high_hz = 8000\nlog = 'natural'\nresize = 'bilinear'\n"
        "resize_frames = 9\nresize_coefficients = 9\n"
    )
    assert_refused(frontend("check", path, "--simulator", "qemu"), 2, "no room on corstone-300", "isram")


def test_a_cache_that_cannot_be_written(frontend: Frontend, small: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    env = {"MCU_DEPLOY_CACHE_DIR": str(tmp_path / "file" / "cache")}
    result = frontend("check", small, *NATIVE, env=env)
    assert_refused(result, 2, "cannot use the folder", "MCU_DEPLOY_CACHE_DIR")


def test_a_file_where_the_cached_project_should_be(small: Path, frontend: Frontend, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    env = {"MCU_DEPLOY_CACHE_DIR": str(cache)}
    assert frontend("check", small, *NATIVE, env=env).code == 0
    (folder,) = (cache / "frontends").iterdir()
    shutil.rmtree(folder)
    folder.write_text("")
    result = frontend("check", small, *NATIVE, env=env)
    assert_refused(result, 2, "cannot use the folder", "delete the file that stands there")


def test_a_name_with_control_characters_stays_on_its_line(frontend: Frontend, tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31m\nb.toml"
    path.write_text(SMALL)
    for command in (("show", path), ("check", path, *NATIVE)):
        result = frontend(*command)
        assert result.code == 0, result.err
        assert "\x1b" not in result.out + result.err and "a\\x1b[31m\\nb" in result.out


def test_combinations_keep_the_front_end() -> None:
    spec = load_spec("micronet-ad")
    assert variants(spec, (), ()) == [spec]
    made = variants(spec, ("q31", "q15"), ("exact", "scalar"))
    assert [(one.precision, one.arithmetic) for one in made] == [
        ("q31", "exact"),
        ("q31", "scalar"),
        ("q15", "exact"),
        ("q15", "scalar"),
    ]
    assert {one.name for one in made} == {"micronet-ad"}


def test_the_built_in_signals_are_what_they_say() -> None:
    spec = load_spec("dcase2020-task1b")
    made = {vector.source: vector.pcm for vector in built_in_signals(spec)}
    assert list(made) == ["silence", "square wave", "noise", "chirp"]
    assert not made["silence"].any()
    assert set(np.unique(made["square wave"])) == {-32768, 32767}
    for pcm in made.values():
        assert pcm.dtype == np.int16 and pcm.size == spec.clip_samples * 2
    left, right = made["chirp"].reshape(-1, 2).T
    assert not np.array_equal(left, right)
    short = built_in_signals(load_spec("audio-sound-event"))[-1]
    assert short.source == "short noise" and short.pcm is not None
    assert load_spec("audio-sound-event").frames_in(short.pcm.size) == 96


def test_deviation() -> None:
    deviation = Deviation()
    assert deviation.entry() is None
    deviation.add(np.float32([3, 4]), np.array([3.0, 4.0]))
    assert deviation.entry() == {"max_error": 0.0, "snr_db": None}
    deviation.add(np.float32([0.5]), np.array([0.0]))
    assert deviation.entry() == {"max_error": 0.5, "snr_db": 20.0}
    deviation.add(np.float32([np.nan]), np.array([1.0]))
    assert deviation.entry() == {"max_error": None, "snr_db": None}


def test_features_that_should_be_zero_have_no_ratio(small: Path, frontend: Frontend, tmp_path: Path) -> None:
    """Their errors have: that of silence, whose features less their mean are zeros."""
    deviation = Deviation()
    deviation.add(np.float32([0.25]), np.array([0.0]))
    assert deviation.entry() == {"max_error": 0.25, "snr_db": None}
    small.write_text(SMALL + "normalization = 'mean'\n")
    silence = write_wav(tmp_path / "silence.wav", bytes(2 * 16000))
    arguments = ("check", small, *NATIVE, "--input", silence)
    result = frontend(*arguments, "--json")
    document = json.loads(result.out, parse_constant=pytest.fail)
    prepared = document["checks"][0]["stages"][-2]
    assert prepared["stage"] == "prepared" and prepared["python_against_float64"]["snr_db"] is None
    assert " inf" not in (text := frontend(*arguments).out) and "-inf" not in text


# plot


def test_plot_without_matplotlib(wav: Path, frontend: Frontend, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "matplotlib.py").write_text("raise ImportError('not here')")
    output = tmp_path / "out.png"
    env = {"PYTHONPATH": os.pathsep.join([str(hidden), os.environ.get("PYTHONPATH", "")])}
    result = frontend("plot", "micronet-kws", "--input", wav, "-o", output, env=env)
    assert_refused(result, 4, "matplotlib, which is not installed", 'pip install "mcu-deploy[plot]"')
    assert not output.exists()


@pytest.mark.parametrize("name", ["micronet-kws", "micronet-ad", "aclnet"])
def test_plot_makes_a_picture(name: str, wav: Path, frontend: Frontend, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    output = tmp_path / "out.png"
    result = frontend("plot", name, "--input", wav, *NATIVE, "-o", output, env={"DISPLAY": ""})
    assert result.code == 0, result.err
    assert result.out == f"{output}\n"
    data = output.read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    assert data.startswith(b"\x89PNG\r\n\x1a\n") and width == 1600 and height >= 300
    assert sorted(tmp_path.glob("*out.png*")) == [output]
    again = frontend("plot", name, "--input", wav, *NATIVE, "-o", output)
    assert again.code == 0 and output.read_bytes() == data  # replaced by the same


def test_plot_of_a_difference_ends_as_check_does(
    small: Path,
    wav: Path,
    damage: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    pytest.importorskip("matplotlib")
    damage("window")
    output = tmp_path / "out.png"
    arguments = ["frontend", "plot", str(small), "--input", str(wav), *NATIVE, "-o", str(output)]
    monkeypatch.setattr(sys, "argv", ["mcu-deploy", *arguments])
    assert commands.run_command() == 3
    assert output.is_file()


def test_plot_refuses_bad_output_and_input(wav: Path, frontend: Frontend, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")

    def plot(output: Path, recording: Path = wav) -> Result:
        return frontend("plot", "micronet-kws", "--input", recording, *NATIVE, "-o", output)

    assert_refused(plot(tmp_path / "out.jpg"), 2, "is no .png file")
    assert_refused(plot(tmp_path / "none" / "out.png"), 2, "lies in no folder that exists")
    (tmp_path / "folder.png").mkdir()
    assert_refused(plot(tmp_path / "folder.png"), 2, "is a folder")
    output = tmp_path / "kept.png"
    output.write_text("kept")
    slow = write_wav(tmp_path / "slow.wav", chirp(1).tobytes(), rate=8000)
    assert_refused(plot(output, slow), 2, "8000 Hz")
    assert output.read_text() == "kept"
    assert_refused(frontend("plot", "micronet-kws", "-o", output), 2, "Missing option '--input'")


def test_plot_says_that_the_disk_is_full(wav: Path, frontend: Frontend) -> None:
    pytest.importorskip("matplotlib")
    if not Path("/proc/self").is_dir():
        pytest.skip("no folder that refuses files")
    result = frontend("plot", "micronet-kws", "--input", wav, *NATIVE, "-o", "/proc/self/out.png")
    assert_refused(result, 1, "cannot write /proc/self/out.png")
    assert "build" not in result.err  # it is known before any work


# precision


def test_precision_of_the_bundled_model(frontend: Frontend) -> None:
    result = frontend("precision", "kws-demo", "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert (document["frontend"], document["recordings"]) == ("micronet-kws", 8)
    assert document["windows"] == document["labelled"] == 22
    float32, q31, q15 = document["precisions"]
    assert [one["precision"] for one in (float32, q31, q15)] == ["float32", "q31", "q15"]
    assert float32["inputs_differing"] == 0 and float32["correct"] == 22 and float32["accuracy_change"] == 0
    assert q31["top1_agreement"] == 1 and q31["inputs_differing"] < 0.01 and q31["accuracy"] == 1
    assert q15["accuracy_change"] == pytest.approx(q15["accuracy"] - 1)
    snr = [one["features_against_float64"]["snr_db"] for one in (float32, q31, q15)]
    assert snr[0] > 100 and snr[1] > 90 and 15 < snr[2] < snr[1]


def test_precision_as_text(frontend: Frontend) -> None:
    recording = RECORDINGS / "down_kal.wav"
    text = frontend("precision", "kws-demo", "--input", recording).out
    lines = text.splitlines()
    assert "correct" in lines[0] and "same answer" in lines[0]
    assert [line.split()[0] for line in lines[1:4]] == ["float32", "q31", "q15"]
    assert lines[-1] == "kws-demo with micronet-kws: 1 windows of 1 recordings, 1 of them labelled"


def test_precision_takes_labels_from_folders_and_tables(frontend: Frontend, tmp_path: Path) -> None:
    for folder in ("yes", "bed"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    shutil.copy(RECORDINGS / "yes_awb.wav", tmp_path / "data" / "yes" / "one.wav")
    shutil.copy(RECORDINGS / "yes_awb.wav", tmp_path / "data" / "bed" / "two.wav")
    write_wav(tmp_path / "data" / "yes" / "short.wav", chirp(0.4).tobytes())
    arguments = ("precision", "kws-demo", "--input", tmp_path / "data", "--json")
    document = json.loads(frontend(*arguments).out)
    assert (document["windows"], document["labelled"]) == (3, 3)
    assert document["precisions"][0]["correct"] < 3  # "bed" stands for an unknown word
    table = tmp_path / "labels.csv"
    table.write_text("file,label\none.wav,yes\ntwo.wav,yes\n")
    with_table = json.loads(frontend(*arguments, "--labels", table).out)
    assert with_table["precisions"][0]["correct"] >= 2
    table.write_text("one.wav,perhaps\n")
    assert_refused(frontend(*arguments, "--labels", table), 2, "no class of the model", "line 1")
    table.write_text("one.wav\n")
    assert_refused(frontend(*arguments, "--labels", table), 2, "line 1 has 1 fields")
    table.write_bytes(b"\xff\xfe")
    assert_refused(frontend(*arguments, "--labels", table), 2, "cannot read the labels")


LABELS = ("yes", "no")


@pytest.mark.parametrize(
    ("content", "table"),
    [
        (b"\xef\xbb\xbffile,label\r\na.wav,yes\r\n", {"a.wav": "yes"}),
        (b"\n\nfile,label\na.wav, no\n\n", {"a.wav": "no"}),
        (b"a.wav,yes\na.wav,yes\n", {"a.wav": "yes"}),
        (b'"a,b.wav",no\n', {"a,b.wav": "no"}),
        (b"", {}),
    ],
)
def test_label_tables(content: bytes, table: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    assert read_label_table(tmp_path / "labels.csv", LABELS) == table


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a.wav,yes\n\n\nb.wav,perhaps\n", 'line 4: "perhaps" is no class'),
        (b"a.wav,yes\n\nb.wav\n", "line 3 has 1 fields"),
        (b"a.wav,yes\n\na.wav,no\n", 'line 3: "a.wav" is no, and in an earlier line yes'),
        (b"\xff\xfe", "cannot read the labels"),
    ],
)
def test_label_tables_that_are_refused(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        read_label_table(tmp_path / "labels.csv", LABELS)
    assert caught.value.hint


def test_labels_that_may_never_end_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(InputError, match=r"cannot read the labels .*it is not a file"):
            read_label_table(path, LABELS)


def test_precision_without_labels_tells_the_agreement(
    keyword_model: Path, wav: Path, frontend: Frontend
) -> None:
    arguments = ("precision", keyword_model, "--frontend", "micronet-kws", "--input", wav)
    document = json.loads(frontend(*arguments, "--json").out)
    assert document["labelled"] == 0
    assert all(one["accuracy"] is None for one in document["precisions"])
    assert document["precisions"][0]["top1_agreement"] == 1
    assert "correct" not in frontend(*arguments).out


def test_precision_refuses(keyword_model: Path, wav: Path, frontend: Frontend, tmp_path: Path) -> None:
    assert_refused(frontend("precision", keyword_model, "--input", wav), 2, "no front end is known")
    named = ("precision", keyword_model, "--frontend", "micronet-kws")
    assert_refused(frontend(*named), 2, "no recordings come with this model", "--input")
    assert_refused(frontend(*named, "--input", tmp_path / "nothing.wav"), 2, "is not a file")
    (tmp_path / "empty").mkdir()
    assert_refused(frontend(*named, "--input", tmp_path / "empty"), 2, "has no .wav file")
    assert_refused(frontend("precision", "kws-damo"), 2, "did you mean kws-demo?")
    assert_refused(
        frontend("precision", "kws-demo", "--frontend", "aclnet"), 2, "aclnet makes int8(100, 160)"
    )


def test_where_labels_come_from(tmp_path: Path) -> None:
    labels = ("yes", "no", "_silence_", "_unknown_")

    def said(name: str, folder: str | None, windows: int, table: dict[str, str] | None = None) -> list[Any]:
        return window_labels(Recording(tmp_path / name, folder), windows, labels, table or {})

    assert said("a.wav", "no", 2) == ["no", "no"]
    assert said("a.wav", "bed", 1) == ["_unknown_"]
    assert said("a.wav", "_background_noise_", 1) == ["_silence_"]
    assert said("yes_no_kal.wav", None, 2) == ["yes", "no"]
    assert said("yes_no_kal.wav", None, 3) == [None, None, None]
    assert said("yes_kal.wav", "no", 1, {"yes_kal.wav": "_silence_"}) == ["_silence_"]
    assert said("yes_kal.wav", "no", 1, {str(tmp_path / "yes_kal.wav"): "yes"}) == ["yes"]
    assert window_labels(Recording(tmp_path / "a.wav", "bed"), 1, (), {}) == [None]
    (tmp_path / "d" / "no").mkdir(parents=True)
    for name in ("d/top.wav", "d/no/a.WAV", "d/no/b.txt"):
        (tmp_path / name).write_bytes(b"")
    found = find_recordings([str(tmp_path / "d"), "x.wav"])
    assert [(one.path.name, one.folder) for one in found] == [
        ("a.WAV", "no"),
        ("top.wav", None),
        ("x.wav", None),
    ]
