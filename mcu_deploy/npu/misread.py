"""Operators that Vela compiles to something else than they are.

Its streams then compute other numbers than TFLM, without a message. What is listed here was seen with Vela
5.2; a test compiles each and shows that it is still so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import dropwhile

import numpy as np

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.graph.text import printable

_WAY_OUT = "deploy for the CPU: --npu none; or write it in the model by other operators"


def check_for_vela(graph: Graph) -> None:
    """Refuses a graph of which Vela would make a wrong one.

    Raises:
        ModelError: names the first such operator; ``details`` has a line for each.
    """
    found = [
        f"operator {operator.index} {operator.kind}, tensor {operator.outputs[0]} "
        f"{printable(graph.tensors[operator.outputs[0]].name)}: {reason}"
        for operator in graph.operators
        if (rule := _MISREAD.get(operator.kind)) is not None and (reason := rule(graph, operator)) is not None
    ]
    if found:
        raise ModelError(found[0], _WAY_OUT, details=tuple(found[1:]))


def _sum(graph: Graph, operator: Operator) -> str | None:
    axes = graph.tensors[operator.inputs[1]].data
    shape = graph.tensors[operator.inputs[0]].shape
    if axes is None or len({int(axis) % len(shape) for axis in np.ravel(axes)}) == 1:
        return None
    return "Vela (5.2) sums along one axis only"


def _reduce_max(graph: Graph, operator: Operator) -> str | None:
    """Right only where the output's shape is that of one that keeps its axes, ones in front aside."""
    axes = graph.tensors[operator.inputs[1]].data
    shape = graph.tensors[operator.inputs[0]].shape
    if axes is None:
        return None
    gone = {int(axis) % len(shape) for axis in np.ravel(axes)}
    kept = tuple(1 if axis in gone else size for axis, size in enumerate(shape))
    if _without_ones(kept) == _without_ones(graph.tensors[operator.outputs[0]].shape):
        return None
    return "Vela (5.2) takes it for one that keeps its axes"


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Without those in front."""
    return tuple(dropwhile(lambda size: size == 1, shape))


def _strided_slice(graph: Graph, operator: Operator) -> str | None:
    begin = graph.tensors[operator.inputs[1]].data
    masked, shrunk = operator.options["begin_mask"], operator.options["shrink_axis_mask"]
    assert isinstance(masked, int) and isinstance(shrunk, int)
    if begin is None or not any(value and masked & shrunk & 1 << axis for axis, value in enumerate(begin)):
        return None
    return "Vela (5.2) takes no notice of begin_mask on an axis that is shrunk"


def _resize(graph: Graph, operator: Operator) -> str | None:
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    both = operator.options["align_corners"] and operator.options["half_pixel_centers"]
    return "Vela (5.2) takes it for a copy" if both and source.shape == result.shape else None


def _neg(graph: Graph, operator: Operator) -> str | None:
    source = graph.tensors[operator.inputs[0]].quantization
    result = graph.tensors[operator.outputs[0]].quantization
    if source is None or result is None or source.scale[0] == result.scale[0]:
        return None
    return "Vela (5.2) does not rescale it"


_MISREAD: Mapping[str, Callable[[Graph, Operator], str | None]] = {
    "NEG": _neg,
    "REDUCE_MAX": _reduce_max,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
    "STRIDED_SLICE": _strided_slice,
    "SUM": _sum,
}
