"""``inputs.bin`` and ``records.bin``, the Python side.

Both formats are defined in ``firmware_templates/app/md_exchange.h``. What the target wrote is untrusted:
anything but a complete, consistent file that ends with END is a ``SimulationError``.
"""

from __future__ import annotations

import enum
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mcu_deploy.detect import Detection, Smoothing
from mcu_deploy.errors import McuDeployError, SimulationError
from mcu_deploy.simulate.faults import Fault
from mcu_deploy.simulate.npu_counts import COUNTS as NPU_COUNTS
from mcu_deploy.simulate.npu_counts import NpuCounts
from mcu_deploy.simulate.npu_failures import FAILURE, NpuFailure, NpuFailureError
from mcu_deploy.simulate.tflm_failures import TflmFailureError

INPUTS_FILE = "inputs.bin"
RECORDS_FILE = "records.bin"
MAX_RECORDS_BYTES = 1 << 30

_INPUTS_MAGIC = 0x4E49444D
_RECORDS_MAGIC = 0x4352444D
_VERSION = 1
_INPUTS_HEADER_BYTES = 40
_RECORDS_HEADER = struct.Struct("<2I")
_RECORD_HEADER = struct.Struct("<5I")
_END = struct.Struct("<5I")
_FAULT = struct.Struct("<10I")
_COUNTS = struct.Struct("<2Q")
_COUNT = struct.Struct("<Q")
_SUM = struct.Struct("<i")
_STREAM = struct.Struct("<2I")
_SMOOTHING = struct.Struct("<IiI")


class Flags(enum.IntFlag):
    """What the firmware is to record besides inputs, outputs and counts (``MD_FLAG_``)."""

    NONE = 0
    TENSORS = 1
    STEPS = 2


class _Type(enum.IntEnum):
    """``MD_RECORD_``."""

    RUN = 1
    FRONTEND = 2
    INPUT = 3
    TENSOR = 4
    STEP = 5
    OUTPUT = 6
    COUNTS = 7
    END = 8
    FAULT = 9
    ERROR = 10
    DETECTION = 11
    NPU = 12
    NPU_COUNTS = 13
    TFLM = 14
    ARENA = 15


_REFUSALS = {
    1: "it cannot open inputs.bin",
    2: "inputs.bin ends too early",
    3: "the header of inputs.bin is not valid",
    4: "the kind of entry is unknown, or is audio that the firmware cannot take",
    5: "the entry is not of the length that the model or the front end takes",
    6: "bytes follow the last entry of inputs.bin",
}


@dataclass(frozen=True, eq=False)
class TensorInput:
    """All inputs of the model for one run: their bytes, one tensor after another."""

    data: bytes


@dataclass(frozen=True, eq=False)
class PcmInput:
    """One clip for the front end: int16, shape (clip_samples * channels,)."""

    samples: npt.NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class StreamInput:
    """A signal for the front end, which is to make a run of each of its windows.

    Attributes:
        samples: int16, shape (samples * channels,).
        stride: hops between two windows.
        windows: that the samples make.
        smoothing: of the first output's scores; None to detect nothing.
        outputs: elements of that output, as the firmware was built for (`stream_sources`).
    """

    samples: npt.NDArray[np.int16]
    stride: int
    windows: int
    smoothing: Smoothing | None
    outputs: int


RunInput = TensorInput | PcmInput | StreamInput


@dataclass(frozen=True)
class Scale:
    """How the target's ticks become instructions: ``round(ticks * multiplier / 2**shift)``."""

    multiplier: int = 0
    shift: int = 1


@dataclass(frozen=True)
class FrontendVector:
    """What a stage of the front end made for a frame (0 for what is made once a clip)."""

    stage: int
    frame: int
    data: bytes


@dataclass(frozen=True)
class TensorRecord:
    """A tensor's bytes.

    Attributes:
        tensor: index in the TFLite subgraph.
        position: of an input or output its place in the model's list; else the step that made it.
    """

    tensor: int
    position: int
    data: bytes


@dataclass(frozen=True)
class StepCount:
    """Instructions that ``step`` took up to the moment it had made ``tensor``."""

    step: int
    tensor: int
    instructions: int


@dataclass(frozen=True)
class Run:
    """What the firmware computed for one entry, or for one window of a stream.

    Attributes:
        frontend: the vectors of the stages asked for, in the order made.
        inputs: the model's inputs, as it was given them.
        tensors: with ``Flags.TENSORS``, what each step made, in order.
        steps: with ``Flags.STEPS``, in order.
        outputs: the model's outputs.
        frontend_instructions, inference_instructions: 0 where the machine does not count.
        observed: calls of observers within the counted code; 0 means that the counts are exact.
        detection: that the window of a stream made.
        npu: what the NPU's functional model counted; None where it was not used.
        arena_used: bytes of the arena that TFLite Micro uses; None where it does not run the model.
    """

    frontend: tuple[FrontendVector, ...]
    inputs: tuple[TensorRecord, ...]
    tensors: tuple[TensorRecord, ...]
    steps: tuple[StepCount, ...]
    outputs: tuple[TensorRecord, ...]
    frontend_instructions: int
    inference_instructions: int
    observed: int
    detection: Detection | None = None
    npu: NpuCounts | None = None
    arena_used: int | None = None


@dataclass(frozen=True)
class RunRecord:
    """A complete ``records.bin``.

    Attributes:
        runs: one an entry, or a window of a stream, in order.
        stack_bytes: size of the stack, 0 where unknown.
        stack_used: its high-water mark.
    """

    runs: tuple[Run, ...]
    stack_bytes: int
    stack_used: int


class FirmwareFaultError(SimulationError):
    """The firmware reported a fault; ``fault`` has no symbols yet, because those are in the ELF."""

    def __init__(self, fault: Fault, run: int) -> None:
        """Make the error for a fault during ``run`` (-1: before the first)."""
        super().__init__(f"the firmware faulted: {fault.describe()}")
        self.fault = fault
        self.run = run


def write_inputs(
    path: Path,
    inputs: Sequence[RunInput],
    flags: Flags = Flags.NONE,
    stages: Sequence[int] = (),
    scale: Scale | None = None,
    budget_ticks: int = 0,
) -> None:
    """Writes ``inputs.bin``.

    Args:
        path: of the file.
        inputs: entries in order.
        flags: what to record.
        stages: indices (0 to 31) of the front end's stages to record.
        scale: how ticks become instructions; None where nothing is counted.
        budget_ticks: what one run may use at most, 0 to 2**64-1; 0 for no limit.

    Raises:
        McuDeployError: the file cannot be written.
    """
    scale = scale or Scale()
    mask = 0
    for stage in stages:
        mask |= 1 << stage
    try:
        with path.open("wb") as file:
            file.write(struct.pack("<5I", _INPUTS_MAGIC, _VERSION, flags, mask, len(inputs)))
            file.write(struct.pack("<3IQ", scale.multiplier, scale.shift, 0, budget_ticks))
            for entry in inputs:
                kind, data = _payload(entry)
                file.write(struct.pack("<2I", kind, len(data)) + data + bytes(-len(data) % 4))
    except OSError as error:
        raise McuDeployError(f"cannot write {path}: {error.strerror}", "free some space") from None


def _payload(entry: RunInput) -> tuple[int, bytes]:
    """``MD_ENTRY_`` and the bytes of an entry."""
    if isinstance(entry, TensorInput):
        return 1, entry.data
    samples = entry.samples.astype("<i2").tobytes()
    if isinstance(entry, PcmInput):
        return 2, samples
    smoothing = entry.smoothing or Smoothing(0, 0, 0, frozenset())
    ignored = np.zeros(-(-entry.outputs // 32), "<u4")
    for output in smoothing.ignored:
        ignored[output // 32] |= np.uint32(1 << output % 32)
    head = _STREAM.pack(entry.stride, entry.windows)
    head += _SMOOTHING.pack(smoothing.windows, smoothing.threshold, smoothing.suppress)
    return 3, head + ignored.tobytes() + samples


def read_inputs_file(path: Path, outputs: int = 1) -> list[RunInput]:
    """The entries of an ``inputs.bin`` that ``write_inputs`` wrote.

    Args:
        path: of the file.
        outputs: of its streams (`StreamInput.outputs`).

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged.
    """
    data = path.read_bytes()
    try:
        magic, version, _, _, count = struct.unpack_from("<5I", data)
        if (magic, version) != (_INPUTS_MAGIC, _VERSION):
            raise ValueError(f"{path} does not start with the header of version 1")
        entries: list[RunInput] = []
        position = _INPUTS_HEADER_BYTES
        for _ in range(count):
            kind, size = struct.unpack_from("<2I", data, position)
            payload = data[position + 8 : position + 8 + size]
            if len(payload) != size or kind not in (1, 2, 3):
                raise ValueError(f"{path} is damaged at byte {position}")
            entries.append(_parsed(kind, payload, outputs))
            position += 8 + size + -size % 4
    except struct.error:
        raise ValueError(f"{path} ends too early") from None
    return entries


def _parsed(kind: int, payload: bytes, outputs: int) -> RunInput:
    """The reverse of ``_payload``; ValueError or struct.error for what it cannot have made."""
    if kind == 1:
        return TensorInput(payload)
    if kind == 2:
        return PcmInput(_samples(payload))
    stride, windows = _STREAM.unpack_from(payload)
    averaged, threshold, suppress = _SMOOTHING.unpack_from(payload, _STREAM.size)
    words = -(-outputs // 32)
    mask = np.frombuffer(payload, "<u4", words, _STREAM.size + _SMOOTHING.size)
    ignored = frozenset(n for n in range(outputs) if mask[n // 32] >> np.uint32(n % 32) & 1)
    smoothing = Smoothing(averaged, threshold, suppress, ignored) if averaged else None
    samples = _samples(payload[_STREAM.size + _SMOOTHING.size + 4 * words :])
    return StreamInput(samples, stride, windows, smoothing, outputs)


def _samples(data: bytes) -> npt.NDArray[np.int16]:
    return np.frombuffer(data, dtype="<i2").astype(np.int16, copy=False)


def read_records(path: Path, expected_runs: int) -> RunRecord:
    """Reads ``records.bin``.

    Args:
        path: of the file.
        expected_runs: how many entries and windows of streams the firmware was given.

    Raises:
        FirmwareFaultError: it ends with a fault report.
        NpuFailureError: it ends with the report of an NPU's failure.
        TflmFailureError: it ends with the report of TFLite Micro's failure.
        SimulationError: it is missing, cut short, damaged, or ends with a refusal.
    """
    try:
        if path.stat().st_size > MAX_RECORDS_BYTES:
            raise SimulationError(f"{path.name} is larger than {MAX_RECORDS_BYTES} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise SimulationError(f"the firmware left no {path.name} ({error.strerror})") from None
    return _Reader(data, path.name, expected_runs).read()


@dataclass
class _OpenRun:
    """A run whose COUNTS record has not come yet."""

    frontend: list[FrontendVector] = field(default_factory=list)
    inputs: list[TensorRecord] = field(default_factory=list)
    tensors: list[TensorRecord] = field(default_factory=list)
    steps: list[StepCount] = field(default_factory=list)
    outputs: list[TensorRecord] = field(default_factory=list)
    detection: Detection | None = None
    npu: NpuCounts | None = None
    arena_used: int | None = None

    def close(self, observed: int, frontend: int, inference: int) -> Run:
        return Run(
            tuple(self.frontend),
            tuple(self.inputs),
            tuple(self.tensors),
            tuple(self.steps),
            tuple(self.outputs),
            frontend,
            inference,
            observed,
            self.detection,
            self.npu,
            self.arena_used,
        )


class _Reader:
    """One pass over the records, which checks each against what may come next."""

    def __init__(self, data: bytes, name: str, expected_runs: int) -> None:
        self._data = data
        self._name = name
        self._expected_runs = expected_runs
        self._position = 0
        self._records = 0
        self._runs: list[Run] = []
        self._open: _OpenRun | None = None

    def _error(self, what: str) -> SimulationError:
        return SimulationError(f"{self._name} at byte {self._position}: {what}")

    def read(self) -> RunRecord:
        if len(self._data) < _RECORDS_HEADER.size:
            raise self._error("it ends within its header")
        if _RECORDS_HEADER.unpack_from(self._data) != (_RECORDS_MAGIC, _VERSION):
            raise self._error("it does not start with the header of version 1")
        self._position = _RECORDS_HEADER.size
        while True:
            kind, id_, run, aux, payload = self._next()
            if kind == _Type.END:
                return self._end(payload)
            if kind == _Type.FAULT:
                raise FirmwareFaultError(Fault(*self._unpack(_FAULT, payload)), self._current_run())
            if kind == _Type.ERROR:
                raise SimulationError(
                    f"the firmware refused entry {run}: {_REFUSALS.get(id_, f'reason {id_}')}"
                )
            if kind == _Type.NPU:
                raise NpuFailureError(NpuFailure(*self._unpack(FAILURE, payload)))
            if kind == _Type.TFLM:
                raise TflmFailureError(id_, aux, payload)
            self._check_run(kind, run)
            self._add(kind, id_, aux, payload)
            self._records += 1
            self._position += _RECORD_HEADER.size + len(payload) + -len(payload) % 4

    def _current_run(self) -> int:
        return len(self._runs) - (self._open is None)

    def _next(self) -> tuple[_Type, int, int, int, bytes]:
        start = self._position + _RECORD_HEADER.size
        if start > len(self._data):
            raise self._error("it ends without an END record")
        number, id_, run, aux, size = _RECORD_HEADER.unpack_from(self._data, self._position)
        try:
            kind = _Type(number)
        except ValueError:
            raise self._error(f"unknown record type {number}") from None
        end = start + size
        if end + -size % 4 > len(self._data):
            raise self._error(f"it ends within the {size} bytes of a {kind.name} record")
        if any(self._data[end : end + -size % 4]):
            raise self._error("padding is not zero")
        return kind, id_, run, aux, self._data[start:end]

    def _unpack(self, layout: struct.Struct, payload: bytes) -> tuple[int, ...]:
        if len(payload) != layout.size:
            raise self._error(f"a record of {len(payload)} bytes, {layout.size} expected")
        return layout.unpack(payload)

    def _check_run(self, kind: _Type, run: int) -> None:
        if (kind == _Type.RUN) != (self._open is None):
            raise self._error(f"a {kind.name} record out of place")
        if run != len(self._runs) or run >= self._expected_runs:
            raise self._error(f"a {kind.name} record of run {run}")

    def _add(self, kind: _Type, id_: int, aux: int, payload: bytes) -> None:
        if self._open is None:
            self._unpack(struct.Struct(""), payload)
            self._open = _OpenRun()
        elif kind == _Type.FRONTEND:
            self._open.frontend.append(FrontendVector(id_, aux, payload))
        elif kind == _Type.INPUT:
            self._open.inputs.append(TensorRecord(id_, aux, payload))
        elif kind == _Type.TENSOR:
            self._open.tensors.append(TensorRecord(id_, aux, payload))
        elif kind == _Type.STEP:
            self._open.steps.append(StepCount(aux, id_, *self._unpack(_COUNT, payload)))
        elif kind == _Type.OUTPUT:
            self._open.outputs.append(TensorRecord(id_, aux, payload))
        elif kind == _Type.DETECTION:
            if self._open.detection is not None:
                raise self._error("a second detection in one window")
            self._open.detection = Detection(id_, *self._unpack(_SUM, payload))
        elif kind == _Type.NPU_COUNTS:
            if self._open.npu is not None:
                raise self._error("a second count of the NPU's work in one run")
            self._open.npu = NpuCounts(*self._unpack(NPU_COUNTS, payload))
        elif kind == _Type.ARENA:
            self._unpack(struct.Struct(""), payload)
            if id_ > aux:
                raise self._error(f"{id_} bytes used of an arena of {aux}")
            self._open.arena_used = id_
        else:
            self._runs.append(self._open.close(aux, *self._unpack(_COUNTS, payload)))
            self._open = None

    def _end(self, payload: bytes) -> RunRecord:
        runs, records, stack_bytes, stack_used, crc = self._unpack(_END, payload)
        end = self._position + _RECORD_HEADER.size + _END.size
        if end != len(self._data):
            raise self._error(f"{len(self._data) - end} bytes after END")
        if zlib.crc32(self._data[: end - 4]) != crc:
            raise self._error("the CRC is wrong: the file is damaged")
        if self._open is not None or runs != len(self._runs) or runs != self._expected_runs:
            raise self._error(f"END after {runs} runs, {self._expected_runs} expected")
        if records != self._records:
            raise self._error(f"END counts {records} records, there are {self._records}")
        if stack_used > stack_bytes:
            raise self._error(f"{stack_used} bytes used of a stack of {stack_bytes}")
        return RunRecord(tuple(self._runs), stack_bytes, stack_used)
