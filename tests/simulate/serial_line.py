"""QEMU's serial line as a port of this computer, with somebody in the middle who spoils what goes over it."""

from __future__ import annotations

import os
import pty
import random
import re
import select
import subprocess
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from mcu_deploy.boards.types import Board

_PTY = re.compile(rb"redirected to (/dev/pts/[0-9]+)")


@dataclass
class Trouble:
    """What is done to the pieces that go over the line, to each with the chance given here.

    Attributes:
        noise: bits of a byte are changed.
        drop: bytes are left out.
        double: a part comes twice.
        invent: bytes come that nobody sent.
        reset_after: bytes from the board after which it is reset, once; 0 for never.
        cut_after: the same for the line, which is closed.
        seed: of the choices.
    """

    noise: float = 0
    drop: float = 0
    double: float = 0
    invent: float = 0
    reset_after: int = 0
    cut_after: int = 0
    seed: int = 0
    random: random.Random = field(init=False)
    done: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def spoil(self, data: bytes) -> bytes:
        dice, out = self.random, bytearray(data)
        where = dice.randrange(len(out))
        before = bytes(out)
        if dice.random() < self.noise:
            out[where] ^= dice.randrange(1, 256)
        if dice.random() < self.drop:
            del out[where : where + dice.randrange(1, 8)]
        if dice.random() < self.double:
            out[where:where] = out[where : where + dice.randrange(1, 40)]
        if dice.random() < self.invent:
            out[where:where] = dice.randbytes(dice.randrange(1, 600))
        self.done += bytes(out) != before
        return bytes(out)


@dataclass
class Line:
    """What runs: ``port`` is for the host."""

    port: str
    trouble: Trouble
    reset: Callable[[], None]


@contextmanager
def board_on_a_line(board: Board, executable: Path, trouble: Trouble | None = None) -> Iterator[Line]:
    """QEMU running ``executable`` behind a port of this computer."""
    machine = next(one.machine for one in board.simulators if one.name == "qemu")
    command = ["qemu-system-arm", "-machine", machine, "-nodefaults", "-no-user-config"]
    command += ["-display", "none", "-serial", "pty", "-monitor", "stdio", "-kernel", str(executable)]
    qemu = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert qemu.stdin is not None and qemu.stdout is not None
    stop = threading.Event()
    trouble = trouble or Trouble()
    descriptors: list[int] = []
    try:
        target = os.open(_pty_of(qemu.stdout.fileno()), os.O_RDWR | os.O_NOCTTY)
        host, slave = pty.openpty()
        descriptors += [target, host, slave]
        tty.setraw(target)
        tty.setraw(slave)
        port = os.ttyname(slave)

        def reset() -> None:
            qemu.stdin.write(b"system_reset\n")  # type: ignore[union-attr]
            qemu.stdin.flush()  # type: ignore[union-attr]

        line = Line(port, trouble, reset)
        between = threading.Thread(target=_between, args=(line, host, target, slave, stop))
        between.start()
        try:
            yield line
        finally:
            stop.set()
            between.join()
    finally:
        qemu.kill()
        qemu.wait()
        for descriptor in descriptors:
            with suppress(OSError):
                os.close(descriptor)


def _pty_of(stdout: int) -> str:
    """What QEMU says its pseudo-terminal is."""
    said, deadline = b"", time.monotonic() + 20
    while time.monotonic() < deadline:
        if select.select([stdout], [], [], 0.1)[0]:
            said += os.read(stdout, 4096)
        found = _PTY.search(said)
        if found:
            return found[1].decode()
    raise AssertionError(f"QEMU named no pseudo-terminal: {said!r}")


def _between(line: Line, host: int, target: int, slave: int, stop: threading.Event) -> None:
    """Carries bytes to and fro until told to stop, or until the line is cut."""
    trouble, carried = line.trouble, 0
    while not stop.is_set():
        ready, _, _ = select.select([host, target], [], [], 0.05)
        for source in ready:
            try:
                data = os.read(source, 256)
            except OSError:
                return
            if source == target:
                carried += len(data)
            if trouble.cut_after and carried > trouble.cut_after:
                os.close(slave)
                os.close(host)
                return
            if trouble.reset_after and carried > trouble.reset_after:
                trouble.reset_after = 0
                line.reset()
            _write(target if source == host else host, trouble.spoil(data))


def _write(sink: int, data: bytes) -> None:
    while data:
        _, ready, _ = select.select([], [sink], [], 0.5)
        if not ready:
            return  # nobody takes it: it is lost, as on a real line
        data = data[os.write(sink, data) :]
