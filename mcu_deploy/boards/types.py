"""What a board file says, as plain immutable data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

# The parts of a deployment that are placed, in the order in which they choose a memory.
PARTS = ("stack", "data", "code", "model", "arena")

# Those that an NPU reads and writes.
NPU_PARTS = ("model", "arena")

NPU_PRODUCTS = ("ethos-u55", "ethos-u65", "ethos-u85")

# How host and firmware exchange inputs and records.
SEMIHOSTING, UART = "semihosting", "uart"
TRANSPORTS = (SEMIHOSTING, UART)


@dataclass(frozen=True)
class CoreType:
    """A processor that we know how to compile for.

    Attributes:
        extensions: what it can be built with: ``fpu``, ``fp64`` (double precision), ``dsp``, ``mve``.
        optional: extension to the ``-mcpu`` suffix that takes it away.
        compiled_as: the core that GCC is told; "" for its own name.
    """

    extensions: tuple[str, ...]
    optional: Mapping[str, str]
    compiled_as: str = ""


_HELIUM = CoreType(("fpu", "dsp", "mve"), {"fpu": "+nofp", "mve": "+nomve"})

CORE_TYPES: Mapping[str, CoreType] = {
    "cortex-m3": CoreType((), {}),
    "cortex-m4": CoreType(("fpu", "dsp"), {"fpu": "+nofp"}),
    "cortex-m7": CoreType(("fpu", "fp64", "dsp"), {"fpu": "+nofp", "fp64": "+nofp.dp"}),
    "cortex-m33": CoreType(("fpu", "dsp"), {"fpu": "+nofp", "dsp": "+nodsp"}),
    "cortex-m55": _HELIUM,
    # GCC 12 does not know it; it executes all that an M55 does.
    "cortex-m85": replace(_HELIUM, compiled_as="cortex-m55"),
}


@dataclass(frozen=True)
class Core:
    """The processor of a board.

    Attributes:
        cpu: a key of ``CORE_TYPES``.
        extensions: those that this chip has and the build may use.
    """

    cpu: str
    extensions: tuple[str, ...]

    @property
    def compiler_options(self) -> tuple[str, ...]:
        """GCC options that select the core and the calling convention."""
        kind = CORE_TYPES[self.cpu]
        missing = {extension for extension in kind.optional if extension not in self.extensions}
        if "fpu" in missing:
            missing.discard("fp64")
        suffixes = [suffix for extension, suffix in kind.optional.items() if extension in missing]
        abi = "hard" if "fpu" in self.extensions else "soft"
        name = kind.compiled_as or self.cpu
        return (f"-mcpu={name}{''.join(suffixes)}", "-mthumb", f"-mfloat-abi={abi}")


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
        frequency_hz: of the counter.
        counter: address of the counter; this and the next two: 0 for SysTick, which is part of the core.
        timer: address of the timer that keeps the budget.
        interrupt: number of the timer's interrupt (0 is exception 16).
    """

    kind: str
    frequency_hz: int
    counter: int = 0
    timer: int = 0
    interrupt: int = 0


@dataclass(frozen=True)
class Uart:
    """A UART to the host.

    Attributes:
        kind: which ``uart_<kind>.c`` of the platform drives it.
        base: address of its registers.
        clock_hz: of the clock that the baud rate is divided from.
        baud: bits a second.
        setup: registers to change first, for its clock and its pins: address, bits to clear, bits to set.
    """

    kind: str
    base: int
    clock_hz: int
    baud: int
    setup: tuple[tuple[int, int, int], ...] = ()

    @property
    def divisor(self) -> int:
        """What divides the clock."""
        return (2 * self.clock_hz + self.baud) // (2 * self.baud)


@dataclass(frozen=True)
class Fvp:
    """An Arm Fixed Virtual Platform of a board.

    Attributes:
        programs: by NPU product (``ethos-u55``) the program that has it; the first runs what needs no NPU.
        cpu: the core's instance in the model.
        npu: the NPU's.
        parameters: what the board needs besides, as ``instance.parameter=value``.
    """

    programs: Mapping[str, str]
    cpu: str
    npu: str
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class Simulator:
    """A way to run the board's firmware: on this machine, or on the board at a serial port.

    Attributes:
        name: ``native``, ``qemu`` or ``fvp``; of a board the port, such as ``/dev/ttyACM0``.
        machine: QEMU's machine name.
        icount_shift: an instruction takes ``2**icount_shift`` ns of QEMU's virtual time.
        fvp: where it is one.
        baud: of a serial port; 0 for what is none.
    """

    name: str
    machine: str = ""
    icount_shift: int = 0
    fvp: Fvp | None = None
    baud: int = 0

    @property
    def is_port(self) -> bool:
        """Whether it is a board at a serial port."""
        return self.baud > 0


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
        uart: None where the board has none, or none that is known.
        transport: how its firmware gets inputs unless told otherwise: ``semihosting`` or ``uart``.
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
    uart: Uart | None = None
    transport: str = SEMIHOSTING

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
