"""Operators that become part of the next one: PAD before a convolution, which can pad as it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mcu_deploy.graph.geometry import EXPLICIT_PADDING, effective_filter_size
from mcu_deploy.graph.ir import Graph, Operator, Tensor
from mcu_deploy.graph.rules import moves
from mcu_deploy.plan.operators.movement import pad_value
from mcu_deploy.plan.operators.types import integer, scale, zero_point

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


@dataclass(frozen=True)
class Folded:
    """What is left to do.

    Attributes:
        operators: in execution order; those that took another one in read its input.
        absorbed: by operator index, the operators that it took in. Their outputs are nowhere.
    """

    operators: Sequence[Operator]
    absorbed: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


def fold_padding(graph: Graph) -> Folded:
    """Takes each PAD or PADV2 of zeros around height and width into the VALID convolution behind it.

    Only where nothing else reads the padded tensor.
    """
    pads = {
        operator.outputs[0]: operator for operator in graph.operators if operator.kind in ("PAD", "PADV2")
    }
    readers = [index for operator in graph.operators for index in operator.inputs]
    operators: list[Operator] = []
    absorbed: dict[int, tuple[int, ...]] = {}
    for operator in graph.operators:
        pad = pads.get(operator.inputs[0]) if operator.kind in _CONVOLUTIONS else None
        alone = pad is not None and readers.count(pad.outputs[0]) == 1 and pad.outputs[0] not in graph.outputs
        sides = _sides(graph, pad, operator) if pad is not None and alone else None
        if pad is None or sides is None:
            operators.append(operator)
            continue
        options = {**operator.options, EXPLICIT_PADDING: sides}
        operators.append(replace(operator, inputs=(pad.inputs[0], *operator.inputs[1:]), options=options))
        absorbed[operator.index] = (pad.index,)
    gone = {index for one in absorbed.values() for index in one}
    return Folded([operator for operator in operators if operator.index not in gone], absorbed)


def _sides(graph: Graph, pad: Operator, convolution: Operator) -> tuple[int, ...] | None:
    """Top, bottom, left and right of what a convolution can pad itself, or None."""
    source, padded = graph.tensors[pad.inputs[0]], graph.tensors[pad.outputs[0]]
    unquantised = source.quantization is None or padded.quantization is None
    if convolution.options["padding"] != "VALID" or unquantised or not _quantised_alike(source, padded):
        return None
    if int(pad_value(graph, pad)[0]) != zero_point(padded):
        return None
    around = moves.paddings([graph.tensors[index] for index in pad.inputs])
    if any(around[0]) or any(around[3]):
        return None
    filter_shape = graph.tensors[convolution.inputs[1]].shape
    for axis, suffix in ((1, "h"), (2, "w")):
        dilation = integer(convolution, f"dilation_{suffix}_factor", 1)
        # Every window sees some of the input, as kernels may rely on.
        if max(around[axis]) >= effective_filter_size(filter_shape[axis], dilation):
            return None
    return *around[1], *around[2]


def _quantised_alike(one: Tensor, other: Tensor) -> bool:
    return bool(scale(one) == scale(other)) and zero_point(one) == zero_point(other)
