"""Reading and checking board files.

A board file is the user's; names from it reach a linker script and CMake, so every text is held to a
pattern, and a key that nobody reads is an error.
"""

from __future__ import annotations

import difflib
import itertools
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mcu_deploy.boards.types import (
    CORE_TYPES,
    NPU_PRODUCTS,
    PARTS,
    Board,
    Core,
    Counter,
    Memory,
    Npu,
    Simulator,
)
from mcu_deploy.errors import InputError
from mcu_deploy.resources import resource_dir

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,47}")
_EXECUTABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_VELA_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SIZE = re.compile(r"([0-9]{1,7}) (bytes|KiB|MiB|GiB)")
_UNITS = {"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_ADDRESS_END = 1 << 32
_COUNTER_KINDS = ("sse",)
_MAX_ICOUNT_SHIFT = 10


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
                _suggestion(name_or_path, names) or f"boards: {', '.join(names)}",
            )
        path = resource_dir("boards") / f"{name_or_path}.toml"
    table = _read_toml(path)
    soc = table.pop("soc", None)
    if soc is None:
        return table
    return _merge(_read_toml(_soc_path(path, _Table(path.name, {"soc": soc}).name("soc"))), table)


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


def _suggestion(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else ""


class _Table:
    """A TOML table that knows where it stands and which of its keys were read."""

    def __init__(self, where: str, values: object) -> None:
        if not isinstance(values, dict):
            raise InputError(f"{where} must be a table")
        self.where = where
        self._values: dict[str, Any] = values
        self._known: list[str] = []

    def __contains__(self, key: str) -> bool:
        self._known.append(key)
        return key in self._values

    def free_keys(self) -> tuple[str, ...]:
        """All keys, checked as names, where a table's keys are free; marks them as known."""
        for key in self._values:
            if not _NAME.fullmatch(key):
                raise InputError(f"{self.where}: {key!r} is not a name", "use a-z, 0-9, _ and -")
        self._known.extend(self._values)
        return tuple(self._values)

    def _get(self, key: str) -> Any:
        if key not in self:
            near = _suggestion(key, [name for name in self._values if name not in self._known])
            raise InputError(f"{self.where}: {key!r} is missing", near)
        return self._values[key]

    def table(self, key: str) -> _Table:
        return _Table(f"{self.where}: [{key}]", self._get(key))

    def text(self, key: str, pattern: re.Pattern[str], what: str) -> str:
        value = self._get(key)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise InputError(f"{self.where}: {key} = {value!r} is not {what}")
        return value

    def name(self, key: str) -> str:
        return self.text(key, _NAME, "a name of a-z, 0-9, _ and -")

    def choice(self, key: str, choices: Sequence[str]) -> str:
        value = self._get(key)
        if value not in choices:
            raise InputError(
                f"{self.where}: {key} = {value!r} is not known",
                _suggestion(str(value), choices) or f"one of {', '.join(choices)}",
            )
        return str(value)

    def names(self, key: str, choices: Sequence[str]) -> tuple[str, ...]:
        value = self._get(key)
        if not isinstance(value, list):
            raise InputError(f"{self.where}: {key} must be a list")
        for item in value:
            if item not in choices:
                raise InputError(
                    f"{self.where}: {key} names {item!r}, which is not known",
                    _suggestion(str(item), choices) or f"one of {', '.join(choices)}",
                )
        if len(set(value)) != len(value):
            raise InputError(f"{self.where}: {key} names something twice")
        return tuple(value)

    def integer(self, key: str, low: int, high: int) -> int:
        value = self._get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise InputError(f"{self.where}: {key} = {value!r} is not a whole number from {low} to {high}")
        return value

    def address(self, key: str) -> int:
        value = self.integer(key, 0, _ADDRESS_END - 1)
        if value % 16:
            raise InputError(f"{self.where}: {key} = {value:#x} is not a multiple of 16")
        return value

    def size(self, key: str) -> int:
        value = self.text(key, _SIZE, 'a size such as "512 KiB"')
        number, unit = value.split(" ")
        size = int(number) * _UNITS[unit]
        if size == 0 or size % 16:
            raise InputError(f"{self.where}: {key} = {value!r} is not a positive multiple of 16 bytes")
        return size

    def finish(self) -> None:
        for key in self._values:
            if key not in self._known:
                raise InputError(
                    f"{self.where}: unknown key {key!r}",
                    _suggestion(key, self._known) or f"known: {', '.join(dict.fromkeys(self._known))}",
                )


def parse_board(values: object, where: str) -> Board:
    """Checks what ``board_table`` gave.

    Args:
        values: the table.
        where: what messages call it.

    Raises:
        InputError: it is not valid; says what, and where.
    """
    table = _Table(where, values)
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
    table.finish()
    npu = _npu(npu_table, memories) if npu_table is not None else None
    return Board(name, description, core, memories, placement, stack_bytes, counter, simulators, npu)


def _core(table: _Table) -> Core:
    cpu = table.choice("cpu", tuple(CORE_TYPES))
    kind = CORE_TYPES[cpu]
    extensions = table.names("extensions", kind.extensions)
    for extension in kind.extensions:
        if extension not in extensions and extension not in kind.optional:
            raise InputError(f"{table.where}: every {cpu} has {extension!r}", "add it to 'extensions'")
    table.finish()
    return Core(cpu, extensions)


def _memories(table: _Table) -> tuple[Memory, ...]:
    memories = []
    for name in table.free_keys():
        entry = table.table(name)
        memory = Memory(name, entry.address("origin"), entry.size("size"))
        entry.finish()
        if memory.end > _ADDRESS_END:
            raise InputError(f"{entry.where}: reaches beyond the 32-bit address space")
        memories.append(memory)
    memories.sort(key=lambda memory: memory.origin)
    for low, high in itertools.pairwise(memories):
        if low.end > high.origin:
            raise InputError(f"{table.where}: {low.name} and {high.name} overlap at {high.origin:#x}")
    return tuple(memories)


def _placement(table: _Table, memories: Sequence[Memory]) -> dict[str, tuple[str, ...]]:
    known = tuple(memory.name for memory in memories)
    placement = {}
    for part in PARTS:
        placement[part] = table.names(part, known)
        if not placement[part]:
            raise InputError(f"{table.where}: {part} has no memory")
    table.finish()
    return placement


def _counter(table: _Table) -> Counter:
    counter = Counter(
        kind=table.choice("kind", _COUNTER_KINDS),
        counter=table.address("counter"),
        timer=table.address("timer"),
        interrupt=table.integer("interrupt", 0, 479),
        frequency_hz=table.integer("frequency_hz", 1, 10**9),
    )
    table.finish()
    return counter


def _npu(table: _Table, memories: Sequence[Memory]) -> Npu:
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


def _simulators(table: _Table, counter: Counter | None) -> tuple[Simulator, ...]:
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
            executable = entry.text("executable", _EXECUTABLE, "the name of a program")
            simulators.append(Simulator(name, executable=executable))
        else:
            raise InputError(
                f"{table.where}: there is no simulator {name!r}",
                _suggestion(name, ("native", "qemu", "fvp")) or "one of native, qemu, fvp",
            )
        entry.finish()
    if not any(simulator.name == "native" for simulator in simulators):
        simulators.append(Simulator("native"))
    return tuple(simulators)
