"""``run``: a built project on a simulator; what came of it is kept in the project's folder ``run``."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mcu_deploy.boards.types import Simulator
from mcu_deploy.build import Firmware, built
from mcu_deploy.errors import InputError
from mcu_deploy.inputs import InputVector, read_inputs
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
    RunRecord,
    TensorInput,
    read_inputs_file,
    read_records,
)
from mcu_deploy.verify.runs import recorded_stages

RUN_FOLDER = "run"
_MANIFEST = "run.json"

BASE_BUDGET = 10**9
BUDGET_PER_MAC = 100


@dataclass(frozen=True, eq=False)
class Batch:
    """One run of the firmware: what it was given and what it recorded.

    Attributes:
        elf_sha256: of the executable that ran.
    """

    elf_sha256: str
    simulator: str
    layers: bool
    inputs: tuple[InputVector, ...]
    record: RunRecord


def collect_inputs(project: Project, options: RunOptions) -> list[InputVector]:
    """The inputs that were asked for; one random tensor where none was.

    Raises:
        InputError: an input cannot be used.
    """
    model_inputs = [project.graph.tensors[index] for index in project.graph.inputs]
    random = options.random if options.inputs or options.random else 1
    return read_inputs(
        options.inputs, random, options.seed, model_inputs, project.frontend, options.hop, options.pad
    )


def run_batch(
    project: Project,
    firmware: Firmware,
    simulator: Simulator,
    inputs: Sequence[InputVector],
    options: RunOptions,
) -> Batch:
    """Runs the firmware on ``inputs`` and keeps the files in the project.

    Raises:
        SimulationError: it did not come to its end.
        ToolMissingError: the simulator is not there.
    """
    folder = project.folder / RUN_FOLDER
    (folder / _MANIFEST).unlink(missing_ok=True)
    flags = Flags.TENSORS if options.layers else Flags.NONE
    if options.count_layers:
        flags |= Flags.STEPS
    _check_record_size(project, inputs, options)
    digest = _digest(firmware.executable)
    record = runner.run(
        firmware,
        project.board,
        simulator,
        [_entry(vector) for vector in inputs],
        folder,
        runner.RunOptions(
            flags=flags,
            stages=[stage.index for stage in recorded_stages(project.frontend, options.layers)],
            timeout=options.timeout,
            budget=instruction_budget(project),
        ),
    )
    batch = Batch(digest, simulator.name, options.layers, tuple(inputs), record)
    write_atomically(folder / _MANIFEST, _manifest(project, batch).encode())
    return batch


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
        simulator_of_board = runner.find_simulator(project.board, simulator)
        firmware = built(project.folder, runner.preset_for(simulator_of_board))
        if digest != _digest(firmware.executable):
            raise InputError(f"{project.folder} was built again after its last run", _again(project))
        entries = read_inputs_file(folder / INPUTS_FILE)
        inputs = tuple(
            _vector(project, source, start, entry)
            for (source, start), entry in zip(sources, entries, strict=True)
        )
    except (ValueError, KeyError, TypeError, OSError, RecursionError):
        raise InputError(f"the run in {folder} is damaged", _again(project)) from None
    record = read_records(folder / RECORDS_FILE, len(inputs))
    return Batch(digest, simulator, layers, inputs, record), firmware


def _check_record_size(project: Project, inputs: Sequence[InputVector], options: RunOptions) -> None:
    """Refuses what would make the firmware write more than is read."""
    tensors = project.graph.tensors
    kept = {*project.graph.inputs, *project.graph.outputs}
    if options.layers:
        kept |= {index for step in project.plan.steps for index in step.outputs}
    size = sum(tensors[index].bytes + 64 for index in kept)
    for stage in recorded_stages(project.frontend, options.layers):
        size += stage.vectors * (int(np.prod(stage.shape)) * np.dtype(stage.dtype).itemsize + 64)
    most = MAX_RECORDS_BYTES // size
    if len(inputs) > most:
        layers = " with --layers" if options.layers else ""
        raise InputError(
            f"{len(inputs)} inputs{layers} would record more than {MAX_RECORDS_BYTES // 2**20} MiB",
            f"run at most {most} at a time" + (", or without --layers" if options.layers else ""),
        )


def _entry(vector: InputVector) -> PcmInput | TensorInput:
    if vector.pcm is not None:
        return PcmInput(vector.pcm)
    return TensorInput(b"".join(tensor.tobytes() for tensor in vector.tensors))


def _vector(project: Project, source: str, start: float | None, entry: PcmInput | TensorInput) -> InputVector:
    """Raises ValueError for an entry that the project cannot have been given."""
    if isinstance(entry, PcmInput):
        frontend = project.frontend
        if frontend is None or not frontend.takes(entry.samples.size):
            raise ValueError("audio of another length than the front end's")
        return InputVector(source, start, entry.samples, ())
    tensors = [project.graph.tensors[index] for index in project.graph.inputs]
    values = np.frombuffer(entry.data, dtype=np.int8)
    parts = np.split(values, np.cumsum([tensor.elements for tensor in tensors])[:-1])
    return InputVector(
        source,
        start,
        None,
        tuple(part.reshape(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)),
    )


def _manifest(project: Project, batch: Batch) -> str:
    manifest = {
        "project": _fingerprint(project),
        "elf_sha256": batch.elf_sha256,
        "simulator": batch.simulator,
        "layers": batch.layers,
        "inputs": [
            {"source": vector.source, "start_seconds": vector.start_seconds} for vector in batch.inputs
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
