"""``deploy --stream``: whole recordings, heard by the firmware as by a microphone."""

from __future__ import annotations

import json
import struct
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command import FRONTEND, RATE, assert_refused, mcu_deploy, write_wav

from mcu_deploy.resources import resource_dir

RECORDINGS = sorted((resource_dir("models") / "kws_demo" / "recordings").glob("*.wav"))
SIMULATORS = ("native", pytest.param("qemu", marks=pytest.mark.qemu))
REAL = {
    "speech_commands_yes_no_go_stop.wav": ["yes", "no", "go", "stop"],
    "speech_commands_right_left_up.wav": ["right", "left", "up"],
}


def _words(path: Path) -> list[str]:
    return path.stem.split("_")[:-1]  # the voice is last


def _joined(path: Path, recordings: list[Path]) -> Path:
    """The recordings one after another, half a second of faint noise (seed 0) before, between and after."""
    rng = np.random.default_rng(0)

    def pause() -> bytes:
        return rng.normal(0, 20, RATE // 2).astype("<i2").tobytes()

    data = pause() + pause()
    for recording in recordings:
        with wave.open(str(recording)) as file:
            data += file.readframes(file.getnframes()) + pause()
    return write_wav(path, data)


@pytest.mark.parametrize(
    ("simulator", "recordings"),
    [
        ("native", RECORDINGS),
        pytest.param("qemu", [path for path in RECORDINGS if "kal" in path.name], marks=pytest.mark.qemu),
    ],
)
def test_the_words_of_a_recording_are_heard_in_order(
    simulator: str, recordings: list[Path], tools: None, tmp_path: Path
) -> None:
    wav = _joined(tmp_path / "joined.wav", recordings)
    options = ("--stream", "--threshold", 0.4, "--simulator", simulator, "--json")
    result = mcu_deploy("deploy", "kws-demo", "--input", wav, *options, cwd=tmp_path)
    assert result.code == 0, result.err
    document = result.document
    assert document["verdict"] == "verified"
    assert document["output_dir"] == "mcu-deploy-out/kws-demo-corstone-300-stream"
    found = document["detections"]
    assert [detection["label"] for detection in found] == [
        word for recording in recordings for word in _words(recording)
    ]
    runs = document["runs"]
    starts = [run["start_seconds"] for run in runs]
    assert starts == pytest.approx([0.1 * n for n in range(len(runs))])
    assert all(run["features_bit_exact"] and run["outputs_bit_exact"] for run in runs)
    assert all(run["layers_bit_exact"] is None for run in runs)
    assert document["stream"]["stride_seconds"] == 0.1
    settings = document["stream"]["detection"]
    assert (settings["smooth_windows"], settings["suppress_windows"]) == (4, 6)
    assert settings["ignored_outputs"] == [10, 11]
    for detection in found:
        assert detection["time_seconds"] == pytest.approx(starts[detection["run"]] + 1.0)
        label = runs[detection["run"]]["scores"].index(max(runs[detection["run"]]["scores"]))
        last = [runs[n]["scores"] for n in range(detection["run"] - 3, detection["run"] + 1)]
        assert detection["score"] == pytest.approx(max(np.mean(last, axis=0)))
        assert detection["score"] >= settings["threshold"] == pytest.approx(0.4, abs=0.002)
        assert label not in settings["ignored_outputs"]
    if simulator == "qemu":
        counts = [run["simulated_instructions"]["frontend"] for run in runs]
        assert counts[0] > 5 * max(counts[1:])  # 49 frames, then 5


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("model", ["kws-demo", "kws_micronet_m.tflite", "kws_micronet_l.tflite"])
def test_real_words_are_heard_in_order(
    model: str,
    simulator: str,
    model_path: Callable[[str], Path],
    audio_path: Callable[[str], Path],
    tools: None,
    tmp_path: Path,
) -> None:
    names = list(REAL) if simulator == "native" else list(REAL)[:1]
    inputs = [part for name in names for part in ("--input", audio_path(name))]
    path = model_path(model) if model.endswith(".tflite") else model
    options = ("--stream", "--simulator", simulator, "--json")
    document = mcu_deploy("deploy", path, *inputs, *options, cwd=tmp_path).document
    assert document["verdict"] == "verified"
    heard = [(Path(found["input"]).name, found["label"]) for found in document["detections"]]
    assert heard == [(name, word) for name in names for word in REAL[name]]


@pytest.fixture(scope="module")
def project(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model, built to stream."""
    folder = tmp_path_factory.mktemp("stream") / "project"
    assert mcu_deploy("generate", "kws-demo", "--stream", "--output-dir", folder).code == 0
    assert mcu_deploy("build", folder, "--simulator", "native").code == 0
    return folder


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recordings = [path for path in RECORDINGS if "kal" in path.name]
    return _joined(tmp_path_factory.mktemp("words") / "down_no_yes.wav", recordings)


def _run(project: Path, *options: object) -> None:
    result = mcu_deploy("run", project, "--simulator", "native", *options)
    assert result.code == 0, result.err


def test_the_steps_one_at_a_time(project: Path, words: Path) -> None:
    """What ``run`` was told, ``verify`` knows; the table does not grow with the windows."""
    options = ("--stride", 0.2, "--smooth", 0.6, "--suppress", 0.4, "--threshold", 0.4)
    _run(project, "--stream", "--input", words, "--input", words, *options)
    document = mcu_deploy("verify", project, "--json").document
    assert document["verdict"] == "verified"
    assert document["stream"]["stride_seconds"] == 0.2
    settings = document["stream"]["detection"]
    assert (settings["smooth_windows"], settings["suppress_windows"]) == (3, 2)
    assert settings["threshold"] == pytest.approx(0.4, abs=0.002)
    half = len(document["runs"]) // 2
    assert [found["label"] for found in document["detections"]] == ["down", "no", "yes"] * 2
    assert [found["run"] >= half for found in document["detections"]] == [False] * 3 + [True] * 3
    text = mcu_deploy("verify", project)
    assert text.code == 0
    lines = text.out.splitlines()
    assert len(lines) < 20
    assert sum(line.split()[-2:-1] == ["yes"] for line in lines) == 2
    assert lines[-1].startswith("VERIFIED: ") and f"{2 * half} windows" in lines[-1]


def test_it_also_runs_clips(project: Path, words: Path) -> None:
    _run(project, "--input", words, "--hop", 0.5, "--layers")
    document = mcu_deploy("verify", project, "--json").document
    assert (document["verdict"], document["stream"], document["detections"]) == ("verified", None, [])
    assert "kws-demo" in mcu_deploy("verify", project).out


def test_nothing_is_heard_in_silence(project: Path, tmp_path: Path) -> None:
    _run(project, "--stream", "--input", write_wav(tmp_path / "silence.wav", bytes(2 * 2 * RATE)))
    assert mcu_deploy("verify", project, "--json").document["detections"] == []
    assert "nothing detected" in mcu_deploy("verify", project).out


def test_another_detection_than_pythons_is_found_and_named(project: Path, words: Path) -> None:
    source = project / "src/app/md_smoother.c"
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace("smoother.quiet = smoother.config.suppress", "smoother.held = NONE"))
    try:
        _run(project, "--stream", "--input", words)
        result = mcu_deploy("verify", project, "--json")
    finally:
        source.write_text(text, encoding="utf-8")
    assert result.code == 3, result.err
    document = result.document
    difference = document["first_difference"]
    assert (document["verdict"], difference["stage"]) == ("differs", "detection")
    assert all(run["outputs_bit_exact"] for run in document["runs"])
    first = document["detections"][0]
    assert difference["run"] == first["run"] + 1  # it is detected once more
    assert (difference["expected"], difference["index"]) == ("-1", [0])


def test_a_model_without_labels_streams_without_detections(
    keyword_model: Path, words: Path, tools: None, tmp_path: Path
) -> None:
    options = ("--stream", "--simulator", "native", "--output-dir", tmp_path / "project")
    result = mcu_deploy("deploy", keyword_model, *FRONTEND, "--input", words, *options)
    assert result.code == 0, result.err
    assert "no detections" in result.out
    refused = mcu_deploy(
        "run", tmp_path / "project", "--stream", "--input", words, "--threshold", 0.5, "--simulator", "native"
    )
    assert_refused(refused, 2, "nothing can be detected", "leave --threshold")


@pytest.mark.parametrize(
    ("options", "words_expected"),
    [
        ((), ("--stream has nothing to listen to", "--input FILE.wav")),
        (("--input", "{wav}", "--random", 1), ("--random cannot be combined with --stream",)),
        (("--input", "{wav}", "--hop", 0.5), ("--hop cannot be combined", "--stride")),
        (("--input", "{wav}", "--pad"), ("--pad cannot be combined",)),
        (("--input", "{wav}", "--layers"), ("--layers cannot be combined", "without --stream")),
        (("--input", "{npy}"), ("takes recordings", "x.npy")),
        (("--input", "{wav}.not"), ("is not a file",)),
        (("--input", "{short}"), ("short.wav", "0.999 s long", "1.000 s or more", "longer recording")),
        (("--input", "{wav}", "--stride", 0.05), ("--stride 0.05 is no multiple", "0.02 s", "--stride 0.04")),
        (("--input", "{wav}", "--stride", 0.001), ("no multiple", "the nearest is --stride 0.02")),
        (("--input", "{wav}", "--stride", 0), ("--stride",)),
        (("--input", "{wav}", "--threshold", 1.5), ("--threshold 1.5 is not a score", "0.996")),
        (("--input", "{wav}", "--threshold", "nan"), ("--threshold nan",)),
        (("--input", "{wav}", "--threshold", 0), ("--threshold 0 is not",)),
        (("--input", "{wav}", "--smooth", 10), ("--smooth 10 averages 100 windows", "32", "at most 3.2")),
        (("--input", "{wav}", "--frontend", "none"), ("--stream needs a front end",)),
    ],
)
def test_what_cannot_be_streamed(
    options: tuple[object, ...], words_expected: tuple[str, ...], words: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", np.zeros((1, 49, 10, 1), np.int8))
    short = write_wav(tmp_path / "short.wav", bytes(2 * 15_984))
    files = {"{wav}": words, "{npy}": tmp_path / "x.npy", "{short}": short, "{wav}.not": tmp_path / "no.wav"}
    given = [files.get(option, option) if isinstance(option, str) else option for option in options]
    result = mcu_deploy("deploy", "kws-demo", "--stream", "--simulator", "native", *given, cwd=tmp_path)
    assert_refused(result, 2, *words_expected)
    assert not (tmp_path / "mcu-deploy-out").exists()


@pytest.mark.parametrize("option", ["--stride", "--threshold", "--smooth", "--suppress"])
def test_options_of_streams_need_one(option: str, words: Path, tmp_path: Path) -> None:
    result = mcu_deploy("deploy", "kws-demo", "--input", words, option, 0.5, "--json", cwd=tmp_path)
    assert_refused(result, 2, f"{option} is for streams only", "add --stream")
    assert result.document["error"]["code"] == "usage"


def test_a_project_that_was_not_generated_for_it(built: Path, words: Path) -> None:
    result = mcu_deploy("run", built, "--stream", "--input", words, "--simulator", "native")
    assert_refused(result, 2, "was generated without --stream")


def test_a_damaged_run_is_refused(project: Path, words: Path) -> None:
    """Stride, windows and averaged windows of inputs.bin: what it cannot have been given."""
    _run(project, "--stream", "--input", words)
    path = project / "run" / "inputs.bin"
    good = path.read_bytes()
    try:
        for at, value in ((48, 0), (48, 2), (52, 1), (56, 33)):
            path.write_bytes(good[:at] + struct.pack("<I", value) + good[at + 4 :])
            assert_refused(mcu_deploy("verify", project), 2, "is damaged")
    finally:
        path.write_bytes(good)
    assert json.loads(mcu_deploy("verify", project, "--json").out)["verdict"] == "verified"
