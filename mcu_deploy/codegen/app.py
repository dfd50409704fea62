"""The application's sources."""

from __future__ import annotations

from pathlib import PurePosixPath

from mcu_deploy.codegen.project import SourceSet, template_files

_FOLDER = PurePosixPath("src", "app")
_SOURCES = ("md_main.c", "md_meter.c", "md_records.c")
_HEADERS = ("md_exchange.h", "md_meter.h", "md_records.h")


def app_sources(has_frontend: bool) -> SourceSet:
    """The application; with ``has_frontend`` it takes PCM besides tensors."""
    return SourceSet(
        name="app",
        files=template_files("app", (*_SOURCES, *_HEADERS)),
        sources=tuple(_FOLDER / name for name in _SOURCES),
        include_dirs=(_FOLDER,),
        definitions=(f"MD_HAVE_FRONTEND={int(has_frontend)}",),
    )
