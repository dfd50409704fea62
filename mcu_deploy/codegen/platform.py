"""The platform's sources for a board."""

from __future__ import annotations

from pathlib import PurePosixPath

from mcu_deploy.boards.types import Board
from mcu_deploy.codegen.environment import environment
from mcu_deploy.codegen.project import SourceSet, template_files

_FOLDER = PurePosixPath("src", "platform")
_CONFIG = PurePosixPath("generated", "board_config.h")


def platform_sources(board: Board, uses_npu: bool = False) -> tuple[SourceSet, ...]:
    """The platform for the host, and for the board's core where it has one.

    Args:
        board: the board.
        uses_npu: whether the NPU's driver, which handles its interrupt, is in the project.
    """
    return (_host(), _target(board, uses_npu)) if board.core is not None else (_host(),)


def _host() -> SourceSet:
    return SourceSet(
        name="platform_host",
        files=template_files("platform", ("md_platform.h", "host.c")),
        sources=(_FOLDER / "host.c",),
        include_dirs=(_FOLDER,),
        only_for="host",
    )


def _target(board: Board, uses_npu: bool) -> SourceSet:
    assert board.counter is not None
    npu_interrupt = board.npu.interrupt if uses_npu and board.npu else None
    sources = ("cortex_m.c", "semihosting.c", f"counter_{board.counter.kind}.c")
    files = template_files("platform", ("md_platform.h", "md_cortex_m.h", *sources))
    config = (
        environment()
        .get_template("platform/board_config.h.j2")
        .render(counter=board.counter, npu_interrupt=npu_interrupt)
    )
    return SourceSet(
        name="platform_target",
        files={**files, _CONFIG: config.encode()},
        sources=tuple(_FOLDER / name for name in sources),
        include_dirs=(_FOLDER, _CONFIG.parent),
        only_for="target",
    )
