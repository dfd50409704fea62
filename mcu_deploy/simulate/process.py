"""Running a program that may hang, crash, or write without end."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcu_deploy.errors import McuDeployError, ToolMissingError

_TICK_SECONDS = 0.02
_TAIL_BYTES = 16 * 1024
_INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Finished:
    """How a program ended.

    Attributes:
        returncode: its exit status, or minus the number of the signal that ended it.
        seconds: wall time.
        stopped: why it was killed: ``timeout``, ``output``, ``cancelled``, or "" when it ended by itself.
        stdout, stderr: the last 16 KiB of each, as text.
    """

    returncode: int
    seconds: float
    stopped: str
    stdout: str
    stderr: str


def run_bounded(
    arguments: Sequence[str],
    cwd: Path,
    timeout: float,
    log_dir: Path,
    file_limits: Mapping[Path, int] | None = None,
    log_limit: int = 16 << 20,
    cancelled: threading.Event | None = None,
    environment: Mapping[str, str] | None = None,
) -> Finished:
    """Runs a program in a session of its own and kills the whole of it when it exceeds a bound.

    Its messages are in English, because callers search them.

    Args:
        arguments: the program and its arguments.
        cwd: its working directory.
        timeout: wall time in seconds.
        log_dir: gets ``stdout.txt`` and ``stderr.txt``.
        file_limits: sizes in bytes that files it writes must not exceed.
        log_limit: the same for its stdout and stderr.
        cancelled: kills it when set, by another thread.
        environment: variables to set besides those that are.

    Raises:
        ToolMissingError: there is no such program.
        McuDeployError: it cannot be started.
    """
    out, err = log_dir / "stdout.txt", log_dir / "stderr.txt"
    limits = {**(file_limits or {}), out: log_limit, err: log_limit}
    start = time.monotonic()
    process: subprocess.Popen[bytes] | None = None
    try:
        with out.open("wb") as stdout, err.open("wb") as stderr, _interruptions_held():
            process = subprocess.Popen(
                arguments,
                cwd=cwd,
                env={**os.environ, **(environment or {}), "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        stopped = _wait(process, start + timeout, limits, cancelled)
    except FileNotFoundError:
        raise ToolMissingError(f"cannot find {arguments[0]}") from None
    except OSError as error:
        raise McuDeployError(f"cannot start {arguments[0]}: {error.strerror}") from None
    finally:
        if process is not None:
            _kill_session(process)
    return Finished(process.returncode, time.monotonic() - start, stopped, _tail(out), _tail(err))


@contextmanager
def _interruptions_held() -> Iterator[None]:
    """Lets Ctrl-C and the like wait until the program that is being started can be stopped.

    A signal mask would be inherited by the program; handlers of Python are not.
    """
    held: list[int] = []
    handlers: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.getsignal(number) for number in _INTERRUPTIONS}
    handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in handlers:
        signal.signal(number, lambda caught, frame: held.append(caught))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in held[:1]:
            signal.raise_signal(number)


def _wait(
    process: subprocess.Popen[bytes],
    deadline: float,
    limits: Mapping[Path, int],
    cancelled: threading.Event | None,
) -> str:
    """Waits for the end or for a bound; returns the bound's name."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_TICK_SECONDS)
            return ""
        if time.monotonic() > deadline:
            return "timeout"
        if cancelled is not None and cancelled.is_set():
            return "cancelled"
        if any(_size(path) > limit for path, limit in limits.items()):
            return "output"


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    """Ends everything the program started too; its group outlives it if a child does."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, _size(path) - _TAIL_BYTES))
            return file.read(_TAIL_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ""
