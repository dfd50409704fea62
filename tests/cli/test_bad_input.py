"""What the user may give wrongly: one line, the way out, the right exit code, and nothing left behind."""

from __future__ import annotations

import os
import resource
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command import (
    FRONTEND,
    assert_refused,
    chirp,
    contents,
    dense_model,
    listing,
    mcu_deploy,
    small_keyword_model,
    write_wav,
)

SECOND = chirp(1.0).tobytes()


def _extensible_float(path: Path) -> None:
    data = chirp(1.0).astype("<f4").tobytes()
    header = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, 1, 16000, 64000, 4, 32)
    path.write_bytes(b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVE" + header)
    with path.open("ab") as file:
        file.write(b"data" + struct.pack("<I", len(data)) + data)


def _stated_length(path: Path, size: int) -> None:
    data = bytearray(write_wav(path, SECOND).read_bytes())
    data[40:44] = struct.pack("<I", size)
    path.write_bytes(data)


Maker = Callable[[Path], object]

WAVS: dict[str, tuple[Maker, str]] = {
    "wrong rate": (lambda path: write_wav(path, SECOND, rate=8000), "8000 Hz"),
    "stereo": (lambda path: write_wav(path, SECOND * 2, channels=2), "2 channels"),
    "8 bit": (lambda path: write_wav(path, SECOND, width=1), "8-bit"),
    "24 bit": (lambda path: write_wav(path, SECOND[:24000] * 3, width=3), "24-bit"),
    "float": (_extensible_float, "not a PCM WAV"),
    "too short": (lambda path: write_wav(path, SECOND[:2000]), "0.062 s long"),
    "truncated": (lambda path: path.write_bytes(write_wav(path, SECOND).read_bytes()[:20000]), "cut short"),
    "cut in the header": (
        lambda path: path.write_bytes(write_wav(path, SECOND).read_bytes()[:30]),
        "not a PCM",
    ),
    "no samples": (lambda path: write_wav(path, b""), "no samples"),
    "empty": (lambda path: path.write_bytes(b""), "ends too early"),
    "text": (lambda path: path.write_text("hello, I am no recording\n" * 50), "not a PCM WAV"),
    "huge stated length": (lambda path: _stated_length(path, 0xFFFFFFF0), "cut short"),
    "a folder": (lambda path: path.mkdir(), "is not a file"),
    "missing": (lambda path: None, "is not a file"),
}


@pytest.mark.parametrize("case", WAVS)
def test_recordings(case: str, keyword_model: Path, tmp_path: Path) -> None:
    make, words = WAVS[case]
    make(tmp_path / "in.wav")
    before = listing(tmp_path)
    output = tmp_path / "out" / "project"
    options = ("--input", tmp_path / "in.wav", "--output-dir", output)
    result = mcu_deploy("deploy", keyword_model, *FRONTEND, *options, cwd=tmp_path)
    assert_refused(result, 2, words, "in.wav")
    assert listing(tmp_path) == before


def test_a_name_with_a_line_break_and_quotes_stays_on_its_line(keyword_model: Path, tmp_path: Path) -> None:
    name = tmp_path / "a b'\n$(touch hurt)\x1b[31m.wav"
    write_wav(name, SECOND, rate=8000)
    result = mcu_deploy("deploy", keyword_model, *FRONTEND, "--input", name, cwd=tmp_path)
    assert_refused(result, 2, "8000 Hz")
    assert len(result.err.splitlines()) == 5
    assert "\x1b" not in result.err
    assert listing(tmp_path) == [name.name]


NPYS: dict[str, tuple[Maker, str]] = {
    "wrong shape": (lambda path: np.save(path, np.zeros((49, 11), np.int8)), "(49, 11)"),
    "wrong type": (lambda path: np.save(path, np.zeros((1, 49, 10, 1))), "float64"),
    "not a number": (lambda path: np.save(path, np.full((1, 49, 10, 1), np.nan, np.float32)), "NaN"),
    "pickled": (lambda path: np.save(path, np.array([{}], dtype=object)), "not a .npy"),
    "truncated": (
        lambda path: (np.save(path, np.zeros((49, 10), np.float32)), os.truncate(path, 500)),
        "not a .npy",
    ),
    "giant header": (
        lambda path: path.write_bytes(b"\x93NUMPY\x02\x00" + struct.pack("<I", 0xFFFFFFF0) + b"{" * 99),
        "not a .npy",
    ),
    "giant shape": (
        lambda path: np.lib.format.write_array_header_1_0(
            path.open("wb"), {"descr": "|i1", "fortran_order": False, "shape": (1 << 40, 49, 10, 1)}
        ),
        "not a .npy",
    ),
    "empty": (lambda path: path.write_bytes(b""), "not a .npy"),
}


@pytest.mark.parametrize("case", NPYS)
def test_tensors(case: str, keyword_model: Path, tmp_path: Path) -> None:
    make, words = NPYS[case]
    make(tmp_path / "in.npy")
    result = mcu_deploy("deploy", keyword_model, "--input", tmp_path / "in.npy", cwd=tmp_path)
    assert_refused(result, 2, words, "in.npy")
    assert listing(tmp_path) == ["in.npy"]


MODELS: dict[str, tuple[Callable[[], bytes], str]] = {
    "truncated": (lambda: small_keyword_model()[:1500], "model"),
    "random": (lambda: np.random.default_rng(1).bytes(3000), "not a TFLite model"),
    "random behind the identifier": (
        lambda: b"\x10\0\0\0TFL3" + np.random.default_rng(2).bytes(3000),
        "model",
    ),
    "empty": (lambda: b"", "not a TFLite model"),
}


@pytest.mark.parametrize("case", MODELS)
def test_damaged_models(case: str, tmp_path: Path) -> None:
    make, words = MODELS[case]
    (tmp_path / "m.tflite").write_bytes(make())
    result = mcu_deploy("deploy", "m.tflite", "--json", cwd=tmp_path)
    assert_refused(result, 2, words)
    assert result.document["error"]["code"] == "rejected_model"
    assert result.document["verdict"] == "failed"
    assert listing(tmp_path) == ["m.tflite"]


def test_a_model_that_is_a_folder_or_missing(tmp_path: Path) -> None:
    assert_refused(mcu_deploy("deploy", tmp_path, cwd=tmp_path), 2, "is not a file")
    assert_refused(mcu_deploy("inspect", tmp_path / "none.tflite"), 2, "does not exist")
    assert listing(tmp_path) == []


@pytest.mark.parametrize("name", ["audio_sound_event_v1.0.2_float32.tflite", "dcase2020_mobnet_drq.tflite"])
def test_float_models_are_told_to_be_quantised(
    name: str, model_path: Callable[[str], Path], tmp_path: Path
) -> None:
    result = mcu_deploy("deploy", model_path(name), "--json", cwd=tmp_path)
    assert_refused(result, 2, "full int8", "mcu-deploy quantize")
    assert result.document["error"]["code"] == "rejected_model"
    assert listing(tmp_path) == []
    assert mcu_deploy("inspect", model_path(name)).code == 0


TINY_BOARD = """
name = "tiny"
description = "Too small for anything"
soc = "sse-300"
[memories.rom]
origin = 0x01000000
size = "{model} bytes"
[placement]
code = ["itcm"]
data = ["dtcm"]
stack = ["dtcm"]
model = ["rom"]
arena = ["dtcm"]
[stack]
size = "16 KiB"
[simulators.qemu]
machine = "mps3-an547"
icount_shift = 10
"""

OPTIONS: dict[str, tuple[tuple[str, ...], int, tuple[str, ...]]] = {
    "board": (("--board", "corstone300"), 2, ("corstone-300",)),
    "board file": (("--board", "nowhere.toml"), 2, ("nowhere.toml",)),
    "small board": (("--board", "tiny.toml"), 2, ("model", "1024 free")),
    "front end": (("--frontend", "micronet-kw"), 2, ("did you mean 'micronet-kws'",)),
    "front end of another shape": ((*FRONTEND, "--input", "in.wav"), 2, ("(49, 10)",)),
    "audio without front end": (("--input", "in.wav"), 2, ("--frontend",)),
    "ending": (("--input", "in.mp3"), 2, ("is not a file",)),
    "npu": (("--npu", "ethos-u55-129"), 2, ("ethos-u55-129", "did you mean 'ethos-u55-128'")),
    "npu option without npu": (("--npu-optimise", "size"), 2, ("--npu-optimise", "--npu")),
    "runtime": (("--runtime", "tvm"), 2, ("--runtime", "aot, tflm")),
    "aim": (("--optimise", "power"), 2, ("--optimise",)),
    "aim without its runtime": (("--runtime", "tflm", "--optimise", "ram"), 2, ("--optimise", "aot")),
    "arena without its runtime": (("--fit-arena",), 2, ("--fit-arena", "--runtime tflm")),
    "arena twice": (("--runtime", "tflm", "--fit-arena", "--tflm-arena", "9000"), 2, ("--tflm-arena",)),
    "simulator": (("--simulator", "renode"), 2, ("renode", "qemu")),
    "fvp": (("--simulator", "fvp"), 4, ("FVP",)),
    "timeout": (("--timeout", "0"), 2, ("--timeout",)),
    "timeout of no number": (("--timeout", "nan"), 2, ("--timeout",)),
    "endless timeout": (("--timeout", "inf"), 2, ("--timeout",)),
    "random": (("--random", "-1"), 2, ("--random",)),
    "too much": (("--random", "100001"), 2, ("--random",)),
    "hop": (("--hop", "0"), 2, ("--hop",)),
    "hop of no number": (("--hop", "nan"), 2, ("--hop",)),
    "unknown option": (("--layer",), 2, ("--layer",)),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_options(case: str, tmp_path: Path) -> None:
    options, code, words = OPTIONS[case]
    (tmp_path / "m.tflite").write_bytes(dense_model(units=2000))
    (tmp_path / "tiny.toml").write_text(TINY_BOARD.format(model=1024))
    write_wav(tmp_path / "in.wav", SECOND)
    before = listing(tmp_path)
    result = mcu_deploy("deploy", "m.tflite", *options, "--json", cwd=tmp_path)
    assert_refused(result, code, *words)
    assert result.document["verdict"] == "failed"
    assert result.document["error"]["message"]
    assert listing(tmp_path) == before


def test_no_command_and_unknown_names() -> None:
    for arguments in ((), ("boards",), ("deploy",), ("models", "show", "kws"), ("boards", "show", "host2")):
        assert_refused(mcu_deploy(*arguments), 2)


@pytest.fixture
def path_without(tmp_path_factory: pytest.TempPathFactory, tools: None) -> Callable[[str], dict[str, str]]:
    def make(missing: str) -> dict[str, str]:
        folder = tmp_path_factory.mktemp("bin")
        for tool in {"cmake", "ninja", "cc", "arm-none-eabi-gcc", "qemu-system-arm"} - {missing}:
            (folder / tool).symlink_to(str(shutil.which(tool)))
        return {"PATH": str(folder)}

    return make


@pytest.mark.parametrize("tool", ["cmake", "ninja", "arm-none-eabi-gcc", "qemu-system-arm"])
def test_missing_tools(
    tool: str, path_without: Callable[[str], dict[str, str]], dense_model: Path, tmp_path: Path
) -> None:
    env = path_without(tool)
    result = mcu_deploy("deploy", dense_model, "--json", "--output-dir", "p", cwd=tmp_path, env=env)
    assert_refused(result, 4, tool, "apt install")
    assert result.document["error"]["code"] == "tool_missing"
    doctor = mcu_deploy("doctor", env=env)
    assert doctor.code == 4
    missing = [line.split()[1] for line in doctor.out.splitlines() if line.startswith("MISSING")]
    # Without the compiler nobody can tell where its C library would be.
    assert missing == ([tool, "newlib-nano"] if tool == "arm-none-eabi-gcc" else [tool])


def test_output_folders_that_are_not_ours(dense_model: Path, tmp_path: Path) -> None:
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("a file")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    before = contents(tmp_path)
    generate = ("generate", dense_model, "--output-dir")
    for force in ((), ("--force",)):
        assert_refused(mcu_deploy(*generate, tmp_path / "foreign", *force), 2, "not a project")
        assert_refused(mcu_deploy(*generate, tmp_path / "file", *force), 2, "not a folder")
        assert_refused(mcu_deploy(*generate, tmp_path / "dangling", *force), 2, "not a folder")
        assert_refused(mcu_deploy(*generate, tmp_path / "file" / "sub", *force), 1, "cannot write")
    assert_refused(mcu_deploy(*generate, "/proc/self/project"), 1, "cannot write")
    assert contents(tmp_path) == before


def test_another_project_needs_force(dense_model: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()  # an empty folder is free, also the one in which the shell stands
    assert mcu_deploy("generate", dense_model, "--output-dir", ".", cwd=project).code == 0
    before = contents(project)
    other = ("generate", dense_model, "--board", "host", "--output-dir", project)
    assert_refused(mcu_deploy(*other), 2, "another deployment (board differ)", "--force")
    assert contents(project) == before
    inode = project.stat().st_ino
    assert mcu_deploy(*other, "--force").code == 0
    assert project.stat().st_ino == inode
    assert not (project / "generated" / "firmware.ld").exists()
    assert listing(tmp_path)[0] == "project"


def test_a_full_disk_leaves_nothing(keyword_model: Path, tmp_path: Path) -> None:
    """Stood in for by a limit on the size of a file, which fails a write in the same way."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    options = ("--output-dir", tmp_path / "deep" / "er" / "project")
    result = mcu_deploy("generate", keyword_model, *FRONTEND, *options, before=limit)
    assert_refused(result, 1, "cannot write the project", "free some space")
    assert listing(tmp_path) == []


def test_a_full_disk_keeps_the_old_project(dense_model: Path, keyword_model: Path, tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    project = tmp_path / "project"
    assert mcu_deploy("generate", dense_model, "--output-dir", project).code == 0
    before = contents(project)
    options = ("--output-dir", project, "--force")
    assert_refused(mcu_deploy("generate", keyword_model, *options, before=limit), 1, "cannot write")
    assert contents(project) == before


def test_a_full_stdout_is_an_error_and_a_closed_one_is_quiet(dense_model: Path) -> None:
    result = mcu_deploy("inspect", dense_model, before=lambda: os.dup2(os.open("/dev/full", os.O_WRONLY), 1))
    assert_refused(result, 1, "No space left")
    reader, writer = os.pipe()
    os.close(reader)
    result = mcu_deploy("inspect", dense_model, before=lambda: os.dup2(writer, 1))
    os.close(writer)
    assert (result.code, result.err) == (1, "")


def test_a_folder_that_is_no_project(tmp_path: Path) -> None:
    for step in ("build", "run", "verify"):
        assert_refused(mcu_deploy(step, tmp_path), 2, "not a project folder")
