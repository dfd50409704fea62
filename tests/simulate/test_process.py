"""Programs that hang, spawn, flood and die."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mcu_deploy.errors import McuDeployError, ToolMissingError
from mcu_deploy.simulate.process import run_bounded


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def assert_dies(pid: int) -> None:
    for _ in range(100):
        if not alive(pid):
            return
        time.sleep(0.02)
    pytest.fail(f"process {pid} survived")


def test_the_end_of_a_program(tmp_path: Path) -> None:
    finished = run_bounded(("sh", "-c", "echo out; echo err >&2; exit 7"), tmp_path, 10, tmp_path)
    assert (finished.returncode, finished.stopped) == (7, "")
    assert (finished.stdout, finished.stderr) == ("out\n", "err\n")


def test_a_timeout_kills_the_children_too(tmp_path: Path) -> None:
    script = "sleep 100 & echo $! > child; sleep 100"
    start = time.monotonic()
    finished = run_bounded(("sh", "-c", script), tmp_path, 0.3, tmp_path)
    assert finished.stopped == "timeout"
    assert time.monotonic() - start < 5
    assert_dies(int((tmp_path / "child").read_text()))


def test_children_do_not_outlive_the_program(tmp_path: Path) -> None:
    run_bounded(("sh", "-c", "sleep 100 & echo $! > child"), tmp_path, 10, tmp_path)
    assert_dies(int((tmp_path / "child").read_text()))


def test_output_is_bounded(tmp_path: Path) -> None:
    finished = run_bounded(("sh", "-c", "yes"), tmp_path, 60, tmp_path, log_limit=1 << 20)
    assert finished.stopped == "output"
    assert len(finished.stdout) == 16 * 1024
    script = "yes > grown"
    finished = run_bounded(("sh", "-c", script), tmp_path, 60, tmp_path, {tmp_path / "grown": 1 << 20})
    assert finished.stopped == "output"


@contextmanager
def interrupt_after(seconds: float) -> Iterator[None]:
    """Raises KeyboardInterrupt in this thread, as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def test_an_interrupt_kills_the_program(tmp_path: Path) -> None:
    with interrupt_after(0.3), pytest.raises(KeyboardInterrupt):
        run_bounded(("sh", "-c", "echo $$ > self; exec sleep 100"), tmp_path, 60, tmp_path)
    assert_dies(int((tmp_path / "self").read_text()))


def test_programs_that_cannot_start(tmp_path: Path) -> None:
    with pytest.raises(ToolMissingError, match="cannot find no-such-program"):
        run_bounded(("no-such-program",), tmp_path, 1, tmp_path)
    (tmp_path / "data").write_text("x")
    with pytest.raises(McuDeployError, match="Permission denied"):
        run_bounded((str(tmp_path / "data"),), tmp_path, 1, tmp_path)


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        (tmp_path / "stdout.txt").mkdir()
    else:
        tmp_path.chmod(0o500)
    with pytest.raises(McuDeployError, match="cannot"):
        run_bounded(("true",), tmp_path, 1, tmp_path)
