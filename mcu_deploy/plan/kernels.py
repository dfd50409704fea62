"""Which kernel performs which operator: for each operator kind, the implementations in order of preference.

To add an implementation, add its source to ``firmware_templates/kernels/<implementation>/`` and an entry
here, before those that it is better than. The C function and its struct stay the same; the packing of the
weights is the implementation's own, because ``lower`` belongs to the entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.graph.reader import NPU_OPERATOR
from mcu_deploy.plan import lowering
from mcu_deploy.plan.lowering import Lowered

PORTABLE = "portable"
# Not on the core: the driver runs a command stream of Vela's. Its sources are the source set of the driver.
ETHOS_U = "ethos-u"

# For each target, the implementations that its core can run.
TARGETS: Mapping[str, tuple[str, ...]] = {PORTABLE: (PORTABLE,)}


@dataclass(frozen=True)
class Kernel:
    """One implementation of one C function, for one kind of operator.

    Attributes:
        implementation: what it needs of the core, and the folder of its source.
        function: the C function.
        header: the header that declares it.
        headers: further headers that its sources include.
        sources: the C files that implement it.
        reason: whether it can perform an operator: one phrase why it is chosen, or None.
        lower: makes the parameters and constants; takes a prefix for the constants' names.
        struct: the C type of its parameters.
    """

    implementation: str
    function: str
    header: str
    headers: tuple[str, ...]
    sources: tuple[str, ...]
    reason: Callable[[Graph, Operator], str | None]
    lower: Callable[[Graph, Operator, str], Lowered]
    struct: str


def _always(reason: str) -> Callable[[Graph, Operator], str | None]:
    return lambda graph, operator: reason


def _convolution_as_rows(graph: Graph, operator: Operator) -> str | None:
    """Whether the windows of a CONV_2D lie in memory as the rows of a matrix."""
    if lowering.convolution_groups(graph, operator) > 1:
        return None
    sliding = lowering.convolution_window(graph, operator)
    if sliding.filter == (1, 1) and sliding.stride == (1, 1):
        return "1x1 window with stride 1: each pixel is a row of a matrix"
    if sliding.output == (1, 1) and sliding.filter == sliding.input and not sliding.padded:
        return "one window covers the whole input: each batch is a row of a matrix"
    return None


def _depthwise(graph: Graph, operator: Operator) -> str | None:
    if lowering.depth_multiplier(graph, operator) == 1:
        return "depth multiplier 1: four channels at a time"
    return None


def _portable(
    function: str,
    reason: str | Callable[[Graph, Operator], str | None],
    lower: Callable[[Graph, Operator, str], Lowered],
    headers: tuple[str, ...] = (),
    sources: tuple[str, ...] = (),
    family: str | None = None,
) -> Kernel:
    """A kernel in portable C; header, source and struct are named after the function, or its family."""
    family = family or function
    return Kernel(
        implementation=PORTABLE,
        function=f"{function}_s8",
        header=f"{family}_s8.h",
        headers=headers,
        sources=(f"portable/{family}_s8.c", *sources),
        reason=_always(reason) if isinstance(reason, str) else reason,
        lower=lower,
        struct=f"{family}_s8_t",
    )


def _rows(reason: str | Callable[[Graph, Operator], str | None]) -> Kernel:
    headers, sources = ("md_matmul_s8.h", "md_requantize.h"), ("portable/md_matmul_s8.c",)
    return _portable("md_fully_connected", reason, lowering.lower_rows, headers, sources)


def _gathered(reason: str, lower: Callable[[Graph, Operator, str], Lowered]) -> Kernel:
    headers = ("md_matmul_s8.h", "md_requantize.h", "md_window.h")
    return _portable("md_conv2d", reason, lower, headers, ("portable/md_matmul_s8.c",))


def _pool(function: str) -> Kernel:
    headers = ("md_requantize.h", "md_window.h")
    return _portable(function, "any window", lowering.lower_pool, headers, family="md_pool")


_DEPTHWISE = _portable(
    "md_depthwise_conv2d", _depthwise, lowering.lower_depthwise, ("md_requantize.h", "md_window.h")
)
_RELU = _portable("md_lookup", "a function of one int8 value is a table", lowering.lower_relu)
_SOFTMAX = _portable("md_softmax", "exponentials from a table", lowering.lower_softmax, ("md_requantize.h",))

_NPU = Kernel(
    implementation=ETHOS_U,
    function="md_npu_step",
    header="md_npu_step.h",
    headers=(),
    sources=(),
    reason=_always("compiled by Vela into a command stream"),
    lower=lowering.lower_npu,
    struct="md_npu_step_t",
)

KERNELS: Mapping[str, tuple[Kernel, ...]] = {
    NPU_OPERATOR: (_NPU,),
    # A RESHAPE between Vela's and our tensors: the same bytes at another place.
    "RESHAPE": (_portable("md_lookup", "copied to where Vela wants it", lowering.lower_copy),),
    "AVERAGE_POOL_2D": (_pool("md_average_pool"),),
    "CONV_2D": (
        _rows(_convolution_as_rows),
        _gathered("any window: gathered into rows of a matrix", lowering.lower_convolution),
    ),
    "DEPTHWISE_CONV_2D": (
        _DEPTHWISE,
        _gathered("depth multiplier above 1: a convolution in groups", lowering.lower_depthwise_as_groups),
    ),
    "FULLY_CONNECTED": (_rows("each batch is a row of a matrix"),),
    "MAX_POOL_2D": (_pool("md_max_pool"),),
    "RELU": (_RELU,),
    "RELU6": (_RELU,),
    "SOFTMAX": (_SOFTMAX,),
}

# Operators that need no kernel, and why.
ALIASES: Mapping[str, str] = {"RESHAPE": "the same bytes under another shape"}


def find_kernel(function: str, implementation: str) -> Kernel:
    """The kernel that a ``Step`` names."""
    for kernels in KERNELS.values():
        for kernel in kernels:
            if (kernel.function, kernel.implementation) == (function, implementation):
                return kernel
    raise KeyError(f"{implementation}/{function}")
