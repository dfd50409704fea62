"""The table of benchmarks/boards.py: what its cells say."""

from __future__ import annotations

from pathlib import Path

import pytest

import boards
from mcu_deploy.boards.layout import place
from mcu_deploy.boards.reader import load_board
from mcu_deploy.errors import MemoryOverflowError
from mcu_deploy.registry.cards import card_by_name
from mcu_deploy.registry.locate import locate
from mcu_deploy.tflm.library import DIR_VARIABLE


@pytest.mark.parametrize(
    ("model", "arena", "words"),
    [
        (2 << 20, 1024, "needs 2.0 MiB, has 1.0 MiB"),
        (1024, 400 << 10, "needs 400.0 KiB, has 303.0 KiB"),
        (2 << 20, 400 << 10, "needs 2.0 MiB, has 1.0 MiB"),
    ],
)
def test_what_does_not_fit_is_told_by_how_much(model: int, arena: int, words: str) -> None:
    with pytest.raises(MemoryOverflowError) as error:
        place(load_board("stm32f746g-disco"), model, arena)
    assert boards.overflow(error.value) == words


def test_cells_and_table() -> None:
    cells = [
        boards.Cell("a", "qemu", "aot", "m", "verified", 1234567),
        boards.Cell("a", "qemu", "aot", "n", "does not fit", reason="needs 2 KiB, has 1 KiB"),
        boards.Cell("b", "fvp", "tflm", "m", "not run here", reason="cannot find it"),
        boards.Cell("b", "fvp", "tflm", "n", "verified"),
    ]
    assert boards.summary(cells, markdown=True).splitlines()[2:] == [
        "| a | qemu | aot | verified: 1,234,567 | does not fit (needs 2 KiB, has 1 KiB) |",
        "| b | fvp | tflm | not run here | verified |",
    ]


@pytest.mark.parametrize(
    ("name", "simulators"),
    [
        ("host", ["native"]),
        ("corstone-300", ["qemu", "fvp"]),
        ("stm32f746g-disco", ["the board itself"]),
    ],
)
def test_where_a_board_runs(name: str, simulators: list[str]) -> None:
    assert boards.simulators(load_board(name)) == simulators


def test_the_interpreter_runs_on_boards_only() -> None:
    assert boards.runtimes(load_board("host")) == ("aot",)
    assert boards.runtimes(load_board("mps2-an385")) == ("aot", "tflm")


def test_no_interpreter_for_the_core_is_no_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    board, card = load_board("mps2-an385"), card_by_name("kws-demo")
    model = locate(card)
    assert model is not None
    monkeypatch.setenv(DIR_VARIABLE, str(tmp_path))
    cell = boards.measure(board, "qemu", "tflm", card, model, tmp_path)
    assert cell.outcome == "not run here"
    assert "lacks the header" in cell.reason
