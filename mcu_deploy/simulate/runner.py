"""Running a batch of inputs on a simulator."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from mcu_deploy.boards.types import Board, Simulator
from mcu_deploy.build import Firmware
from mcu_deploy.errors import InputError, McuDeployError, SimulationError
from mcu_deploy.simulate import fvp, native, qemu, serial_port
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
from mcu_deploy.simulate.tflm_failures import TflmFailureError

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
        npu: the configuration that the model was compiled for, which an FVP must have; or ``none``.
        watch: called with a line on how far a board at a serial port is.
    """

    flags: Flags = Flags.NONE
    stages: Sequence[int] = ()
    timeout: float = 600.0
    budget: int = DEFAULT_BUDGET
    npu: str = "none"
    watch: Callable[[str], None] | None = None


@dataclass(frozen=True)
class Launch:
    """How a simulator is started.

    Attributes:
        arguments: the program and its arguments.
        scale: how its ticks become instructions.
        environment: variables that it needs.
        explain: makes an error of the messages of a run that failed, if it knows them.
    """

    arguments: tuple[str, ...]
    scale: Scale = field(default_factory=Scale)
    environment: Mapping[str, str] = field(default_factory=dict)
    explain: Callable[[Finished], McuDeployError | None] = lambda _: None


def find_simulator(board: Board, name: str | None) -> Simulator:
    """The board's simulator called ``name``; its first if None.

    Raises:
        InputError: the board has no such simulator, or none for its processor and none was named.
    """
    if name is None:
        first = board.simulators[0]
        if first.name == "native" and board.core is not None:
            raise InputError(
                f"nothing here simulates {board.name}",
                "run it on the board by --port, or the same C here by --simulator native",
            )
        return first
    for simulator in board.simulators:
        if simulator.name == name:
            return simulator
    raise InputError(
        f"{board.name} has no simulator {name!r}",
        f"choose one of {', '.join(simulator.name for simulator in board.simulators)}",
    )


def require(simulator: Simulator, board: Board, npu: str = "none") -> None:
    """Finds out early that a simulator is not there.

    Raises:
        ToolMissingError: it is not; the hint says how to get it.
        InputError: it does not have the NPU.
    """
    if simulator.is_port:
        serial_port.require()
    else:
        _prepare(simulator, board, Path("firmware"), Path(), npu, 1)


def command_line(
    simulator: Simulator, board: Board, executable: Path, run_dir: Path, npu: str, timeout: float
) -> str:
    """What ``run`` would start, for a shell in ``run_dir``; an FVP need not be there.

    Nothing is started for a board at a serial port: then a comment that says which.

    Raises:
        ToolMissingError: QEMU is not there.
        InputError: the simulator does not have the NPU.
    """
    if simulator.is_port:
        return f"# {board.name} at {simulator.name}, {simulator.baud} baud, running {executable}"
    if simulator.fvp is not None:
        program = fvp.program_for(simulator.fvp, board.name, npu)
        found = str(fvp.find(program) or program)
        return shlex.join(fvp.command(simulator.fvp, found, executable, run_dir, npu, timeout))
    return shlex.join(_prepare(simulator, board, executable, run_dir, npu, timeout).arguments)


def find_port(board: Board, port: str, baud: int | None) -> Simulator:
    """The board itself at a serial port.

    Args:
        board: the board.
        port: name of the port.
        baud: in place of the board file's, or None.

    Raises:
        InputError: its file names no UART.
    """
    if board.uart is None:
        raise InputError(f"{board.name} has no UART", "add a table [uart] to its file: docs/boards.md")
    return Simulator(port, baud=baud or board.uart.baud)


def fvp_program(board: Board, name: str, npu: str) -> str:
    """The FVP that the board's simulator ``name`` is; "" if it is none."""
    found = next((simulator.fvp for simulator in board.simulators if simulator.name == name), None)
    return fvp.program_for(found, board.name, npu) if found is not None else ""


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
    launch = None
    if not simulator.is_port:
        launch = _prepare(simulator, board, executable, run_dir, options.npu, options.timeout)
    scale = launch.scale if launch is not None else Scale()
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        (run_dir / RECORDS_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise McuDeployError(f"cannot use the folder {run_dir}: {error.strerror}") from None
    ticks = (options.budget << scale.shift) // scale.multiplier if scale.multiplier else 0
    write_inputs(run_dir / INPUTS_FILE, inputs, options.flags, options.stages, scale, min(ticks, 2**63))
    runs = sum(entry.windows if isinstance(entry, StreamInput) else 1 for entry in inputs)
    if launch is not None:
        return execute(launch, executable, runs, run_dir, options.timeout)
    finished = serial_port.run_on_port(
        simulator.name, simulator.baud, executable, run_dir, options.timeout, options.watch
    )
    return _judge(finished, Launch(()), executable, runs, run_dir)


def _prepare(
    simulator: Simulator, board: Board, executable: Path, run_dir: Path, npu: str, timeout: float
) -> Launch:
    if simulator.fvp is not None:
        name = fvp.program_for(simulator.fvp, board.name, npu)
        path = fvp.require(name)
        arguments = fvp.command(simulator.fvp, str(path), executable, run_dir, npu, timeout)
        return Launch(arguments, Scale(), fvp.environment(path), partial(fvp.explain, name))
    if simulator.name == "qemu":
        scale = qemu.scale(simulator, board.counter) if board.counter else Scale()
        return Launch(qemu.command(simulator, executable), scale)
    return Launch(native.command(executable))


def execute(launch: Launch, executable: Path, expected_runs: int, run_dir: Path, timeout: float) -> RunRecord:
    """Runs a simulator in ``run_dir``, where ``inputs.bin`` lies, and judges how it ended.

    Raises:
        SimulationError: see ``run``.
        ToolMissingError: the simulator did not start for want of something.
    """
    finished = run_bounded(
        launch.arguments,
        run_dir,
        timeout,
        run_dir,
        {run_dir / RECORDS_FILE: MAX_RECORDS_BYTES},
        environment=launch.environment,
    )
    if finished.stopped == "timeout":
        raise SimulationError(
            f"the firmware did not end within {timeout:g} s and was stopped",
            "it may hang; else allow more time by --timeout",
        )
    if finished.stopped:
        raise SimulationError("the simulator wrote without end and was stopped", f"see {run_dir}")
    return _judge(finished, launch, executable, expected_runs, run_dir)


def _judge(
    finished: Finished, launch: Launch, executable: Path, expected_runs: int, run_dir: Path
) -> RunRecord:
    """What the firmware recorded, if it came to its end; else why not."""
    if finished.returncode == _EXIT_WRITE_FAILED:
        raise SimulationError(
            f"the firmware could not write {RECORDS_FILE}", "is the disk full? free some space and repeat"
        )
    try:
        record = read_records(run_dir / RECORDS_FILE, expected_runs)
    except FirmwareFaultError as error:
        where = f"in entry {error.run}" if error.run >= 0 else "before the first entry"
        fault = error.fault
        line = f"arm-none-eabi-addr2line -f -e {shlex.quote(str(executable))} {fault.pc:#x}"
        raise SimulationError(
            f"the firmware faulted {where}: {fault.describe(executable)}",
            fault.hint or f"find the line: {line}",
        ) from None
    except (NpuFailureError, TflmFailureError):
        raise
    except SimulationError as error:
        known = launch.explain(finished)
        if known is not None:
            raise known from None
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
