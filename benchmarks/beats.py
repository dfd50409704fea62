"""Instructions of a run on QEMU, and how many of them are 128-bit Helium operations.

QEMU counts one instruction where a dual-beat core takes two cycles for the 128 bits. ``count`` runs a
firmware once more under a plugin (``beats_plugin.c``, compiled on the spot) that counts each instruction
that is executed, and apart those that the disassembly shows to be wide. It sees the same stretches as the
firmware's own meter, whose counts come from QEMU's clock under ``-icount``. Both must
agree to the instruction.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from elftools.elf.elffile import ELFFile

from mcu_deploy.boards.types import Simulator
from mcu_deploy.errors import McuDeployError, ToolMissingError
from mcu_deploy.simulate import qemu
from mcu_deploy.simulate.records import INPUTS_FILE, RunRecord
from mcu_deploy.simulate.runner import Launch, execute
from mcu_deploy.tools import require_command

PLUGIN = Path(__file__).with_name("beats_plugin.c")
_WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
_LINE = re.compile(r"\s*([0-9a-f]+):\t[0-9a-f ]+\t(\S+)(?:\t([^@;]*))?")
_WHOLE_Q = re.compile(r"\bq[0-7]\b(?!\[)")

_STOP, _READ = "md_meter_stop", "md_counter_read"


@dataclass(frozen=True)
class Stretch:
    """What ran between two readings of the firmware's meter.

    Attributes:
        instructions: all.
        wide: 128-bit Helium operations among them.
    """

    instructions: int
    wide: int

    @property
    def weighted(self) -> int:
        """Instructions, with each 128-bit Helium operation counted as two."""
        return self.instructions + self.wide


def is_wide(mnemonic: str, operands: str) -> bool:
    """Whether an instruction, as objdump shows it, operates on 128 bits.

    It does if an operand is a whole Q register: arithmetic, comparisons, loads and stores (each of the two
    or four instructions of VLD2 and VLD4), VDUP, VIDUP, and reductions into core registers (VMLADAV, VMAXV).
    It does not if it moves single lanes (``q0[1]``), or sets predicates and loops (VCTP, VPST, DLS, LETP).
    """
    return mnemonic.startswith("v") and _WHOLE_Q.search(operands) is not None


@dataclass(frozen=True)
class Line:
    """An instruction as objdump shows it."""

    address: int
    mnemonic: str
    operands: str

    @property
    def is_wide(self) -> bool:
        """Whether it operates on 128 bits."""
        return is_wide(self.mnemonic, self.operands)


def disassemble(path: Path) -> list[Line]:
    """The instructions of an object or program, in the order of their addresses.

    Raises:
        ToolMissingError: there is no objdump.
    """
    command = ["arm-none-eabi-objdump", "-d", "-m", "armv8.1-m.main", str(path)]
    if shutil.which(command[0]) is None:
        raise ToolMissingError(f"cannot find {command[0]}", "apt install binutils-arm-none-eabi")
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = filter(None, map(_LINE.match, listing.splitlines()))
    return sorted((Line(int(line[1], 16), line[2], line[3] or "") for line in lines), key=lambda x: x.address)


def count(
    executable: Path, simulator: Simulator, inputs: Path, folder: Path, timeout: float = 600.0
) -> tuple[RunRecord, list[Stretch]]:
    """Runs a firmware on one input, under the plugin.

    Args:
        executable: of a target build.
        simulator: QEMU.
        inputs: an ``inputs.bin`` with one entry.
        folder: for the run; made.
        timeout: wall time in seconds.

    Returns:
        What the firmware recorded, and the stretches that it metered, in order.

    Raises:
        ToolMissingError: a compiler, objdump or QEMU is not there.
        McuDeployError: the plugin counts other instructions than the firmware recorded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(inputs, folder / INPUTS_FILE)
    _compile(folder / "beats_plugin.so")
    notes = _symbols(executable, (_STOP, _READ))
    _write(folder / "wide.bin", [line.address for line in disassemble(executable) if line.is_wide])
    _write(folder / "notes.bin", sorted(notes.values()))
    plugin = "file=./beats_plugin.so,wide=wide.bin,notes=notes.bin,counts=counts.bin"
    command = (*qemu.command(simulator, executable), "-plugin", plugin)
    record = execute(Launch(command), executable, 1, folder, timeout)
    lines = np.fromfile(folder / "counts.bin", np.uint64).reshape(-1, 3)
    found = stretches([tuple(map(int, line)) for line in lines], notes[_STOP], notes[_READ])
    compare(record, found)
    return record, found


def stretches(notes: list[tuple[int, int, int]], stop: int, read: int) -> list[Stretch]:
    """The stretches that the firmware metered, without the meter's own instructions.

    ``md_meter_init`` reads the counter twice first, and so do start and end of a stretch: the first pair is
    what the others have too much. Between the pairs the budget may read the counter, too: a stretch begins at
    the last reading before a stop, and ends at the first one in it.

    Args:
        notes: address, instructions before it, wide ones among them.
        stop: address of ``md_meter_stop``.
        read: address of ``md_counter_read``.
    """
    readings = [place for place, note in enumerate(notes) if note[0] == read]
    empty = _between(notes[readings[0]], notes[readings[1]])
    found = []
    for place, note in enumerate(notes):
        if note[0] == stop and place > readings[1]:
            begin = max(reading for reading in readings if reading < place)
            whole = _between(notes[begin], notes[place + 1])
            found.append(Stretch(whole.instructions - empty.instructions, whole.wide - empty.wide))
    return found


def _between(begin: tuple[int, int, int], end: tuple[int, int, int]) -> Stretch:
    return Stretch(end[1] - begin[1], end[2] - begin[2])


def compare(record: RunRecord, found: list[Stretch]) -> None:
    """Compares what the firmware's meter and the plugin say, which know nothing of each other.

    Raises:
        McuDeployError: it differs.
    """
    run = record.runs[0]
    metered = [step.instructions for step in run.steps]
    counted = [stretch.instructions for stretch in found]
    total = run.frontend_instructions + run.inference_instructions
    if counted[: len(metered)] != metered or sum(counted) != total:
        raise McuDeployError(
            f"the plugin counts {sum(counted):,} instructions, the firmware under -icount {total:,}"
        )


def _write(path: Path, addresses: list[int]) -> None:
    np.array(addresses, np.uint32).tofile(path)


def _compile(library: Path) -> None:
    require_command("cc", "the plugin for QEMU")
    command = ["cc", "-std=c11", "-O2", *_WARNINGS, "-fPIC", "-shared", str(PLUGIN), "-o", str(library)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise McuDeployError(f"cannot compile {PLUGIN.name}: {done.stderr.splitlines()[0]}")


def _symbols(executable: Path, names: tuple[str, ...]) -> dict[str, int]:
    """Addresses of functions, without the bit that says Thumb."""
    with executable.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        return {name: int(table.get_symbol_by_name(name)[0]["st_value"]) & ~1 for name in names}
