"""Running Vela, Arm's compiler for Ethos-U, as a program of its own.

It is given a file in a folder of its own and nothing else; however it ends, what is told of it is one line.
"""

from __future__ import annotations

import configparser
import difflib
import importlib.util
import re
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mcu_deploy.boards.types import Npu
from mcu_deploy.errors import McuDeployError, ModelError, ToolMissingError, UsageError
from mcu_deploy.graph.text import one_line, printable
from mcu_deploy.npu.estimate import Estimate, read_estimate
from mcu_deploy.simulate.process import Finished, run_bounded
from mcu_deploy.tools import package_version

CONFIGURATIONS = (
    *(f"ethos-u55-{macs}" for macs in (32, 64, 128, 256)),
    *(f"ethos-u65-{macs}" for macs in (256, 512)),
    *(f"ethos-u85-{macs}" for macs in (128, 256, 512, 1024, 2048)),
)
OPTIMISE = ("performance", "size")

TIMEOUT = 300.0
PACKAGE = "ethos-u-vela"
_REMEDY = f"pip install {PACKAGE}"
_MAX_OUTPUT_BYTES = 1 << 30


@dataclass(frozen=True)
class VelaOptions:
    """What to compile for.

    Attributes:
        configuration: one of ``CONFIGURATIONS``.
        system_config, memory_mode: names of sections in Vela's configuration file.
        optimise: ``performance`` or ``size``.
        arena_cache: bytes that the arena should keep to, or None for the memory mode's.
    """

    configuration: str
    system_config: str
    memory_mode: str
    optimise: str = "performance"
    arena_cache: int | None = None

    @property
    def product(self) -> str:
        """``ethos-u55``, ``ethos-u65`` or ``ethos-u85``."""
        return self.configuration.rpartition("-")[0]

    @property
    def macs(self) -> int:
        """Multiply-accumulates a cycle."""
        return int(self.configuration.rpartition("-")[2])


@dataclass(frozen=True)
class VelaResult:
    """What came of a run.

    Attributes:
        model: a TFLite file with ``ethos-u`` operators.
        estimate: None where Vela gave none.
        messages: all that it printed.
        version: of Vela.
    """

    model: bytes
    estimate: Estimate | None
    messages: str
    version: str


def check_configuration(name: str) -> str:
    """The name, if there is such a configuration.

    Raises:
        UsageError: there is not; names the nearest.
    """
    if name in CONFIGURATIONS:
        return name
    raise UsageError(
        f"the NPU {printable(name)} is not known", _nearest(name, CONFIGURATIONS, ("none", *CONFIGURATIONS))
    )


def vela_options(
    npu: Npu | None,
    configuration: str,
    system_config: str | None,
    memory_mode: str | None,
    optimise: str,
    arena_cache: int | None,
) -> VelaOptions:
    """The options, completed by the board's defaults and checked against Vela's configuration file.

    Args:
        npu: the board's.
        configuration: one of ``CONFIGURATIONS``.
        system_config, memory_mode: None for the board's.
        optimise, arena_cache: as in ``VelaOptions``.

    Raises:
        UsageError: something is not known, or the board has no NPU.
        ToolMissingError: Vela is not installed.
    """
    check_configuration(configuration)
    if npu is None:
        raise UsageError(
            "the board has no Ethos-U",
            "add a table [npu] to the board's file, or choose --board corstone-300",
        )
    product = configuration.rpartition("-")[0]
    options = VelaOptions(
        configuration,
        system_config or npu.system_configs[product],
        memory_mode or npu.memory_mode,
        optimise,
        arena_cache,
    )
    sections = _sections()
    for option, kind, value in (
        ("--npu-system-config", "System_Config", options.system_config),
        ("--npu-memory-mode", "Memory_Mode", options.memory_mode),
    ):
        known = [name.partition(".")[2] for name in sections if name.startswith(f"{kind}.")]
        if value not in known:
            raise UsageError(f"{option} {printable(value)} is not known", _nearest(value, known, known))
    return options


def _nearest(word: str, candidates: Sequence[str], known: Sequence[str]) -> str:
    starts = [name for name in candidates if word and name.startswith(word)]
    near = starts or difflib.get_close_matches(word, candidates, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"one of {', '.join(known)}"


def _config_file() -> Path:
    """Vela's file of system configurations and memory modes."""
    found = importlib.util.find_spec("ethosu")
    if found is not None:
        for folder in found.submodule_search_locations or ():
            path = Path(folder, "config_files", "Arm", "vela.ini")
            if path.is_file():
                return path
    raise ToolMissingError("cannot find Vela, which --npu needs", _REMEDY)


def _sections() -> list[str]:
    parser = configparser.ConfigParser()
    parser.read(_config_file(), encoding="utf-8")
    return parser.sections()


def memory_ports(memory_mode: str) -> tuple[int, int, int]:
    """The NPU's memory port (0 or 1) for constants, arena and fast memory in a known memory mode."""
    parser = configparser.ConfigParser()
    parser.read(_config_file(), encoding="utf-8")
    section = f"Memory_Mode.{memory_mode}"
    values: dict[str, str] = {}
    for _ in range(8):  # a chain of sections that inherit
        values = {**parser[section], **values}
        section = parser[section].get("inherit", "")
        if not section:
            break
    areas = (values.get(f"{name}_mem_area", "Axi0") for name in ("const", "arena", "cache"))
    constants, arena, fast = (int(area == "Axi1") for area in areas)
    return constants, arena, fast


def vela_version() -> str:
    """The version of Vela that is installed.

    Raises:
        ToolMissingError: it is not.
    """
    version = package_version(PACKAGE)
    if version is None:
        raise ToolMissingError("cannot find Vela, which --npu needs", _REMEDY)
    return version


def compile_model(
    model: bytes,
    options: VelaOptions,
    timeout: float = TIMEOUT,
    cancelled: threading.Event | None = None,
) -> VelaResult:
    """Compiles a TFLite file.

    Args:
        model: the bytes of the file, which has been read and checked.
        options: what for.
        timeout: wall time in seconds.
        cancelled: stops Vela when set, by another thread.

    Raises:
        ToolMissingError: Vela is not installed.
        ModelError: Vela refuses the model; ``details`` has its last lines.
        UsageError: memory mode and system configuration contradict each other.
        McuDeployError: it crashed, took too long, or was stopped.
    """
    version = vela_version()
    with tempfile.TemporaryDirectory(prefix="mcu-deploy-vela-") as name:
        folder = Path(name)
        (folder / "model.tflite").write_bytes(model)
        output = folder / "out"
        limits = {output / "model_vela.tflite": _MAX_OUTPUT_BYTES}
        finished = run_bounded(_command(options), folder, timeout, folder, limits, cancelled=cancelled)
        messages = "\n".join(part.strip("\n") for part in (finished.stdout, finished.stderr) if part.strip())
        made = output / "model_vela.tflite"
        if finished.stopped or finished.returncode != 0 or not made.is_file():
            raise _failure(finished, options, timeout)
        return VelaResult(made.read_bytes(), read_estimate(output), messages + "\n", version)


def _command(options: VelaOptions) -> list[str]:
    command = [sys.executable, "-m", "ethosu.vela", "model.tflite", "--output-dir", "out"]
    command += ["--accelerator-config", options.configuration]
    command += ["--config", "Arm/vela.ini", "--system-config", options.system_config]
    command += ["--memory-mode", options.memory_mode, "--optimise", options.optimise.capitalize()]
    command += ["--show-cpu-operations"]
    if options.arena_cache is not None:
        command += ["--arena-cache-size", str(options.arena_cache)]
    return command


def _failure(finished: Finished, options: VelaOptions, timeout: float) -> McuDeployError:
    what = f"for {options.configuration}"
    if finished.stopped == "timeout":
        return McuDeployError(
            f"Vela did not end within {timeout:g} s {what} and was stopped", "compile a smaller model"
        )
    if finished.stopped == "cancelled":
        return McuDeployError(f"Vela was stopped {what}", "run it again")
    if finished.stopped:
        return McuDeployError(f"Vela wrote without end {what} and was stopped", "report this model to Vela")
    if finished.returncode < 0:
        return McuDeployError(
            f"Vela crashed {what} (signal {-finished.returncode})",
            "try another --npu-optimise or memory mode, or deploy for the CPU: --npu none",
        )
    printed = (finished.stdout + "\n" + finished.stderr).splitlines()
    lines = [one_line(line) for line in printed if line.strip() and not re.match(r"\s|Traceback", line)]
    last = re.sub(r"^[A-Za-z_.]*(Error|Exception): ", "", lines[-1]) if lines else "it gave no reason"
    setting = re.search(r"Invalid configuration of [^']*", last)
    if setting:
        return UsageError(
            f"{options.memory_mode} does not fit {options.system_config} {what}: {setting[0][:300]}",
            "choose another --npu-memory-mode or --npu-system-config",
        )
    return ModelError(
        f"Vela cannot compile the model {what}: {last[:300]}",
        "deploy for the CPU: --npu none",
        details=tuple(lines[-6:-1]),
    )
