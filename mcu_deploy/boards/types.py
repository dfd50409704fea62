"""What a board file says, as plain immutable data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# The parts of a deployment that are placed, in the order in which they choose a memory.
PARTS = ("stack", "data", "code", "model", "arena")

# Those that an NPU reads and writes.
NPU_PARTS = ("model", "arena")

NPU_PRODUCTS = ("ethos-u55", "ethos-u65", "ethos-u85")


@dataclass(frozen=True)
class CoreType:
    """A processor that we know how to compile for.

    Attributes:
        extensions: what it can be built with: ``fpu``, ``dsp``, ``mve``.
        optional: extension to the ``-mcpu`` suffix that takes it away.
    """

    extensions: tuple[str, ...]
    optional: Mapping[str, str]


CORE_TYPES: Mapping[str, CoreType] = {
    "cortex-m3": CoreType((), {}),
    "cortex-m4": CoreType(("fpu", "dsp"), {"fpu": "+nofp"}),
    "cortex-m7": CoreType(("fpu", "dsp"), {"fpu": "+nofp"}),
    "cortex-m33": CoreType(("fpu", "dsp"), {"fpu": "+nofp", "dsp": "+nodsp"}),
    "cortex-m55": CoreType(("fpu", "dsp", "mve"), {"fpu": "+nofp", "mve": "+nomve"}),
}


@dataclass(frozen=True)
class Core:
    """The processor of a board.

    Attributes:
        cpu: GCC's name of it, a key of ``CORE_TYPES``.
        extensions: those that this chip has and the build may use.
    """

    cpu: str
    extensions: tuple[str, ...]

    @property
    def compiler_options(self) -> tuple[str, ...]:
        """GCC options that select the core and the calling convention."""
        suffixes = [
            suffix
            for extension, suffix in CORE_TYPES[self.cpu].optional.items()
            if extension not in self.extensions
        ]
        abi = "hard" if "fpu" in self.extensions else "soft"
        return (f"-mcpu={self.cpu}{''.join(suffixes)}", "-mthumb", f"-mfloat-abi={abi}")


@dataclass(frozen=True)
class Memory:
    """A memory: ``size`` bytes from address ``origin``."""

    name: str
    origin: int
    size: int

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.origin + self.size


@dataclass(frozen=True)
class Counter:
    """Where the target reads time.

    Attributes:
        kind: which ``counter_<kind>.c`` of the platform drives it.
        counter: address of the counter.
        timer: address of the timer that compares with it.
        interrupt: number of the timer's interrupt (0 is exception 16).
        frequency_hz: of the counter.
    """

    kind: str
    counter: int
    timer: int
    interrupt: int
    frequency_hz: int


@dataclass(frozen=True)
class Simulator:
    """A way to run the board's firmware on this machine.

    Attributes:
        name: ``native``, ``qemu`` or ``fvp``.
        machine: QEMU's machine name.
        icount_shift: an instruction takes ``2**icount_shift`` ns of QEMU's virtual time.
        executable: of an FVP.
    """

    name: str
    machine: str = ""
    icount_shift: int = 0
    executable: str = ""


@dataclass(frozen=True)
class Npu:
    """An Ethos-U.

    Attributes:
        base: address of its registers; 0 on the development machine, which has none.
        interrupt: number of its interrupt (0 is exception 16).
        memories: names of the memories that it reaches.
        memory_mode: Vela's name of how it uses them, unless told otherwise.
        system_configs: for each product (``ethos-u55``) the Vela system configuration, likewise.
    """

    base: int
    interrupt: int
    memories: tuple[str, ...]
    memory_mode: str
    system_configs: Mapping[str, str]


@dataclass(frozen=True)
class Board:
    """A board.

    Attributes:
        name: ``[a-z0-9_-]+``.
        description: one line for people.
        core: None for the development machine.
        memories: none overlap.
        placement: for each of ``PARTS`` the names of memories, best first; empty without a core.
        stack_bytes: size of the stack; 0 without a core.
        counter: None where the board has none.
        simulators: the first is the default; ``native`` is always among them.
        npu: None where the board has none.
    """

    name: str
    description: str
    core: Core | None
    memories: tuple[Memory, ...]
    placement: Mapping[str, tuple[str, ...]]
    stack_bytes: int
    counter: Counter | None
    simulators: tuple[Simulator, ...]
    npu: Npu | None = None

    def memory(self, name: str) -> Memory:
        """The memory called ``name``, which must exist."""
        return next(memory for memory in self.memories if memory.name == name)


@dataclass(frozen=True)
class Layout:
    """Where each part of a deployment lies.

    Attributes:
        regions: memory by part; empty for the development machine.
        stack_bytes: size of the stack.
    """

    regions: Mapping[str, Memory]
    stack_bytes: int
