"""Which kernels a target can run, and which performs an operator.

To add an implementation, add its source to ``firmware_templates/kernels/<implementation>/`` and an entry to
its family in ``plan/operators``, before those that it is better than. The packing of the weights is the
implementation's own, because ``lower`` belongs to the entry. One with a packing of its own has a function and
a struct of its own too, since a program may hold it beside the portable one; and plain C that reads the
packing beside what its core is needed for, since a project for every board is also built for the computer.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcu_deploy.boards.types import Core
from mcu_deploy.plan.operators import (
    activation,
    conversion,
    convolution,
    elementwise,
    lstm,
    movement,
    npu,
    pooling,
    recurrent,
    reduction,
    resize,
    transpose_conv,
    variables,
)
from mcu_deploy.plan.operators.types import DSP, HELIUM, PORTABLE, JoinRule, Kernel, ViewRule

# For each target, the implementations that its core can run.
TARGETS: Mapping[str, tuple[str, ...]] = {
    PORTABLE: (PORTABLE,),
    DSP: (DSP, PORTABLE),
    HELIUM: (HELIUM, PORTABLE),
}

# For each kind of operator, the implementations in order of preference.
KERNELS: Mapping[str, tuple[Kernel, ...]] = {
    kind: kernels
    for family in (
        activation,
        conversion,
        convolution,
        elementwise,
        lstm,
        movement,
        npu,
        pooling,
        recurrent,
        reduction,
        resize,
        transpose_conv,
        variables,
    )
    for kind, kernels in family.KERNELS.items()
}

# The kinds of operators that may need no step.
VIEWS: Mapping[str, ViewRule] = {**movement.VIEWS, **variables.VIEWS}

# The kinds of operators that may need no step if their inputs are made in the right places.
JOINS: Mapping[str, JoinRule] = {**movement.JOINS}


def target_of(core: Core | None) -> str:
    """The target that a board's core can run; ``core`` is None for the development machine."""
    extensions = () if core is None else core.extensions
    if "mve" in extensions:
        return HELIUM
    return DSP if "dsp" in extensions else PORTABLE


def find_kernel(function: str, implementation: str) -> Kernel:
    """The kernel that a ``Step`` names."""
    for kernels in KERNELS.values():
        for kernel in kernels:
            if (kernel.function, kernel.implementation) == (function, implementation):
                return kernel
    raise KeyError(f"{implementation}/{function}")
