"""The generated CMake project: builds alone, everywhere, to the same bits, and fails in words."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
import toy

from mcu_deploy import build as build_module
from mcu_deploy.boards.reader import board_table, load_board, parse_board
from mcu_deploy.boards.types import Board, Layout
from mcu_deploy.build import Firmware, build
from mcu_deploy.codegen.cmake import cmake_files, project_identifier
from mcu_deploy.codegen.project import SourceSet
from mcu_deploy.errors import BuildError, MemoryOverflowError, ToolMissingError
from mcu_deploy.simulate.records import TensorInput
from mcu_deploy.simulate.runner import find_simulator, run

Get = Callable[[str], Firmware]

needs_arm = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed"
)


@needs_arm
def test_two_folders_give_the_same_elf(board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = (tmp_path / "a", tmp_path / "another folder" / "b")
    elfs = []
    for folder, flags in zip(folders, ("", "-O3 -march=native"), strict=True):
        monkeypatch.setenv("CFLAGS", flags)
        toy.write_project(folder, board, toy.source_sets(board, frontend=True))
        elfs.append(build(folder, "target").executable.read_bytes())
    assert elfs[0] == elfs[1]
    assert str(tmp_path).encode() not in elfs[0]


@needs_arm
def test_it_builds_without_this_package(board: Board, tmp_path: Path) -> None:
    toy.write_project(tmp_path, board, toy.source_sets(board, frontend=False))
    environment = {"PATH": os.environ["PATH"]}
    for arguments in (("cmake", "--preset", "target"), ("cmake", "--build", "--preset", "target")):
        subprocess.run(arguments, cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert (tmp_path / "build" / "target" / "firmware.elf").is_file()


def test_an_unchanged_project_is_not_built_again(firmware: Get, project: Path) -> None:
    executable = firmware("host").executable
    before = executable.stat().st_mtime_ns
    start = time.monotonic()
    assert build(project, "host").executable == executable
    assert time.monotonic() - start < 0.3
    assert executable.stat().st_mtime_ns == before


def test_a_project_that_was_moved_is_configured_again(tmp_path: Path) -> None:
    board = load_board("host")
    toy.write_project(tmp_path / "old", board, toy.source_sets(board, frontend=False))
    build(tmp_path / "old", "host")
    (tmp_path / "old").rename(tmp_path / "new")
    built = build(tmp_path / "new", "host")
    found = run(built, board, find_simulator(board, None), [TensorInput(bytes(12))], tmp_path / "run")
    assert len(found.runs) == 1


@needs_arm
def test_memory_use_is_that_of_the_elf(firmware: Get) -> None:
    memory = firmware("target").memory
    assert memory is not None
    assert set(memory.sets) == {"app", "platform_target", "model", "frontend", "stream", "toolchain"}
    shares = sum(share.bytes for share in memory.sets.values())
    assert 0 < memory.code_bytes - shares < 256  # vectors and the initial values of variables
    assert (memory.model_bytes, memory.arena_bytes, memory.stack_bytes) == (16, 64, 17 * 1024)
    assert memory.flash_bytes == memory.code_bytes + 16
    assert memory.sets["app"].bytes + memory.sets["platform_target"].bytes < 4096
    output = subprocess.run(
        ("arm-none-eabi-size", firmware("target").executable), capture_output=True, text=True, check=True
    ).stdout.splitlines()[1]
    text, data, bss = (int(word) for word in output.split()[:3])
    assert text + data == memory.flash_bytes
    assert data + bss == memory.ram_bytes


@needs_arm
@pytest.mark.qemu
@pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="qemu-system-arm is not installed")
def test_every_memory_of_the_board_works(board: Board, tmp_path: Path) -> None:
    """Model in DDR, arena in internal SRAM of its full size; the two places taken last."""
    sets = toy.source_sets(board, frontend=False, model=toy.MODEL.replace("arena[64]", "arena[4 << 20]"))
    files = dict(cmake_files("toy", sets, board, _layout(board, model="ddr", arena="isram")))
    _write(tmp_path, sets, files)
    built = build(tmp_path, "target")
    assert built.memory is not None
    assert built.memory.arena_bytes == 4 << 20
    found = run(built, board, find_simulator(board, "qemu"), [TensorInput(bytes(12))], tmp_path / "run")
    assert found.runs[0].outputs[0].data == bytes(12)


def _layout(board: Board, **places: str) -> Layout:
    names = {"stack": "dtcm", "data": "dtcm", "code": "itcm", **places}
    return Layout({part: board.memory(name) for part, name in names.items()}, 4096)


def _write(folder: Path, sets: tuple[SourceSet, ...], files: dict[PurePosixPath, bytes]) -> None:
    for source_set in sets:
        files.update(source_set.files)
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


@needs_arm
def test_what_only_the_linker_sees_to_overflow(board: Board, tmp_path: Path) -> None:
    sets = toy.source_sets(board, frontend=False, model=toy.MODEL.replace("arena[64]", "arena[600 * 1024]"))
    toy.write_project(tmp_path, board, sets)
    with pytest.raises(MemoryOverflowError, match=r"dtcm overflows by [0-9]+ bytes"):
        build(tmp_path, "target")


@needs_arm
@pytest.mark.parametrize("cpu", ["cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33"])
def test_the_platform_compiles_for_other_cores(cpu: str, tmp_path: Path) -> None:
    table = board_table("corstone-300")
    table["core"] = {"cpu": cpu, "extensions": [] if cpu == "cortex-m3" else ["dsp", "fpu"]}
    board = parse_board(table, "test")
    toy.write_project(tmp_path, board, toy.source_sets(board, frontend=True))
    assert build(tmp_path, "target").memory is not None


def test_a_compiler_error_is_quoted(tmp_path: Path) -> None:
    board = load_board("host")
    toy.write_project(tmp_path, board, toy.source_sets(board, frontend=False, model="int x = ;\n"))
    with pytest.raises(BuildError) as error:
        build(tmp_path, "host")
    assert "generated/model.c:1:9: error:" in error.value.message
    assert not error.value.details  # there is one message, and it is quoted
    assert "host-compile-log" in error.value.hint


def test_our_warnings_are_errors(tmp_path: Path) -> None:
    board = load_board("host")
    model = toy.MODEL + "int8_t narrow(int32_t x);\nint8_t narrow(int32_t x) {\n    return x;\n}\n"
    toy.write_project(tmp_path, board, toy.source_sets(board, frontend=False, model=model))
    with pytest.raises(BuildError, match="Werror=conversion"):
        build(tmp_path, "host")


def test_a_broken_cmake_file_is_quoted_and_repaired(tmp_path: Path) -> None:
    board = load_board("host")
    toy.write_project(tmp_path, board, toy.source_sets(board, frontend=False))
    good = (tmp_path / "CMakeLists.txt").read_text()
    (tmp_path / "CMakeLists.txt").write_text(good + "no_such_command()\n")
    with pytest.raises(BuildError, match="step configure: CMake Error"):
        build(tmp_path, "host")
    (tmp_path / "CMakeLists.txt").write_text(good)
    assert build(tmp_path, "host").executable.is_file()


def test_a_build_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    board = load_board("host")
    toy.write_project(tmp_path, board, toy.source_sets(board, frontend=False))
    with pytest.raises(BuildError, match="stopped in step configure"):
        build(tmp_path, "host", timeout=0.01)
    assert build(tmp_path, "host").executable.is_file()


@pytest.mark.parametrize("tool", ["cmake", "ninja", "arm-none-eabi-gcc"])
def test_a_missing_tool_is_named(tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_module.shutil, "which", lambda name: None if name == tool else f"/bin/{name}")
    with pytest.raises(ToolMissingError, match=f"cannot find {tool}") as error:
        build(tmp_path, "target")
    assert error.value.hint.startswith("apt install")


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("kws_micronet_l", "firmware_kws_micronet_l"),
        ('x) message("${ENV}', "firmware_x_message_ENV"),
        ("../\n*/", "firmware"),
        ("", "firmware"),
        ("ä" * 500, "firmware"),
        ("m" * 500, "firmware_" + "m" * 64),
    ],
)
def test_project_names_are_made_harmless(name: str, identifier: str) -> None:
    assert project_identifier(name) == identifier


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a b"},
        {"sources": (PurePosixPath("a;b.c"),)},
        {"sources": (PurePosixPath("../a.c"),)},
        {"sources": (PurePosixPath("/a.c"),)},
        {"include_dirs": (PurePosixPath("${X}"),)},
        {"definitions": ('A="b c"',)},
        {"compile_options": ("-O2 -g",)},
        {"link_libraries": ("m\n)",)},
    ],
)
def test_source_sets_that_cmake_would_misread_are_refused(change: dict[str, object]) -> None:
    board = load_board("host")
    good = SourceSet(name="a", files={}, sources=(PurePosixPath("a.c"),))
    with pytest.raises(ValueError, match="cannot stand in a CMake file"):
        cmake_files("x", [replace(good, **change)], board, Layout({}, 0))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the same name"):
        cmake_files("x", [good, good], board, Layout({}, 0))
