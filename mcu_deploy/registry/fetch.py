"""``models fetch``: a known model's file into the cache, where it gets its name only when it is verified."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mcu_deploy.errors import DownloadError, InputError
from mcu_deploy.graph.text import one_line
from mcu_deploy.registry.cards import ModelCard
from mcu_deploy.registry.download import Download, download, shown, write_all
from mcu_deploy.registry.locate import cached_path, find, find_in, is_the_file, offline_hint
from mcu_deploy.resources import CACHE_VARIABLE

STALL_SECONDS = 30.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Report:
    """Who is told how it goes.

    Attributes:
        note: called with a line of text.
        progress: called with the bytes that are there, of all.
    """

    note: Callable[[str], None]
    progress: Callable[[int, int], None]


def fetch(card: ModelCard, source: str | None, report: Report, stall_seconds: float = STALL_SECONDS) -> Path:
    """The card's file: found on this computer, or else brought into the cache.

    Args:
        card: the model.
        source: a folder, a file or a URL to take in place of the card's URL; to a URL that ends with
            ``/`` the card's file name is added.
        report: for notes and progress.
        stall_seconds: bound on the time without progress.

    Raises:
        InputError: the source makes no sense or has not the file, or the cache cannot be written.
        DownloadError: it could not be downloaded. What did arrive is kept, and gone on from next time.
    """
    found = find(card)
    if found.path is not None:
        report.note(f"{card.name} is there already ({found.state})")
        return found.path
    if source is not None and "://" not in source:
        return _copy(card, Path(source), report)
    url = source or card.url
    if url is None:
        raise InputError(f"no download is known for {card.name}", offline_hint(card))
    if url.endswith("/"):
        url += card.file
    report.note(f"downloading {card.name} ({card.size:,} bytes) from {shown(url)}")
    try:
        return _download(card, Download(url, card.size, stall_seconds, report.progress), report.note)
    except DownloadError as error:
        hint = "; ".join(part for part in (error.hint, offline_hint(card)) if part)
        raise DownloadError(error.message, hint) from None


def _copy(card: ModelCard, source: Path, report: Report) -> Path:
    """From a folder or file of this computer."""
    path = find_in(source, card) if source.is_dir() else source if is_the_file(source, card) else None
    if path is None:
        name = one_line(str(source))
        if not source.exists():
            problem = f"{name} does not exist"
        elif source.is_dir():
            problem = f"{name} holds no file with the size and SHA-256 of {card.file}"
        else:
            problem = f"{name} is not {card.file}: its size or SHA-256 is another"
        raise InputError(problem, f"wanted: {card.size:,} bytes, SHA-256 {card.sha256}")
    content = path.read_bytes()
    with _part(card, STALL_SECONDS, report.note) as part:
        if part is not None:
            part.truncate(0)
            write_all(part, content)
            if not _accept(card):
                raise InputError(f"{one_line(str(path))} changed while it was copied", "run it again")
    return cached_path(card)


def _download(card: ModelCard, wanted: Download, note: Callable[[str], None]) -> Path:
    with _part(card, wanted.stall_seconds, note) as part:
        if part is None:
            return cached_path(card)
        resumed = part.seek(0, os.SEEK_END)
        if resumed:
            note(f"going on from {resumed:,} bytes of an earlier download")
        download(wanted, part)
        if _accept(card):
            return cached_path(card)
        if resumed:  # the earlier bytes may have been another file's
            note("what came together is not the known file: downloading all of it again")
            part.truncate(0)
            download(wanted, part)
            if _accept(card):
                return cached_path(card)
        part.truncate(0)
        _part_path(card).unlink()
    raise DownloadError(
        f"{shown(wanted.url)} is not the known file: its SHA-256 is not {card.sha256}; nothing was kept",
        "the file was replaced, or changed on its way",
    )


def _part_path(card: ModelCard) -> Path:
    """Named by the hash, so that a file of another version is never gone on with."""
    return cached_path(card).with_name(f"{card.file}.{card.sha256[:16]}.part")


def _accept(card: ModelCard) -> bool:
    """Gives the part its name if it is the file; at no time is anything else under that name."""
    if not is_the_file(_part_path(card), card):
        return False
    _part_path(card).replace(cached_path(card))
    return True


@contextmanager
def _part(card: ModelCard, stall_seconds: float, note: Callable[[str], None]) -> Iterator[BinaryIO | None]:
    """The partial file, locked; None when another process has completed it meanwhile.

    Raises:
        InputError: the cache cannot be written.
        DownloadError: another process holds it, and makes no progress.
    """
    folder = cached_path(card).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(card, stall_seconds, note) as part:
            if is_the_file(cached_path(card), card):
                _part_path(card).unlink()
                yield None
            else:
                yield part
    except OSError as error:
        raise InputError(
            f"cannot write the cache {one_line(str(folder))}: {error.strerror or error}",
            f"free or allow the space, or set {CACHE_VARIABLE} to another folder",
        ) from error


def _lock(card: ModelCard, stall_seconds: float, note: Callable[[str], None]) -> BinaryIO:
    """Opens and locks the part. The lock goes with the process, also when that is killed."""
    path = _part_path(card)
    size, since = -1, time.monotonic()
    while True:
        part = path.open("a+b", buffering=0)
        try:
            fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(part.fileno()), path.stat()):
                return part
        except BlockingIOError:
            if size < 0:
                note("another process is downloading it: waiting for that one")
            if (now := os.fstat(part.fileno()).st_size) != size:
                size, since = now, time.monotonic()
        except BaseException:
            part.close()
            raise
        part.close()
        if time.monotonic() - since > stall_seconds:
            raise DownloadError(f"another process holds {one_line(str(path))}, and makes no progress")
        time.sleep(_POLL_SECONDS)
