"""TFLite Micro as the user has built it (``MCU_DEPLOY_TFLM_DIR``), checked before anything compiles."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcu_deploy.boards.types import Core
from mcu_deploy.errors import InputError, ToolMissingError
from mcu_deploy.graph.text import printable
from mcu_deploy.tflm.archive import check_architecture, contains
from mcu_deploy.tflm.operators import Registration

DIR_VARIABLE = "MCU_DEPLOY_TFLM_DIR"
LIBRARY_VARIABLE = "MCU_DEPLOY_TFLM_LIBS"
LIBRARY = "libtensorflow-microlite.a"
GUIDE = "docs/tflm.md"

_INTERPRETER = "tensorflow/lite/micro/micro_interpreter.h"
_RESOLVER = "tensorflow/lite/micro/micro_mutable_op_resolver.h"
_SCHEMA = "tensorflow/lite/schema/schema_generated.h"
_FLATBUFFERS = "flatbuffers/base.h"
# What the harness includes, and what those headers include, one of each project.
_HEADERS = (
    _INTERPRETER,
    _RESOLVER,
    _SCHEMA,
    _FLATBUFFERS,
    "signal/micro/kernels/irfft.h",
    "fixedpoint/fixedpoint.h",
    "ruy/profiler/instrumentation.h",
)

# Where they lie: in a source tree after TFLite Micro's make, in what its project generation makes, or
# where somebody put them.
_ROOTS = (
    ".",
    "include",
    *(
        f"{folder}/{name}"
        for folder in ("third_party", "tensorflow/lite/micro/tools/make/downloads")
        for name in ("flatbuffers/include", "gemmlowp", "ruy")
    ),
)
_LIBRARY_PLACES = (LIBRARY, f"lib/{LIBRARY}", f"gen/*/lib/{LIBRARY}")

# What the library was compiled with decides what its headers declare.
_CMSIS_NN_SIGN = b"Register_CONV_2D_INT8"
_COMPRESSION_SIGN = b"DecompressionState"
_NPU_SIGN = b"ethosu_invoke_v3"

_VERSION = re.compile(r"FLATBUFFERS_VERSION_(MAJOR|MINOR|REVISION)\s*(?:==)?\s*(\d+)")


@dataclass(frozen=True)
class Library:
    """What the build is given.

    Attributes:
        include_dirs: absolute.
        libraries: absolute, in the order in which they are linked.
        definitions: those that the library was compiled with and its headers ask for.
    """

    include_dirs: tuple[Path, ...]
    libraries: tuple[Path, ...]
    definitions: tuple[str, ...]

    def cmake_variables(self) -> Mapping[str, str]:
        """Of a generated project."""
        return {
            "MD_TFLM_INCLUDE_DIRS": ";".join(map(str, self.include_dirs)),
            "MD_TFLM_LIBRARIES": ";".join(map(str, self.libraries)),
            "MD_TFLM_DEFINITIONS": ";".join(self.definitions),
        }


def find_library(
    core: Core,
    registrations: Sequence[Registration],
    uses_npu: bool,
    environment: Mapping[str, str] = os.environ,
) -> Library:
    """Finds headers and libraries, and sees that they fit each other, the core and the model.

    Args:
        core: that the firmware is for.
        registrations: what the model needs of the resolver.
        uses_npu: whether the operator ``ethos-u`` is needed.
        environment: where the variables are.

    Raises:
        ToolMissingError: the variable is not set.
        InputError: something is missing, for another core, or too old; says what, and where it was looked
            for.
    """
    given = environment.get(DIR_VARIABLE, "")
    if not given:
        raise ToolMissingError(
            f"--runtime tflm needs TFLite Micro, built for {core.cpu}: {DIR_VARIABLE} is not set",
            f"set it to the folder of headers and library; {GUIDE} says what must be there",
        )
    base = Path(given).absolute()
    if not base.is_dir():
        raise InputError(
            f"{DIR_VARIABLE} names {printable(given, 200)}, which is not a folder",
            f"set it to the folder of headers and library; see {GUIDE}",
        )
    headers = {name: _header(base, name) for name in _HEADERS}
    _check_flatbuffers(headers[_SCHEMA] / _SCHEMA, headers[_FLATBUFFERS] / _FLATBUFFERS)
    _check_registrations(headers[_RESOLVER], registrations)
    libraries = _libraries(base, environment.get(LIBRARY_VARIABLE, ""))
    for library in libraries:
        _check_path(library)
        check_architecture(library, core)
    if uses_npu and not any(contains(library, _NPU_SIGN) for library in libraries):
        raise InputError(
            f"{libraries[0].name} was built without the operator ethos-u, which a model for the NPU needs",
            f"build it with its Ethos-U kernel; see {GUIDE}",
        )
    for folder in headers.values():
        _check_path(folder)
    definitions = []
    if any(contains(library, _CMSIS_NN_SIGN) for library in libraries):
        definitions.append("CMSIS_NN")
    if any(contains(library, _COMPRESSION_SIGN) for library in libraries):
        definitions.append("USE_TFLM_COMPRESSION")
    return Library(tuple(dict.fromkeys(headers.values())), libraries, tuple(definitions))


def _header(base: Path, name: str) -> Path:
    """The include folder that has a header."""
    for root in _ROOTS:
        if (base / root / name).is_file():
            return (base / root).resolve()
    raise InputError(
        f"{DIR_VARIABLE} lacks the header {name}",
        f"put it below {base} where {GUIDE} says, or set {DIR_VARIABLE} to another folder",
    )


def _libraries(base: Path, given: str) -> tuple[Path, ...]:
    if given:
        libraries = tuple(Path(name).absolute() for name in given.split(os.pathsep) if name)
        missing = [library for library in libraries if not library.is_file()]
        if missing or not libraries:
            wrong = printable(str(missing[0]) if missing else given, 200)
            raise InputError(
                f"{LIBRARY_VARIABLE} names {wrong}, which is not a file",
                f"separate the libraries' paths by {os.pathsep!r}",
            )
        return libraries
    found = [path for place in _LIBRARY_PLACES for path in sorted(base.glob(place)) if path.is_file()]
    if not found:
        raise InputError(
            f"{DIR_VARIABLE} lacks {LIBRARY}",
            f"build it, or name the libraries in {LIBRARY_VARIABLE}; see {GUIDE}",
        )
    if len(found) > 1:
        raise InputError(
            f"{DIR_VARIABLE} has {len(found)} of {LIBRARY}",
            f"name the one to use in {LIBRARY_VARIABLE}",
            details=tuple(map(str, found)),
        )
    return (found[0].resolve(),)


def _check_path(path: Path) -> None:
    """CMake and the linker give some characters of a path a meaning of their own."""
    bad = sorted(set(str(path)) & set(';$"\\\n'))
    if bad:
        raise InputError(
            f"the path {printable(str(path), 200)} has the character {bad[0]!r}, which CMake cannot take",
            "move TFLite Micro to another folder",
        )


def _check_flatbuffers(schema: Path, base: Path) -> None:
    """TFLite Micro's schema is compiled for one version of FlatBuffers and refuses every other."""
    wanted, found = _flatbuffers_version(schema), _flatbuffers_version(base)
    if wanted and wanted != found:
        raise InputError(
            f"TFLite Micro's schema_generated.h needs FlatBuffers {wanted}, but {base} is of "
            f"{found or 'an unknown version'}",
            f"put FlatBuffers {wanted} in its place; see {GUIDE}",
        )


def _flatbuffers_version(path: Path) -> str:
    parts = dict(_VERSION.findall(_text(path)))
    return ".".join(parts[name] for name in ("MAJOR", "MINOR", "REVISION")) if len(parts) == 3 else ""


def _check_registrations(root: Path, registrations: Sequence[Registration]) -> None:
    """TFLite Micro has no version number; what the model needs of it is looked for by name."""
    text = _text(root / _RESOLVER)
    kernels = "".join(_text(path) for path in sorted((root / "tensorflow/lite/micro/kernels").glob("*.h")))
    missing = [one.method for one in registrations if not re.search(rf"\b{one.method}\(", text)]
    missing += [
        one.function
        for one in registrations
        if one.function and not re.search(rf"\b{one.function}\(", kernels)
    ]
    if "TFLMRegistration" not in text:
        missing.append("TFLMRegistration")
    if missing:
        raise InputError(
            f"the TFLite Micro of {DIR_VARIABLE} is too old: it lacks {', '.join(missing)}",
            f"take a newer version; {GUIDE} says which",
        )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", f"see {GUIDE}") from None
