"""The build files of a project: CMake, presets, toolchain and linker script."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from mcu_deploy.boards.layout import HANDLER_STACK_BYTES
from mcu_deploy.boards.types import PARTS, Board, Layout
from mcu_deploy.codegen.environment import environment
from mcu_deploy.codegen.project import SourceSet

_SET_NAME = re.compile(r"[a-z0-9_]+")
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*")
_WORD = re.compile(r"[A-Za-z0-9_.,=+-]+")


def project_identifier(name: str) -> str:
    """``name``, which may be any text, as a CMake project name."""
    word = re.sub(r"[^A-Za-z0-9_]+", "_", name)[:64].strip("_")
    return f"firmware_{word}" if word else "firmware"


def cmake_files(
    project_name: str, source_sets: Sequence[SourceSet], board: Board, layout: Layout, level: str = "-O2"
) -> dict[PurePosixPath, bytes]:
    """Build files for ``source_sets``, by their path in the project.

    Args:
        project_name: any text; what CMake cannot take is replaced.
        source_sets: all that is compiled; names are unique.
        board: gives core and memories.
        layout: where the parts of the deployment lie.
        level: what the compiler strives for: ``-O2`` or ``-Os``.

    Raises:
        ValueError: a source set has a name, path or option that CMake would misread (a defect of the caller).
    """
    for source_set in source_sets:
        _check(source_set)
    if len({source_set.name for source_set in source_sets}) != len(source_sets):
        raise ValueError("two source sets have the same name")
    uses_tflm = any(source_set.language == "CXX" for source_set in source_sets)
    presets = ("target",) if uses_tflm else _presets_of(board)
    files = {
        "CMakeLists.txt": _render(
            "project/CMakeLists.txt.j2",
            project_name=project_identifier(project_name),
            presets=presets,
            sets=source_sets,
            uses_tflm=uses_tflm,
            level=level,
            include_dirs=_include_dirs(source_sets, third_party=False),
            system_include_dirs=_include_dirs(source_sets, third_party=True),
        ),
        "CMakePresets.json": (json.dumps(_presets(presets), indent=2) + "\n").encode(),
    }
    if board.core is not None:
        files["cmake/target.cmake"] = _render(
            "project/toolchain.cmake.j2",
            cpu=board.core.cpu,
            options=board.core.compiler_options,
            uses_tflm=uses_tflm,
        )
        files["generated/firmware.ld"] = _render(
            "project/firmware.ld.j2",
            memories=board.memories,
            regions={part: layout.regions[part].name for part in PARTS},
            sets=[source_set.name for source_set in source_sets if source_set.only_for != "host"],
            stack_bytes=layout.stack_bytes,
            handler_stack_bytes=HANDLER_STACK_BYTES,
            uses_tflm=uses_tflm,
        )
    return {PurePosixPath(path): data for path, data in files.items()}


def _presets_of(board: Board) -> tuple[str, ...]:
    return ("target", "host", "sanitize") if board.core is not None else ("host", "sanitize")


def _check(source_set: SourceSet) -> None:
    """Refuses what would need quoting in CMake; our own generators never make it."""
    paths = [str(path) for path in (*source_set.files, *source_set.sources, *source_set.include_dirs)]
    words = (*source_set.definitions, *source_set.compile_options, *source_set.link_libraries)
    bad = [path for path in paths if not _PATH.fullmatch(path)]
    bad += [word for word in words if not _WORD.fullmatch(word)]
    if not _SET_NAME.fullmatch(source_set.name):
        bad.append(source_set.name)
    if bad:
        raise ValueError(f"source set {source_set.name!r}: {bad[0]!r} cannot stand in a CMake file")


def _render(template: str, **values: object) -> bytes:
    return environment().get_template(template).render(values).encode()


def _include_dirs(source_sets: Sequence[SourceSet], third_party: bool) -> list[str]:
    return list(
        dict.fromkeys(
            str(directory)
            for source_set in source_sets
            if source_set.third_party == third_party
            for directory in source_set.include_dirs
        )
    )


def _presets(names: Sequence[str]) -> dict[str, Any]:
    configure = []
    for name in names:
        preset: dict[str, Any] = {
            "name": name,
            "generator": "Ninja",
            "binaryDir": "${sourceDir}/build/${presetName}",
        }
        if name == "target":
            preset["toolchainFile"] = "${sourceDir}/cmake/target.cmake"
        if name == "sanitize":
            preset["cacheVariables"] = {"MD_SANITIZE": "ON"}
        configure.append(preset)
    return {
        "version": 3,
        "configurePresets": configure,
        "buildPresets": [{"name": name, "configurePreset": name} for name in names],
    }
