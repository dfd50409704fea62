"""Running a batch of inputs on a simulator."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mcu_deploy.boards.types import Board, Simulator
from mcu_deploy.build import Firmware
from mcu_deploy.errors import InputError, McuDeployError, SimulationError, ToolMissingError
from mcu_deploy.simulate import native, qemu
from mcu_deploy.simulate.npu_failures import NpuFailureError
from mcu_deploy.simulate.process import Finished, run_bounded
from mcu_deploy.simulate.records import (
    INPUTS_FILE,
    MAX_RECORDS_BYTES,
    RECORDS_FILE,
    FirmwareFaultError,
    Flags,
    RunInput,
    RunRecord,
    Scale,
    StreamInput,
    read_records,
    write_inputs,
)

DEFAULT_BUDGET = 10**11

_EXIT_WRITE_FAILED = 3
_EXIT_FAULT_IN_FAULT = 5
# QEMU warns of the board's network interface, which we leave unconnected.
_NOISE = re.compile(r": warning: nic ")


@dataclass(frozen=True)
class RunOptions:
    """What to record and when to stop.

    Attributes:
        flags: what to record of the model.
        stages: front-end stages to record, by index.
        timeout: wall time in seconds for the whole batch.
        budget: instructions that one run may use, on a simulator that counts them.
    """

    flags: Flags = Flags.NONE
    stages: Sequence[int] = ()
    timeout: float = 600.0
    budget: int = DEFAULT_BUDGET


def find_simulator(board: Board, name: str | None) -> Simulator:
    """The board's simulator called ``name``; its first if None.

    Raises:
        InputError: the board has no such simulator.
    """
    if name is None:
        return board.simulators[0]
    for simulator in board.simulators:
        if simulator.name == name:
            return simulator
    raise InputError(
        f"{board.name} has no simulator {name!r}",
        f"choose one of {', '.join(simulator.name for simulator in board.simulators)}",
    )


def require(simulator: Simulator, board: Board) -> None:
    """Finds out early that a simulator is not there.

    Raises:
        ToolMissingError: it is not; the hint says how to get it.
    """
    _prepare(simulator, board, Path("firmware"))


def preset_for(simulator: Simulator) -> str:
    """The CMake preset that builds what ``simulator`` runs."""
    return "host" if simulator.name == "native" else "target"


def run(
    firmware: Firmware,
    board: Board,
    simulator: Simulator,
    inputs: Sequence[RunInput],
    run_dir: Path,
    options: RunOptions | None = None,
) -> RunRecord:
    """Runs ``inputs`` and returns what the firmware recorded; ``run_dir`` keeps the files.

    Args:
        firmware: built with ``preset_for(simulator)``.
        board: the board it was generated for.
        simulator: one of the board's.
        inputs: entries in order.
        run_dir: working directory of the run; made, and earlier files of a run in it replaced.
        options: None for the defaults.

    Raises:
        ToolMissingError: the simulator is not there.
        SimulationError: the firmware did not come to its END record; says why.
        McuDeployError: the files cannot be written.
    """
    options = options or RunOptions()
    executable = firmware.executable.resolve()
    arguments, scale = _prepare(simulator, board, executable)
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        (run_dir / RECORDS_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise McuDeployError(f"cannot use the folder {run_dir}: {error.strerror}") from None
    ticks = (options.budget << scale.shift) // scale.multiplier if scale.multiplier else 0
    write_inputs(run_dir / INPUTS_FILE, inputs, options.flags, options.stages, scale, min(ticks, 2**63))
    runs = sum(entry.windows if isinstance(entry, StreamInput) else 1 for entry in inputs)
    return execute(arguments, executable, runs, run_dir, options.timeout)


def _prepare(simulator: Simulator, board: Board, executable: Path) -> tuple[tuple[str, ...], Scale]:
    if simulator.name == "native":
        return native.command(executable), Scale()
    if simulator.name == "qemu":
        arguments = qemu.command(simulator, executable)
        return arguments, qemu.scale(simulator, board.counter) if board.counter else Scale()
    raise ToolMissingError(
        f"running on {simulator.executable} is not implemented in this version",
        f"use --simulator {' or '.join(s.name for s in board.simulators if s.name != simulator.name)}",
    )


def execute(
    arguments: Sequence[str], executable: Path, expected_runs: int, run_dir: Path, timeout: float
) -> RunRecord:
    """Runs a simulator in ``run_dir``, where ``inputs.bin`` lies, and judges how it ended.

    Raises:
        SimulationError: see ``run``.
    """
    records = run_dir / RECORDS_FILE
    finished = run_bounded(arguments, run_dir, timeout, run_dir, {records: MAX_RECORDS_BYTES})
    if finished.stopped == "timeout":
        raise SimulationError(
            f"the firmware did not end within {timeout:g} s and was stopped",
            "it may hang; else allow more time by --timeout",
        )
    if finished.stopped:
        raise SimulationError("the simulator wrote without end and was stopped", f"see {run_dir}")
    if finished.returncode == _EXIT_WRITE_FAILED:
        raise SimulationError(
            f"the firmware could not write {RECORDS_FILE}", "is the disk full? free some space and repeat"
        )
    try:
        record = read_records(records, expected_runs)
    except FirmwareFaultError as error:
        where = f"in entry {error.run}" if error.run >= 0 else "before the first entry"
        fault = error.fault
        line = f"arm-none-eabi-addr2line -f -e {shlex.quote(str(executable))} {fault.pc:#x}"
        raise SimulationError(
            f"the firmware faulted {where}: {fault.describe(executable)}",
            fault.hint or f"find the line: {line}",
        ) from None
    except NpuFailureError:
        raise
    except SimulationError as error:
        raise SimulationError(f"{_ending(finished)}; {error.message}", f"see {run_dir}") from None
    if finished.returncode != 0:
        raise SimulationError(f"{_ending(finished)}, although its records are complete", f"see {run_dir}")
    return record


def _ending(finished: Finished) -> str:
    """How the program ended, in words, with the last line that it printed."""
    code = finished.returncode
    if code < 0:
        try:
            words = f"the simulation was killed by {signal.Signals(-code).name}"
        except ValueError:
            words = f"the simulation was killed by signal {-code}"
    elif code == _EXIT_FAULT_IN_FAULT:
        words = "the firmware faulted while it reported a fault"
    else:
        words = f"the simulation ended with exit status {code}"
    lines = [line.strip() for line in (finished.stdout + "\n" + finished.stderr).splitlines()]
    last = next((line for line in reversed(lines) if line and not _NOISE.search(line)), "")
    return f"{words} ({last[:300]})" if last else words
