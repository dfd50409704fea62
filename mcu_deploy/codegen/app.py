"""The application's sources."""

from __future__ import annotations

from pathlib import PurePosixPath

from mcu_deploy.codegen.project import SourceSet, template_files

_FOLDER = PurePosixPath("src", "app")
_SOURCES = ("md_main.c", "md_meter.c", "md_records.c")
_HEADERS = ("md_exchange.h", "md_meter.h", "md_records.h")


def app_sources(
    has_frontend: bool, stream_outputs: int | None = None, has_npu: bool = False, has_tflm: bool = False
) -> SourceSet:
    """The application, which takes tensors.

    Args:
        has_frontend: it takes clips of PCM too.
        stream_outputs: it takes streams too; what `mcu_deploy.codegen.stream.stream_sources` was given.
        has_npu: the model has steps for an NPU.
        has_tflm: TFLite Micro runs the model.
    """
    definitions = [
        f"MD_HAVE_FRONTEND={int(has_frontend)}",
        f"MD_HAVE_STREAM={int(stream_outputs is not None)}",
        f"MD_HAVE_NPU={int(has_npu)}",
        f"MD_HAVE_TFLM={int(has_tflm)}",
    ]
    if stream_outputs is not None:
        definitions.append(f"MD_SMOOTHER_OUTPUTS={stream_outputs}")
    return SourceSet(
        name="app",
        files=template_files("app", (*_SOURCES, *_HEADERS)),
        sources=tuple(_FOLDER / name for name in _SOURCES),
        include_dirs=(_FOLDER,),
        definitions=tuple(definitions),
    )
