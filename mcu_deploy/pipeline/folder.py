"""The project folder: written whole or not at all, and never over what is not ours.

``deployment.json`` marks a folder as a project and lists the SHA-256 of every file that was generated,
so that a second generation sees whether anything changed, and whether a person edited something.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from mcu_deploy.errors import InputError, McuDeployError

STATE_FILE = "deployment.json"


def write_project(
    folder: Path, state: Mapping[str, Any], files: Mapping[PurePosixPath, bytes], force: bool
) -> bool:
    """Writes the project, or leaves the folder alone when it holds just this already.

    What later steps or the user put beside the generated files stays.

    Args:
        folder: where; its parents are made.
        state: what goes into ``deployment.json``; ``state["identity"]`` says what was deployed how.
        files: every other generated file by its path in the folder.
        force: replace a project of another identity, or one that was edited.

    Returns:
        Whether anything was written.

    Raises:
        InputError: the folder holds something else, another project, or edited files.
        McuDeployError: it cannot be written, or another process uses it.
    """
    try:
        if not os.path.lexists(folder):
            _make(folder, _document(state, files), files)
            return True
        if not folder.is_dir():
            raise InputError(
                f"the output {folder} exists and is not a folder", "choose another by --output-dir"
            )
        with exclusive(folder):
            return make_current(folder, state, files, force)
    except OSError as error:
        raise McuDeployError(
            f"cannot write the project {folder}: {error.strerror or error}",
            "free some space, or choose another folder by --output-dir",
        ) from None


def make_current(
    folder: Path, state: Mapping[str, Any], files: Mapping[PurePosixPath, bytes], force: bool
) -> bool:
    """As ``write_project``, of a folder that exists and that the caller holds by ``exclusive``.

    Raises:
        InputError: as ``write_project``.
        OSError: it cannot be written.
    """
    document = _document(state, files)
    if _is_current(folder, document, state, force):
        return False
    _replace(folder, document, files)
    return True


@contextmanager
def exclusive(folder: Path, wait: bool = False) -> Iterator[None]:
    """Keeps other processes of ours out of a project while its files are made and used.

    Two runs in one folder would read each other's inputs and call the results different. Where the file
    system cannot lock a folder, nothing is locked.

    Args:
        folder: the project.
        wait: for another process that holds it, in place of an error.

    Raises:
        McuDeployError: another process holds the folder.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                raise McuDeployError(
                    f"another mcu-deploy is at work in {folder}",
                    "wait for its end, or choose another folder by --output-dir",
                ) from None
        yield
    finally:
        os.close(handle)


def _document(state: Mapping[str, Any], files: Mapping[PurePosixPath, bytes]) -> str:
    """The text of ``deployment.json``."""
    digests = {str(path): hashlib.sha256(data).hexdigest() for path, data in sorted(files.items())}
    # Not sorted: the order of a board's simulators says which is the default.
    return json.dumps({**state, "files": digests}, indent=1) + "\n"


def _is_current(folder: Path, document: str, state: Mapping[str, Any], force: bool) -> bool:
    """Whether the existing folder already is this project; raises if it must not be touched."""
    if not any(folder.iterdir()):
        return False
    state_path = folder / STATE_FILE
    if not state_path.is_file():
        raise InputError(
            f"the output folder {folder} exists and is not a project of mcu-deploy",
            "choose another by --output-dir, or empty it yourself",
        )
    old_document = state_path.read_text(encoding="utf-8", errors="replace")
    old_identity, old_digests = _old_state(old_document)
    edited = _edited(folder, old_digests)
    if force:
        return old_document == document and not edited
    if old_identity != state["identity"]:
        raise InputError(
            f"the output folder {folder} exists and holds another deployment"
            + _what_differs(old_identity, state["identity"]),
            "replace it by --force, or choose another by --output-dir",
        )
    if edited:
        raise InputError(
            f"{edited[0]} in {folder} was changed since it was generated"
            + (f" (and {len(edited) - 1} more)" if len(edited) > 1 else ""),
            "discard the changes by --force, or choose another folder by --output-dir",
        )
    return old_document == document


def _old_state(document: str) -> tuple[Any, dict[str, str]]:
    """Identity and digests in a ``deployment.json``, which may be damaged: (None, {})."""
    try:
        old = json.loads(document)
        return old["identity"], {str(name): str(digest) for name, digest in old["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, {}


def _what_differs(old: Any, new: Mapping[str, Any]) -> str:
    if not isinstance(old, dict):
        return ""
    keys = [key for key in new if old.get(key) != new[key]]
    return f" ({', '.join(keys)} differ)" if keys else ""


def _edited(folder: Path, digests: Mapping[str, str]) -> list[str]:
    """The generated files whose contents are not what was generated."""
    edited = []
    for name, digest in digests.items():
        path = folder / name
        try:
            data = path.read_bytes() if path.is_file() else b""
        except OSError:
            data = b""
        if hashlib.sha256(data).hexdigest() != digest:
            edited.append(name)
    return edited


def _make(folder: Path, document: str, files: Mapping[PurePosixPath, bytes]) -> None:
    """Writes a new folder beside its place, then renames it; on failure nothing is left."""
    parents = [path for path in (folder.parent, *folder.parent.parents) if not path.exists()]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _stage(folder.parent, f".{folder.name}.") as stage:
            new = stage / "project"
            new.mkdir()
            _write(new, document, files, {})
            new.rename(folder)
    except BaseException:
        for path in parents:
            with suppress(OSError):
                path.rmdir()
        raise


def _replace(folder: Path, document: str, files: Mapping[PurePosixPath, bytes]) -> None:
    """Exchanges the generated entries of a folder; on failure the old ones are back.

    The folder itself stays, because a shell may stand in it. ``deployment.json`` leaves it first and comes
    last, so that a folder that was left in between is not taken for a project.
    """
    state_path = folder / STATE_FILE
    old_digests: dict[str, str] = {}
    if state_path.is_file():
        old_digests = _old_state(state_path.read_text(encoding="utf-8", errors="replace"))[1]
    with _stage(folder, ".mcu-deploy.") as stage:
        new, old = stage / "new", stage / "old"
        new.mkdir()
        old.mkdir()
        _write(new, document, files, {name: folder / name for name in map(str, files)})
        tops = {top for name in [*old_digests, *map(str, files)] for top in PurePosixPath(name).parts[:1]}
        names = [STATE_FILE, *sorted(tops - {STATE_FILE, "/", "..", "build", "run"})]
        with _uninterrupted():
            _exchange(folder, names, new, old)


def _exchange(folder: Path, names: Sequence[str], new: Path, old: Path) -> None:
    moved: list[tuple[Path, Path]] = []
    try:
        for source, target, order in ((folder, old, names), (new, folder, list(reversed(names)))):
            for name in order:
                if os.path.lexists(source / name):
                    (source / name).rename(target / name)
                    moved.append((source / name, target / name))
    except OSError:
        for before, after in reversed(moved):
            after.rename(before)
        raise


def _write(
    folder: Path, document: str, files: Mapping[PurePosixPath, bytes], old: Mapping[str, Path]
) -> None:
    """Writes all files; one that has the same content in ``old`` keeps its time, and is not built again."""
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        before = old.get(str(path))
        if before is not None and before.is_file() and before.read_bytes() == data:
            shutil.copystat(before, target)
    (folder / STATE_FILE).write_text(document, encoding="utf-8")


@contextmanager
def _stage(parent: Path, prefix: str) -> Iterator[Path]:
    """A temporary folder in ``parent``, removed at the end."""
    stage = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        yield stage
    finally:
        with _uninterrupted():
            shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Holds back Ctrl-C and termination for the moment in which a folder is neither old nor new."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a file under a temporary name and renames it.

    Raises:
        McuDeployError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        raise McuDeployError(
            f"cannot write {path}: {error.strerror or error}", "free some space, or choose another folder"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
