"""The plan: everything that is decided before C is written. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import numpy.typing as npt


class Optimise(Enum):
    """What a plan strives for."""

    BALANCED = "balanced"
    SPEED = "speed"
    RAM = "ram"
    SIZE = "size"


DEFAULT_OPTIMISE = Optimise.BALANCED


@dataclass(frozen=True, eq=False)
class Constant:
    """A constant array of the model, as it will stand in C (already packed).

    Attributes:
        name: C identifier, made by us, never from the file.
        values: 1-D, dtype int8, int16, int32, int64, uint8, uint16 or float32.
        origin: the tensor index that it was made from, or -1 (tables).
    """

    name: str
    values: npt.NDArray[np.generic]
    origin: int = -1


@dataclass(frozen=True)
class View:
    """A tensor whose value lies inside of another one's.

    Attributes:
        tensor: the other.
        offset: bytes from its start.
    """

    tensor: int
    offset: int = 0


@dataclass(frozen=True, eq=False)
class Stage:
    """An operator of a step that runs several of them, a few rows at a time: see ``md_rows.h``.

    Attributes:
        step: what it would be alone; its ``index`` has no meaning.
        fields: members of its ``md_rows_stage_t`` that are numbers.
        patches: by field of the kernel's struct, the C expression of ``call`` that it is in a call.
        made: bytes of its result that it makes in all; rows that no window sees are left out.
        output: where its buffer lies in the step's scratch memory, in bytes; of the last, which makes the
            step's output, -1.
    """

    step: Step
    fields: Mapping[str, int]
    patches: Mapping[str, str]
    made: int
    output: int


@dataclass(frozen=True, eq=False)
class Step:
    """One call into the kernel library.

    Attributes:
        index: position in the plan, what ``md_model_invoke`` reports to its observer.
        operators: indices of the TFLite operators that it performs.
        kind: the TFLite operator name that it is known by, for example ``CONV_2D``.
        kernel: the C function, for example ``md_conv2d_s8``.
        implementation: which implementation of it: the folder of its source, for example ``portable``.
        reason: why this kernel was chosen, one phrase, for ``inspect`` and ``deployment.json``.
        inputs, outputs: tensor indices (activations).
        arguments: what the C function is given before the outputs: tensor indices, or the ``Constant.name``
            of an array.
        parameters: fields of the kernel's const struct, by name (``matmul.depth`` for a field of a field):
            int, the ``Constant.name`` of an array, or a C literal.
        constants: the arrays that ``parameters`` refers to.
        scratch_bytes: temporary memory that the kernel needs, planned into the arena.
        macs: multiply-accumulates of the operator as TFLite defines it.
        overlaps: which inputs' memory the output may take over, and how many bytes before each it must begin.
        completed: tensors that no step makes as a whole, but this one makes the last part of.
        stages: the operators that it runs a few rows at a time, or (); ``constants`` are those of all.
        stage_scratch: where in the step's scratch memory that of its stages' kernels is, in bytes.
    """

    index: int
    operators: tuple[int, ...]
    kind: str
    kernel: str
    implementation: str
    reason: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    arguments: tuple[int | str, ...]
    parameters: Mapping[str, int | str] = field(default_factory=dict)
    constants: tuple[Constant, ...] = ()
    scratch_bytes: int = 0
    macs: int = 0
    overlaps: Mapping[int, int] = field(default_factory=dict)
    completed: tuple[int, ...] = ()
    stages: tuple[Stage, ...] = ()
    stage_scratch: int = 0

    @property
    def calls(self) -> tuple[Step, ...]:
        """The steps whose kernels it calls: itself, if it has no stages."""
        return tuple(stage.step for stage in self.stages) or (self,)

    @property
    def observed(self) -> tuple[int, ...]:
        """The tensors that an observer is shown after it."""
        return self.outputs + self.completed

    @property
    def pieces(self) -> tuple[tuple[int, int], ...]:
        """The tensors that an observer is shown piece by piece, and how many bytes of each there are."""
        return tuple((stage.step.outputs[0], stage.made) for stage in self.stages[:-1])

    @property
    def constant_bytes(self) -> int:
        """Bytes of its constant arrays, without alignment."""
        return sum(constant.values.nbytes for constant in self.constants)


@dataclass(frozen=True)
class Allocation:
    """A place in the arena: of tensor ``tensor``, or of step ``step``'s scratch (then ``tensor`` is -1).

    Attributes:
        offset: bytes from the start of the arena, a multiple of 16.
        size: bytes.
        first_step, last_step: the steps during which the contents must survive (-1: before the first
            step; number of steps: until the outputs have been read).
    """

    tensor: int
    step: int
    offset: int
    size: int
    first_step: int
    last_step: int


@dataclass(frozen=True, eq=False)
class Plan:
    """A model ready to be written as C.

    Attributes:
        steps: in execution order.
        allocations: one a buffer.
        views: the tensors that need no memory of their own (RESHAPE), and where they lie: in a tensor that
            has an allocation.
        arena_bytes: size of the arena.
        arena_least: no placement of these tensors needs less: it was proven.
        removed: operators that cost nothing, with the reason, for example RESHAPE.
        state: tensors that keep their value from one inference to the next, and what they hold at first: the
            byte that fills them, or an array.
    """

    steps: tuple[Step, ...]
    allocations: tuple[Allocation, ...]
    views: Mapping[int, View]
    arena_bytes: int
    removed: Mapping[int, str] = field(default_factory=dict)
    state: Mapping[int, int | Constant] = field(default_factory=dict)
    arena_least: bool = False

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(step.macs for step in self.steps)

    @property
    def constant_bytes(self) -> int:
        """Bytes of constant arrays, without alignment."""
        return sum(one.values.nbytes for one in self.constants)

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The arrays of its steps, and the first values of its state."""
        initial = [one for one in self.state.values() if isinstance(one, Constant)]
        return (*(one for step in self.steps for one in step.constants), *initial)
