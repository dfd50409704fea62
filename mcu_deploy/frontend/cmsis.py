"""Getting CMSIS-DSP's C sources: once, from the source distribution of the PyPI package ``cmsisdsp``.

``mcu-deploy setup`` does it explicitly; afterwards everything works offline.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from mcu_deploy.errors import InputError, ToolMissingError
from mcu_deploy.resources import CACHE_VARIABLE, cache_dir

VERSION = "1.10.3"
SDIST_SHA256 = "307d32298faa7c58db912851027fce35f886fec7eb1a27c4b309ce1a97f47519"

_SDIST_ROOT = f"cmsisdsp-{VERSION}"
_WANTED = ("Include", "PrivateInclude", "Source", "LICENSE")
_DOWNLOAD_SECONDS = 300
_MAX_EXTRACTED_BYTES = 64 << 20
_DIRECTORY_VARIABLE = "MCU_DEPLOY_CMSIS_DSP_DIR"
_OFFLINE_HINT = (
    f"with a network run: mcu-deploy setup; or unpack {_SDIST_ROOT}.tar.gz of PyPI "
    f"yourself and set {_DIRECTORY_VARIABLE} to its folder"
)


def ensure_cmsis_dsp(progress: Callable[[str], None]) -> Path:
    """The folder of CMSIS-DSP's sources; downloads them if they are nowhere yet.

    Looks at ``MCU_DEPLOY_CMSIS_DSP_DIR`` (an unpacked source distribution), then in the cache
    (``MCU_DEPLOY_CACHE_DIR``, or the user's), then asks pip, which knows the index, proxies and
    certificates. The archive's SHA-256 is checked here again.

    Args:
        progress: called with a line on what takes long.

    Raises:
        InputError: ``MCU_DEPLOY_CMSIS_DSP_DIR`` is not CMSIS-DSP, or the cache cannot be written.
        ToolMissingError: the sources could not be had.
    """
    present = cmsis_dsp_available()
    if present is not None:
        return present
    target = _cached()
    progress(f"downloading CMSIS-DSP {VERSION} (2 MB) from the Python package index")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".download-") as name:
            work = Path(name)
            unpacked = extract_sdist(_download(work), work / "unpacked")
            _move_into_place(unpacked, target)
    except OSError as error:
        raise InputError(
            f"cannot write the cache {target.parent}: {error.strerror or error}",
            f"free or allow the space, or set {CACHE_VARIABLE} to another folder",
        ) from error
    return target


def cmsis_dsp_available() -> Path | None:
    """The folder of CMSIS-DSP's sources if it is there without a download.

    Raises:
        InputError: ``MCU_DEPLOY_CMSIS_DSP_DIR`` is set, but not to CMSIS-DSP.
    """
    chosen = os.environ.get(_DIRECTORY_VARIABLE)
    if chosen:
        if not _is_cmsis_dsp(Path(chosen)):
            raise InputError(
                f"{_DIRECTORY_VARIABLE} is {chosen}, which is not an unpacked CMSIS-DSP",
                f"it must hold {', '.join(_WANTED)}: unset it, or set it to an unpacked {_SDIST_ROOT}.tar.gz",
            )
        return Path(chosen)
    cached = _cached()
    return cached if _is_cmsis_dsp(cached) else None


def extract_sdist(archive: Path, target: Path) -> Path:
    """Unpack what is needed of the source distribution.

    Args:
        archive: ``cmsisdsp-1.10.3.tar.gz``.
        target: a folder to make.

    Returns:
        the folder with ``Include``, ``PrivateInclude``, ``Source`` and ``LICENSE``.

    Raises:
        ToolMissingError: not the pinned archive.
    """
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != SDIST_SHA256:
        raise ToolMissingError(
            f"{archive.name} has the SHA-256 {digest}, not {SDIST_SHA256}",
            "the download was damaged or the package index serves another file; " + _OFFLINE_HINT,
        )
    unpack_tar(archive, target)
    return target / _SDIST_ROOT


def unpack_tar(archive: Path, target: Path) -> None:
    """Unpack the wanted regular files of an archive; nothing may leave ``target``.

    Raises:
        ToolMissingError: a damaged or hostile archive.
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            wanted = [member for member in tar if _is_wanted(member)]
            if any(".." in PurePosixPath(member.name).parts for member in wanted):
                raise tarfile.ExtractError("it holds a path that leaves its folder")
            if sum(member.size for member in wanted) > _MAX_EXTRACTED_BYTES:
                raise tarfile.ExtractError("it unpacks to too much")
            for member in wanted:
                _write_member(tar, member, target / member.name)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ToolMissingError(f"cannot unpack {archive.name}: {error}", _OFFLINE_HINT) from error


def _write_member(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    """A regular file: nothing of the archive but its bytes. Python 3.11.2 has no extraction filters."""
    content = tar.extractfile(member)
    assert content is not None  # only regular files are wanted
    path.parent.mkdir(parents=True, exist_ok=True)
    with content, path.open("wb") as file:
        shutil.copyfileobj(content, file)


def _is_wanted(member: tarfile.TarInfo) -> bool:
    parts = PurePosixPath(member.name).parts
    return member.isreg() and len(parts) >= 2 and parts[0] == _SDIST_ROOT and parts[1] in _WANTED


def _cached() -> Path:
    return cache_dir() / "cmsis-dsp" / VERSION


def _is_cmsis_dsp(path: Path) -> bool:
    return all((path / name).exists() for name in _WANTED)


def _download(work: Path) -> Path:
    """The source distribution by pip, which checks the pinned hash too."""
    requirements = work / "requirements.txt"
    requirements.write_text(f"cmsisdsp=={VERSION} --hash=sha256:{SDIST_SHA256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download"]
    command += ["--quiet", "--no-deps", "--no-binary", "cmsisdsp", "--require-hashes"]
    command += ["--requirement", str(requirements), "--dest", str(work)]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=_DOWNLOAD_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise ToolMissingError(
            f"CMSIS-DSP {VERSION} could not be downloaded in {_DOWNLOAD_SECONDS} s", _OFFLINE_HINT
        ) from error
    archive = work / f"{_SDIST_ROOT}.tar.gz"
    if run.returncode != 0 or not archive.is_file():
        lines = tuple(line for line in run.stderr.splitlines() if line.strip())
        raise ToolMissingError(
            f"pip could not download CMSIS-DSP {VERSION}{': ' + lines[-1] if lines else ''}",
            _OFFLINE_HINT,
            details=lines,
        )
    return archive


def _move_into_place(unpacked: Path, target: Path) -> None:
    """Rename, which is atomic; who comes second finds the folder and keeps it."""
    if target.exists() and not _is_cmsis_dsp(target):
        shutil.rmtree(target)
    try:
        unpacked.rename(target)
    except OSError:
        if not _is_cmsis_dsp(target):
            raise
