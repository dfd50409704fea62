"""The firmware with a toy model, on the host and on QEMU: what it computes, counts, and how it fails."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import toy

from mcu_deploy.boards.types import Board
from mcu_deploy.build import Firmware, build
from mcu_deploy.detect import MAX_WINDOWS, Smoothing, detections
from mcu_deploy.errors import InputError, SimulationError, ToolMissingError
from mcu_deploy.simulate import qemu
from mcu_deploy.simulate.records import (
    INPUTS_FILE,
    RECORDS_FILE,
    Flags,
    PcmInput,
    Run,
    RunInput,
    RunRecord,
    StreamInput,
    TensorInput,
    write_inputs,
)
from mcu_deploy.simulate.runner import Launch, RunOptions, execute, find_simulator, preset_for, run

PCM = np.arange(15, dtype=np.int16)
DATA = bytes(range(1, 13))

Start = Callable[..., RunRecord]
Get = Callable[[str], Firmware]

SIMULATORS = ("native", pytest.param("qemu", marks=pytest.mark.qemu))


@pytest.fixture
def start(board: Board, firmware: Get, tmp_path: Path) -> Start:
    def on(name: str, inputs: list[RunInput], **options: object) -> RunRecord:
        simulator = find_simulator(board, name)
        settings = RunOptions(**{"timeout": 30.0, **options})  # type: ignore[arg-type]
        return run(firmware(preset_for(simulator)), board, simulator, inputs, tmp_path / "run", settings)

    return on


def features(pcm: np.ndarray) -> bytes:
    """What the toy's front end makes of a clip, frame by frame."""
    frames = [pcm[3 * frame : 3 * frame + 5] for frame in range(3)]
    return b"".join((frame[:4] + frame[1:]).astype(np.int8).tobytes() for frame in frames)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_tensors_and_pcm_are_computed_and_recorded(start: Start, simulator: str) -> None:
    record = start(simulator, [TensorInput(DATA), PcmInput(PCM)], flags=Flags.TENSORS, stages=(0, 2))
    for found, given in zip(record.runs, (DATA, features(PCM)), strict=True):
        middle, output = toy.expected(given)
        assert [(t.tensor, t.data) for t in found.inputs] == [(0, given)]
        assert [(t.tensor, t.position, t.data) for t in found.tensors] == [(1, 0, middle), (2, 1, output)]
        assert [(t.tensor, t.position, t.data) for t in found.outputs] == [(2, 0, output)]
    assert record.runs[0].frontend == ()
    vectors = [(v.stage, v.frame, v.data) for v in record.runs[1].frontend]
    frames = [(0, frame, PCM[3 * frame : 3 * frame + 5].tobytes()) for frame in range(3)]
    assert vectors == [*frames, (2, 0, features(PCM))]


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_a_stream_is_run_window_by_window(start: Start, simulator: str) -> None:
    """The same runs as of its windows alone, with the detections; what follows it starts afresh."""
    pcm = np.random.default_rng(2).integers(-49, 49, 100).astype(np.int16)
    smoothing = Smoothing(2, 40, 1, frozenset({5}))
    windows = [pcm[6 * n :][:11] for n in range(15)]
    stream = StreamInput(pcm, 2, len(windows), smoothing, toy.BYTES)
    record = start(simulator, [stream, PcmInput(PCM), stream], stages=(0,))
    outputs = []
    for found, window in zip(record.runs[:15], windows, strict=True):
        given = features(window)
        assert found.frontend == ()
        assert [(t.tensor, t.data) for t in found.inputs] == [(0, given)]
        assert [(t.tensor, t.data) for t in found.outputs] == [(2, toy.expected(given)[1])]
        outputs.append(np.frombuffer(found.outputs[0].data, np.int8))
    expected = detections(smoothing, outputs)
    assert sum(detection is not None for detection in expected) > 2
    assert [found.detection for found in record.runs] == [*expected, None, *expected]
    assert len(record.runs[15].frontend) == 3


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_no_entries_and_many_entries(start: Start, simulator: str) -> None:
    assert start(simulator, []).runs == ()
    generator = np.random.default_rng(1)
    inputs = [TensorInput(b"\0" + generator.bytes(toy.BYTES - 1)) for _ in range(100)]
    outputs = [found.outputs[0].data for found in start(simulator, inputs).runs]
    assert outputs == [toy.expected(entry.data)[1] for entry in inputs]


def loop(turns: int) -> TensorInput:
    return TensorInput(bytes([toy.LOOP]) + struct.pack("<I", turns)[:3] + bytes(8))


@pytest.mark.qemu
def test_counts_are_exact_and_repeatable(start: Start) -> None:
    turns = [0, 1, 2, 3, 7, 1000, 99_999, 1_000_000, 0]
    counts = [found.inference_instructions for found in start("qemu", [loop(n) for n in turns]).runs]
    assert [count - 2 * n for count, n in zip(counts, turns, strict=True)] == [counts[0]] * len(turns)
    again = start("qemu", [loop(n) for n in reversed(turns)], budget=0).runs
    assert [found.inference_instructions for found in reversed(again)] == counts
    assert all(found.observed == 0 for found in again)


@pytest.mark.qemu
def test_watching_costs_a_few_instructions_a_call(start: Start) -> None:
    inputs = [loop(1000), PcmInput(PCM)]
    plain = start("qemu", inputs).runs
    watched = start("qemu", inputs, flags=Flags.TENSORS | Flags.STEPS, stages=(1,)).runs
    for before, after in zip(plain, watched, strict=True):
        added = after.frontend_instructions - before.frontend_instructions
        added += after.inference_instructions - before.inference_instructions
        assert 0 < added <= 20 * after.observed
    steps = watched[0].steps
    assert [(count.step, count.tensor) for count in steps] == [(0, 1), (1, 2)]
    assert steps[0].instructions > 2000 > steps[1].instructions
    left = watched[0].inference_instructions - sum(count.instructions for count in steps)
    assert 0 <= left < 20


@pytest.mark.qemu
def test_the_stack_is_measured(start: Start) -> None:
    record = start("qemu", [TensorInput(DATA)])
    assert record.stack_bytes == 16 * 1024
    assert 100 < record.stack_used < 1024


@pytest.mark.qemu
@pytest.mark.parametrize(
    ("how", "words"),
    [
        (toy.HANG, ("instruction budget exhausted", "(toy_misbehave+", "LR 0x", "(md_model_invoke+")),
        (toy.UNDEFINED, ("UsageFault (undefined instruction)", "(toy_misbehave+")),
        (toy.RECURSE, ("UsageFault (stack overflow)", "(stack overflow); 163")),
        (toy.WILD_READ, ("BusFault (precise data bus error)", "(toy_misbehave+", "address 0x50400000")),
        (toy.WILD_CALL, ("instruction access violation", "at 0xe0000000", "(md_model_invoke+")),
        (toy.DIVIDE, ("UsageFault (division by zero)", "(toy_misbehave+")),
        (toy.EXIT, ("ended with exit status 0", "records.bin")),
    ],
)
def test_misbehaviour_is_named(start: Start, how: int, words: tuple[str, ...]) -> None:
    inputs = [TensorInput(DATA), TensorInput(bytes([how, *DATA[1:]])), TensorInput(DATA)]
    with pytest.raises(SimulationError) as error:
        start("qemu", inputs, budget=10**6)
    for word in words:
        assert word in error.value.message
    hints = {toy.HANG: "it may loop for ever", toy.RECURSE: "set a larger [stack] size in the board file"}
    assert hints.get(how) in (None, error.value.hint)
    assert error.value.hint
    assert ("in entry 1" in error.value.message) == (how != toy.EXIT)


@pytest.mark.qemu
def test_the_budget_is_each_entrys_own(start: Start) -> None:
    assert len(start("qemu", [loop(40_000)] * 5, budget=100_000).runs) == 5
    with pytest.raises(SimulationError, match="instruction budget exhausted"):
        start("qemu", [loop(60_000)], budget=100_000)


@pytest.mark.parametrize(
    ("simulator", "how"),
    [("native", toy.HANG), pytest.param("qemu", toy.HANG_MASKED, marks=pytest.mark.qemu)],
)
def test_a_hang_is_stopped_by_the_clock(start: Start, simulator: str, how: int) -> None:
    with pytest.raises(SimulationError, match=r"did not end within 0\.5 s"):
        start(simulator, [TensorInput(bytes([how, *DATA[1:]]))], timeout=0.5)


def test_a_native_crash_is_named(start: Start) -> None:
    with pytest.raises(SimulationError, match="killed by SIGSEGV"):
        start("native", [TensorInput(bytes([toy.WILD_READ, *DATA[1:]]))])


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (TensorInput(DATA[:-1]), "not of the length"),
        (TensorInput(DATA * 2), "not of the length"),
        (PcmInput(PCM[:-5]), "not of the length"),
        (StreamInput(PCM, 1, 3, None, toy.BYTES), "not of the length"),
        (StreamInput(PCM, 0, 2, None, toy.BYTES), "not of the length"),
        (
            StreamInput(PCM, 1, 2, Smoothing(MAX_WINDOWS + 1, 0, 0, frozenset()), toy.BYTES),
            "not of the length",
        ),
        (PcmInput(np.zeros(1 << 16, np.int16)), "not of the length"),
    ],
)
def test_entries_of_a_wrong_length_are_refused(
    start: Start, simulator: str, entry: RunInput, reason: str
) -> None:
    with pytest.raises(SimulationError, match=rf"refused entry [13]: .*{reason}"):
        start(simulator, [TensorInput(DATA), entry])


def _execute(board: Board, firmware: Get, simulator: str, folder: Path) -> RunRecord:
    """Runs on the files that already lie in ``folder``."""
    built = firmware(preset_for(find_simulator(board, simulator)))
    arguments = (str(built.executable),)
    if simulator == "qemu":
        arguments = qemu.command(find_simulator(board, "qemu"), built.executable)
    return execute(Launch(arguments), built.executable, 1, folder, 30)


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("entries", [1, 200])
def test_a_full_disk_is_reported(
    board: Board, firmware: Get, simulator: str, tmp_path: Path, entries: int
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("/dev/full is not there")
    (tmp_path / RECORDS_FILE).symlink_to("/dev/full")
    write_inputs(tmp_path / INPUTS_FILE, [TensorInput(DATA)] * entries)
    with pytest.raises(SimulationError, match=r"could not write records\.bin") as error:
        _execute(board, firmware, simulator, tmp_path)
    assert "disk" in error.value.hint


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_missing_inputs_are_refused(board: Board, firmware: Get, simulator: str, tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match=r"cannot open inputs\.bin"):
        _execute(board, firmware, simulator, tmp_path)


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize(
    ("cut", "tail", "reason"),
    [
        (-1, b"", "inputs.bin ends too early"),
        (-13, b"", "inputs.bin ends too early"),
        (30, b"", "inputs.bin ends too early"),
        (0, b"", "inputs.bin ends too early"),
        (None, b"\0", "bytes follow the last entry"),
    ],
)
def test_damaged_inputs_are_refused(
    board: Board, firmware: Get, simulator: str, tmp_path: Path, cut: int | None, tail: bytes, reason: str
) -> None:
    path = tmp_path / INPUTS_FILE
    write_inputs(path, [TensorInput(DATA)])
    path.write_bytes(path.read_bytes()[:cut] + tail)
    with pytest.raises(SimulationError) as error:
        _execute(board, firmware, simulator, tmp_path)
    assert reason in error.value.message


@pytest.mark.qemu
def test_a_killed_simulator_is_named(start: Start, tmp_path: Path) -> None:
    def kill() -> None:
        for _ in range(200):
            for process in Path("/proc").glob("[0-9]*"):
                if "qemu-system-arm" in _command(process) and str(tmp_path) in _cwd(process.name):
                    time.sleep(0.2)
                    os.kill(int(process.name), signal.SIGKILL)
                    return
            time.sleep(0.02)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        with pytest.raises(SimulationError, match="the simulation was killed by SIGKILL"):
            start("qemu", [TensorInput(bytes([toy.HANG_MASKED, *DATA[1:]]))])
    finally:
        thread.join()


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except OSError:
        return ""


def _cwd(pid: str) -> str:
    try:
        return str(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:
        return ""


def test_simulators_that_are_not_there(
    board: Board, firmware: Get, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="corstone-300 has no simulator 'renode'"):
        start("renode", [])
    fake = Firmware(Path("firmware.elf"), "target", None)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ToolMissingError, match="cannot find qemu-system-arm") as error:
        run(fake, board, find_simulator(board, "qemu"), [], Path("unused"))
    assert "apt install" in error.value.hint


def test_the_sanitised_firmware_refuses_mutated_inputs(board: Board, tmp_path: Path) -> None:
    """200 mutations, seed 4: accepted or refused, never a sanitizer's report."""
    model = toy.MODEL.replace("toy_misbehave(arena[0]);", "toy_misbehave(0);")
    toy.write_project(tmp_path, board, toy.source_sets(board, frontend=True, model=model))
    executable = build(tmp_path, "sanitize").executable
    generator = np.random.default_rng(4)
    path = tmp_path / INPUTS_FILE
    stream = StreamInput(PCM, 1, 2, Smoothing(2, 1, 0, frozenset({3})), toy.BYTES)
    write_inputs(path, [TensorInput(DATA), PcmInput(PCM), stream, TensorInput(DATA)], Flags.TENSORS, (0, 1))
    good = path.read_bytes()
    endings = []
    for _ in range(200):
        changed = bytearray(good)
        for _ in range(generator.integers(1, 4)):
            at = int(generator.integers(len(changed)))
            choice = generator.integers(3)
            if choice == 0:
                changed[at] = generator.integers(256)
            elif choice == 1:
                del changed[max(at, 1) :]
            else:
                changed[at:at] = generator.bytes(generator.integers(1, 20))
        path.write_bytes(changed)
        finished = subprocess.run((str(executable),), cwd=tmp_path, capture_output=True, timeout=20)
        assert finished.returncode in (0, 2), finished.stderr.decode()
        endings.append(finished.returncode)
    assert endings.count(2) > 100
    assert endings.count(0) > 5


def test_runs_share_nothing_with_an_earlier_run(start: Start, tmp_path: Path) -> None:
    """A firmware that writes nothing must not pass for the run before it."""
    start("native", [TensorInput(DATA)])
    with pytest.raises(SimulationError):
        start("native", [TensorInput(bytes([toy.EXIT, *DATA[1:]]))])
    good: Run = start("native", [TensorInput(DATA)]).runs[0]
    assert good.outputs[0].data == toy.expected(DATA)[1]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "inputs.bin",
        "records.bin",
        "stderr.txt",
        "stdout.txt",
    ]


@pytest.mark.parametrize(("hop", "clip"), [(5, 15), (7, 19), (7, 30), (1, 7)])
def test_frames_that_touch_leave_gaps_or_overlap_deeply(
    board: Board, tmp_path: Path, hop: int, clip: int
) -> None:
    sets = toy.source_sets(board, frontend=True, hop=hop, extra_clip=clip - 2 * hop - 5)
    toy.write_project(tmp_path, board, sets)
    pcm = np.arange(clip, dtype=np.int16)
    inputs = [PcmInput(pcm), PcmInput(pcm + 1)]
    options = RunOptions(stages=(0,))
    native = find_simulator(board, "native")
    record = run(build(tmp_path, "host"), board, native, inputs, tmp_path / "run", options)
    for first, found in enumerate(record.runs):
        frames = [(pcm + first)[hop * frame :][:5].astype(np.int16).tobytes() for frame in range(3)]
        assert [vector.data for vector in found.frontend] == frames
