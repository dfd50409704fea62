"""Building a generated project with CMake and Ninja, and measuring what came out."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from mcu_deploy.errors import BuildError, InputError, MemoryOverflowError
from mcu_deploy.simulate.process import Finished, run_bounded
from mcu_deploy.tools import require_command

_OVERFLOW = re.compile(r"region `md_([a-z0-9_-]+)' overflowed by ([0-9]+) bytes")
_MESSAGE = re.compile(r"([Ee]rror: |CMake Error|undefined reference|\bld(\.exe)?: )")
_MAX_DETAILS = 20
_SET_SYMBOL = re.compile(r"md_ld_([a-z0-9_]+)_(code|constants)_(start|end)")

Progress = Callable[[str], None]


@dataclass(frozen=True)
class SetSize:
    """What a source set contributes to flash, in bytes, alignment included."""

    code_bytes: int
    constant_bytes: int

    @property
    def bytes(self) -> int:
        """Code and constants."""
        return self.code_bytes + self.constant_bytes


@dataclass(frozen=True)
class MemoryUse:
    """What the firmware occupies, in bytes.

    Attributes:
        code_bytes: flash for vectors, code, its constants, and the initial values of variables.
        model_bytes: flash for the model's constants.
        data_bytes: RAM for variables.
        arena_bytes: RAM for the tensor arena.
        stack_bytes: RAM set aside for the stacks.
        sets: by source set, its share of ``code_bytes``; ``toolchain`` is what the libraries brought.
    """

    code_bytes: int
    model_bytes: int
    data_bytes: int
    arena_bytes: int
    stack_bytes: int
    sets: Mapping[str, SetSize]

    @property
    def flash_bytes(self) -> int:
        """All of flash."""
        return self.code_bytes + self.model_bytes

    @property
    def ram_bytes(self) -> int:
        """All of RAM."""
        return self.data_bytes + self.arena_bytes + self.stack_bytes


@dataclass(frozen=True)
class Firmware:
    """A built project.

    Attributes:
        executable: the ELF file (or the host's program).
        preset: the CMake preset it was built with.
        memory: None for a host build, whose sizes say nothing about a target's.
    """

    executable: Path
    preset: str
    memory: MemoryUse | None


def build(
    project_dir: Path,
    preset: str,
    timeout: float = 600.0,
    progress: Progress | None = None,
    variables: Mapping[str, str] | None = None,
) -> Firmware:
    """Builds ``project_dir`` with the preset ``target``, ``host`` or ``sanitize`` into ``build/<preset>``.

    What was built before and has not changed is not built again.

    Args:
        project_dir: a generated project.
        preset: name of a preset of its CMakePresets.json.
        timeout: wall time in seconds for each of configuring and compiling.
        progress: called with one line as each begins.
        variables: of CMake, which configure the build; others than last time configure it anew.

    Raises:
        ToolMissingError: CMake, Ninja or the compiler is not there.
        MemoryOverflowError: the program does not fit a memory of the board.
        BuildError: anything else; ``details`` holds the compiler's first messages.
    """
    project = project_dir.resolve()
    for tool in ("cmake", "ninja", "arm-none-eabi-gcc" if preset == "target" else "cc"):
        require_command(tool, "the build")
    folder = project / "build" / preset
    settings = variables or {}
    if not _is_configured(folder, project, settings):
        if folder.exists():
            shutil.rmtree(folder)
        given = [f"-D{name}={value}" for name, value in settings.items()]
        _run("configure", ("cmake", "--preset", preset, *given), project, folder, timeout, progress)
    _run("compile", ("ninja", "-C", str(folder)), project, folder, timeout, progress)
    executable = executable_path(project, preset)
    if not executable.is_file():
        raise BuildError(f"the build made no {executable.name}", f"see {folder}")
    return Firmware(executable, preset, memory_use(executable) if preset == "target" else None)


def built(project_dir: Path, preset: str) -> Firmware:
    """What ``build`` made with the preset, as it lies there now; nothing is compiled.

    Raises:
        InputError: it was not built.
        BuildError: the file is not the ELF of a generated project.
    """
    executable = executable_path(project_dir.resolve(), preset)
    if not executable.is_file():
        raise InputError(f"{project_dir} is not built", f"mcu-deploy build {shlex.quote(str(project_dir))}")
    return Firmware(executable, preset, memory_use(executable) if preset == "target" else None)


def executable_path(project_dir: Path, preset: str) -> Path:
    """Where ``build`` leaves what it makes with a preset."""
    return project_dir / "build" / preset / ("firmware.elf" if preset == "target" else "firmware")


def _is_configured(folder: Path, project: Path, variables: Mapping[str, str]) -> bool:
    """Whether CMake has finished in ``folder``, for these variables and a project that still lies there."""
    try:
        cache = (folder / "CMakeCache.txt").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    lines = set(cache.splitlines())
    return (
        (folder / "build.ninja").is_file()
        and f"CMAKE_HOME_DIRECTORY:INTERNAL={project}" in lines
        and all(f"{name}:STRING={value}" in lines for name, value in variables.items())
    )


def _run(
    step: str,
    arguments: tuple[str, ...],
    project: Path,
    folder: Path,
    timeout: float,
    progress: Progress | None,
) -> None:
    if progress is not None:
        progress(step)
    logs = folder.parent / f"{folder.name}-{step}-log"
    logs.mkdir(parents=True, exist_ok=True)
    finished = run_bounded(arguments, project, timeout, logs)
    if finished.stopped:
        raise BuildError(
            f"the build was stopped in step {step} ({finished.stopped} after {finished.seconds:.0f} s)",
            f"the output is in {logs}; see what it was doing",
        )
    if finished.returncode != 0:
        raise _failure(step, finished, logs)


def _failure(step: str, finished: Finished, logs: Path) -> BuildError | MemoryOverflowError:
    lines = [line.rstrip() for line in (finished.stdout + "\n" + finished.stderr).splitlines()]
    overflows = [match for line in lines if (match := _OVERFLOW.search(line))]
    if overflows:
        texts = [f"{match[1]} overflows by {match[2]} bytes" for match in overflows]
        return MemoryOverflowError(
            f"the firmware does not fit the board: {', '.join(dict.fromkeys(texts))}",
            "choose a smaller model or a board with more memory",
        )
    messages = [line for line in lines if _MESSAGE.search(line)]
    messages = messages or [line for line in lines if line and not line.startswith("ninja: Entering")]
    first = messages[0] if messages else f"exit status {finished.returncode}"
    return BuildError(
        f"the build failed in step {step}: {first.strip()}",
        f"the whole output is in {logs}",
        details=tuple(messages[1:_MAX_DETAILS]),
    )


def memory_use(elf: Path) -> MemoryUse:
    """Measures a target build by its sections and the linker script's symbols.

    Raises:
        BuildError: the file is not the ELF of a generated project.
    """
    try:
        with elf.open("rb") as file:
            image = ELFFile(file)
            sizes = {section.name: int(section["sh_size"]) for section in image.iter_sections()}
            table = image.get_section_by_name(".symtab")
            if not isinstance(table, SymbolTableSection):
                raise BuildError(f"{elf} has no symbols")
            symbols = {symbol.name: int(symbol["st_value"]) for symbol in table.iter_symbols()}
    except (OSError, ELFError) as error:
        raise BuildError(f"cannot read {elf}: {error}") from None
    code = sum(sizes.get(name, 0) for name in (".vectors", ".text", ".data"))
    sets = _set_sizes(symbols)
    rest = sizes.get(".text", 0) - sum(size.bytes for size in sets.values())
    return MemoryUse(
        code_bytes=code,
        model_bytes=sizes.get(".model", 0),
        data_bytes=sizes.get(".data", 0) + sizes.get(".bss", 0),
        arena_bytes=sizes.get(".arena", 0),
        stack_bytes=sizes.get(".stack", 0) + sizes.get(".handler_stack", 0),
        sets={**sets, "toolchain": SetSize(rest, 0)},
    )


def _set_sizes(symbols: Mapping[str, int]) -> dict[str, SetSize]:
    names = sorted({match[1] for name in symbols if (match := _SET_SYMBOL.fullmatch(name))})

    def size(name: str, kind: str) -> int:
        return symbols[f"md_ld_{name}_{kind}_end"] - symbols[f"md_ld_{name}_{kind}_start"]

    return {name: SetSize(size(name, "code"), size(name, "constants")) for name in names}
