"""Fault reports of the firmware, in words and with symbols.

Bits and numbers: Armv8-M Architecture Reference Manual, CFSR, HFSR, and "Exception numbers".
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

_BUDGET = 0x100

_EXCEPTIONS = {
    2: "NMI",
    3: "HardFault",
    4: "MemManage fault",
    5: "BusFault",
    6: "UsageFault",
    7: "SecureFault",
    11: "unexpected SVCall",
    12: "DebugMonitor",
    14: "unexpected PendSV",
    15: "unexpected SysTick",
    _BUDGET: "instruction budget exhausted",
}

_CFSR_BITS = {
    0: "instruction access violation",
    1: "data access violation",
    3: "access violation on exception return",
    4: "access violation on exception entry",
    5: "access violation on lazy floating-point save",
    8: "instruction bus error",
    9: "precise data bus error",
    10: "imprecise data bus error",
    11: "bus error on exception return",
    12: "bus error on exception entry",
    13: "bus error on lazy floating-point save",
    16: "undefined instruction",
    17: "invalid state (a jump to an even address)",
    18: "invalid exception return",
    19: "coprocessor disabled",
    20: "stack overflow",
    24: "unaligned access",
    25: "division by zero",
}
_HFSR_BITS = {1: "bus error on reading the vector table", 31: "debug event"}
_STKOF = 1 << 20
_MMARVALID = 1 << 7
_BFARVALID = 1 << 15


@dataclass(frozen=True)
class Fault:
    """``md_fault_t`` of ``md_platform.h``."""

    kind: int
    pc: int
    lr: int
    xpsr: int
    cfsr: int
    hfsr: int
    mmfar: int
    bfar: int
    sp: int
    stack_used: int

    @property
    def hint(self) -> str:
        """The way out, where there is one that we know."""
        if self.kind == _BUDGET:
            return "it may loop for ever"
        return "set a larger [stack] size in the board file" if self.cfsr & _STKOF else ""

    def describe(self, elf: Path | None = None) -> str:
        """One line: what happened, where, at which address; symbols from ``elf`` if given."""
        name = _EXCEPTIONS.get(self.kind, f"unexpected exception {self.kind}")
        causes = [text for bit, text in _CFSR_BITS.items() if self.cfsr >> bit & 1]
        causes += [text for bit, text in _HFSR_BITS.items() if self.hfsr >> bit & 1]
        words = name + (f" ({', '.join(causes)})" if causes else "")
        symbols = _functions(elf) if elf is not None else []
        if self.pc:
            words += f" at {_place(symbols, self.pc)}"
            caller = _place(symbols, self.lr & ~1)
            words += f", LR {caller}" if "(" in caller else ""  # else it holds something else by now
        if self.cfsr & _MMARVALID:
            words += f", address 0x{self.mmfar:08x}"
        elif self.cfsr & _BFARVALID:
            words += f", address 0x{self.bfar:08x}"
        return f"{words}; {self.stack_used} bytes of stack used"


def _place(symbols: list[tuple[int, int, str]], address: int) -> str:
    for start, size, name in symbols:
        if start <= address < start + size:
            return f"0x{address:08x} ({name}+0x{address - start:x})"
    return f"0x{address:08x}"


def _functions(elf: Path) -> list[tuple[int, int, str]]:
    """(address, size, name) of every function, [] if the file cannot be read."""
    try:
        with elf.open("rb") as file:
            table = ELFFile(file).get_section_by_name(".symtab")
            if not isinstance(table, SymbolTableSection):
                return []
            return [
                (symbol["st_value"] & ~1, symbol["st_size"], symbol.name)
                for symbol in table.iter_symbols()
                if symbol["st_info"]["type"] == "STT_FUNC"
            ]
    except (OSError, ELFError):
        return []
