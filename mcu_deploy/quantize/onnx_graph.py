"""An ONNX model as a float graph, channels last, node by node.

Only the package ``onnx`` is needed, and only to read the file and to compute what is made of constants alone.
Quantisation that the file holds (QuantizeLinear, DequantizeLinear, FakeQuantize) is left out: ranges are
measured again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.quantize.onnx_layout import Array, LayoutBuilder, Order, Unsupported, Value

_QUANTISES = ("QuantizeLinear", "DequantizeLinear", "FakeQuantize")
MAX_CONSTANT = 1 << 28


@dataclass(frozen=True)
class Node:
    """One node of the file."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    proto: Any

    def ints(self, name: str) -> tuple[int, ...]:
        """An attribute of integers; () where there is none."""
        return tuple(int(value) for value in self.attributes.get(name, ()))

    def text(self, name: str) -> str:
        """An attribute of text; "" where there is none."""
        value = self.attributes.get(name, b"")
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


Handler = Callable[["Importer", Node], Value]


class Importer:
    """Makes a graph of an ONNX model; ``notes`` gathers what was changed."""

    def __init__(self, model: Any, handlers: Mapping[str, Handler]) -> None:
        import onnx

        self.onnx = onnx
        self.model = model
        self.handlers = handlers
        self.opset = max((entry.version for entry in model.opset_import if not entry.domain), default=1)
        self.layout = LayoutBuilder("onnx")
        self.values: dict[str, Value] = {}
        self.constants: dict[str, Array] = {
            tensor.name: np.asarray(onnx.numpy_helper.to_array(tensor)) for tensor in model.graph.initializer
        }
        self.nodes = [self._node(proto) for proto in model.graph.node]
        self.readers = Counter(name for node in self.nodes for name in node.inputs)
        self.readers.update(output.name for output in model.graph.output)
        self.notes: list[str] = []

    def graph(self, shapes: Sequence[Sequence[int]]) -> Graph:
        """The float graph; ``shapes`` as of ``converters.convert_onnx``.

        Raises:
            Unsupported: a shape is not known, or nodes cannot be converted; all of them are named.
        """
        self._inputs(shapes)
        problems = []
        for node in self.nodes:
            try:
                self._convert(node)
            except Unsupported as problem:
                problems.append(f"{node.kind} {node.name!r} {problem}")
            except KeyError:  # made by a node that is a problem itself
                continue
            except (ValueError, IndexError, TypeError) as error:
                problems.append(f"{node.kind} {node.name!r} is malformed ({error})")
        if problems:
            raise Unsupported("; ".join(dict.fromkeys(problems)))
        outputs = []
        for output in self.model.graph.output:
            if output.name not in self.values:
                raise Unsupported(f"the output {output.name!r} is not computed")
            tensor = self.layout.stored(self.values[output.name])
            self._name(tensor, output.name)
            outputs.append(tensor)
        return self.layout.graph.build(outputs)

    def _node(self, proto: Any) -> Node:
        attributes = {
            attribute.name: self.onnx.helper.get_attribute_value(attribute) for attribute in proto.attribute
        }
        name = proto.name or (proto.output[0] if proto.output else "")
        return Node(proto.op_type, name, tuple(proto.input), tuple(proto.output), attributes, proto)

    def _inputs(self, shapes: Sequence[Sequence[int]]) -> None:
        inputs = [entry for entry in self.model.graph.input if entry.name not in self.constants]
        if shapes and len(shapes) != len(inputs):
            raise Unsupported(f"{len(shapes)} input shapes are given, the model has {len(inputs)} inputs")
        for position, entry in enumerate(inputs):
            kind = entry.type.tensor_type
            if kind.elem_type != self.onnx.TensorProto.FLOAT:
                raise Unsupported(f"the input {entry.name!r} is not float32")
            known = [dim.dim_value if dim.dim_value > 0 else None for dim in kind.shape.dim]
            chosen = list(shapes[position]) if shapes else [1, *known[1:]]
            text = "(" + ", ".join("?" if size is None else str(size) for size in known) + ")"
            fits = len(chosen) == len(known) and all(
                size is None or size == other for size, other in zip(known[1:], chosen[1:], strict=True)
            )
            if None in chosen or not chosen or not fits:
                raise Unsupported(
                    f"the input {entry.name!r} has the shape {text}; fix it by --input-shape 1,..."
                )
            if chosen != known:
                self.notes.append(f"input {position} of shape {text} is fixed to {tuple(chosen)}")
            made = self.layout.graph.input(
                [size or 0 for size in chosen], dtype=DataType.FLOAT32, name=entry.name
            )
            self.values[entry.name] = self.plain(made)

    def _convert(self, node: Node) -> None:
        if node.kind == "Constant":
            self.constants[node.outputs[0]] = np.asarray(self._evaluated(node)[0])
        elif node.kind == "Shape" and node.inputs[0] in self.values:
            shape = self.layout.shape(self.values[node.inputs[0]])
            self.constants[node.outputs[0]] = np.array(shape, np.int64)
        elif node.kind == "DequantizeLinear" and node.inputs[0] in self.constants:
            self.constants[node.outputs[0]] = self._dequantized(node)
        elif all(name in self.constants for name in node.inputs if name) and node.kind != "FakeQuantize":
            self.constants.update(zip(node.outputs, self._evaluated(node), strict=True))
        elif node.kind == "Split":
            self._split(node)
        else:
            handler = self.handlers.get(node.kind)
            if handler is None:
                raise Unsupported("is not supported")
            if node.kind == "FakeQuantize" and node.inputs[0] in self.constants:
                self.constants[node.outputs[0]] = self.constants[node.inputs[0]]
            else:
                self.values[node.outputs[0]] = handler(self, node)
                self._name(self.values[node.outputs[0]].tensor, node.outputs[0])
            if node.kind in _QUANTISES:
                self._note("the quantisation in the file is left out; ranges are measured again")

    def _name(self, tensor: int, name: str) -> None:
        """Names a tensor as the file does, so that a report can name it; inputs keep theirs."""
        if tensor not in self.layout.graph.inputs:
            self.layout.graph.tensors[tensor] = replace(self.layout.graph.tensors[tensor], name=name)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _dequantized(self, node: Node) -> Array:
        """Weights that are stored in fewer bits; ONNX's evaluator has this operator in new opsets only."""
        steps, scale = self.constant(node, 0), self.constant(node, 1)
        zero = self.constant(node, 2) if len(node.inputs) > 2 else np.zeros(1, np.float32)
        shape = [1] * steps.ndim
        if scale.size > 1:
            shape[int(node.attributes.get("axis", 1))] = -1
        floats = (steps.astype(np.float32) - zero.astype(np.float32).reshape(shape)) * scale.reshape(shape)
        return np.asarray(floats, np.float32)

    def _evaluated(self, node: Node) -> list[Array]:
        """What a node makes of constants, by ONNX's own evaluator."""
        from onnx.reference import ReferenceEvaluator

        helper = self.onnx.helper
        names = [name for name in node.inputs if name]
        graph = helper.make_graph(
            [node.proto],
            "constant",
            [helper.make_value_info(name, self.onnx.TypeProto()) for name in names],
            [helper.make_value_info(name, self.onnx.TypeProto()) for name in node.outputs],
        )
        single = helper.make_model(graph, opset_imports=self.model.opset_import)
        try:
            made = ReferenceEvaluator(single).run(None, {name: self.constants[name] for name in names})
        except Exception as error:  # whatever its operators raise
            raise Unsupported(f"cannot be computed of constants ({error})"[:200]) from None
        if sum(np.asarray(array).nbytes for array in made) > MAX_CONSTANT:
            raise Unsupported("makes a constant that is too large")
        return [np.asarray(array) for array in made]

    def _split(self, node: Node) -> None:
        source = self.value(node, 0)
        shape = self.layout.shape(source)
        axis = int(node.attributes.get("axis", 0)) % len(shape)
        sizes = node.ints("split")
        if len(node.inputs) > 1 and node.inputs[1]:
            sizes = tuple(int(size) for size in self.constant(node, 1))
        if not sizes:
            part = -(-shape[axis] // len(node.outputs))
            sizes = tuple(min(part, shape[axis] - part * n) for n in range(len(node.outputs)))
        start = 0
        stored = self.layout.graph.tensors[source.tensor].shape
        place = source.order[axis]
        for name, size in zip(node.outputs, sizes, strict=True):
            begin, end = [0] * len(stored), list(stored)
            begin[place], end[place] = start, start + size
            made = [stop - first for first, stop in zip(begin, end, strict=True)]
            bounds = [self.layout.integers(part) for part in (begin, end, [1] * len(stored))]
            tensor = self.layout.add("STRIDED_SLICE", [source.tensor, *bounds], made)
            self.values[name] = Value(tensor, source.order)
            start += size

    def value(self, node: Node, position: int) -> Value:
        """An input that was computed; KeyError where it was not."""
        return self.values[node.inputs[position]]

    def constant(self, node: Node, position: int) -> Array:
        """An input that must be a constant."""
        name = node.inputs[position]
        if name not in self.constants:
            raise Unsupported(f"has an input {name!r} that is no constant")
        return self.constants[name]

    def plain(self, tensor: int) -> Value:
        """A value that is stored as ONNX sees it."""
        return Value(tensor, tuple(range(len(self.layout.graph.tensors[tensor].shape))))

    def rank(self, name: str) -> int:
        """Of a constant or a value."""
        if name in self.constants:
            return self.constants[name].ndim
        return len(self.values[name].order)

    def read_once(self, name: str) -> bool:
        """Whether only one node reads it."""
        return self.readers[name] == 1

    def operand(self, name: str, order: Order, rank: int) -> int:
        """A constant or a value in a layout, with leading ones up to a rank."""
        if name in self.constants:
            array = self.constants[name].astype(np.float32)
            array = array.reshape((1,) * (rank - array.ndim) + array.shape)
            return self.layout.floats(array.transpose(np.argsort(order)))
        value = self.values[name]
        if len(value.order) == rank:
            return self.layout.stored(value, order)
        shape = self.layout.shape(value)
        wider = self.layout.reshaped(self.layout.stored(value), (1,) * (rank - len(shape)) + shape)
        return self.layout.stored(self.plain(wider), order)

    def scale_convolution(self, value: Value, factor: Array, offset: Array) -> bool:
        """Multiplies and adds in the weights of the convolution that made a value; False where none did."""
        operator = self.layout.graph.operators[-1] if self.layout.graph.operators else None
        if operator is None or operator.outputs != (value.tensor,):
            return False
        if operator.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            return False
        weights, bias = (self.layout.graph.tensors[index].data for index in operator.inputs[1:3])
        assert weights is not None and bias is not None
        axis = 0 if operator.kind == "CONV_2D" else 3
        shape = [1] * 4
        shape[axis] = -1
        operands = (
            operator.inputs[0],
            self.layout.floats(weights * factor.reshape(shape)),
            self.layout.floats(bias * factor + offset),
        )
        self.layout.graph.operators[-1] = replace(operator, inputs=operands)
        return True
