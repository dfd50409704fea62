"""Arm's Fixed Virtual Platforms: finding one, its command line, and what its messages mean.

Options and parameters are those that Arm publishes (``--list-params`` of each model); none was run here.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from mcu_deploy.boards.types import Fvp
from mcu_deploy.errors import InputError, McuDeployError, SimulationError, ToolMissingError
from mcu_deploy.graph.text import printable
from mcu_deploy.simulate.process import Finished

FOLDER_VARIABLE = "MCU_DEPLOY_FVP_DIR"
_OLDEST = (11, 13)  # older ones have no ``num_macs``
# Where Arm's installers and those who follow their examples put FVP_Corstone_SSE-...
_ROOTS = tuple(Path(root) for root in ("~", "~/Arm", "~/fvp", "/opt", "/opt/arm", "/opt/fvps", "/usr/local"))
_VERSION = re.compile(r"Fast Models \[([0-9]+)\.([0-9]+)")
_VERSION_SECONDS = 60.0
_DOWNLOAD = "get it from Arm (developer.arm.com, 'Arm Ecosystem FVPs'); see docs/fvp.md"

_LIBRARY = re.compile(r"error while loading shared libraries: ([^\s:]+)")
_EXECUTABLE_STACK = re.compile(r"([^\s:/]+): cannot enable executable stack")
_LICENCE = re.compile(r"(?i)licen[cs]e")
_LIMIT = re.compile(r"Simulation is stopping\. Reason: .*exceeded")


def variable(program: str) -> str:
    """The environment variable that says where ``program`` is."""
    return f"MCU_DEPLOY_{re.sub(r'[^A-Za-z0-9]', '_', program).upper()}"


def program_for(fvp: Fvp, board: str, npu: str) -> str:
    """The program that has an NPU.

    Args:
        fvp: of the board.
        board: its name, for messages.
        npu: a configuration such as ``ethos-u55-128``, or ``none``.

    Raises:
        InputError: no FVP of the board has it.
    """
    if npu == "none":
        return next(iter(fvp.programs.values()))
    product = npu.rpartition("-")[0]
    if product not in fvp.programs:
        raise InputError(
            f"no FVP of {board} has an {product}, only {', '.join(fvp.programs)}",
            "choose another board: mcu-deploy boards list",
        )
    return fvp.programs[product]


def find(program: str) -> Path | None:
    """Where a program is: by its environment variable, on PATH, or where Arm's installers put it.

    Raises:
        InputError: the variable names something that is no program.
    """
    named = os.environ.get(variable(program))
    if named:
        path = Path(named).expanduser()
        if not (path.is_file() and os.access(path, os.X_OK)):
            raise InputError(
                f"{variable(program)} names {printable(named, 200)}, which is no program",
                f"set it to the path of {program}",
            )
        return path.absolute()
    found = shutil.which(program)
    if found is not None:
        return Path(found).absolute()
    installed = (path for folder in _folders() for path in sorted(folder.glob(f"models/Linux*/{program}")))
    return next((path.absolute() for path in installed if os.access(path, os.X_OK)), None)


def _folders() -> Iterator[Path]:
    """Folders that may be an installation's."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        yield Path(named)
        yield from sorted(Path(named).glob("*"))
    for root in _ROOTS:
        yield from sorted(root.expanduser().glob("FVP_*"), reverse=True)


def environment(program: Path) -> dict[str, str]:
    """What an FVP needs in its environment: 11.27 and later bring their own Python and libraries."""
    install = program.resolve().parents[2] if len(program.resolve().parents) > 2 else program.parent
    if not (install / "python").is_dir():
        return {}
    libraries = [install / "fmtplib", install / "python" / "lib"]
    paths = [str(path) for path in libraries] + [os.environ.get("LD_LIBRARY_PATH", "")]
    return {"PYTHONHOME": str(install / "python"), "LD_LIBRARY_PATH": ":".join(filter(None, paths))}


def require(program: str) -> Path:
    """Where a program is, once it has said its version.

    Raises:
        ToolMissingError: it is not there, does not start, or is too old; the hint says what to do.
        InputError: the environment variable is wrong.
    """
    path = find(program)
    if path is None:
        raise ToolMissingError(
            f"cannot find {program}", f"{_DOWNLOAD}; put it on PATH, or its path into {variable(program)}"
        )
    version(path)
    return path


def version(path: Path) -> str:
    """What an FVP says of its version.

    Raises:
        ToolMissingError: it does not start, is too old, or is no FVP.
    """
    try:
        done = subprocess.run(
            [path, "--version"],
            env={**os.environ, **environment(path), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = getattr(error, "strerror", None) or f"no answer within {_VERSION_SECONDS:g} s"
        raise ToolMissingError(f"cannot start {path}: {reason}", _DOWNLOAD) from None
    text = done.stdout.decode(errors="replace") + "\n" + done.stderr.decode(errors="replace")
    found = _VERSION.search(text)
    if found is None:
        known = _message(path.name, text)
        if known is not None:
            raise known
        raise ToolMissingError(f"{path} --version does not answer as an FVP does", _DOWNLOAD)
    if (int(found[1]), int(found[2])) < _OLDEST:
        raise ToolMissingError(
            f"{path} is version {found[1]}.{found[2]}; {_OLDEST[0]}.{_OLDEST[1]} or later is needed",
            _DOWNLOAD,
        )
    return next(line.strip() for line in text.splitlines() if _VERSION.search(line))


def command(
    fvp: Fvp, program: str, executable: Path, run_dir: Path, npu: str, timeout: float
) -> tuple[str, ...]:
    """The program and its arguments.

    Args:
        fvp: of the board.
        program: name or path.
        executable: the ELF.
        run_dir: where semihosting finds ``inputs.bin`` and leaves ``records.bin``.
        npu: the configuration that the model was compiled for, or ``none``.
        timeout: wall time in seconds.
    """
    parameters = [*fvp.parameters]
    if npu != "none":
        parameters.append(f"{fvp.npu}.num_macs={npu.rpartition('-')[2]}")
    parameters += [f"{fvp.cpu}.semihosting-enable=1", f"{fvp.cpu}.semihosting-cwd={run_dir.absolute()}"]
    options = [word for parameter in parameters for word in ("-C", parameter)]
    limit = str(math.ceil(timeout))
    return (program, "-a", str(executable), *options, "--timelimit", limit)


def explain(program: str, finished: Finished) -> McuDeployError | None:
    """The error that the messages of a run amount to, if they are known."""
    text = f"{finished.stdout}\n{finished.stderr}"
    if _LIMIT.search(text):
        return SimulationError(
            "the FVP reached its time limit before the firmware ended",
            "it may hang; else allow more time by --timeout",
        )
    return _message(program, text)


def _message(program: str, text: str) -> ToolMissingError | None:
    library = _LIBRARY.search(text)
    if library:
        hint = f"install the package that has {library[1]}; an FVP of 11.27 or later brings its own"
        return ToolMissingError(f"{program} does not start: it needs {library[1]}", hint)
    stack = _EXECUTABLE_STACK.search(text)
    if stack:
        return ToolMissingError(
            f"{program} does not start: this system allows {stack[1]} no executable stack",
            f"clear the mark (patchelf --clear-execstack {stack[1]}), or install a newer FVP",
        )
    for line in text.splitlines():
        if _LICENCE.search(line) and re.search(
            r"(?i)error|fail|cannot|could not|unable|not found|expired", line
        ):
            return ToolMissingError(
                f"{program} got no licence: {printable(line.strip(), 200)}",
                "Arm's Ecosystem FVPs need none; for others activate one (armlm), or set ARMLMD_LICENSE_FILE",
            )
    return None
