"""Choosing a memory for each part of a deployment, before anything is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mcu_deploy.boards.types import PARTS, Board, Layout
from mcu_deploy.errors import MemoryOverflowError

_ALIGNMENT = 16
HANDLER_STACK_BYTES = 1024

_NAMES = {
    "stack": "the stack",
    "data": "the variables",
    "code": "the code and a front end's tables",
    "model": "the model's constants",
    "arena": "the tensor arena",
}


def format_bytes(count: int) -> str:
    """``count`` for people: ``1536`` is ``1.5 KiB``; below 1 KiB in bytes."""
    for unit, size in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def place(
    board: Board,
    model_bytes: int,
    arena_bytes: int,
    reserves: Mapping[str, int] | None = None,
) -> Layout:
    """Takes, for each part, the first memory of the board's list that has room.

    Args:
        board: the board.
        model_bytes: the model's constants, alignment included.
        arena_bytes: the tensor arena.
        reserves: bytes to keep free for ``code`` and ``data``, whose sizes only the build will tell.

    Raises:
        MemoryOverflowError: a part fits none of its memories.
    """
    if board.core is None:
        return Layout({}, 0)
    needs = {"model": model_bytes, "arena": arena_bytes, "stack": board.stack_bytes + HANDLER_STACK_BYTES}
    needs.update(reserves or {})
    free = {memory.name: memory.size for memory in board.memories}
    regions, overflows = {}, []
    for part in PARTS:
        need = -(-needs.get(part, 0) // _ALIGNMENT) * _ALIGNMENT
        for name in board.placement[part]:
            if need <= free[name]:
                regions[part] = board.memory(name)
                free[name] -= need
                break
        else:
            overflows.append(_overflow(board, part, need, free))
    if overflows:
        raise _together(board, overflows)
    return Layout(regions, board.stack_bytes)


def _overflow(board: Board, part: str, need: int, free: Mapping[str, int]) -> str:
    candidates = ", ".join(
        f"{name} has {free[name]} free of {board.memory(name).size}" for name in board.placement[part]
    )
    return f"{_NAMES[part]}: {need} bytes ({format_bytes(need)}) needed; {candidates}"


def _together(board: Board, overflows: Sequence[str]) -> MemoryOverflowError:
    """One error for all parts; of several, ``details`` has a line for each."""
    hint = "choose a smaller model or front end, or a board with more memory"
    if len(overflows) == 1:
        return MemoryOverflowError(f"no room on {board.name} for {overflows[0]}", hint)
    message = f"no room on {board.name} for {len(overflows)} parts, listed in the details"
    return MemoryOverflowError(message, hint, details=tuple(overflows))
