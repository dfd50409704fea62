"""The tools and packages that deployments use: are they there, in which version, how to get them."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mcu_deploy.boards.reader import board_names, load_board
from mcu_deploy.errors import InputError, McuDeployError, ToolMissingError
from mcu_deploy.frontend.cmsis import VERSION as CMSIS_DSP_VERSION
from mcu_deploy.frontend.cmsis import cmsis_dsp_available
from mcu_deploy.graph.text import one_line
from mcu_deploy.simulate import fvp


@dataclass(frozen=True)
class Tool:
    """One tool.

    Attributes:
        name: of the command or package.
        purpose: what it is for.
        required: whether the default deployment needs it.
        found: whether it is there.
        version: its version, or "" where unknown.
        remedy: how to get it.
    """

    name: str
    purpose: str
    required: bool
    found: bool
    version: str
    remedy: str


_DEBIAN_PACKAGES = {
    "cmake": "cmake",
    "ninja": "ninja-build",
    "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "arm-none-eabi-g++": "gcc-arm-none-eabi libstdc++-arm-none-eabi-newlib",
    "qemu-system-arm": "qemu-system-arm",
    "cc": "gcc",
}

_COMMANDS = (
    ("cmake", "builds the firmware", True),
    ("ninja", "builds the firmware", True),
    ("arm-none-eabi-gcc", "compiles for Cortex-M", True),
    ("qemu-system-arm", "simulates the boards", True),
    ("cc", "compiles for this computer (--simulator native)", True),
)

_PACKAGES = (
    ("tflite-micro", "judges the model's tensors", True),
    ("numpy", "computes the reference features", True),
    ("jinja2", "writes the project", True),
    ("pyelftools", "measures the firmware", True),
    ("ethos-u-vela", "compiles for Ethos-U (--npu)", False),
    ("pyserial", "talks to boards at a serial port (--port)", False),
    ("matplotlib", "draws features (frontend plot)", False),
)


def require_command(name: str, needed_by: str = "") -> None:
    """Finds out that a command is there.

    Args:
        name: of one that Debian has a package of.
        needed_by: what needs it, for the message: ``the build``.

    Raises:
        ToolMissingError: it is not; the hint names the package.
    """
    if shutil.which(name) is None:
        reason = f", which {needed_by} needs" if needed_by else ""
        raise ToolMissingError(f"cannot find {name}{reason}", f"apt install {_DEBIAN_PACKAGES[name]}")


def command_version(name: str) -> str | None:
    """The first line of ``name --version``; "" where it says nothing; None where it is not there."""
    path = shutil.which(name)
    if path is None:
        return None
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = (done.stdout or done.stderr).decode("utf-8", errors="replace").strip().splitlines()
    return one_line(lines[0].strip()) if lines else ""


def package_version(name: str) -> str | None:
    """The installed version of a Python package, or None."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _newlib() -> Tool:
    """The C library for the target; Debian has it in a package beside the compiler's."""
    path = ""
    if shutil.which("arm-none-eabi-gcc"):
        command = ["arm-none-eabi-gcc", "-print-file-name=libc_nano.a"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        path = done.stdout.strip()
    found = Path(path).is_absolute()
    return Tool(
        "newlib-nano", "the target's C library", True, found, "", "apt-get install libnewlib-arm-none-eabi"
    )


def examine() -> list[Tool]:
    """All tools and packages, in the order in which a deployment uses them."""
    tools = [Tool("python", "runs mcu-deploy", True, True, sys.version.split()[0], "")]
    for name, purpose, required in _COMMANDS:
        version = command_version(name)
        remedy = f"apt-get install {_DEBIAN_PACKAGES[name]}"
        tools.append(Tool(name, purpose, required, version is not None, version or "", remedy))
    tools.append(_newlib())
    for name, purpose, required in _PACKAGES:
        version = package_version(name)
        tools.append(Tool(name, purpose, required, version is not None, version or "", f"pip install {name}"))
    return [*tools, _cmsis_dsp(), *_fvps()]


def _cmsis_dsp() -> Tool:
    remedy = "mcu-deploy setup"
    try:
        found = cmsis_dsp_available() is not None
    except InputError as error:
        found, remedy = False, f"{error.message}: {error.hint}"
    version = CMSIS_DSP_VERSION if found else ""
    return Tool("CMSIS-DSP sources", "the front end is built on them", True, found, version, remedy)


def _fvps() -> list[Tool]:
    """The programs that the package's boards name."""
    tools = []
    for board in map(load_board, board_names()):
        programs = next((one.fvp.programs for one in board.simulators if one.fvp is not None), {})
        for product, program in programs.items():
            purpose = f"simulates {board.name} with {product} (--simulator fvp)"
            try:
                version, remedy = fvp.version(fvp.require(program)), ""
            except McuDeployError as error:
                version, remedy = "", f"{error.message}: {error.hint}"
            tools.append(Tool(program, purpose, False, bool(version), version, remedy))
    return tools


def versions(simulator: str, fvp_program: str = "") -> dict[str, str | None]:
    """Versions of what a deployment's figures depend on, for its document.

    Args:
        simulator: ``native``, ``qemu`` or ``fvp``.
        fvp_program: where it is an FVP, which.
    """
    compiler = "cc" if simulator == "native" else "arm-none-eabi-gcc"
    found: dict[str, str | None] = {"tflite-micro": package_version("tflite-micro")}
    found[compiler] = command_version(compiler)
    if simulator == "qemu":
        found["qemu-system-arm"] = command_version("qemu-system-arm")
    if fvp_program:
        try:
            found[fvp_program] = fvp.version(fvp.require(fvp_program))
        except McuDeployError:  # it ran elsewhere, or is gone
            found[fvp_program] = None
    return found
