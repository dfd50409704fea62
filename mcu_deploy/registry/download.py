"""Downloading one file of known size over HTTP: resumable, bounded in bytes and in time without progress."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import BinaryIO
from urllib import error, request

from mcu_deploy import __version__
from mcu_deploy.errors import DownloadError, InputError
from mcu_deploy.graph.text import one_line

_BLOCK_BYTES = 64 * 1024
_LEAST_BYTES = 1024
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")
_RESUME_HINT = "run the same command again: it goes on from there"
_MOVED_HINT = "the file was moved, removed or replaced"


@dataclass(frozen=True)
class Download:
    """What to download.

    Attributes:
        url: http or https.
        size: bytes of the whole file.
        stall_seconds: give up when less than 1 KB came in so long.
        progress: called with the bytes that are there, of all.
    """

    url: str
    size: int
    stall_seconds: float
    progress: Callable[[int, int], None]


def download(wanted: Download, part: BinaryIO) -> None:
    """Completes ``part``, an unbuffered file that holds the first bytes of the wanted one, or none.

    A server that cannot send a range makes it start again. Proxies are those of the environment
    (``http_proxy``, ``https_proxy``, ``no_proxy``); certificates are verified.

    Raises:
        DownloadError: it did not arrive whole; ``part`` then holds what did.
        InputError: not an http or https URL.
        OSError: ``part`` cannot be written.
    """
    if not re.match(r"https?://", wanted.url):
        raise InputError(f"cannot download {shown(wanted.url)}", "give an http or https URL, or a folder")
    present = part.seek(0, 2)
    if present > wanted.size:
        present = part.truncate(0)
    if present == wanted.size:
        return
    try:
        response = _request(wanted, present)
        if present and not _continues(response, present):
            if response.status != 200:
                response.close()
                response = _request(wanted, 0)
            present = 0
    except error.HTTPError as refusal:
        raise _refused(wanted, refusal) from None
    except (OSError, HTTPException, ValueError) as failure:
        raise DownloadError(f"cannot download {shown(wanted.url)}: {_reason(failure, wanted)}") from None
    with response:
        _check_length(response, wanted, present)
        part.truncate(present)
        part.seek(present)
        _receive(response, wanted, part, present)


def shown(url: str) -> str:
    """The URL as it may be printed: no control characters, no user name and password."""
    return one_line(re.sub(r"//[^/@]*@", "//", url))[:300]


def _opener() -> request.OpenerDirector:
    """HTTP and HTTPS only; urllib's default would follow a redirection to FTP as well."""
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        request.UnknownHandler(),
        request.HTTPHandler(),
        request.HTTPSHandler(),
        request.HTTPDefaultErrorHandler(),
        request.HTTPRedirectHandler(),
        request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _request(wanted: Download, start: int) -> HTTPResponse:
    headers = {"User-Agent": f"mcu-deploy/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    asked = request.Request(wanted.url, headers=headers)
    try:
        response: HTTPResponse = _opener().open(asked, timeout=wanted.stall_seconds)
    except error.HTTPError as refusal:
        if start and refusal.code == 416:
            return _request(wanted, 0)
        raise
    return response


def _continues(response: HTTPResponse, start: int) -> bool:
    found = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
    return response.status == 206 and found is not None and int(found[1]) == start


def _check_length(response: HTTPResponse, wanted: Download, present: int) -> None:
    """The server's word on the length, before any of the file is taken."""
    if response.length is not None and present + response.length != wanted.size:
        raise _another_file(wanted, present + response.length)


def _receive(response: HTTPResponse, wanted: Download, part: BinaryIO, present: int) -> None:
    """Reads until the wanted size is there, and nothing beyond."""
    mark, since = present, time.monotonic()
    wanted.progress(present, wanted.size)
    while present < wanted.size:
        block = _block(response, wanted, present)
        if not block:
            raise _ended(response, wanted, part, present)
        write_all(part, block)
        present += len(block)
        wanted.progress(present, wanted.size)
        if present - mark >= _LEAST_BYTES:
            mark, since = present, time.monotonic()
        elif present < wanted.size and time.monotonic() - since > wanted.stall_seconds:
            raise _stopped(wanted, present, f"hardly any bytes for {wanted.stall_seconds:g} s")


def _block(response: HTTPResponse, wanted: Download, present: int) -> bytes:
    """What has come in; nothing at the end."""
    try:
        return response.read1(min(_BLOCK_BYTES, wanted.size - present))
    except (OSError, HTTPException) as failure:
        raise _stopped(wanted, present, _reason(failure, wanted)) from None


def _ended(response: HTTPResponse, wanted: Download, part: BinaryIO, present: int) -> DownloadError:
    """Too few bytes: a broken connection, or, where the protocol says that this was all, another file."""
    if not response.chunked:
        return _stopped(wanted, present, "the server closed the connection")
    part.truncate(0)
    return _another_file(wanted, present)


def write_all(part: BinaryIO, block: bytes) -> None:
    """Writes to an unbuffered file, which may take less at a time."""
    rest = memoryview(block)
    while rest:
        rest = rest[part.write(rest) :]


def _another_file(wanted: Download, size: int) -> DownloadError:
    return DownloadError(
        f"{shown(wanted.url)} is not the known file: it has {size:,} bytes, not {wanted.size:,}", _MOVED_HINT
    )


def _stopped(wanted: Download, present: int, why: str) -> DownloadError:
    return DownloadError(
        f"the download of {shown(wanted.url)} stopped at {present:,} of {wanted.size:,} bytes: {why}",
        _RESUME_HINT,
    )


def _refused(wanted: Download, refusal: error.HTTPError) -> DownloadError:
    refusal.close()
    answer = f"the server answered {refusal.code} {one_line(str(refusal.reason))[:80]}".rstrip()
    hint = _MOVED_HINT if refusal.code in (404, 410) else ""
    return DownloadError(f"cannot download {shown(wanted.url)}: {answer}", hint)


def _reason(failure: Exception, wanted: Download) -> str:
    """One line on why a connection failed."""
    cause = failure.reason if isinstance(failure, error.URLError) else failure
    if isinstance(cause, TimeoutError):
        return f"no answer in {wanted.stall_seconds:g} s"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return one_line(str(cause) or type(cause).__name__)[:200]
