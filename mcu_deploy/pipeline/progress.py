"""Progress of the steps, to stderr, with times; the times are kept for the report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

_CLEAR = "\x1b[K"  # what stood there before may be longer


@dataclass
class Progress:
    """Announces steps and keeps their times.

    Attributes:
        stream: where lines go, or None to be silent.
        steps: (name, seconds) of the steps that ended, in order.
    """

    stream: TextIO | None
    steps: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Times a step; on a terminal its name shows while it runs."""
        terminal = self.stream is not None and self.stream.isatty()
        if terminal:
            self._write(f"          {name} ...\r")
        start = time.monotonic()
        try:
            yield
        finally:
            seconds = time.monotonic() - start
            self.steps.append((name, round(seconds, 3)))
            self._write(f"[{seconds:6.2f} s] {name}{_CLEAR if terminal else ''}\n")

    def watch(self, text: str) -> None:
        """How far a step is; shows on a terminal until the next line."""
        if self.stream is not None and self.stream.isatty():
            self._write(f"          {text}{_CLEAR}\r")

    def note(self, text: str) -> None:
        """A line that is not a step."""
        self._write(f"           {text}\n")

    def _write(self, text: str) -> None:
        if self.stream is not None:
            self.stream.write(text)
            self.stream.flush()
