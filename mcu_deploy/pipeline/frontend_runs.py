"""Running a front end's firmware on clips, and pairing what it made with what Python makes."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mcu_deploy.errors import InputError
from mcu_deploy.frontend.reference import reference_stages
from mcu_deploy.frontend.spec import FrontendSpec, stages
from mcu_deploy.inputs import InputVector
from mcu_deploy.pipeline.frontend_project import FrontendFirmware, InputQuantisation
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.simulate import runner
from mcu_deploy.simulate.records import MAX_RECORDS_BYTES, PcmInput, RunRecord
from mcu_deploy.verify.runs import frontend_pairs

Array = npt.NDArray[np.generic]

_BATCH_BYTES = 64 << 20
_BUDGET = 10**10


@dataclass(frozen=True, eq=False)
class ComparedClip:
    """A clip that was run.

    Attributes:
        vector: the clip.
        pairs: by stage, in the order of computation, what Python and what the target made.
    """

    vector: InputVector
    pairs: dict[str, tuple[Array, Array]]


def run_clips(
    spec: FrontendSpec,
    quantisation: InputQuantisation,
    built: FrontendFirmware,
    inputs: Sequence[InputVector],
    timeout: float,
    progress: Progress,
) -> Iterator[ComparedClip]:
    """Every stage of every clip, from the target and from Python; batch by batch, to bound memory.

    Raises:
        InputError: a clip would record too much.
        SimulationError: the firmware did not come to its end, or recorded something else.
    """
    listed = stages(spec)
    for batch in _batches(inputs, spec):
        part = f"{len(batch)} of {len(inputs)}" if len(batch) < len(inputs) else f"{len(inputs)}"
        plural = "s" if len(inputs) != 1 else ""
        with progress.step(f"run {spec.name} on {built.simulator.name}: {part} clip{plural}"):
            record = run_once(built, batch, [stage.index for stage in listed], timeout)
        with progress.step("compute the same in Python"):
            for vector, run in zip(batch, record.runs, strict=True):
                assert vector.pcm is not None
                expected = reference_stages(spec, vector.pcm, quantisation.scale, quantisation.zero_point)
                pairs = {name: (want, have) for _, name, want, have in frontend_pairs(listed, expected, run)}
                yield ComparedClip(vector, pairs)


def run_once(
    built: FrontendFirmware, inputs: Sequence[InputVector], wanted: Sequence[int], timeout: float
) -> RunRecord:
    """One run of the firmware. Without ``wanted`` stages its counts of instructions are exact.

    Raises:
        SimulationError: it did not come to its end.
    """
    entries = [PcmInput(vector.pcm) for vector in inputs if vector.pcm is not None]
    options = runner.RunOptions(stages=wanted, timeout=timeout, budget=_BUDGET)
    with tempfile.TemporaryDirectory(prefix="mcu-deploy-frontend-") as name:
        return runner.run(built.firmware, built.board, built.simulator, entries, Path(name), options)


def _batches(inputs: Sequence[InputVector], spec: FrontendSpec) -> Iterator[list[InputVector]]:
    """As many at a time as record no more than a bound.

    Raises:
        InputError: one alone records more than is ever read.
    """
    size = sum(
        stage.vectors * (math.prod(stage.shape) * np.dtype(stage.dtype).itemsize + 24)
        for stage in stages(spec)
    )
    if size > MAX_RECORDS_BYTES:
        raise InputError(
            f"a clip of {spec.name} would record more than {MAX_RECORDS_BYTES >> 20} MiB", "give fewer frames"
        )
    count = max(1, _BATCH_BYTES // size)
    for start in range(0, len(inputs), count):
        yield list(inputs[start : start + count])
