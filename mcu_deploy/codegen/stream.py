"""The C sources with which a firmware takes an endless signal: windows, and detections in them."""

from __future__ import annotations

from pathlib import PurePosixPath

from mcu_deploy.codegen.project import SourceSet, template_files
from mcu_deploy.detect import MAX_WINDOWS
from mcu_deploy.frontend import FrontendSpec

_SOURCES = {"frontend": ("md_stream.h", "md_stream.c"), "app": ("md_smoother.h", "md_smoother.c")}


def stream_sources(outputs: int) -> SourceSet:
    """The source set ``stream`` of a project that has a front end.

    Args:
        outputs: elements of the output in which something is detected; 1 where nothing is.
    """
    return SourceSet(
        name="stream",
        files={
            path: data
            for folder, names in _SOURCES.items()
            for path, data in template_files(folder, names).items()
        },
        sources=tuple(PurePosixPath("src", folder, source) for folder, (_, source) in _SOURCES.items()),
        include_dirs=(PurePosixPath("src/frontend"), PurePosixPath("src/app")),
        definitions=(f"MD_SMOOTHER_OUTPUTS={outputs}",),
    )


def stream_ram_bytes(spec: FrontendSpec) -> int:
    """Static RAM of ``md_stream.c`` on a 32-bit machine, besides what a clip takes (`frontend_ram_bytes`).

    One frame of samples; with centring the samples of a whole window.
    """
    if spec.padding:
        return 20 + 2 * spec.channels * spec.clip_samples
    return 4 * 8 + _aligned(2 * spec.channels * spec.frame_samples)


def smoother_ram_bytes(outputs: int) -> int:
    """Static RAM of ``md_smoother.c``: its settings, and sum and last scores of each output."""
    words = (outputs + 31) // 32
    return 4 * (3 + words) + 16 + 4 * outputs + _aligned(MAX_WINDOWS * outputs)


def _aligned(count: int) -> int:
    return -(-count // 4) * 4
