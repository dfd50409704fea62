"""ONNX nodes without weights: element by element, reductions, and what moves values."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mcu_deploy.quantize.onnx_graph import Importer, Node
from mcu_deploy.quantize.onnx_layout import Unsupported, Value

UNARY = {
    "Abs": "ABS",
    "Elu": "ELU",
    "Exp": "EXP",
    "HardSwish": "HARD_SWISH",
    "LeakyRelu": "LEAKY_RELU",
    "Log": "LOG",
    "Neg": "NEG",
    "Relu": "RELU",
    "Sigmoid": "LOGISTIC",
    "Sqrt": "SQRT",
    "Tanh": "TANH",
}
BINARY = {
    "Add": "ADD",
    "Div": "DIV",
    "Max": "MAXIMUM",
    "Min": "MINIMUM",
    "Mul": "MUL",
    "PRelu": "PRELU",
    "Sub": "SUB",
}
REDUCTIONS = {"ReduceMax": "REDUCE_MAX", "ReduceMean": "MEAN", "ReduceSum": "SUM"}


def unary(importer: Importer, node: Node) -> Value:
    """An operator on each element; RELU becomes part of what it follows."""
    source = importer.value(node, 0)
    kind = UNARY[node.kind]
    if kind == "RELU" and importer.read_once(node.inputs[0]) and importer.layout.fuse(source.tensor, kind):
        return source
    options = {"alpha": float(node.attributes.get("alpha", 0.01))} if kind == "LEAKY_RELU" else {}
    return _each(importer, kind, source, **options)


def clip(importer: Importer, node: Node) -> Value:
    """RELU, RELU6, RELU_N1_TO_1, or a maximum and a minimum."""
    low, high = (_limit(importer, node, position) for position in (1, 2))
    low = float(node.attributes.get("min", low))
    high = float(node.attributes.get("max", high))
    source = importer.value(node, 0)
    kind = {(0.0, 6.0): "RELU6", (0.0, math.inf): "RELU", (-1.0, 1.0): "RELU_N1_TO_1"}.get((low, high))
    if kind is not None:
        if importer.read_once(node.inputs[0]) and importer.layout.fuse(source.tensor, kind):
            return source
        return _each(importer, kind, source)
    stored = importer.layout.graph.tensors[source.tensor].shape
    tensor = source.tensor
    for kind, limit in (("MAXIMUM", low), ("MINIMUM", high)):
        if math.isfinite(limit):
            tensor = importer.layout.add(kind, [tensor, importer.layout.floats(np.array([limit]))], stored)
    return Value(tensor, source.order)


def _limit(importer: Importer, node: Node, position: int) -> float:
    if len(node.inputs) <= position or not node.inputs[position]:
        return -math.inf if position == 1 else math.inf
    limit = float(importer.constant(node, position))
    return math.copysign(math.inf, limit) if abs(limit) > 1e38 else limit


def binary(importer: Importer, node: Node) -> Value:
    """An operator on two tensors, one of which may be a constant; broadcast as in ONNX."""
    kind = BINARY[node.kind]
    if len(node.inputs) != 2:
        raise Unsupported(f"has {len(node.inputs)} inputs")
    first = next(name for name in node.inputs if name not in importer.constants)
    rank = max(importer.rank(name) for name in node.inputs)
    order = importer.values[first].order
    if len(order) != rank:
        order = tuple(range(rank))
    operands = [importer.operand(name, order, rank) for name in node.inputs]
    shapes = [importer.layout.graph.tensors[operand].shape for operand in operands]
    return Value(importer.layout.add(kind, operands, np.broadcast_shapes(*shapes)), order)


def square(importer: Importer, node: Node) -> Value:
    """Pow, of 2."""
    if node.inputs[1] not in importer.constants or np.any(importer.constant(node, 1) != 2):
        raise Unsupported("has another exponent than 2")
    source = importer.value(node, 0)
    shape = importer.layout.graph.tensors[source.tensor].shape
    return Value(importer.layout.add("MUL", [source.tensor, source.tensor], shape), source.order)


def softmax(importer: Importer, node: Node) -> Value:
    """Over one axis, which is stored last."""
    source = importer.value(node, 0)
    rank = len(source.order)
    axis = int(node.attributes.get("axis", 1 if importer.opset < 13 else -1)) % rank
    if importer.opset < 13 and axis != rank - 1:
        raise Unsupported("flattens several axes, as before opset 13")
    order = list(range(rank - 1))
    order.insert(axis, rank - 1)
    tensor = importer.layout.stored(source, tuple(order))
    kind = "SOFTMAX" if node.kind == "Softmax" else "LOG_SOFTMAX"
    options = {"beta": 1.0} if kind == "SOFTMAX" else {}
    shape = importer.layout.graph.tensors[tensor].shape
    return Value(importer.layout.add(kind, [tensor], shape, **options), tuple(order))


def reduction(importer: Importer, node: Node) -> Value:
    """Mean, sum or maximum over some axes."""
    source = importer.value(node, 0)
    rank = len(source.order)
    axes = node.ints("axes")
    if len(node.inputs) > 1 and node.inputs[1]:
        axes = tuple(int(axis) for axis in importer.constant(node, 1))
    kept = bool(node.attributes.get("keepdims", 1))
    return _reduced(importer, REDUCTIONS[node.kind], source, axes or tuple(range(rank)), kept)


def global_pool(importer: Importer, node: Node) -> Value:
    """Over all but the first two axes."""
    source = importer.value(node, 0)
    kind = "MEAN" if node.kind == "GlobalAveragePool" else "REDUCE_MAX"
    return _reduced(importer, kind, source, range(2, len(source.order)), True)


def _reduced(importer: Importer, kind: str, source: Value, axes: Sequence[int], kept: bool) -> Value:
    rank = len(source.order)
    gone = {axis % rank for axis in axes}
    stored = importer.layout.graph.tensors[source.tensor].shape
    places = sorted(source.order[axis] for axis in gone)
    if kept:
        shape = tuple(1 if axis in places else size for axis, size in enumerate(stored))
        order = source.order
    else:
        left = [axis for axis in range(rank) if axis not in places]
        shape = tuple(stored[axis] for axis in left)
        order = tuple(left.index(source.order[axis]) for axis in range(rank) if axis not in gone)
    tensor = importer.layout.add(
        kind, [source.tensor, importer.layout.integers(places)], shape, keep_dims=kept
    )
    return Value(tensor, order)


def transpose(importer: Importer, node: Node) -> Value:
    """Costs nothing here: the order changes."""
    source = importer.value(node, 0)
    moved = node.ints("perm") or tuple(reversed(range(len(source.order))))
    return Value(source.tensor, tuple(source.order[axis] for axis in moved))


def reshape(importer: Importer, node: Node) -> Value:
    """Reshape, Flatten, Squeeze and Unsqueeze."""
    source = importer.value(node, 0)
    shape = importer.layout.shape(source)
    rank = len(shape)
    if node.kind == "Flatten":
        axis = int(node.attributes.get("axis", 1)) % (rank + 1)
        wanted = [math.prod(shape[:axis]), math.prod(shape[axis:])]
    elif node.kind == "Reshape":
        given = [int(size) for size in importer.constant(node, 1)]
        wanted = [shape[axis] if size == 0 else size for axis, size in enumerate(given)]
        if -1 in wanted:
            wanted[wanted.index(-1)] = math.prod(shape) // -math.prod(wanted)
    else:
        axes = node.ints("axes")
        if len(node.inputs) > 1:
            axes = tuple(int(axis) for axis in importer.constant(node, 1))
        if node.kind == "Squeeze":
            gone = {axis % rank for axis in axes} or {axis for axis in range(rank) if shape[axis] == 1}
            wanted = [size for axis, size in enumerate(shape) if axis not in gone]
        else:
            new = {axis % (rank + len(axes)) for axis in axes}
            rest = iter(shape)
            wanted = [1 if axis in new else next(rest) for axis in range(rank + len(axes))]
    if math.prod(wanted) != math.prod(shape):
        raise Unsupported(f"makes {wanted} of {list(shape)}")
    return importer.plain(importer.layout.reshaped(importer.layout.stored(source), wanted))


def concat(importer: Importer, node: Node) -> Value:
    """Of activations and constants."""
    first = next(name for name in node.inputs if name not in importer.constants)
    order = importer.values[first].order
    rank = len(order)
    axis = order[int(node.attributes["axis"]) % rank]
    operands = [importer.operand(name, order, rank) for name in node.inputs]
    shapes = [importer.layout.graph.tensors[operand].shape for operand in operands]
    shape = list(shapes[0])
    shape[axis] = sum(part[axis] for part in shapes)
    return Value(importer.layout.add("CONCATENATION", operands, shape, axis=axis), order)


def cut(importer: Importer, node: Node) -> Value:
    """Slice with constant bounds and positive steps."""
    source = importer.value(node, 0)
    shape = importer.layout.shape(source)
    given = [[int(n) for n in importer.constant(node, place)] for place in range(1, len(node.inputs))]
    starts, ends = given[:2]
    axes = given[2] if len(given) > 2 else list(range(len(starts)))
    steps = given[3] if len(given) > 3 else [1] * len(starts)
    if min(steps) < 1:
        raise Unsupported("goes backwards")
    stored = importer.layout.graph.tensors[source.tensor].shape
    begin, end, stride = [0] * len(stored), list(stored), [1] * len(stored)
    for start, stop, axis, step in zip(starts, ends, axes, steps, strict=True):
        place = source.order[axis % len(shape)]
        begin[place], end[place], stride[place] = (*slice(start, stop).indices(stored[place])[:2], step)
    made = [len(range(*bounds)) for bounds in zip(begin, end, stride, strict=True)]
    operands = [source.tensor, *(importer.layout.integers(part) for part in (begin, end, stride))]
    return Value(importer.layout.add("STRIDED_SLICE", operands, made), source.order)


def pad(importer: Importer, node: Node) -> Value:
    """With zeros, or another constant."""
    if (node.text("mode") or "constant") != "constant":
        raise Unsupported(f"pads by {node.text('mode')}")
    source = importer.value(node, 0)
    rank = len(source.order)
    pads = node.ints("pads") or tuple(int(n) for n in importer.constant(node, 1))
    value = float(importer.constant(node, 2)) if len(node.inputs) > 2 and node.inputs[2] else 0.0
    wider = np.zeros((rank, 2), np.int32)
    for axis in range(rank):
        wider[source.order[axis]] = pads[axis], pads[axis + rank]
    if (wider < 0).any():
        raise Unsupported("has negative padding")
    stored = importer.layout.graph.tensors[source.tensor].shape
    shape = [size + int(ends.sum()) for size, ends in zip(stored, wider, strict=True)]
    operands = [source.tensor, importer.layout.integers(wider)]
    if value:
        operands.append(importer.layout.floats(np.array([value])))
    return Value(importer.layout.add("PADV2" if value else "PAD", operands, shape), source.order)


def same(importer: Importer, node: Node) -> Value:
    """What does nothing when a model is used."""
    return importer.value(node, 0)


def _each(importer: Importer, kind: str, source: Value, **options: float) -> Value:
    shape = importer.layout.graph.tensors[source.tensor].shape
    return Value(importer.layout.add(kind, [source.tensor], shape, **options), source.order)
