"""``frontend check``: do the C on a simulator, Python, and the definition in float64 agree?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mcu_deploy.build import MemoryUse
from mcu_deploy.errors import InputError
from mcu_deploy.frontend.codegen import frontend_ram_bytes, frontend_table_bytes
from mcu_deploy.frontend.definition import defined_features
from mcu_deploy.frontend.spec import FrontendSpec, Stage, stages
from mcu_deploy.inputs import InputVector
from mcu_deploy.pipeline.frontend_deviation import Deviation
from mcu_deploy.pipeline.frontend_project import InputQuantisation, build_frontend
from mcu_deploy.pipeline.frontend_runs import ComparedClip, run_clips, run_once
from mcu_deploy.pipeline.frontend_signals import built_in_signals, recorded_windows
from mcu_deploy.pipeline.frontend_wheel import WHEEL_STAGE, beside_the_wheel
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.simulate.records import Run, RunRecord
from mcu_deploy.verify.compare import Difference, first_difference

Array = npt.NDArray[np.generic]
Arrays = Mapping[str, Array]

SCHEMA = "mcu-deploy/frontend-check/1"


@dataclass(frozen=True)
class CheckOptions:
    """What to run a front end on, and where.

    Attributes:
        board: a board's name, or its TOML file.
        simulator: ``native``, ``qemu``, ``fvp``, or None for the board's first.
        inputs: ``.wav`` files; none: signals that are made.
        hop: seconds between a WAV's windows, or None for the window's length.
        pad: fill a WAV's last window with zeros.
        timeout: bound on the wall time of a batch on the simulator, seconds.
    """

    board: str = "corstone-300"
    simulator: str | None = None
    inputs: tuple[str, ...] = ()
    hop: float | None = None
    pad: bool = False
    timeout: float = 300.0


class StageTally:
    """One stage, compared over all vectors."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.vectors = 0
        self.elements = 0
        self.differing = 0
        self.python = Deviation()
        self.target = Deviation()
        self.first: tuple[InputVector, Difference] | None = None

    def add(
        self, source: InputVector, expected: Array, actual: Array, exact: npt.NDArray[np.float64] | None
    ) -> None:
        """What Python and target made of one input, and what it should be, where that is defined."""
        self.vectors += len(expected) if self.stage.per_frame else 1
        self.elements += expected.size
        difference = first_difference("frontend", self.stage.name, expected, actual)
        if difference is not None:
            self.differing += difference.differing
            self.first = self.first or (source, difference)
        if exact is not None:
            self.python.add(expected, exact)
            self.target.add(actual, exact)

    def entry(self) -> dict[str, Any]:
        """What a document says of it."""
        return {
            "stage": self.stage.name,
            "dtype": self.stage.dtype,
            "vectors": self.vectors,
            "elements": self.elements,
            "bits_equal": self.differing == 0,
            "differing": self.differing,
            "python_against_float64": self.python.entry(),
            "target_against_float64": self.target.entry(),
        }


def check_frontend(
    spec: FrontendSpec, quantisation: InputQuantisation, options: CheckOptions, progress: Progress
) -> dict[str, Any]:
    """Runs the front end on a simulator and compares every stage of every input.

    Args:
        spec: the front end.
        quantisation: of the int8 tensor that it fills.
        options: inputs, board and simulator.
        progress: gets the steps.

    Returns:
        an entry of ``checks`` in the document: ``verdict`` is ``verified``, ``differs`` or, where no bits are
        promised, ``measured``.

    Raises:
        McuDeployError: an input is refused, or the firmware could not be built or run.
    """
    if options.inputs:
        inputs = recorded_windows(options.inputs, spec, options.hop, options.pad)
    else:
        inputs = built_in_signals(spec)
    built = build_frontend(spec, quantisation, options.board, options.simulator, progress)
    tallies = {stage.name: StageTally(stage) for stage in stages(spec)}
    wheel = Deviation()
    for clip in run_clips(spec, quantisation, built, inputs, options.timeout, progress):
        _compare(spec, clip, tallies, wheel)
    with progress.step("count instructions"):
        counted = _longest(inputs)
        record = run_once(built, [counted], (), options.timeout)
    return {
        "frontend": spec.name,
        "precision": spec.precision if spec.spectral else None,
        "arithmetic": spec.arithmetic if spec.spectral else None,
        "board": built.board.name,
        "simulator": built.simulator.name,
        "quantisation": asdict(quantisation),
        "verdict": verdict(spec, all(tally.differing == 0 for tally in tallies.values())),
        "inputs": [
            {"input": vector.source, "start_seconds": vector.start_seconds, "samples": _samples(vector, spec)}
            for vector in inputs
        ],
        "stages": [tally.entry() for tally in tallies.values()],
        "wheel_against_python": {"stage": WHEEL_STAGE, **(wheel.entry() or {})} if wheel.known else None,
        "first_difference": _first(tallies),
        "simulated_instructions": _instructions(spec, counted, record.runs[0]),
        "memory": _memory(spec, built.firmware.memory, record),
    }


def _compare(
    spec: FrontendSpec, clip: ComparedClip, tallies: Mapping[str, StageTally], wheel: Deviation
) -> None:
    assert clip.vector.pcm is not None
    exact = defined_features(spec, clip.vector.pcm)
    for name, (want, have) in clip.pairs.items():
        tallies[name].add(clip.vector, want, have, comparable(tallies[name].stage, want, exact))
    beside = beside_the_wheel(spec, clip.vector.pcm)
    if beside is not None:
        from_wheel, from_python = beside
        wheel.add(from_wheel, from_python.astype(np.float64))


def comparable(
    stage: Stage, made: Array, exact: Mapping[str, npt.NDArray[np.float64]]
) -> npt.NDArray[np.float64] | None:
    """The definition's values of a stage of floats, its spectrum cut to the bins that are computed."""
    values = exact.get(stage.name)
    if values is None or not np.issubdtype(made.dtype, np.floating):
        return None
    values = values[..., : made.shape[-1]] if stage.name == "spectrum" else values
    return values.reshape(made.shape)


def verdict(spec: FrontendSpec, equal: bool) -> str:
    """``verified`` or ``differs``; where bits are not promised ``measured``, whatever they are."""
    if not spec.promises_bits:
        return "measured"
    return "verified" if equal else "differs"


def _first(tallies: Mapping[str, StageTally]) -> dict[str, Any] | None:
    """The first difference in the order of computation: of the first stage that has one."""
    for tally in tallies.values():
        if tally.first is not None:
            vector, difference = tally.first
            return {"input": vector.source, "start_seconds": vector.start_seconds} | asdict(difference)
    return None


def _samples(vector: InputVector, spec: FrontendSpec) -> int:
    assert vector.pcm is not None
    return vector.pcm.size // spec.channels


def _longest(inputs: Sequence[InputVector]) -> InputVector:
    """The last of full length: of the signals made here the chirp."""
    if not inputs:
        raise InputError("there is no input", "give a .wav file by --input, or none at all")
    return max(reversed(inputs), key=lambda vector: 0 if vector.pcm is None else vector.pcm.size)


def _instructions(spec: FrontendSpec, vector: InputVector, run: Run) -> dict[str, Any] | None:
    """Of one clip, without observers; None where nothing counts them."""
    if not run.frontend_instructions:
        return None
    frames = spec.frames_in(_samples(vector, spec))
    return {
        "input": vector.source,
        "clip": run.frontend_instructions,
        "frames": frames,
        "per_frame": round(run.frontend_instructions / frames),
    }


def _memory(spec: FrontendSpec, use: MemoryUse | None, record: RunRecord) -> dict[str, Any]:
    """What the front end adds to a firmware; flash is known of a target build only."""
    sets = [use.sets[name] for name in ("frontend", "cmsis_dsp") if name in use.sets] if use else []
    return {
        "flash_bytes": sum(one.bytes for one in sets) if use else None,
        "flash_code_bytes": sum(one.code_bytes for one in sets) if use else None,
        "flash_table_bytes": frontend_table_bytes(spec),
        "ram_bytes": frontend_ram_bytes(spec),
        "stack_bytes": record.stack_used if record.stack_bytes else None,
    }
