"""Running TensorFlow and converters as programs of their own: slow to import, noisy, and they may crash."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from mcu_deploy.errors import McuDeployError, ModelError, ToolMissingError
from mcu_deploy.graph.text import one_line
from mcu_deploy.simulate.process import Finished, run_bounded

# The exit status by which a worker says that a package is missing.
MISSING = 40
MAX_OUTPUT_BYTES = 4 << 30
_SHOWN_LINES = 5
_LOG = re.compile(r"[IWE]\d{4} |(WARNING|INFO): |\d{4}-\d\d-\d\d ")


def run_worker(script: Path, folder: Path, what: str, timeout: float, output: Path, remedy: str) -> None:
    """Runs a worker on the files in a folder, until it has written ``output``.

    Args:
        script: the worker's file.
        folder: its only argument and working directory; gets its messages.
        what: it does, for messages: "convert the model".
        timeout: wall time in seconds.
        output: a file that it makes.
        remedy: how to install what it needs.

    Raises:
        ToolMissingError: a package is missing.
        ModelError: it refused the model; ``details`` has its last lines.
        McuDeployError: it crashed, or took too long or too much.
    """
    command = [sys.executable, "-P", str(script), str(folder)]
    finished = run_bounded(command, folder, timeout, folder, {output: MAX_OUTPUT_BYTES})
    if finished.returncode == MISSING and not finished.stopped:
        raise ToolMissingError(f"cannot {what}: {_last(finished) or 'a package is missing'}", remedy)
    if finished.stopped or finished.returncode != 0 or not output.is_file():
        raise _failure(finished, what, timeout)


def _failure(finished: Finished, what: str, timeout: float) -> McuDeployError:
    if finished.stopped == "timeout":
        return McuDeployError(
            f"it took more than {timeout:g} s to {what}", "allow more by --timeout, or give fewer files"
        )
    if finished.stopped:
        return McuDeployError(f"what was to {what} wrote without end and was stopped", "give fewer files")
    lines = _lines(finished)
    if finished.returncode < 0:
        return McuDeployError(
            f"what was to {what} crashed (signal {-finished.returncode})",
            "it may have run out of memory: give fewer files at once",
            details=tuple(lines[-_SHOWN_LINES:]),
        )
    return ModelError(
        f"cannot {what}: {_last(finished) or 'no reason was given'}",
        "give another model, or another format of it",
        details=tuple(lines[-_SHOWN_LINES - 1 : -1]),
    )


def _last(finished: Finished) -> str:
    lines = _lines(finished)
    return lines[-1].removeprefix("error: ") if lines else ""


def _lines(finished: Finished) -> list[str]:
    """What was said, without the log of TensorFlow's start."""
    lines = [line.strip() for line in finished.stderr.splitlines()]
    return [one_line(line)[:400] for line in lines if line and not _LOG.match(line)]
