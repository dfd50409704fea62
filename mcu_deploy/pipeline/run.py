"""``run``: a built project on a simulator; what came of it is kept in the project's folder ``run``."""

from __future__ import annotations

import hashlib
import json
import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mcu_deploy.boards.types import Simulator
from mcu_deploy.build import Firmware, built
from mcu_deploy.detect import MAX_WINDOWS, smoothing
from mcu_deploy.errors import InputError, UsageError
from mcu_deploy.frontend.spec import FrontendSpec, Stage
from mcu_deploy.input_tensors import model_inputs
from mcu_deploy.inputs import (
    InputVector,
    Stream,
    read_inputs,
    read_stream,
    stream_windows,
    stride_hops,
    window_count,
)
from mcu_deploy.pipeline.folder import STATE_FILE, write_atomically
from mcu_deploy.pipeline.options import RunOptions
from mcu_deploy.pipeline.project import Project
from mcu_deploy.simulate import runner
from mcu_deploy.simulate.records import (
    INPUTS_FILE,
    MAX_RECORDS_BYTES,
    RECORDS_FILE,
    Flags,
    PcmInput,
    RunInput,
    RunRecord,
    StreamInput,
    TensorInput,
    read_inputs_file,
    read_records,
)
from mcu_deploy.verify.runs import recorded_stages

RUN_FOLDER = "run"
_MANIFEST = "run.json"

BASE_BUDGET = 10**9
BUDGET_PER_MAC = 100
MAX_STREAM_WINDOWS = 100_000


@dataclass(frozen=True, eq=False)
class Batch:
    """One run of the firmware: what it was given and what it recorded.

    Attributes:
        elf_sha256: of the executable that ran.
        simulator: on which, or at which serial port.
        preset: that built the executable.
        given: the entries that the firmware got.
        inputs: what it was to compute of them: the same, or the windows of streams.
    """

    elf_sha256: str
    simulator: str
    preset: str
    layers: bool
    given: tuple[InputVector | Stream, ...]
    inputs: tuple[InputVector, ...]
    record: RunRecord

    @property
    def streams(self) -> tuple[Stream, ...]:
        """What was given, where that was streams."""
        return tuple(entry for entry in self.given if isinstance(entry, Stream))


def collect_inputs(project: Project, options: RunOptions) -> list[InputVector] | list[Stream]:
    """The inputs that were asked for; one random tensor where none was.

    Raises:
        InputError: an input cannot be used.
    """
    if options.stream:
        return _collect_streams(project, options)
    given = model_inputs(project.graph)
    random = options.random if options.inputs or options.random else 1
    return read_inputs(
        options.inputs, random, options.seed, given, project.frontend, options.hop, options.pad
    )


def _collect_streams(project: Project, options: RunOptions) -> list[Stream]:
    frontend = project.frontend
    if frontend is None or not project.stream:
        raise UsageError(
            f"{project.folder} was generated without --stream",
            "generate it again with --stream, in another folder",
        )
    stride = stride_hops(options.stride, frontend)
    settings = (options.threshold, options.smooth, options.suppress)
    smoothed = None
    if project.score_quantization is not None:
        seconds = stride * frontend.hop_samples / frontend.sample_rate_hz
        smoothed = smoothing(project.labels, *project.score_quantization, seconds, *settings)
    elif any(value is not None for value in settings):
        raise UsageError(
            f"nothing can be detected with {project.name}: it lacks a label for each int8 output",
            "leave --threshold, --smooth and --suppress out",
        )
    streams = [read_stream(name, frontend, stride, smoothed) for name in options.inputs]
    windows = sum(window_count(frontend, len(stream.pcm) // frontend.channels, stride) for stream in streams)
    if windows > MAX_STREAM_WINDOWS:
        raise InputError(
            f"these streams have {windows:,} windows, more than {MAX_STREAM_WINDOWS:,}",
            "give shorter recordings, or a longer --stride",
        )
    return streams


def windows_of(given: Sequence[InputVector | Stream], frontend: FrontendSpec | None) -> list[InputVector]:
    """What the firmware computes of what it is given, run by run."""
    inputs: list[InputVector] = []
    for entry in given:
        if isinstance(entry, InputVector):
            inputs.append(entry)
        elif frontend is not None:
            inputs += stream_windows(entry, frontend)
    return inputs


def time_limit(seconds: float, runs: int) -> float:
    """``--timeout`` is for up to 100 runs, and again for every 100 more."""
    return seconds * max(1, math.ceil(runs / 100))


def run_batch(
    project: Project,
    firmware: Firmware,
    simulator: Simulator,
    given: Sequence[InputVector | Stream],
    options: RunOptions,
    watch: Callable[[str], None] | None = None,
) -> Batch:
    """Runs the firmware on what is ``given`` and keeps the files in the project.

    ``watch`` is called with a line on how far a board at a serial port is.

    Raises:
        SimulationError: it did not come to its end.
        ToolMissingError: the simulator is not there.
    """
    folder = project.folder / RUN_FOLDER
    (folder / _MANIFEST).unlink(missing_ok=True)
    flags = Flags.TENSORS if options.layers else Flags.NONE
    if options.count_layers:
        flags |= Flags.STEPS
    inputs = windows_of(given, project.frontend)
    stages = () if options.stream else recorded_stages(project.frontend, options.layers)
    _check_record_size(project, stages, len(inputs), options)
    digest = _digest(firmware.executable)
    record = runner.run(
        firmware,
        project.board,
        simulator,
        [_entry(project, entry) for entry in given],
        folder,
        runner.RunOptions(
            flags=flags,
            stages=[stage.index for stage in stages],
            timeout=time_limit(options.timeout, len(inputs)),
            budget=instruction_budget(project),
            npu=project.npu_configuration,
            watch=watch,
        ),
    )
    preset = runner.preset_for(simulator)
    batch = Batch(digest, simulator.name, preset, options.layers, tuple(given), tuple(inputs), record)
    write_atomically(folder / _MANIFEST, _manifest(project, batch).encode())
    return batch


def command_line(
    project: Project,
    executable: Path,
    simulator: Simulator,
    given: Sequence[InputVector | Stream],
    options: RunOptions,
) -> str:
    """What ``run_batch`` starts, for a shell.

    Raises:
        InputError, ToolMissingError: see ``runner.command_line``.
    """
    folder = (project.folder / RUN_FOLDER).resolve()
    timeout = time_limit(options.timeout, len(windows_of(given, project.frontend)))
    command = runner.command_line(
        simulator, project.board, executable.resolve(), folder, project.npu_configuration, timeout
    )
    return f"cd {shlex.quote(str(folder))} && {command}"


def instruction_budget(project: Project) -> int:
    """What one input may take: far above any kernel's need, yet simulated within seconds or minutes."""
    work = project.plan.macs
    for operator in project.graph.operators:
        window = [operator.options.get(name) for name in ("filter_height", "filter_width")]
        if isinstance(window[0], int) and isinstance(window[1], int):  # of a pool
            work += window[0] * window[1] * project.graph.tensors[operator.outputs[0]].elements
    return BASE_BUDGET + BUDGET_PER_MAC * work


def load_batch(project: Project) -> tuple[Batch, Firmware]:
    """The project's last run, from its files, and the firmware that ran.

    Raises:
        InputError: there is none, its files are damaged, or the firmware is not that which ran.
        SimulationError: what the firmware recorded is damaged.
    """
    folder = project.folder / RUN_FOLDER
    path = folder / _MANIFEST
    if not path.is_file():
        raise InputError(f"{project.folder} has no finished run", _again(project))
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        sources = [(str(entry["source"]), _start(entry["start_seconds"])) for entry in manifest["inputs"]]
        simulator, layers = str(manifest["simulator"]), bool(manifest["layers"])
        if manifest["project"] != _fingerprint(project):
            raise InputError(f"{project.folder} was generated again after its last run", _again(project))
        digest = str(manifest["elf_sha256"])
        preset = str(manifest["preset"])
        if preset not in ("target", "host"):
            raise ValueError("another preset")
        firmware = built(project.folder, preset)
        if digest != _digest(firmware.executable):
            raise InputError(f"{project.folder} was built again after its last run", _again(project))
        entries = read_inputs_file(folder / INPUTS_FILE, project.stream_outputs)
        given = tuple(
            _given(project, source, start, entry)
            for (source, start), entry in zip(sources, entries, strict=True)
        )
    except (ValueError, KeyError, TypeError, OSError, RecursionError):
        raise InputError(f"the run in {folder} is damaged", _again(project)) from None
    inputs = tuple(windows_of(given, project.frontend))
    record = read_records(folder / RECORDS_FILE, len(inputs))
    return Batch(digest, simulator, preset, layers, given, inputs, record), firmware


def _check_record_size(project: Project, stages: Sequence[Stage], runs: int, options: RunOptions) -> None:
    """Refuses what would make the firmware write more than is read."""
    tensors = project.planned.tensors
    kept = {*project.graph.inputs, *project.graph.outputs}
    if options.layers:
        kept |= {index for step in project.plan.steps for index in step.observed}
    size = sum(tensors[index].bytes + 64 for index in kept)
    if options.layers:
        # A record's header is 20 bytes; a piece may be one row.
        pieces = (piece for step in project.plan.steps for piece in step.pieces)
        size += sum(bytes_made * 2 + 64 for _, bytes_made in pieces)
    for stage in stages:
        size += stage.vectors * (int(np.prod(stage.shape)) * np.dtype(stage.dtype).itemsize + 64)
    most = MAX_RECORDS_BYTES // size
    if runs > most:
        layers = " with --layers" if options.layers else ""
        raise InputError(
            f"{runs} inputs{layers} would record more than {MAX_RECORDS_BYTES // 2**20} MiB",
            f"run at most {most} at a time" + (", or without --layers" if options.layers else ""),
        )


def _entry(project: Project, given: InputVector | Stream) -> RunInput:
    if isinstance(given, Stream):
        spec = project.frontend
        assert spec is not None  # the stream was read for it
        windows = window_count(spec, given.pcm.size // spec.channels, given.stride)
        return StreamInput(given.pcm, given.stride, windows, given.smoothing, project.stream_outputs)
    if given.pcm is not None:
        return PcmInput(given.pcm)
    return TensorInput(b"".join(tensor.tobytes() for tensor in given.tensors))


def _given(project: Project, source: str, start: float | None, entry: RunInput) -> InputVector | Stream:
    """Raises ValueError for an entry that the project cannot have been given."""
    frontend = project.frontend
    if isinstance(entry, StreamInput):
        return _stream(project, source, entry)
    if isinstance(entry, PcmInput):
        if frontend is None or not frontend.takes(entry.samples.size):
            raise ValueError("audio of another length than the front end's")
        return InputVector(source, start, entry.samples, ())
    tensors = [project.graph.tensors[index] for index in project.graph.inputs]
    values = np.frombuffer(entry.data, dtype=np.uint8)
    parts = np.split(values, np.cumsum([tensor.bytes for tensor in tensors])[:-1])
    return InputVector(
        source,
        start,
        None,
        tuple(
            part.view(tensor.dtype.numpy).reshape(tensor.shape)
            for part, tensor in zip(parts, tensors, strict=True)
        ),
    )


def _stream(project: Project, source: str, entry: StreamInput) -> Stream:
    stream = Stream(source, entry.samples, entry.stride, entry.smoothing)
    if project.frontend is None or not project.stream or entry.samples.size % project.frontend.channels:
        raise ValueError("a stream that the firmware cannot take")
    windows = len(stream_windows(stream, project.frontend)) if entry.stride > 0 else 0
    averaged = entry.smoothing.windows if entry.smoothing else 0
    if windows != entry.windows or windows == 0 or averaged > MAX_WINDOWS:
        raise ValueError("a stream of other windows")
    return stream


def _manifest(project: Project, batch: Batch) -> str:
    manifest = {
        "project": _fingerprint(project),
        "elf_sha256": batch.elf_sha256,
        "simulator": batch.simulator,
        "preset": batch.preset,
        "layers": batch.layers,
        "inputs": [
            {
                "source": entry.source,
                "start_seconds": entry.start_seconds if isinstance(entry, InputVector) else None,
            }
            for entry in batch.given
        ],
    }
    return json.dumps(manifest, indent=1) + "\n"


def _fingerprint(project: Project) -> str:
    """Of what was generated: a run of another project in the same folder must not be compared with this."""
    return hashlib.sha256((project.folder / STATE_FILE).read_bytes()).hexdigest()


def _digest(executable: Path) -> str:
    return hashlib.sha256(executable.read_bytes()).hexdigest()


def _start(value: object) -> float | None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise ValueError("a start that is no number")


def _again(project: Project) -> str:
    return f"mcu-deploy run {shlex.quote(str(project.folder))}"
