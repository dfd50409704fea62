"""The platform's sources for a board."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from mcu_deploy.boards.types import SEMIHOSTING, Board, Counter, Npu, Uart
from mcu_deploy.codegen.environment import environment
from mcu_deploy.codegen.project import SourceSet, template_files

_FOLDER = PurePosixPath("src", "platform")
_CONFIG = PurePosixPath("generated", "board_config.h")

# Exception numbers; 0 and 1 are the stack and the reset.
_FIRST_EXCEPTION, _PENDSV, _SYSTICK, _INTERRUPT_0 = 2, 14, 15, 16
_LAST_OF_THE_CORE = 15


_CRC = ("md_crc.h", "md_crc.c")


def platform_sources(
    board: Board, uses_npu: bool = False, transport: str = SEMIHOSTING
) -> tuple[SourceSet, ...]:
    """The platform for the host, and for the board's core where it has one.

    Args:
        board: the board.
        uses_npu: whether the NPU's driver, which handles its interrupt, is in the project.
        transport: how the board gets inputs: ``semihosting``, or ``uart`` if it has one.
    """
    return (_host(), _target(board, uses_npu, transport)) if board.core is not None else (_host(),)


def _host() -> SourceSet:
    return SourceSet(
        name="platform_host",
        files=template_files("platform", ("md_platform.h", "host.c", *_CRC)),
        sources=(_FOLDER / "host.c", _FOLDER / "md_crc.c"),
        include_dirs=(_FOLDER,),
        only_for="host",
    )


def _target(board: Board, uses_npu: bool, transport: str) -> SourceSet:
    assert board.counter is not None
    uart = None if transport == SEMIHOSTING else board.uart
    sources = ["cortex_m.c", "md_crc.c", f"counter_{board.counter.kind}.c"]
    headers = ["md_platform.h", "md_cortex_m.h", "md_crc.h"]
    if uart is None:
        sources += ["semihosting.c"]
    else:
        sources += ["serial.c", "md_frame.c", f"uart_{uart.kind}.c"]
        headers += ["md_serial.h", "md_frame.h", "md_uart.h"]
    config = _config(board.counter, board.npu if uses_npu else None, uart)
    return SourceSet(
        name="platform_target",
        files={**template_files("platform", (*headers, *sources)), _CONFIG: config},
        sources=tuple(_FOLDER / name for name in sources),
        include_dirs=(_FOLDER, _CONFIG.parent),
        only_for="target",
    )


def _config(counter: Counter, npu: Npu | None, uart: Uart | None) -> bytes:
    """``board_config.h``."""
    handlers, last, budget = {}, _LAST_OF_THE_CORE, _INTERRUPT_0 + counter.interrupt
    if counter.kind == "systick":
        handlers[_SYSTICK], budget = "md_systick_interrupt", _PENDSV
    if npu is not None:
        handlers[_INTERRUPT_0 + npu.interrupt] = "md_npu_interrupt"
    last = max(last, budget, *handlers)
    return (
        environment()
        .get_template("platform/board_config.h.j2")
        .render(
            counter=counter,
            budget_exception=budget,
            uart=uart,
            npu_interrupt=npu.interrupt if npu else None,
            vectors=last + 1,
            handlers=sorted(handlers.values()),
            ranges=_ranges(handlers, last),
        )
        .encode()
    )


def _ranges(handlers: Mapping[int, str], last: int) -> list[tuple[int, int, str]]:
    """First exception, last one, handler: those of ``handlers``, and ``report`` for all between."""
    ranges, first = [], _FIRST_EXCEPTION
    for number, handler in sorted(handlers.items()):
        if first < number:
            ranges.append((first, number - 1, "report"))
        ranges.append((number, number, handler))
        first = number + 1
    return [*ranges, (first, last, "report")] if first <= last else ranges
