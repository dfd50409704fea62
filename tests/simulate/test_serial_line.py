"""Runs over QEMU's serial line on a pseudo-terminal, with somebody in the middle.

However the line is spoiled, what is taken as a result is what semihosting gives.
"""

from __future__ import annotations

import os
import pty
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import toy
from serial_line import Trouble, board_on_a_line

from mcu_deploy.boards.reader import load_board
from mcu_deploy.boards.types import Board
from mcu_deploy.build import Firmware, build
from mcu_deploy.errors import InputError, SimulationError
from mcu_deploy.simulate import runner, serial_port
from mcu_deploy.simulate.records import Flags, PcmInput, Run, RunInput, TensorInput
from mcu_deploy.simulate.runner import RunOptions

pytest.importorskip("serial", reason="pyserial is not installed")
pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(
        shutil.which("arm-none-eabi-gcc") is None or shutil.which("qemu-system-arm") is None,
        reason="arm-none-eabi-gcc or qemu-system-arm is not installed",
    ),
]

COUNT = 12
DATA = bytes(range(1, 13))
CLIP = PcmInput(np.arange(15, dtype=np.int16))
OPTIONS = RunOptions(flags=Flags.TENSORS, stages=(0, 1, 2), timeout=60)


def _inputs(count: int) -> list[RunInput]:
    dice = np.random.default_rng(count)
    # Below 100 nothing misbehaves.
    return [*(TensorInput(dice.integers(1, 100, 12, np.uint8).tobytes()) for _ in range(count)), CLIP]


def _build(board: Board, folder: Path, transport: str) -> Firmware:
    toy.write_project(folder, board, toy.source_sets(board, frontend=True, transport=transport))
    return build(folder, "target")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serial")


@pytest.fixture(scope="module")
def board() -> Board:
    return load_board("mps2-an385")


@pytest.fixture(scope="module")
def firmware(board: Board, folder: Path) -> Firmware:
    return _build(board, folder / "uart", "uart")


@pytest.fixture(autouse=True)
def a_slow_computer(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """QEMU may get no time for long when other tests run."""
    monkeypatch.setattr(serial_port, "HELLO_SECONDS", 60.0)
    yield


def _uncounted(runs: tuple[Run, ...]) -> list[Run]:
    return [replace(run, frontend_instructions=0, inference_instructions=0) for run in runs]


@pytest.fixture(scope="module")
def expected(board: Board, folder: Path) -> list[Run]:
    """What semihosting gives for ``_inputs(COUNT)``."""
    firmware = _build(board, folder / "semihosting", "semihosting")
    qemu = runner.find_simulator(board, "qemu")
    return _uncounted(runner.run(firmware, board, qemu, _inputs(COUNT), folder / "run", OPTIONS).runs)


def _run(
    firmware: Firmware,
    board: Board,
    port: str,
    inputs: list[RunInput],
    tmp_path: Path,
    options: RunOptions = OPTIONS,
) -> list[Run]:
    place = runner.find_port(board, port, 921_600)  # which nothing here keeps to, but polls come sooner
    return _uncounted(runner.run(firmware, board, place, inputs, tmp_path / "run", options).runs)


def test_an_undisturbed_line(board: Board, firmware: Firmware, expected: list[Run], tmp_path: Path) -> None:
    """And again: the board is told to restart, and needs no hand."""
    told: list[str] = []
    with board_on_a_line(board, firmware.executable) as line:
        options = replace(OPTIONS, watch=told.append)
        assert _run(firmware, board, line.port, _inputs(COUNT), tmp_path, options) == expected
        assert _run(firmware, board, line.port, _inputs(COUNT), tmp_path) == expected
    size = (tmp_path / "run" / "inputs.bin").stat().st_size
    assert told[-1].startswith(f"{size:,} of {size:,} bytes of inputs read, ")


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(noise=0.1),
        Trouble(drop=0.1),
        Trouble(double=0.1),
        Trouble(invent=0.1),
        *(Trouble(0.04, 0.04, 0.04, 0.04, seed=seed) for seed in range(2)),
    ],
    ids=lambda trouble: f"{trouble.noise}-{trouble.drop}-{trouble.double}-{trouble.invent}-{trouble.seed}",
)
def test_a_spoiled_line(
    board: Board, firmware: Firmware, expected: list[Run], tmp_path: Path, trouble: Trouble
) -> None:
    with board_on_a_line(board, firmware.executable, trouble) as line:
        assert _run(firmware, board, line.port, _inputs(COUNT), tmp_path) == expected
    assert trouble.done > 3


@pytest.mark.parametrize("after", [300, 2000])
def test_a_reset_is_an_error(board: Board, firmware: Firmware, tmp_path: Path, after: int) -> None:
    with (
        board_on_a_line(board, firmware.executable, Trouble(reset_after=after)) as line,
        pytest.raises(SimulationError, match="the board was reset while it ran"),
    ):
        _run(firmware, board, line.port, _inputs(COUNT), tmp_path)


def test_a_run_after_a_reset(board: Board, firmware: Firmware, expected: list[Run], tmp_path: Path) -> None:
    with board_on_a_line(board, firmware.executable, Trouble(reset_after=1500)) as line:
        with pytest.raises(SimulationError, match="the board was reset while it ran"):
            _run(firmware, board, line.port, _inputs(COUNT), tmp_path)
        assert _run(firmware, board, line.port, _inputs(COUNT), tmp_path) == expected


@pytest.mark.parametrize("after", [100, 2000])
def test_a_cut_line_is_an_error(board: Board, firmware: Firmware, tmp_path: Path, after: int) -> None:
    with (
        board_on_a_line(board, firmware.executable, Trouble(cut_after=after)) as line,
        pytest.raises(SimulationError, match=r"the port /dev/pts/\d+ was lost: .* bytes of inputs read"),
    ):
        _run(firmware, board, line.port, _inputs(COUNT), tmp_path)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (toy.UNDEFINED, ("in entry 1", "UsageFault (undefined instruction)", "(toy_misbehave+")),
        (toy.RECURSE, ("in entry 1", "stack overflow")),
        (toy.EXIT, ("ended with exit status 0", "records.bin")),
        (toy.HANG, ("the board asked nothing more for 1 s", "bytes of records received")),
    ],
)
def test_misbehaviour_is_named(
    board: Board, firmware: Firmware, tmp_path: Path, how: int, words: tuple[str, ...]
) -> None:
    inputs: list[RunInput] = [TensorInput(DATA), TensorInput(bytes([how, *DATA[1:]]))]
    options = replace(OPTIONS, timeout=1 if how == toy.HANG else 60)
    with board_on_a_line(board, firmware.executable) as line, pytest.raises(SimulationError) as error:
        _run(firmware, board, line.port, inputs, tmp_path, options)
    for word in words:
        assert word in error.value.message


def test_another_firmware_is_refused(board: Board, firmware: Firmware, tmp_path: Path) -> None:
    """One that differs by a constant of the model."""
    model = toy.MODEL.replace("{-1, -1,", "{-1, -2,")
    toy.write_project(
        tmp_path / "other", board, toy.source_sets(board, frontend=True, model=model, transport="uart")
    )
    other = build(tmp_path / "other", "target")
    with (
        board_on_a_line(board, other.executable) as line,
        pytest.raises(SimulationError, match="runs another firmware"),
    ):
        _run(firmware, board, line.port, [CLIP], tmp_path)


@pytest.mark.parametrize("name", ["mps2-an386", "mps2-an500", "mps2-an505", "corstone-300"])
def test_every_uart_of_qemu(name: str, expected: list[Run], tmp_path: Path) -> None:
    board = load_board(name)
    firmware = _build(board, tmp_path / "toy", "uart")
    with board_on_a_line(board, firmware.executable) as line:
        assert _run(firmware, board, line.port, _inputs(COUNT), tmp_path) == expected


class TestNobody:
    """Nothing runs at the port."""

    @pytest.fixture(autouse=True)
    def not_long(self, monkeypatch: pytest.MonkeyPatch, a_slow_computer: None) -> None:
        monkeypatch.setattr(serial_port, "HELLO_SECONDS", 0.5)

    def test_silence(self, board: Board, firmware: Firmware, tmp_path: Path) -> None:
        master, slave = pty.openpty()
        try:
            with pytest.raises(SimulationError, match=r"no HELLO .* for 0.5 s: nothing came") as error:
                _run(firmware, board, os.ttyname(slave), [CLIP], tmp_path)
        finally:
            os.close(master)
            os.close(slave)
        assert error.value.hint == (
            "is it built with --transport uart and flashed, the port right, the board reset?"
        )

    def test_babble(self, board: Board, firmware: Firmware, tmp_path: Path) -> None:
        master, slave = pty.openpty()
        later = threading.Timer(0.2, os.write, (master, b"booting...\0\1\2\3\0"))
        later.start()
        try:
            with pytest.raises(SimulationError, match=r"\d+ bytes came, and no whole frame") as error:
                _run(firmware, board, os.ttyname(slave), [CLIP], tmp_path)
        finally:
            later.join()
            os.close(master)
            os.close(slave)
        assert "is 921600 baud what the firmware was built for" in error.value.hint

    def test_no_port(self, board: Board, firmware: Firmware, tmp_path: Path) -> None:
        with pytest.raises(InputError, match='cannot open the port "/dev/nowhere": No such file'):
            _run(firmware, board, "/dev/nowhere", [CLIP], tmp_path)
