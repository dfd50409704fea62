"""What a kernel for operators of one kind is described by.

A family of operators has a module in this package with a table ``KERNELS``, and perhaps a table ``VIEWS``;
``mcu_deploy.plan.kernels`` puts those of all families together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from mcu_deploy.graph.ir import DataType, Graph, Operator, Tensor
from mcu_deploy.plan import arithmetic
from mcu_deploy.plan.types import Constant, View

PORTABLE = "portable"
HELIUM = "helium"
DSP = "dsp"
# Not on the core: the driver runs a command stream of Vela's. Its sources are the source set of the driver.
ETHOS_U = "ethos-u"

# How CMSIS-NN abbreviates element types in names.
ABBREVIATIONS = {
    DataType.FLOAT32: "f32",
    DataType.INT8: "s8",
    DataType.INT16: "s16",
    DataType.INT32: "s32",
}


@dataclass(frozen=True, eq=False)
class Lowered:
    """What a kernel needs for one operator.

    Attributes:
        parameters: fields of the kernel's struct; see ``Step.parameters``.
        constants: the arrays that they refer to.
        scratch_bytes: temporary memory.
        arguments: see ``Step.arguments``; None: the operator's inputs that are not constants.
    """

    parameters: dict[str, int | str]
    constants: tuple[Constant, ...] = ()
    scratch_bytes: int = 0
    arguments: tuple[int | str, ...] | None = None


# Whether an operator needs no step because its outputs, in their order, lie in memory that is there already.
ViewRule = Callable[[Graph, Operator], tuple[View, ...] | None]
# Whether an operator needs no step if its inputs are made inside of its output: at which offsets, in bytes.
JoinRule = Callable[[Graph, Operator], tuple[int, ...] | None]
Reason = Callable[[Graph, Operator], str | None]
# Makes the parameters and constants of an operator; takes a prefix for the constants' names.
Lowering = Callable[[Graph, Operator, str], Lowered]
# By input tensor, how many bytes before it the output must at least begin if they overlap.
Distances = Mapping[int, int]
Overlap = Callable[[Graph, Operator], Distances]


@dataclass(frozen=True)
class Kernel:
    """One implementation of one C function, for one kind of operator.

    Attributes:
        implementation: what it needs of the core, and the folder of its source.
        function: the C function.
        header: the header that declares it.
        headers: further headers that its sources include.
        sources: the C files that implement it.
        reason: whether it can perform an operator, whatever stands before it in its table: one phrase why it
            is chosen, or None.
        lower: makes the parameters and constants.
        struct: the C type of its parameters.
        input_array, output_array: the function takes an array of pointers in place of one each.
        overlap: how far before its inputs its output may overlap them, see ``overlap.py``; None: never.
    """

    implementation: str
    function: str
    header: str
    headers: tuple[str, ...]
    sources: tuple[str, ...]
    reason: Reason
    lower: Lowering
    struct: str
    input_array: bool = False
    output_array: bool = False
    overlap: Overlap | None = None


def always(reason: str) -> Reason:
    """For a kernel that can perform every operator of its kind."""
    return lambda graph, operator: reason


def of_type(dtype: DataType, reason: str) -> Reason:
    """For a kernel that can perform the operators whose first input has this element type."""
    return lambda graph, operator: reason if graph.tensors[operator.inputs[0]].dtype is dtype else None


def _of_int8(reason: str | Reason) -> Reason:
    """For a kernel that can perform the operators that a reason says, as far as they are on int8."""
    given = always(reason) if isinstance(reason, str) else reason

    def narrow(graph: Graph, operator: Operator) -> str | None:
        made = [graph.tensors[one] for one in operator.inputs if one >= 0 and graph.tensors[one].data is None]
        if made and made[0].dtype is not DataType.INT8:
            return None
        return given(graph, operator)

    return narrow


def portable(
    function: str,
    reason: str | Reason,
    lower: Lowering,
    headers: tuple[str, ...] = (),
    sources: tuple[str, ...] = (),
    family: str | None = None,
    types: str = "s8",
    input_array: bool = False,
    output_array: bool = False,
    overlap: Overlap | None = None,
) -> Kernel:
    """A kernel in portable C; header, source and struct are named after the function, or its family.

    Args:
        types: what ends all their names: element types as CMSIS-NN abbreviates them, for example ``s16``.
        function, reason, lower, headers, sources, family, input_array, output_array, overlap: see ``Kernel``.
    """
    family = family or function
    return Kernel(
        implementation=PORTABLE,
        function=f"{function}_{types}",
        header=f"{family}_{types}.h",
        headers=headers,
        sources=(f"portable/{family}_{types}.c", *sources),
        reason=_of_int8(reason) if types == "s8" else always(reason) if isinstance(reason, str) else reason,
        lower=lower,
        struct=f"{family}_{types}_t",
        input_array=input_array,
        output_array=output_array,
        overlap=overlap,
    )


def helium(
    function: str,
    reason: str | Reason,
    lower: Lowering,
    headers: tuple[str, ...] = (),
    sources: tuple[str, ...] = (),
    overlap: Overlap | None = None,
) -> Kernel:
    """A kernel for int8 on Helium, with constants in an order of its own; see ``portable``."""
    return Kernel(
        implementation=HELIUM,
        function=f"{function}_s8",
        header=f"{function}_s8.h",
        headers=("md_helium.h", "md_requantize.h", *headers),
        sources=(f"helium/{function}_s8.c", *sources),
        reason=_of_int8(reason),
        lower=lower,
        struct=f"{function}_s8_t",
        overlap=overlap,
    )


def dsp(
    function: str,
    reason: str | Reason,
    lower: Lowering,
    headers: tuple[str, ...] = (),
    sources: tuple[str, ...] = (),
    overlap: Overlap | None = None,
) -> Kernel:
    """A kernel for int8 with the DSP extension, with constants in an order of its own; see ``portable``."""
    return Kernel(
        implementation=DSP,
        function=f"{function}_s8",
        header=f"{function}_s8.h",
        headers=("md_dsp.h", "md_requantize.h", *headers),
        sources=(f"dsp/{function}_s8.c", *sources),
        reason=_of_int8(reason),
        lower=lower,
        struct=f"{function}_s8_t",
        overlap=overlap,
    )


def scale(tensor: Tensor) -> np.float32:
    """The scale of an activation."""
    assert tensor.quantization is not None
    return np.float32(tensor.quantization.scale[0])


def zero_point(tensor: Tensor) -> int:
    """The zero point of an activation."""
    assert tensor.quantization is not None
    return int(tensor.quantization.zero_point[0])


def integer(operator: Operator, name: str, default: int | None = None) -> int:
    """An integer option; without ``default`` it must be there."""
    value = operator.options[name] if default is None else operator.options.get(name, default)
    assert isinstance(value, int), name
    return value


def fused_activation(operator: Operator, result: Tensor) -> tuple[int, int]:
    """The bounds that the operator's fused activation sets on its int8 or int16 output."""
    name = str(operator.options["fused_activation_function"])
    limits = np.iinfo(result.dtype.value)
    return arithmetic.activation_range(name, scale(result), zero_point(result), (limits.min, limits.max))
