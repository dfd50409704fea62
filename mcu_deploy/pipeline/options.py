"""What the steps are told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mcu_deploy.errors import InputError, UsageError
from mcu_deploy.graph.text import printable
from mcu_deploy.tflm.plan import TFLM

RUNTIMES = ("aot", TFLM)


@dataclass(frozen=True)
class GenerateOptions:
    """What to generate.

    Attributes:
        model: path of a ``.tflite`` file, or a known model's name.
        board: name or TOML file.
        npu: ``none`` or an Ethos-U configuration.
        npu_system_config, npu_memory_mode: of Vela's configuration file; None for the board's.
        npu_optimise: ``performance`` or ``size``; None for ``performance``.
        npu_arena_cache: bytes that the arena should keep to, or None.
        npu_model: the functional model in the firmware: ``auto`` (where no NPU answers), ``on`` or ``off``;
            None for ``auto``.
        runtime: ``aot`` or ``tflm``.
        optimise: one of ``Optimise``; None for ``DEFAULT_OPTIMISE``.
        tflm_arena: bytes of the arena with ``tflm``, or None for an estimate.
        frontend: preset, TOML file, ``none``, or None for what the model's card says.
        output_dir: the project folder, or None for the default.
        stream: the firmware takes whole recordings too, in windows that overlap.
        transport: how the firmware on the board gets inputs: ``semihosting`` or ``uart``; None for what the
            board's file says.
        force: replace another or an edited project.
    """

    model: str
    board: str = "corstone-300"
    npu: str = "none"
    npu_system_config: str | None = None
    npu_memory_mode: str | None = None
    npu_optimise: str | None = None
    npu_arena_cache: int | None = None
    npu_model: str | None = None
    runtime: str = "aot"
    optimise: str | None = None
    tflm_arena: int | None = None
    frontend: str | None = None
    output_dir: Path | None = None
    stream: bool = False
    transport: str | None = None
    force: bool = False


@dataclass(frozen=True)
class RunOptions:
    """What to run, and where.

    Attributes:
        simulator: ``native``, ``qemu``, ``fvp``, or None for the board's first.
        port: serial port of the board itself, in place of a simulator.
        baud: of that port; None for what the board's file says.
        inputs: ``.wav`` and ``.npy`` files.
        random: number of random tensors.
        seed: of the random tensors.
        hop: seconds between a WAV's windows, or None for the window's length.
        pad: fill a WAV's last window with zeros.
        layers: capture and compare every tensor and front-end stage.
        timeout: bound on the simulator's wall time for every 100 runs, seconds.
        count_layers: count the instructions of every layer.
        stream: take the files as streams.
        stride: seconds between a stream's windows; this and the next three: None for the default.
        threshold: of the score of a detection.
        smooth: seconds over which scores are averaged.
        suppress: seconds after a detection without another.
        verbose: tell the simulator's command line.
    """

    simulator: str | None = None
    port: str | None = None
    baud: int | None = None
    inputs: tuple[str, ...] = ()
    random: int = 0
    seed: int = 0
    hop: float | None = None
    pad: bool = False
    layers: bool = False
    timeout: float = 300.0
    count_layers: bool = False
    stream: bool = False
    stride: float | None = None
    threshold: float | None = None
    smooth: float | None = None
    suppress: float | None = None
    verbose: bool = False


@dataclass(frozen=True)
class DeployOptions:
    """All of it.

    Attributes:
        generate, run: the steps' options.
        fit_arena: with the runtime ``tflm``: run once to learn the arena's size, and generate with that.
    """

    generate: GenerateOptions
    run: RunOptions
    fit_arena: bool = False


def check_npu_options(options: GenerateOptions) -> None:
    """Refuses what has no meaning without an NPU.

    Raises:
        UsageError: it was given.
    """
    given = {
        "--npu-system-config": options.npu_system_config,
        "--npu-memory-mode": options.npu_memory_mode,
        "--npu-optimise": options.npu_optimise,
        "--npu-arena-cache": options.npu_arena_cache,
        "--npu-model": options.npu_model,
    }
    wrong = next((name for name, value in given.items() if value is not None), None)
    if options.npu == "none" and wrong is not None:
        raise UsageError(f"{wrong} is for an NPU only", "choose one: --npu ethos-u55-128")


def check_runtime_options(options: GenerateOptions, fit_arena: bool = False) -> None:
    """Refuses an unknown runtime, and what has no meaning with the one that was chosen.

    Raises:
        InputError: the runtime is not known.
        UsageError: it does not go together.
    """
    if options.runtime not in RUNTIMES:
        raise InputError(
            f"--runtime {printable(options.runtime)} is not known", f"choose one of {', '.join(RUNTIMES)}"
        )
    given = {"--tflm-arena": options.tflm_arena is not None, "--fit-arena": fit_arena}
    wrong = next((name for name, is_given in given.items() if is_given), None)
    if options.runtime != TFLM and wrong is not None:
        raise UsageError(f"{wrong} is for TFLite Micro only", "add --runtime tflm")
    if options.runtime == TFLM and options.optimise is not None:
        raise UsageError("--optimise is for the runtime aot only", "leave it out")
    if all(given.values()):
        raise UsageError("--fit-arena finds the size that --tflm-arena gives", "leave one of them out")


def check_options(options: RunOptions) -> None:
    """Refuses what does not go together.

    Raises:
        UsageError: it does not.
    """
    if options.port is not None and options.simulator is not None:
        raise UsageError("--port is the board itself, and --simulator what stands in for it", "give one")
    if options.baud is not None and options.port is None:
        raise UsageError("--baud is for a serial port only", "give the port: --port /dev/ttyACM0")
    clip_only = {
        "--random": options.random > 0,
        "--hop": options.hop is not None,
        "--pad": options.pad,
        "--layers": options.layers,
    }
    stream_only = {
        "--stride": options.stride is not None,
        "--threshold": options.threshold is not None,
        "--smooth": options.smooth is not None,
        "--suppress": options.suppress is not None,
    }
    wrong = next(
        (name for name, given in (clip_only if options.stream else stream_only).items() if given), None
    )
    if wrong is None and options.stream and not options.inputs:
        raise UsageError("--stream has nothing to listen to", "give a recording: --input FILE.wav")
    if wrong is not None and options.stream:
        remedy = "windows are set by --stride" if wrong == "--hop" else "run it without --stream"
        raise UsageError(f"{wrong} cannot be combined with --stream", remedy)
    if wrong is not None:
        raise UsageError(f"{wrong} is for streams only", "add --stream")
