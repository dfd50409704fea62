"""A model with float activations as a plain float32 graph: what is measured, rounded, and compared with.

Weights that are stored as int8 (dynamic range) or float16 become float32, also where a DEQUANTIZE does that;
names become unique, since layers are matched by them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.checks import arithmetic
from mcu_deploy.graph.ir import DataType, Graph, Operator, Quantization, Tensor
from mcu_deploy.graph.text import printable

_STORED = (DataType.INT8, DataType.UINT8, DataType.FLOAT16)


@dataclass(frozen=True, eq=False)
class FloatModel:
    """A float32 graph, and how it came from the file.

    Attributes:
        graph: activations and weights in float32; shape constants as they were.
        notes: what was done to the model, a sentence each, for the report.
        permutations: for each input the axes by which data in the source's layout become the graph's input
            (as of ``numpy.transpose``), or None where they are the same.
        grids: by name the quantisation of weights that were stored as int8, symmetric: rounding to the same
            steps again loses nothing.
    """

    graph: Graph
    notes: tuple[str, ...] = ()
    permutations: tuple[tuple[int, ...] | None, ...] = ()
    grids: Mapping[str, Quantization] = field(default_factory=dict)


def float_model(graph: Graph) -> FloatModel:
    """The float graph of a model that was read from a TFLite file.

    Raises:
        ModelError: it is quantised already, or what it computes with is not float32.
    """
    kind = arithmetic(graph)
    if kind in ("int8", "int16", "uint8"):
        what = "is full int8 already" if kind == "int8" else f"is quantised to {kind} already"
        raise ModelError(
            f"the model {what}: there is nothing to quantise",
            "deploy it as it is: mcu-deploy deploy MODEL" if kind == "int8" else "give the float original",
        )
    _check_ends(graph)
    notes = []
    if kind == "dynamic range":
        notes.append(
            "weights were stored as int8 (dynamic range); the reference computes with them in float32"
        )
    elif kind == "float16":
        notes.append("weights were stored as float16; the reference computes with them in float32")
    named = _unique_names(graph)
    made = _folded(_restored(named))
    folded, permutations, inputs = _fold_inputs(made)
    return FloatModel(prune(folded), (*notes, *inputs), permutations, _grids(named))


def _grids(graph: Graph) -> dict[str, Quantization]:
    """Where a DEQUANTIZE restores the weights, what it makes has the grid of what it reads."""
    restored = {
        operator.inputs[0]: operator.outputs[0]
        for operator in graph.operators
        if operator.kind == "DEQUANTIZE"
    }
    found = {}
    for tensor in graph.tensors:
        quantization = tensor.quantization
        if tensor.data is None or tensor.dtype is not DataType.INT8 or quantization is None:
            continue
        if not quantization.zero_point.any():
            found[graph.tensors[restored.get(tensor.index, tensor.index)].name] = quantization
    return found


def _check_ends(graph: Graph) -> None:
    for end, indices in (("input", graph.inputs), ("output", graph.outputs)):
        for tensor in (graph.tensors[index] for index in indices):
            if tensor.dtype is not DataType.FLOAT32:
                raise ModelError(
                    f"the model's {end} {printable(tensor.name)} is {tensor.dtype.value} instead of float32",
                    "export the part of the model that computes with floats",
                )
    state = [tensor for tensor in graph.tensors if tensor.is_variable]
    if state:
        raise ModelError(
            f"the model keeps state in {printable(state[0].name)}, whose range cannot be measured alone",
            "quantise it with TensorFlow's TFLiteConverter and a representative_dataset",
        )


def _restored(graph: Graph) -> Graph:
    """Constants that stand for floats as floats: those that a float operator reads as they are."""
    read = {
        index
        for operator in graph.operators
        if operator.kind != "DEQUANTIZE" and _computes_floats(graph, operator)
        for index in operator.inputs
        if index >= 0
    }
    tensors = [
        _as_float(tensor) if tensor.index in read and _stored(tensor) else tensor for tensor in graph.tensors
    ]
    return replace(graph, tensors=tuple(tensors))


def _computes_floats(graph: Graph, operator: Operator) -> bool:
    return any(graph.tensors[index].dtype is DataType.FLOAT32 for index in operator.outputs)


def _stored(tensor: Tensor) -> bool:
    """Whether it is a constant of a float that is stored in fewer bits."""
    if tensor.data is None or tensor.dtype not in _STORED:
        return False
    return tensor.dtype is DataType.FLOAT16 or tensor.quantization is not None


def _as_float(tensor: Tensor) -> Tensor:
    assert tensor.data is not None
    values = tensor.data.astype(np.float32)
    quantization = tensor.quantization
    if quantization is not None and tensor.dtype is not DataType.FLOAT16:
        shape = [1] * values.ndim
        if quantization.per_channel:
            shape[quantization.axis] = -1
        zero_point = quantization.zero_point.reshape(shape).astype(np.float32)
        values = (values - zero_point) * quantization.scale.reshape(shape)
    return replace(tensor, dtype=DataType.FLOAT32, data=values.astype(np.float32), quantization=None)


def _folded(graph: Graph) -> Graph:
    """Without the DEQUANTIZE of constants."""
    tensors = list(graph.tensors)
    operators = []
    for operator in graph.operators:
        source = tensors[operator.inputs[0]] if operator.inputs else None
        if operator.kind == "DEQUANTIZE" and source is not None and _stored(source):
            target = tensors[operator.outputs[0]]
            tensors[target.index] = replace(target, data=_as_float(source).data, dtype=DataType.FLOAT32)
        else:
            operators.append(operator)
    return replace(graph, tensors=tuple(tensors), operators=tuple(operators))


def _unique_names(graph: Graph) -> Graph:
    seen: dict[str, int] = {}
    tensors = []
    for tensor in graph.tensors:
        count = seen.get(tensor.name, 0)
        seen[tensor.name] = count + 1
        tensors.append(replace(tensor, name=f"{tensor.name}#{tensor.index}") if count else tensor)
    return replace(graph, tensors=tuple(tensors))


def _fold_inputs(graph: Graph) -> tuple[Graph, tuple[tuple[int, ...] | None, ...], list[str]]:
    """Inputs that are only transposed from channels first to last take channels last instead.

    The caller transposes the data. A front end makes channels last, and no time is spent on the target.
    """
    inputs, permutations, notes = list(graph.inputs), [], []
    operators = list(graph.operators)
    for position, index in enumerate(graph.inputs):
        readers = [operator for operator in operators if index in operator.inputs]
        order = _channels_last(graph, readers)
        permutations.append(order)
        if order is None:
            continue
        operators.remove(readers[0])
        inputs[position] = readers[0].outputs[0]
        before, after = graph.tensors[index].shape, graph.tensors[inputs[position]].shape
        notes.append(f"input {position} is {after} with channels last, in place of {before} and a TRANSPOSE")
    changed = replace(graph, inputs=tuple(inputs), operators=tuple(operators))
    return changed, tuple(permutations), notes


def _channels_last(graph: Graph, readers: Sequence[Operator]) -> tuple[int, ...] | None:
    """The permutation, if a transposition to channels last is all that reads an input."""
    if len(readers) != 1 or readers[0].kind != "TRANSPOSE" or readers[0].outputs[0] in graph.outputs:
        return None
    order = graph.tensors[readers[0].inputs[1]].data
    if order is None or order.ndim != 1 or order.size < 3:
        return None
    found = tuple(int(axis) for axis in order)
    return found if found == (0, *range(2, order.size), 1) else None


def prune(graph: Graph) -> Graph:
    """The graph without tensors that nothing uses, and with indices that follow each other."""
    used = set(graph.inputs) | set(graph.outputs)
    for operator in graph.operators:
        used.update(index for index in (*operator.inputs, *operator.outputs) if index >= 0)
    places = {old: new for new, old in enumerate(sorted(used))}
    places[-1] = -1
    tensors = [replace(graph.tensors[old], index=new) for old, new in places.items() if old >= 0]
    operators = [
        replace(
            operator,
            index=number,
            inputs=_placed(operator.inputs, places),
            outputs=_placed(operator.outputs, places),
            intermediates=(),
        )
        for number, operator in enumerate(graph.operators)
    ]
    return Graph(
        graph.name,
        tuple(tensors),
        tuple(operators),
        _placed(graph.inputs, places),
        _placed(graph.outputs, places),
        description=graph.description,
    )


def _placed(indices: Sequence[int], places: Mapping[int, int]) -> tuple[int, ...]:
    return tuple(places[index] for index in indices)


def signal_to_noise(reference: npt.NDArray[np.floating], values: npt.NDArray[np.floating]) -> float | None:
    """Power of the reference over that of the difference, in dB; None where either is nothing."""
    exact = reference.astype(np.float64)
    noise = float(np.square(exact - values).sum())
    power = float(np.square(exact).sum())
    return 10 * float(np.log10(power / noise)) if power > 0 and noise > 0 else None
