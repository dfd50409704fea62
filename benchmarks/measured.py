"""One model on one board, measured: what ``instructions.py`` prints."""

from __future__ import annotations

import sys
import wave
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import beats
import numpy as np

from mcu_deploy.boards.reader import load_board
from mcu_deploy.build import MemoryUse, built
from mcu_deploy.errors import McuDeployError
from mcu_deploy.frontend import FrontendSpec, load_spec
from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.pipeline.deploy import deploy
from mcu_deploy.pipeline.options import DeployOptions, GenerateOptions, RunOptions
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.pipeline.project import load_project
from mcu_deploy.pipeline.run import RUN_FOLDER
from mcu_deploy.simulate.records import INPUTS_FILE
from mcu_deploy.simulate.runner import find_simulator
from mcu_deploy.verify.document import empty_document

FRONTEND_SETS = ("frontend", "cmsis_dsp", "stream")
TIMEOUT_SECONDS = 1800.0


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
        name: of a known model, or of a system of ``system_models.py``.
        model: its int8 file.
        board: name or file of the board.
        frontend: the name of its front end, or None.
        optimise: what the plan strives for.
    """

    name: str
    model: Path
    board: str = "corstone-300"
    frontend: str | None = None
    optimise: str = "balanced"


@dataclass(frozen=True)
class Layer:
    """A step of the plan.

    Attributes:
        index: of the step.
        operators: what it performs: ``CONV_2D 10x4``, with the window where there is one.
        channels: of the first operator's input.
        kernel: the C function.
        macs: multiply-accumulates.
        instructions: simulated.
        weighted: with each 128-bit operation counted as two.
    """

    index: int
    operators: tuple[str, ...]
    channels: int
    kernel: str
    macs: int
    instructions: int
    weighted: int

    @property
    def label(self) -> str:
        """For a table."""
        return " + ".join(self.operators)

    @property
    def rate(self) -> float:
        """Instructions a MAC; 0 where it multiplies nothing."""
        return self.instructions / self.macs if self.macs else 0.0


@dataclass(frozen=True)
class Memory:
    """Bytes of the linked firmware.

    Attributes:
        model: flash for the model's constants.
        code: flash for everything else, without a front end in the firmware.
        parts: what ``code`` consists of, by source set.
        arena: RAM for tensors.
        stack: RAM that the stack was seen to take.
        ram: RAM in all: arena, stack and variables.
        code_with_frontend, ram_with_frontend: of the firmware with the model's front end, or None.
    """

    model: int
    code: int
    parts: dict[str, int]
    arena: int
    stack: int
    ram: int
    code_with_frontend: int | None = None
    ram_with_frontend: int | None = None


@dataclass(frozen=True)
class Measured:
    """The figures of one subject.

    Attributes:
        name, board, optimise: of the subject.
        macs: of one inference.
        instructions: simulated, of one inference of a random tensor.
        weighted: with each 128-bit operation counted as two.
        layers: of a second run, with a call of the observer (about 15 instructions) after each step.
        memory: what it occupies.
        frontend_instructions: of a clip of noise, or None.
        versions: of the tools.
    """

    name: str
    board: str
    optimise: str
    macs: int
    instructions: int
    weighted: int
    layers: tuple[Layer, ...]
    memory: Memory
    frontend_instructions: int | None = None
    versions: dict[str, str] = field(default_factory=dict)

    def kinds(self) -> dict[str, int]:
        """Instructions by operator, in the order of the model."""
        found: dict[str, int] = {}
        for layer in self.layers:
            kind = " + ".join(operator.split()[0] for operator in layer.operators)
            found[kind] = found.get(kind, 0) + layer.instructions
        return found


def measure(subject: Subject, folder: Path, whole: bool = True) -> Measured:
    """Deploys without a front end and counts; every tensor and output is compared with the reference.

    Args:
        subject: what to measure.
        folder: for the projects.
        whole: also count the 128-bit operations, and build with the front end.

    Raises:
        McuDeployError: a deployment failed or differs from the reference, or two counts of one run differ.
    """
    generate = GenerateOptions(
        model=str(subject.model),
        board=subject.board,
        frontend="none",
        optimise=subject.optimise,
        output_dir=folder / f"{subject.name}-{Path(subject.board).stem}-{subject.optimise}",
    )
    wide = whole and "mve" in _extensions(subject.board)
    document, total = _run(generate, RunOptions(random=1), wide)
    by_step, stretches = _run(generate, RunOptions(random=1, count_layers=True, layers=True), wide)
    instructions = document["runs"][0]["simulated_instructions"]["inference"]
    measured = Measured(
        name=subject.name,
        board=document["board"],
        optimise=subject.optimise,
        macs=document["model"]["macs"],
        instructions=instructions,
        weighted=instructions + sum(one.wide for one in total),
        layers=_layers(_folder(generate), by_step, stretches),
        memory=_memory(document, built(_folder(generate), "target").memory),
        versions=document["versions"],
    )
    return _with_frontend(measured, subject, generate) if whole and subject.frontend else measured


def _run(
    generate: GenerateOptions, run: RunOptions, wide: bool
) -> tuple[dict[str, Any], list[beats.Stretch]]:
    """The document of a deployment on QEMU, and if ``wide`` the stretches that it metered."""
    document = empty_document()
    running = replace(run, simulator="qemu", timeout=TIMEOUT_SECONDS)
    deploy(DeployOptions(generate, running), Progress(sys.stderr), document)
    if document["verdict"] != "verified":
        raise McuDeployError(f"{generate.output_dir}: {document['verdict']}: {document['first_difference']}")
    if not wide:
        return document, []
    folder = _folder(generate)
    executable = built(folder, "target").executable
    inputs = folder / RUN_FOLDER / INPUTS_FILE
    simulator = find_simulator(load_board(generate.board), "qemu")
    _, stretches = beats.count(executable, simulator, inputs, folder / "beats", TIMEOUT_SECONDS)
    return document, stretches


def _folder(generate: GenerateOptions) -> Path:
    assert generate.output_dir is not None
    return generate.output_dir.resolve()


def _extensions(board: str) -> Sequence[str]:
    core = load_board(board).core
    return core.extensions if core else ()


def _layers(folder: Path, document: dict[str, Any], stretches: Sequence[beats.Stretch]) -> tuple[Layer, ...]:
    """A step that makes several tensors has a stretch for each."""
    project = load_project(folder)
    left = list(stretches)
    layers = []
    for step, entry in zip(project.plan.steps, document["layers"], strict=True):
        mine = [left.pop(0) for _ in step.observed] if left else []
        operators = [project.planned.operators[index] for index in step.operators]
        instructions = entry["simulated_instructions"] or 0
        layers.append(
            Layer(
                step.index,
                tuple(operator_label(project.planned, operator) for operator in operators),
                _channels(project.planned, operators[0]),
                step.kernel,
                step.macs,
                instructions,
                instructions + sum(one.wide for one in mine),
            )
        )
    return tuple(layers)


def operator_label(graph: Graph, operator: Operator) -> str:
    """The operator, with the height and width of its window."""
    if operator.kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        height, width = graph.tensors[operator.inputs[1]].shape[1:3]
        return f"{operator.kind} {height}x{width}"
    if operator.kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        return f"{operator.kind} {operator.options['filter_height']}x{operator.options['filter_width']}"
    return operator.kind


def _channels(graph: Graph, operator: Operator) -> int:
    shape = next((graph.tensors[index].shape for index in operator.inputs if index >= 0), ())
    return shape[-1] if shape else 1


def _memory(document: dict[str, Any], use: MemoryUse | None) -> Memory:
    assert use is not None  # of a target build
    known = document["memory"]
    parts = {name: size.bytes for name, size in use.sets.items() if size.bytes}
    parts["vectors and initial values"] = use.code_bytes - sum(parts.values())
    return Memory(
        model=use.model_bytes,
        code=use.code_bytes,
        parts=parts,
        arena=known["arena_bytes"],
        stack=known["stack_bytes"],
        ram=known["ram_bytes"],
    )


def _with_frontend(measured: Measured, subject: Subject, bare: GenerateOptions) -> Measured:
    """The same with what a firmware with the front end adds."""
    assert subject.frontend is not None
    folder = Path(f"{_folder(bare)}-frontend")
    generate = replace(bare, frontend=subject.frontend, output_dir=folder)
    clip = noise(load_spec(subject.frontend), Path(f"{folder}.wav"))
    document, _ = _run(generate, RunOptions(inputs=(str(clip),)), wide=False)
    known = document["memory"]
    memory = replace(
        measured.memory,
        code_with_frontend=known["flash_code_bytes"],
        ram_with_frontend=known["ram_bytes"],
    )
    counts = document["runs"][0]["simulated_instructions"]
    return replace(measured, memory=memory, frontend_instructions=counts["frontend"])


def noise(spec: FrontendSpec, path: Path) -> Path:
    """A clip of noise, always the same."""
    samples = np.random.default_rng(0).integers(-8192, 8192, spec.clip_samples * spec.channels).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(spec.channels)
        file.setsampwidth(2)
        file.setframerate(spec.sample_rate_hz)
        file.writeframes(samples.tobytes())
    return path
