"""The project folder: written whole or not at all, and never over what is not ours.

``deployment.json`` marks a folder as a project and lists the SHA-256 of every file that was generated,
so that a second generation sees whether anything changed, and whether a person edited something.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from mcu_deploy.errors import InputError, McuDeployError

STATE_FILE = "deployment.json"
# Made in the folder by later steps; they survive a regeneration.
_KEPT = ("build", "run")


def write_project(
    folder: Path, state: Mapping[str, Any], files: Mapping[PurePosixPath, bytes], force: bool
) -> bool:
    """Writes the project, or leaves the folder alone when it holds just this already.

    Args:
        folder: where; its parent is made.
        state: what goes into ``deployment.json``; ``state["identity"]`` says what was deployed how.
        files: every other generated file by its path in the folder.
        force: replace a project of another identity, or one that was edited.

    Returns:
        Whether anything was written.

    Raises:
        InputError: the folder holds something else, another project, or edited files.
        McuDeployError: it cannot be written.
    """
    digests = {str(path): hashlib.sha256(data).hexdigest() for path, data in sorted(files.items())}
    document = json.dumps({**state, "files": digests}, indent=1) + "\n"
    if folder.exists() and _is_current(folder, document, digests, state, force):
        return False
    try:
        _replace(folder, document, files)
    except OSError as error:
        raise McuDeployError(
            f"cannot write the project {folder}: {error.strerror or error}",
            "free some space, or choose another folder by --output-dir",
        ) from None
    return True


def _is_current(
    folder: Path, document: str, digests: Mapping[str, str], state: Mapping[str, Any], force: bool
) -> bool:
    """Whether the existing folder already is this project; raises if it must not be touched."""
    if not folder.is_dir():
        raise InputError(f"the output {folder} exists and is not a folder", "choose another by --output-dir")
    if not any(folder.iterdir()):
        return False
    state_path = folder / STATE_FILE
    if not state_path.is_file():
        raise InputError(
            f"the output folder {folder} exists and is not a project of mcu-deploy",
            "choose another by --output-dir, or empty it yourself",
        )
    old_document = state_path.read_text(encoding="utf-8", errors="replace")
    try:
        old = json.loads(old_document)
        old_digests = dict(old["files"])
        old_identity = old["identity"]
    except (ValueError, KeyError, TypeError):
        old_digests, old_identity = {}, None
    if force:
        return old_document == document and not _edited(folder, old_digests)
    if old_identity != state["identity"]:
        raise InputError(
            f"the output folder {folder} exists and holds another deployment"
            + _what_differs(old_identity, state["identity"]),
            "replace it by --force, or choose another by --output-dir",
        )
    edited = _edited(folder, old_digests)
    if edited:
        raise InputError(
            f"{edited[0]} in {folder} was changed since it was generated"
            + (f" (and {len(edited) - 1} more)" if len(edited) > 1 else ""),
            "discard the changes by --force, or choose another folder by --output-dir",
        )
    return old_document == document


def _what_differs(old: Any, new: Mapping[str, Any]) -> str:
    if not isinstance(old, dict):
        return ""
    keys = [key for key in new if old.get(key) != new[key]]
    return f" ({', '.join(keys)} differ)" if keys else ""


def _edited(folder: Path, digests: Mapping[str, str]) -> list[str]:
    """The generated files whose contents are not what was generated."""
    edited = []
    for name, digest in digests.items():
        try:
            data = (folder / name).read_bytes()
        except OSError:
            data = b""
        if hashlib.sha256(data).hexdigest() != digest:
            edited.append(name)
    return edited


def _replace(folder: Path, document: str, files: Mapping[PurePosixPath, bytes]) -> None:
    """Writes into a new folder beside ``folder``, then puts it in its place."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for path, data in files.items():
            target = new / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            _keep_time(folder / path, target, data)
        (new / STATE_FILE).write_text(document, encoding="utf-8")
        new.chmod(0o777 & ~_umask())
        if folder.exists():
            for name in _KEPT:
                if (folder / name).exists():
                    (folder / name).rename(new / name)
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent))
            folder.rename(old / "project")
            new.rename(folder)
            shutil.rmtree(old, ignore_errors=True)
        else:
            new.rename(folder)
    finally:
        if new.exists():
            shutil.rmtree(new, ignore_errors=True)


def _keep_time(old: Path, new: Path, data: bytes) -> None:
    """An unchanged file keeps its modification time, so that the build does not repeat it."""
    if old.is_file() and old.read_bytes() == data:
        shutil.copystat(old, new)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


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
        temporary.unlink(missing_ok=True)
        raise McuDeployError(
            f"cannot write {path}: {error.strerror or error}", "free some space, or choose another folder"
        ) from None
