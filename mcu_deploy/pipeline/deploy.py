"""The orchestrator: the steps of a deployment in order, each adding to one document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mcu_deploy.boards.types import UART, Simulator
from mcu_deploy.build import Firmware, executable_path
from mcu_deploy.build import build as build_firmware
from mcu_deploy.errors import InputError, SimulationError, UsageError
from mcu_deploy.inputs import InputVector, Stream, stream_windows, window_samples
from mcu_deploy.pipeline.folder import exclusive
from mcu_deploy.pipeline.generate import prepare, write
from mcu_deploy.pipeline.options import (
    DeployOptions,
    GenerateOptions,
    RunOptions,
    check_options,
    check_runtime_options,
)
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.pipeline.project import Project, load_project
from mcu_deploy.pipeline.run import (
    Batch,
    collect_inputs,
    command_line,
    load_batch,
    run_batch,
    time_limit,
)
from mcu_deploy.pipeline.tflm import library_variables
from mcu_deploy.plan.memory import align
from mcu_deploy.simulate import runner
from mcu_deploy.tflm.plan import TFLM
from mcu_deploy.tools import versions
from mcu_deploy.verify import document as entries
from mcu_deploy.verify.detections import detection_entries, stream_entry, verify_detections
from mcu_deploy.verify.runs import RunVerdict, recorded_stages, verify_runs

BUILD_TIMEOUT = 900.0


def deploy(options: DeployOptions, progress: Progress, document: dict[str, Any]) -> None:
    """All steps; ``document`` (from ``empty_document``) is filled as far as they come.

    Raises:
        McuDeployError: a step failed.
    """
    document |= {
        "board": options.generate.board,
        "simulator": options.run.port or options.run.simulator,
        "runtime": options.generate.runtime,
    }
    check_options(options.run)
    check_runtime_options(options.generate, options.fit_arena)
    if options.fit_arena and options.run.port is not None:
        raise UsageError(
            "--fit-arena runs two firmwares, and a board has only one",
            "learn the size by a simulator, and give it by --tflm-arena",
        )
    generating = _fitted(options, progress) if options.fit_arena else options.generate
    prepared = prepare(generating, progress)
    project = prepared.project
    _describe(project, document)
    simulator = _place(project, options.run)
    document["simulator"] = simulator.name
    inputs = _ready(project, simulator, options.run, progress)
    write(prepared, progress)
    with exclusive(project.folder):
        firmware = build_project(project, runner.preset_for(simulator), progress)
        document["memory"] = entries.memory_entry(project.plan, firmware.memory, None)
        document["elf"] = str(firmware.executable.relative_to(project.folder.resolve()))
        _tell(project, firmware, simulator, inputs, options.run, progress)
        with progress.step(f"run on {simulator.name}"):
            batch = run_batch(project, firmware, simulator, inputs, options.run, progress.watch)
    _judge(project, firmware, batch, options.run.timeout, progress, document)


def _place(project: Project, options: RunOptions) -> Simulator:
    """Where to run: on a simulator, or on the board at a serial port.

    Raises:
        InputError: there is no such place, or the firmware is not made for it.
    """
    if options.port is None:
        simulator = runner.find_simulator(project.board, options.simulator)
        if project.transport == UART and simulator.name != "native":
            raise UsageError(
                f"this firmware waits for inputs at its UART, and {simulator.name} gives them by semihosting",
                "run it on a board by --port, or generate it with --transport semihosting",
            )
        return simulator
    if project.transport != UART:
        raise UsageError(
            f"{project.folder} gets its inputs by semihosting, not at a serial port",
            "generate it with --transport uart, in another folder",
        )
    return runner.find_port(project.board, options.port, options.baud)


def _fitted(options: DeployOptions, progress: Progress) -> GenerateOptions:
    """The options with the arena that TFLite Micro says it needs, in a run of its own on random values."""
    prepared = prepare(options.generate, progress)
    project = prepared.project
    simulator = _place(project, options.run)
    given = options.run
    running = RunOptions(simulator=given.simulator, port=given.port, baud=given.baud, timeout=given.timeout)
    inputs = _ready(project, simulator, running, progress)
    write(prepared, progress)
    with exclusive(project.folder):
        firmware = build_project(project, runner.preset_for(simulator), progress)
        with progress.step("measure the arena"):
            used = run_batch(project, firmware, simulator, inputs, running).record.runs[0].arena_used
    if used is None:
        raise SimulationError("the firmware did not record the size of its arena", "leave --fit-arena out")
    progress.note(f"TFLite Micro uses {used:,} bytes of the arena's {project.plan.arena_bytes:,}")
    return replace(options.generate, tflm_arena=align(used))


def _ready(
    project: Project, simulator: Simulator, options: RunOptions, progress: Progress
) -> list[InputVector] | list[Stream]:
    """The inputs, once it is known that the simulator is there: both can be refused before any work."""
    runner.require(simulator, project.board, project.npu_configuration)
    _require_npu(project, simulator)
    library_variables(project, runner.preset_for(simulator))
    with progress.step("read the inputs"):
        return collect_inputs(project, options)


def _require_npu(project: Project, simulator: Simulator) -> None:
    """Native builds and QEMU have no NPU: there must be a functional model of it in the firmware."""
    npu = project.npu
    if npu is None or not project.uses_npu or simulator.name == "fvp" or simulator.is_port:
        return
    if not npu.modelled:
        raise InputError(
            f"{simulator.name} cannot run {npu.options.configuration}: there is a functional model of "
            "Ethos-U55 and U65 only",
            "generate and build it for an FVP or hardware, or choose one of those",
        )
    if npu.model == "off" and simulator.name != "native":
        raise InputError(
            f"{simulator.name} has no NPU, and --npu-model off leaves its functional model out",
            "leave --npu-model out, or use --simulator native",
        )


def _tell(
    project: Project,
    firmware: Firmware,
    simulator: Simulator,
    inputs: Sequence[InputVector | Stream],
    options: RunOptions,
    progress: Progress,
) -> None:
    if options.verbose:
        progress.note(command_line(project, firmware.executable, simulator, inputs, options))


def build_project(project: Project, preset: str, progress: Progress) -> Firmware:
    """Compiles the project: with the preset ``target`` for its board, with ``host`` for this computer.

    Raises:
        BuildError, MemoryOverflowError, ToolMissingError: it did not come to a firmware.
    """
    with progress.step(f"build for {'this computer' if preset == 'host' else project.board.name}"):
        variables = library_variables(project, preset)
        return build_firmware(project.folder, preset, BUILD_TIMEOUT, variables=variables)


def build(folder: Path, simulator: str | None, progress: Progress) -> Path:
    """The step ``build`` alone, for the board unless a simulator is named; returns the executable."""
    project = load_project(folder)
    if simulator is not None:
        preset = runner.preset_for(runner.find_simulator(project.board, simulator))
    else:
        preset = "target" if project.board.core is not None else "host"
    with exclusive(folder):
        return build_project(project, preset, progress).executable


def run(folder: Path, options: RunOptions, progress: Progress) -> int:
    """The step ``run`` alone, after a build that is nearly free when nothing changed.

    Returns:
        How many inputs, or windows of streams, were run.
    """
    check_options(options)
    project = load_project(folder)
    simulator = _place(project, options)
    inputs = _ready(project, simulator, options, progress)
    with exclusive(folder):
        firmware = build_project(project, runner.preset_for(simulator), progress)
        _tell(project, firmware, simulator, inputs, options, progress)
        with progress.step(f"run on {simulator.name}"):
            batch = run_batch(project, firmware, simulator, inputs, options, progress.watch)
    return len(batch.inputs)


def dry_run(folder: Path, options: RunOptions) -> str:
    """The command line that ``run`` would start, for a shell; nothing is built or run."""
    check_options(options)
    project = load_project(folder)
    simulator = _place(project, options)
    _require_npu(project, simulator)
    executable = executable_path(folder, runner.preset_for(simulator))
    return command_line(project, executable, simulator, collect_inputs(project, options), options)


def verify(folder: Path, timeout: float, progress: Progress, document: dict[str, Any]) -> None:
    """The step ``verify`` alone, of the project's last run."""
    project = load_project(folder)
    _describe(project, document)
    with exclusive(folder):
        batch, firmware = load_batch(project)
    document["simulator"] = batch.simulator
    document["elf"] = str(firmware.executable.relative_to(project.folder.resolve()))
    _judge(project, firmware, batch, timeout, progress, document)


def _describe(project: Project, document: dict[str, Any]) -> None:
    document |= {
        "model": {"name": project.name, "sha256": project.graph.sha256, "macs": project.plan.macs},
        "board": project.board.name,
        "npu": entries.npu_entry(project.npu, project.plan) if project.npu else None,
        "runtime": project.runtime,
        "optimise": None if project.runtime == TFLM else project.optimise.value,
        "frontend": project.frontend.name if project.frontend else None,
        "arithmetic": project.frontend.arithmetic if project.frontend and project.frontend.spectral else None,
        "output_dir": str(project.folder),
    }


def _judge(
    project: Project,
    firmware: Firmware,
    batch: Batch,
    timeout: float,
    progress: Progress,
    document: dict[str, Any],
) -> None:
    """Compares with the reference and completes the document."""
    with progress.step("compare with the Python reference"):
        verdicts = verify_runs(
            project.model,
            project.graph,
            project.plan,
            project.frontend,
            () if batch.streams else recorded_stages(project.frontend, batch.layers),
            batch.inputs,
            batch.record,
            batch.layers,
            time_limit(timeout, len(batch.inputs)),
        )
    if batch.streams:
        verdicts = _judge_streams(project, batch, verdicts, document)
    runs = batch.record.runs
    if document["npu"] is not None:
        document["npu"]["counted"] = entries.counted_entry(runs[0].npu)
    document |= {
        "verdict": "verified" if all(verdict.bit_exact for verdict in verdicts) else "differs",
        "versions": versions(
            batch.simulator,
            runner.fvp_program(project.board, batch.simulator, project.npu_configuration),
        ),
        "elf_sha256": batch.elf_sha256,
        "memory": entries.memory_entry(project.plan, firmware.memory, batch.record),
        "layers": entries.layer_entries(project.plan, runs[0]),
        "runs": [
            entries.run_entry(vector, verdict, run, project.labels)
            for vector, verdict, run in zip(batch.inputs, verdicts, runs, strict=True)
        ],
        "first_difference": entries.difference_entry(batch.inputs, verdicts),
    }


def _judge_streams(
    project: Project, batch: Batch, verdicts: list[RunVerdict], document: dict[str, Any]
) -> list[RunVerdict]:
    """The verdicts with the detections compared, too; completes what the document tells of streams."""
    spec, quantization = project.frontend, project.score_quantization
    assert spec is not None  # without one there are no streams
    rate = spec.sample_rate_hz
    first = batch.streams[0]
    document["stream"] = stream_entry(first.smoothing, quantization, first.stride * spec.hop_samples / rate)
    judged: list[RunVerdict] = []
    for stream in batch.streams:
        part = slice(len(judged), len(judged) + len(stream_windows(stream, spec)))
        runs, compared = batch.record.runs[part], verdicts[part]
        if stream.smoothing is not None and quantization is not None:
            compared = verify_detections(stream.smoothing, compared, runs)
            document["detections"] += detection_entries(
                stream.smoothing,
                quantization,
                project.labels,
                window_samples(spec) / rate,
                part.start,
                batch.inputs[part],
                runs,
            )
        judged += compared
    return judged
