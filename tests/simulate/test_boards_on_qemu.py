"""Every board that QEMU simulates: counts are exact over the wrap of its counter, and faults are named."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import toy

from mcu_deploy.boards.reader import board_names, load_board, parse_board
from mcu_deploy.boards.reader import board_table as read_table
from mcu_deploy.boards.types import Board
from mcu_deploy.build import Firmware, build
from mcu_deploy.errors import SimulationError
from mcu_deploy.simulate.records import PcmInput, TensorInput
from mcu_deploy.simulate.runner import RunOptions, find_simulator, run

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(
        shutil.which("arm-none-eabi-gcc") is None or shutil.which("qemu-system-arm") is None,
        reason="arm-none-eabi-gcc or qemu-system-arm is not installed",
    ),
]

DATA = bytes(range(1, 13))
SYSTICK = "mps2-an386 with SysTick"
NAMES = [name for name in board_names() if any(s.name == "qemu" for s in load_board(name).simulators)]


def _board(name: str) -> Board:
    if name != SYSTICK:
        return load_board(name)
    table = read_table("mps2-an386") | {"counter": {"kind": "systick", "frequency_hz": 25_000_000}}
    return parse_board(table, name)


@pytest.fixture(scope="module", params=[*NAMES, SYSTICK])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Board, Firmware]:
    return _build(_board(request.param), tmp_path_factory.mktemp("toy"))


def _build(board: Board, folder: Path) -> tuple[Board, Firmware]:
    toy.write_project(folder, board, toy.source_sets(board, frontend=True))
    return board, build(folder, "target")


def loop(turns: int) -> TensorInput:
    return TensorInput(bytes([toy.LOOP]) + struct.pack("<I", turns)[:3] + bytes(8))


def test_it_computes_and_counts_exactly(built: tuple[Board, Firmware], tmp_path: Path) -> None:
    """Loops of up to 2**25 instructions: several turns of a counter of 24 bits."""
    board, firmware = built
    turns = [0, 1, 2, 3, 7, 1000, 99_999, 0xFFFFFF, 3_000_001, 0, 0xFFFFFF]
    inputs = [*map(loop, turns), TensorInput(DATA), PcmInput(np.arange(15, dtype=np.int16))]
    record = run(firmware, board, find_simulator(board, "qemu"), inputs, tmp_path)
    counts = [found.inference_instructions for found in record.runs[: len(turns)]]
    assert [count - 2 * n for count, n in zip(counts, turns, strict=True)] == [counts[0]] * len(turns)
    assert record.runs[-2].outputs[0].data == toy.expected(DATA)[1]
    assert 0 < record.runs[-1].frontend_instructions < 1000
    again = run(firmware, board, find_simulator(board, "qemu"), inputs, tmp_path, RunOptions(budget=10**8))
    assert [r.inference_instructions for r in again.runs] == [r.inference_instructions for r in record.runs]


def test_the_counter_of_the_mps2_may_wrap(tmp_path: Path) -> None:
    """2**32 ticks are 1.3e9 instructions at 3.2 ticks each."""
    board, firmware = _build(load_board("mps2-an385"), tmp_path / "toy")
    turns = range(0xFFFFFF - 44, 0xFFFFFF)
    record = run(firmware, board, find_simulator(board, "qemu"), [*map(loop, turns)], tmp_path)
    counts = [found.inference_instructions for found in record.runs]
    assert 3.2 * sum(counts) > 2**32
    assert len({count - 2 * n for count, n in zip(counts, turns, strict=True)}) == 1


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (toy.HANG, ("instruction budget exhausted", "(toy_misbehave+", "(md_model_invoke+")),
        (toy.UNDEFINED, ("UsageFault (undefined instruction)", "(toy_misbehave+")),
        (toy.RECURSE, ("stack overflow",)),
        (toy.DIVIDE, ("UsageFault (division by zero)", "(toy_misbehave+")),
        (toy.EXIT, ("ended with exit status 0", "records.bin")),
    ],
)
def test_misbehaviour_is_named(
    built: tuple[Board, Firmware], tmp_path: Path, how: int, words: tuple[str, ...]
) -> None:
    board, firmware = built
    inputs = [TensorInput(DATA), TensorInput(bytes([how, *DATA[1:]]))]
    options = RunOptions(budget=10**6, timeout=60)
    with pytest.raises(SimulationError) as error:
        run(firmware, board, find_simulator(board, "qemu"), inputs, tmp_path, options)
    for word in words:
        assert word in error.value.message
    if how == toy.RECURSE:
        assert error.value.hint == "set a larger [stack] size in the board file"
