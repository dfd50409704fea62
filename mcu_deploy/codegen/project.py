"""What the generators hand over: source sets, which together make a project folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from mcu_deploy.resources import resource_dir


@dataclass(frozen=True)
class SourceSet:
    """A group of C sources that is compiled in one way; becomes one CMake object library.

    Attributes:
        name: CMake target name, ``[a-z0-9_]+``.
        files: every file it brings, by its path in the project folder (headers and licences too).
        sources: the paths among ``files`` that are compiled.
        include_dirs: folders in the project, for this set and for those that use it.
        definitions: preprocessor definitions for this set's own sources, ``NAME`` or ``NAME=VALUE``.
        compile_options: further compiler options for this set's own sources.
        third_party: compiled without our warning options; its headers are system headers.
        only_for: ``host`` or ``target`` where it is built for one of them only.
        link_libraries: libraries of the toolchain that it needs, for example ``m``.
        language: ``C``; or ``CXX`` for C++ that uses TFLite Micro, whose headers and libraries the build is
            told of. A project that has such a set is for the target only.
    """

    name: str
    files: Mapping[PurePosixPath, bytes]
    sources: tuple[PurePosixPath, ...]
    include_dirs: tuple[PurePosixPath, ...] = ()
    definitions: tuple[str, ...] = ()
    compile_options: tuple[str, ...] = ()
    third_party: bool = False
    only_for: str = ""
    link_libraries: tuple[str, ...] = field(default=())
    language: str = "C"


def template_files(folder: str, names: tuple[str, ...]) -> dict[PurePosixPath, bytes]:
    """Files of ``firmware_templates/<folder>`` by their path in the project, ``src/<folder>/<name>``."""
    base = resource_dir("firmware_templates") / folder
    return {PurePosixPath("src", folder, name): (base / name).read_bytes() for name in names}
