"""Project folders: whole or not at all, and never over what is not ours."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from mcu_deploy.errors import InputError, McuDeployError
from mcu_deploy.pipeline.folder import STATE_FILE, exclusive, write_atomically, write_project

STATE = {"identity": {"board": "a", "npu": "none"}}
FILES = {PurePosixPath("src/a.c"): b"int a;\n", PurePosixPath("CMakeLists.txt"): b"project(a)\n"}


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _state(**change: str) -> Mapping[str, object]:
    return {"identity": {**STATE["identity"], **change}}


def test_a_new_folder_with_its_parents(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert write_project(folder, STATE, FILES, force=False)
    assert set(_contents(folder)) == {"src/a.c", "CMakeLists.txt", STATE_FILE}
    assert [path.name for path in folder.parent.iterdir()] == ["b"]
    umask = os.umask(0)
    os.umask(umask)
    assert folder.stat().st_mode & 0o777 == 0o777 & ~umask


def test_the_same_again_touches_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    write_project(folder, STATE, FILES, force=False)
    times = {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}
    for force in (False, True):
        assert not write_project(folder, STATE, FILES, force=force)
    assert {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]} == times


def test_a_replaced_project_keeps_times_of_what_is_equal_and_what_is_not_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    write_project(folder, STATE, {**FILES, PurePosixPath("old/x.h"): b""}, force=False)
    for name in ("build/target/a.o", "run/records.bin", "notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("kept")
    os.utime(folder / "src/a.c", ns=(10**18, 10**18))
    changed = {**FILES, PurePosixPath("CMakeLists.txt"): b"project(b)\n"}
    with pytest.raises(InputError, match=r"another deployment \(board differ\)"):
        write_project(folder, _state(board="b"), changed, force=False)
    assert write_project(folder, _state(board="b"), changed, force=True)
    assert (folder / "src/a.c").stat().st_mtime_ns == 10**18
    assert (folder / "CMakeLists.txt").read_bytes() == b"project(b)\n"
    assert not (folder / "old").exists()
    for name in ("build/target/a.o", "run/records.bin", "notes.txt"):
        assert (folder / name).read_text() == "kept"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["CMakeLists.txt", "build", STATE_FILE, "notes.txt", "run", "src"]
    )


@pytest.mark.parametrize("change", ["edited", "deleted"])
def test_an_edit_is_seen(change: str, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    write_project(folder, STATE, FILES, force=False)
    if change == "edited":
        (folder / "src/a.c").write_text("int b;\n")
    else:
        (folder / "src/a.c").unlink()
    with pytest.raises(InputError, match=r"src/a\.c in .* was changed"):
        write_project(folder, STATE, FILES, force=False)
    assert write_project(folder, STATE, FILES, force=True)
    assert (folder / "src/a.c").read_bytes() == b"int a;\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"identity": 1, "files": 3}',
        json.dumps({"identity": {}, "files": {"/dev/zero": "0", "../outside": "0", ".": "", "": ""}}),
    ],
)
def test_a_damaged_state_file_needs_force_and_leads_nowhere(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    (tmp_path / "outside").write_text("mine")
    (folder / STATE_FILE).write_text(text)
    with pytest.raises(InputError, match="another deployment"):
        write_project(folder, STATE, FILES, force=False)
    assert write_project(folder, STATE, FILES, force=True)
    assert set(_contents(folder)) == {"src/a.c", "CMakeLists.txt", STATE_FILE}
    assert (tmp_path / "outside").read_text() == "mine"


def test_a_failure_in_the_exchange_brings_everything_back(tmp_path: Path) -> None:
    """A mount point (here: a folder that cannot be moved because it is one) stops it half-way."""
    folder = tmp_path / "p"
    write_project(folder, STATE, FILES, force=False)
    before = _contents(folder)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "none", str(folder / "src")], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting needs root")
    try:
        with pytest.raises(McuDeployError, match="cannot write the project"):
            write_project(folder, _state(board="b"), FILES, force=True)
    finally:
        subprocess.run(["umount", str(folder / "src")], check=True)
    assert _contents(folder) == before
    assert sorted(path.name for path in folder.iterdir()) == ["CMakeLists.txt", STATE_FILE, "src"]


def test_a_folder_is_held_by_one_process(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from mcu_deploy.pipeline.folder import exclusive\n"
        "with exclusive(Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdin is not None and other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(McuDeployError, match="at work in"), exclusive(tmp_path):
            pass
        other.send_signal(signal.SIGKILL)
        other.wait()
        with exclusive(tmp_path):  # a dead process holds nothing
            pass


def test_an_atomic_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_atomically(path, b"old")
    path.chmod(0o444)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    (tmp_path / "folder").mkdir()
    with pytest.raises(McuDeployError, match="cannot write"):
        write_atomically(tmp_path / "folder", b"x")
    assert sorted(found.name for found in tmp_path.iterdir()) == ["folder", "run.json"]
