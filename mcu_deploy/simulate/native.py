"""The host build, run as a program."""

from __future__ import annotations

from pathlib import Path


def command(executable: Path) -> tuple[str, ...]:
    """The program and its arguments."""
    return (str(executable),)
