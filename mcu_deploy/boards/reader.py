"""Reading and checking board files.

A board file is the user's; names from it reach a linker script and CMake, so every text is held to a
pattern, and a key that nobody reads is an error.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mcu_deploy.boards.table import ADDRESS_END, Table, suggestion
from mcu_deploy.boards.types import (
    CORE_TYPES,
    NPU_PRODUCTS,
    PARTS,
    SEMIHOSTING,
    TRANSPORTS,
    UART,
    Board,
    Core,
    Counter,
    Fvp,
    Memory,
    Npu,
    Simulator,
    Uart,
)
from mcu_deploy.errors import InputError
from mcu_deploy.resources import resource_dir

_EXECUTABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_INSTANCE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,127}")
_PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,127}=[A-Za-z0-9_.-]{1,64}")
_VELA_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_COUNTER_KINDS = ("sse", "mps2", "systick")
_MAX_ICOUNT_SHIFT = 10
# What the divisor of each kind of UART can be.
_UART_DIVISORS = {"cmsdk": (16, 0xFFFFF), "stm32": (16, 0xFFFF)}
_MAX_BAUD_ERROR = 0.02  # both sides together may be off by about 5 %


def board_names() -> tuple[str, ...]:
    """Names of the boards that come with the package, sorted."""
    return tuple(sorted(path.stem for path in resource_dir("boards").glob("*.toml")))


def load_board(name_or_path: str) -> Board:
    """The board called so, or described by the TOML file at this path.

    Raises:
        InputError: there is no such board, or its file is not valid (what, and where).
    """
    return parse_board(board_table(name_or_path), name_or_path)


def board_table(name_or_path: str) -> dict[str, Any]:
    """The board's TOML table with its SoC's merged in, not yet checked; can be kept as JSON.

    Raises:
        InputError: there is no such board or SoC, or its file is not TOML.
    """
    if name_or_path.endswith(".toml") or "/" in name_or_path:
        path = Path(name_or_path)
    else:
        names = board_names()
        if name_or_path not in names:
            raise InputError(
                f"there is no board {name_or_path!r}",
                suggestion(name_or_path, names) or f"boards: {', '.join(names)}",
            )
        path = resource_dir("boards") / f"{name_or_path}.toml"
    table = _read_toml(path)
    soc = table.pop("soc", None)
    if soc is None:
        return table
    return _merge(_read_toml(_soc_path(path, Table(path.name, {"soc": soc}).name("soc"))), table)


def _soc_path(board: Path, soc: str) -> Path:
    """A SoC file beside the board file, else the package's own."""
    beside = board.parent / "soc" / f"{soc}.toml"
    path = beside if beside.is_file() else resource_dir("boards") / "soc" / f"{soc}.toml"
    if not path.is_file():
        raise InputError(f"{board.name}: there is no SoC file for {soc!r}", f"expected {beside}")
    return path


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"cannot read the board file {path}: {error.strerror}", f"boards: {', '.join(board_names())}"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid TOML: {' '.join(str(error).split())}") from None


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Tables are merged, everything else in ``over`` replaces what is in ``base``."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def parse_board(values: object, where: str) -> Board:
    """Checks what ``board_table`` gave.

    Args:
        values: the table.
        where: what messages call it.

    Raises:
        InputError: it is not valid; says what, and where.
    """
    table = Table(where, values)
    name = table.name("name")
    description = table.text("description", re.compile(r"[ -~]{1,200}"), "one line of printable ASCII")
    core = _core(table.table("core")) if "core" in table else None
    counter = _counter(table.table("counter")) if "counter" in table else None
    memories: tuple[Memory, ...] = ()
    placement: dict[str, tuple[str, ...]] = {}
    stack_bytes = 0
    if core is not None:
        memories = _memories(table.table("memories"))
        placement = _placement(table.table("placement"), memories)
        stack = table.table("stack")
        stack_bytes = stack.size("size")
        stack.finish()
        if counter is None:
            raise InputError(f"{table.where}: 'counter' is missing")
    simulators = _simulators(table.table("simulators"), counter)
    npu_table = table.table("npu") if "npu" in table else None
    uart = _uart(table.table("uart")) if "uart" in table else None
    transport = table.choice("transport", TRANSPORTS) if "transport" in table else SEMIHOSTING
    if transport == UART and uart is None:
        raise InputError(f"{table.where}: transport = {transport!r} without a UART", "add a table [uart]")
    table.finish()
    npu = _npu(npu_table, memories) if npu_table is not None else None
    return Board(
        name,
        description,
        core,
        memories,
        placement,
        stack_bytes,
        counter,
        simulators,
        npu,
        uart,
        transport,
    )


def _core(table: Table) -> Core:
    cpu = table.choice("cpu", tuple(CORE_TYPES))
    kind = CORE_TYPES[cpu]
    extensions = table.names("extensions", kind.extensions)
    for extension in kind.extensions:
        if extension not in extensions and extension not in kind.optional:
            raise InputError(f"{table.where}: every {cpu} has {extension!r}", "add it to 'extensions'")
    table.finish()
    return Core(cpu, extensions)


def _memories(table: Table) -> tuple[Memory, ...]:
    memories = []
    for name in table.free_keys():
        entry = table.table(name)
        memory = Memory(name, entry.address("origin"), entry.size("size"))
        entry.finish()
        if memory.end > ADDRESS_END:
            raise InputError(f"{entry.where}: reaches beyond the 32-bit address space")
        memories.append(memory)
    memories.sort(key=lambda memory: memory.origin)
    for low, high in itertools.pairwise(memories):
        if low.end > high.origin:
            raise InputError(f"{table.where}: {low.name} and {high.name} overlap at {high.origin:#x}")
    return tuple(memories)


def _placement(table: Table, memories: Sequence[Memory]) -> dict[str, tuple[str, ...]]:
    known = tuple(memory.name for memory in memories)
    placement = {}
    for part in PARTS:
        placement[part] = table.names(part, known)
        if not placement[part]:
            raise InputError(f"{table.where}: {part} has no memory")
    table.finish()
    return placement


def _counter(table: Table) -> Counter:
    kind = table.choice("kind", _COUNTER_KINDS)
    frequency = table.integer("frequency_hz", 1, 10**9)
    if kind == "systick":
        counter = Counter(kind, frequency)
    else:
        places = table.address("counter"), table.address("timer"), table.integer("interrupt", 0, 479)
        counter = Counter(kind, frequency, *places)
    table.finish()
    return counter


def _uart(table: Table) -> Uart:
    kind = table.choice("kind", tuple(_UART_DIVISORS))
    clock, baud = table.integer("clock_hz", 1, 10**9), table.integer("baud", 300, 10**7)
    setup = table.word_lists("setup", 3) if kind == "stm32" else ()
    uart = Uart(kind, table.address("base"), clock, baud, tuple((a, b, c) for a, b, c in setup))
    table.finish()
    low, high = _UART_DIVISORS[kind]
    if not low <= uart.divisor <= high or abs(clock / uart.divisor / baud - 1) > _MAX_BAUD_ERROR:
        raise InputError(
            f"{table.where}: {baud} baud cannot be made from {clock} Hz",
            f"choose a baud from {-(-clock // high)} to {clock // low} that divides the clock well",
        )
    return uart


def _npu(table: Table, memories: Sequence[Memory]) -> Npu:
    """Registers and memories only where the board has memories; the development machine has none."""
    configs = table.table("system_configs")
    known = tuple(memory.name for memory in memories)
    what = "the name of a configuration"
    npu = Npu(
        base=table.address("base") if memories else 0,
        interrupt=table.integer("interrupt", 0, 479) if memories else 0,
        memories=table.names("memories", known) if "memories" in table else (),
        memory_mode=table.text("memory_mode", _VELA_NAME, what),
        system_configs={product: configs.text(product, _VELA_NAME, what) for product in NPU_PRODUCTS},
    )
    configs.finish()
    table.finish()
    return npu


def _simulators(table: Table, counter: Counter | None) -> tuple[Simulator, ...]:
    simulators = []
    for name in table.free_keys():
        entry = table.table(name)
        if name == "native":
            simulators.append(Simulator(name))
        elif name == "qemu":
            machine = entry.name("machine")
            shift = entry.integer("icount_shift", 0, _MAX_ICOUNT_SHIFT)
            if counter is not None and counter.frequency_hz << shift < 2 * 10**9:
                raise InputError(
                    f"{entry.where}: fewer than two ticks of the counter an instruction cannot be exact",
                    "raise icount_shift",
                )
            simulators.append(Simulator(name, machine=machine, icount_shift=shift))
        elif name == "fvp":
            simulators.append(Simulator(name, fvp=_fvp(entry)))
        else:
            raise InputError(
                f"{table.where}: there is no simulator {name!r}",
                suggestion(name, ("native", "qemu", "fvp")) or "one of native, qemu, fvp",
            )
        entry.finish()
    if not any(simulator.name == "native" for simulator in simulators):
        simulators.append(Simulator("native"))
    return tuple(simulators)


def _fvp(table: Table) -> Fvp:
    programs = table.table("programs")
    found = {
        product: programs.text(product, _EXECUTABLE, "the name of a program")
        for product in NPU_PRODUCTS
        if product in programs
    }
    programs.finish()
    if not found:
        raise InputError(f"{programs.where} is empty", f"name one for {', '.join(NPU_PRODUCTS)}")
    instance = "the name of a part of the model"
    return Fvp(
        programs=found,
        cpu=table.text("cpu", _INSTANCE, instance),
        npu=table.text("npu", _INSTANCE, instance),
        parameters=table.texts("parameters", _PARAMETER, "instance.parameter=value"),
    )
