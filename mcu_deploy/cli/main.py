"""The console script: signals, streams and the exit code; the commands are in ``commands``."""

from __future__ import annotations

import io
import os
import signal
import sys
import types
from typing import NoReturn

INTERRUPTED = 130


def _terminate(number: int, frame: types.FrameType | None) -> NoReturn:
    """A termination request ends like Ctrl-C: simulators are killed, temporary files removed."""
    raise KeyboardInterrupt


def main() -> NoReturn:
    """Runs a command and exits with its code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores one
            signal.signal(number, _terminate)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may not be text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        # Only now, because it takes half a second, in which a user may press Ctrl-C.
        from mcu_deploy.cli.commands import run_command

        code = run_command()
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        code = INTERRUPTED
    try:
        sys.stdout.flush()
    except OSError:  # nobody reads it, or the disk is full, which was said: Python shall not try again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = code or 1
    sys.exit(code)


if __name__ == "__main__":
    main()
