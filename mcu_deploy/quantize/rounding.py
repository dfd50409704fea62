"""A float graph and the ranges of its tensors to a full int8 graph, deterministically.

Weights are symmetric, with a scale for each output channel; biases are int32 in steps of input times weights;
activations are asymmetric. Operators that only move values share a scale with what they move. The tensors
keep their names, so that the layers of both graphs can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.ir import DataType, Graph, Operator, Quantization, Tensor
from mcu_deploy.graph.text import printable
from mcu_deploy.quantize.floats import prune
from mcu_deploy.quantize.rules import (
    BIAS_MAX,
    FIXED,
    FREE,
    LEAST_PART,
    QUANTIZE_VERSION,
    SHARED,
    WEIGHT_MAX,
    WEIGHTED,
    activation_quantization,
    fixed_quantization,
    int8_version,
    known,
)

Float = npt.NDArray[np.float32]
Range = tuple[float, float]


@dataclass
class _Group:
    """Tensors that have one quantisation.

    Attributes:
        low, high: the range of all of them.
        fixed: the quantisation that they must have, or None for one that follows from the range.
    """

    low: float
    high: float
    fixed: Quantization | None = None

    def widen(self, least: float) -> None:
        """Raise the upper end until the range is at least so wide."""
        self.high = max(self.high, min(self.low, 0.0) + least)

    @property
    def quantization(self) -> Quantization:
        return self.fixed or activation_quantization(self.low, self.high)


def quantized_graph(
    graph: Graph, ranges: Mapping[int, Range], grids: Mapping[str, Quantization] | None = None
) -> Graph:
    """The int8 graph.

    Args:
        graph: a float graph, as `mcu_deploy.quantize.floats` makes it.
        ranges: of each float activation by its index, inputs included: the least and the largest value.
        grids: of weights by their names, steps that they are to be rounded to: those that they lie on.

    Raises:
        ModelError: an operator cannot be quantised; ``details`` lists all of them.
    """
    check_known(graph)
    groups = _groups(graph, ranges)
    return _Rounding(
        graph, {index: group.quantization for index, group in groups.items()}, grids or {}
    ).result()


def check_known(graph: Graph) -> None:
    """Refuses what cannot be quantised.

    Raises:
        ModelError: ``details`` lists it.
    """
    lines = []
    for operator in graph.operators:
        name = f"operator {operator.index} {printable(operator.kind)[1:-1]}"
        if not any(_is_float(graph, index) for index in (*operator.inputs, *operator.outputs)):
            continue
        if not known(operator.kind):
            lines.append(f"{name} cannot be quantised here")
        elif operator.kind in WEIGHTED:
            weights = graph.tensors[operator.inputs[WEIGHTED[operator.kind].filter]]
            if weights.data is None:
                lines.append(f"{name} computes its weights {printable(weights.name)} at run time")
    if lines:
        raise ModelError(
            f"{len(lines)} of the model's {len(graph.operators)} operators cannot be quantised",
            "replace them in the model, or quantise it with TensorFlow's TFLiteConverter and a "
            "representative_dataset",
            details=tuple(lines),
        )


def _is_float(graph: Graph, index: int) -> bool:
    return index >= 0 and graph.tensors[index].dtype is DataType.FLOAT32


def _groups(graph: Graph, ranges: Mapping[int, Range]) -> dict[int, _Group]:
    """The group of each float activation. A group is fixed, or not, when its first tensor is made."""
    groups: dict[int, _Group] = {index: _Group(*ranges[index]) for index in graph.inputs}
    for operator in graph.operators:
        outputs = [index for index in operator.outputs if _is_float(graph, index)]
        for index in outputs:
            fixed = fixed_quantization(operator.kind) if operator.kind in FIXED else None
            groups[index] = _Group(*ranges[index], fixed)
            if operator.kind in FREE:
                groups[index].widen(_least_range(graph, operator, groups))
        if operator.kind in SHARED:
            _share(graph, operator, groups)
    return groups


def _least_range(graph: Graph, operator: Operator, groups: Mapping[int, _Group]) -> float:
    """What the output of an operator that rescales must span at least."""
    reach = [0.0]
    for index in operator.inputs:
        if index in groups:
            reach.append(255 * float(groups[index].quantization.scale[0]))
        elif _is_float(graph, index):
            values = graph.tensors[index].data
            assert values is not None
            reach.append(float(np.abs(values).max()))
    return max(reach) * LEAST_PART


def _share(graph: Graph, operator: Operator, groups: dict[int, _Group]) -> None:
    """Join what an operator reads and writes; an input of another, fixed quantisation is rescaled before."""
    inputs = [index for index in operator.inputs if _is_float(graph, index)]
    outputs = [index for index in operator.outputs if _is_float(graph, index)]
    activations = [index for index in inputs if index in groups]
    free = [index for index in activations if groups[index].fixed is None]
    same = {_key(groups[index].quantization) for index in activations}
    joined = activations if len(same) == 1 and not free else free
    target = groups[joined[0]] if joined else groups[outputs[0]]
    for index in inputs:
        constant = graph.tensors[index].data
        if constant is not None and target.fixed is None:
            target.low, target.high = (
                min(target.low, float(constant.min())),
                max(target.high, float(constant.max())),
            )
    for index in (*joined, *outputs):
        old = groups[index]
        if target.fixed is None:
            target.low, target.high = min(target.low, old.low), max(target.high, old.high)
        for member in [member for member, group in groups.items() if group is old]:
            groups[member] = target


def _key(quantization: Quantization) -> tuple[float, int]:
    return float(quantization.scale[0]), int(quantization.zero_point[0])


class _Rounding:
    """Makes the int8 graph, operator by operator."""

    def __init__(
        self, graph: Graph, quantizations: Mapping[int, Quantization], grids: Mapping[str, Quantization]
    ) -> None:
        self.graph = graph
        self.grids = grids
        self.quantizations = dict(quantizations)
        self.tensors: list[Tensor] = [
            replace(tensor, dtype=DataType.INT8, quantization=self.quantizations[tensor.index])
            if tensor.index in self.quantizations
            else tensor
            for tensor in graph.tensors
        ]
        self.operators: list[Operator] = []
        self.made: dict[tuple[int, bytes], int] = {}

    def result(self) -> Graph:
        for operator in self.graph.operators:
            inputs = list(operator.inputs)
            if operator.kind in WEIGHTED:
                self._weights(operator, inputs)
            for position, index in enumerate(inputs):
                inputs[position] = self._operand(operator, index)
            self._add(operator, inputs)
        return prune(
            replace(
                self.graph,
                tensors=tuple(self.tensors),
                operators=tuple(self.operators),
                description="quantised by mcu-deploy",
            )
        )

    def _add(self, operator: Operator, inputs: Sequence[int]) -> None:
        rounded = any(index in self.quantizations for index in operator.outputs) or any(
            index in self.quantizations for index in operator.inputs
        )
        version = int8_version(operator.kind, operator.version) if rounded else operator.version
        self.operators.append(replace(operator, inputs=tuple(inputs), version=version))

    def _operand(self, operator: Operator, index: int) -> int:
        """An input as the operator needs it: a float constant rounded, a shared one in the output's scale."""
        if index in self.quantizations:
            return self._rescaled(operator, index)
        if index >= len(self.graph.tensors) or not _is_float(self.graph, index):
            return index
        values = self.graph.tensors[index].data
        assert values is not None
        if operator.kind in SHARED:
            quantization = self.quantizations[operator.outputs[0]]
        else:
            quantization = activation_quantization(float(values.min()), float(values.max()))
        return self._constant(index, _rounded(values, quantization), quantization)

    def _rescaled(self, operator: Operator, index: int) -> int:
        """An activation, by a QUANTIZE where an operator that only moves values needs another scale."""
        if operator.kind not in SHARED:
            return index
        wanted, found = self.quantizations[operator.outputs[0]], self.quantizations[index]
        if _key(wanted) == _key(found):
            return index
        made = self._tensor(
            replace(self.tensors[index], quantization=wanted, name=f"{self.tensors[index].name}/rescaled")
        )
        self.operators.append(Operator(0, "QUANTIZE", (index,), (made,), {}, QUANTIZE_VERSION))
        return made

    def _weights(self, operator: Operator, inputs: list[int]) -> None:
        """Replaces filter and bias in ``inputs``."""
        where = WEIGHTED[operator.kind]
        weights = self.graph.tensors[inputs[where.filter]]
        assert weights.data is not None
        values = weights.data.astype(np.float64)
        input_scale = float(self.quantizations[inputs[where.data]].scale[0])
        bias = inputs[where.bias] if len(inputs) > where.bias else -1
        biases = None if bias < 0 else self.graph.tensors[bias].data
        least = _least_scales(values.shape[where.axis], input_scale, biases)
        scale = self._grid(weights, where.axis)
        if scale is None or (scale < least).any():
            scale = _weight_scales(values, where.axis, least)
        quantization = Quantization(scale, np.zeros(scale.shape, np.int64), where.axis)
        shape = [1] * values.ndim
        shape[where.axis] = -1
        steps = np.clip(np.rint(values / scale.reshape(shape)), -WEIGHT_MAX, WEIGHT_MAX).astype(np.int8)
        inputs[where.filter] = self._constant(weights.index, steps, quantization)
        if biases is not None:
            product = (np.float32(input_scale) * scale).astype(np.float32)
            rounded = np.rint(biases.astype(np.float64) / product).astype(np.int32)
            inputs[where.bias] = self._constant(
                bias, rounded, Quantization(product, np.zeros(product.shape, np.int64))
            )

    def _grid(self, weights: Tensor, axis: int) -> Float | None:
        """The steps that weights lie on, for each channel."""
        grid = self.grids.get(weights.name)
        if grid is None or (grid.per_channel and grid.axis != axis):
            return None
        return np.broadcast_to(grid.scale, (weights.shape[axis],)).astype(np.float32)

    def _constant(self, index: int, values: npt.NDArray[np.generic], quantization: Quantization) -> int:
        """A constant in place of a float one; the same for all operators that need it so."""
        key = index, quantization.scale.tobytes() + quantization.zero_point.tobytes()
        if key not in self.made:
            dtype = DataType(values.dtype.name)
            self.made[key] = self._tensor(
                replace(self.graph.tensors[index], dtype=dtype, data=values, quantization=quantization)
            )
        return self.made[key]

    def _tensor(self, tensor: Tensor) -> int:
        self.tensors.append(replace(tensor, index=len(self.tensors)))
        return len(self.tensors) - 1


def _rounded(values: npt.NDArray[np.generic], quantization: Quantization) -> npt.NDArray[np.int8]:
    scale, zero_point = _key(quantization)
    steps = np.rint(values.astype(np.float64) / scale) + zero_point
    result: npt.NDArray[np.int8] = np.clip(steps, -128, 127).astype(np.int8)
    return result


def _least_scales(channels: int, input_scale: float, biases: npt.NDArray[np.generic] | None) -> Float:
    """What the scale of each channel must be at least, so that its bias fits the accumulator."""
    least = np.full(channels, np.finfo(np.float32).tiny / min(input_scale, 1.0))
    if biases is not None:
        least = np.maximum(least, np.abs(biases.astype(np.float64)) / (BIAS_MAX * input_scale))
    return least.astype(np.float32)


def _weight_scales(values: npt.NDArray[np.float64], axis: int, least: Float) -> Float:
    """The scale of each channel by its largest weight.

    A channel in which all is 0 takes the largest of the others, or 1.
    """
    axes = tuple(other for other in range(values.ndim) if other != axis)
    scale = np.abs(values).max(axis=axes) / WEIGHT_MAX
    scale = np.where(scale > 0, scale, scale.max() or 1.0)
    return np.maximum(scale, least).astype(np.float32)
