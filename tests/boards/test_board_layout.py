"""Placement: first memory with room, shared memories, and overflow with the sizes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcu_deploy.boards.layout import HANDLER_STACK_BYTES, place
from mcu_deploy.boards.reader import load_board
from mcu_deploy.boards.types import PARTS
from mcu_deploy.errors import MemoryOverflowError

KIB = 1 << 10
DTCM_FREE = 512 * KIB - 16 * KIB - HANDLER_STACK_BYTES


@pytest.mark.parametrize(
    ("model", "arena", "reserves", "regions"),
    [
        (600 * KIB, 200 * KIB, {}, ("fpga-sram", "dtcm")),
        (2048 * KIB, DTCM_FREE, {}, ("fpga-sram", "dtcm")),
        (2048 * KIB + 1, DTCM_FREE + 1, {}, ("ddr", "isram")),
        (1, DTCM_FREE, {"data": 1}, ("fpga-sram", "isram")),
        (200 << 20, 5 << 20, {}, ("ddr", "ddr")),
    ],
)
def test_the_first_memory_with_room_is_taken(
    model: int, arena: int, reserves: dict[str, int], regions: tuple[str, str]
) -> None:
    layout = place(load_board("corstone-300"), model, arena, reserves=reserves)
    assert set(layout.regions) == set(PARTS)
    assert (layout.regions["model"].name, layout.regions["arena"].name) == regions
    assert (layout.regions["code"].name, layout.regions["stack"].name) == ("itcm", "dtcm")
    assert layout.stack_bytes == 16 * KIB


def test_what_fits_nowhere_is_refused_with_all_sizes() -> None:
    with pytest.raises(MemoryOverflowError) as error:
        place(load_board("corstone-300"), 250 << 20, 10 << 20)
    assert error.value.message == (
        "no room on corstone-300 for the tensor arena: 10485760 bytes (10.0 MiB) needed; "
        "dtcm has 506880 free of 524288, isram has 4194304 free of 4194304, "
        "ddr has 6291456 free of 268435456"
    )


def test_a_stack_and_code_that_do_not_fit() -> None:
    board = load_board("corstone-300")
    with pytest.raises(MemoryOverflowError, match="the stack: 525312 bytes"):
        place(replace(board, stack_bytes=512 * KIB), 0, 0)
    with pytest.raises(MemoryOverflowError, match="front end's tables: 524304 bytes"):
        place(board, 0, 0, reserves={"code": 512 * KIB + 1})


def test_the_host_has_no_regions() -> None:
    assert place(load_board("host"), 1 << 40, 1 << 40).regions == {}
