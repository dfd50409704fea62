"""QEMU: the command line, and what its counter means."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from mcu_deploy.boards.types import Counter, Simulator
from mcu_deploy.errors import InputError
from mcu_deploy.simulate.records import Scale
from mcu_deploy.tools import require_command

_PROGRAM = "qemu-system-arm"


def command(simulator: Simulator, executable: Path) -> tuple[str, ...]:
    """The program and its arguments.

    ``-icount`` makes virtual time, and with it every count, a function of the instructions executed;
    with ``sleep=off`` no idle time passes in between.

    Raises:
        ToolMissingError: QEMU is not there.
    """
    require_command(_PROGRAM)
    return (
        _PROGRAM,
        "-machine",
        simulator.machine,
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-icount",
        f"shift={simulator.icount_shift},sleep=off",
        "-semihosting-config",
        "enable=on,target=native",
        "-kernel",
        str(executable),
    )


def scale(simulator: Simulator, counter: Counter) -> Scale:
    """How ticks of ``counter`` become instructions.

    An instruction takes ``2**icount_shift`` ns, a tick ``10**9 / frequency_hz`` ns.

    Raises:
        InputError: the ratio is no multiple of a power of two, which the target's arithmetic needs.
    """
    ratio = Fraction(10**9, counter.frequency_hz << simulator.icount_shift)
    shift = ratio.denominator.bit_length() - 1
    if ratio.denominator != 1 << shift or not 1 <= shift <= 31:
        raise InputError(
            f"a counter of {counter.frequency_hz} Hz does not give whole instructions in QEMU",
            "correct frequency_hz in the board file",
        )
    return Scale(ratio.numerator, shift)
