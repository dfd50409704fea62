"""The table of benchmarks/boards.py: what its cells say."""

from __future__ import annotations

import pytest

import boards
from mcu_deploy.boards.layout import place
from mcu_deploy.boards.reader import load_board
from mcu_deploy.errors import MemoryOverflowError


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
        boards.Cell("a", "qemu", "m", "verified", 1234567),
        boards.Cell("a", "qemu", "n", "does not fit", reason="needs 2 KiB, has 1 KiB"),
        boards.Cell("b", "fvp", "m", "not run here", reason="cannot find it"),
        boards.Cell("b", "fvp", "n", "verified"),
    ]
    assert boards.summary(cells, markdown=True).splitlines()[2:] == [
        "| a | qemu | verified: 1,234,567 | does not fit (needs 2 KiB, has 1 KiB) |",
        "| b | fvp | not run here | verified |",
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
