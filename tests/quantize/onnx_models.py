"""ONNX models with seeded weights, as exporters write them: channels first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class OnnxBuilder:
    """Collects nodes; each method adds one and gives the name of what it makes."""

    def __init__(self, seed: int = 0, opset: int = 15) -> None:
        self.opset = opset
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        names = [f"{kind}_{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, name=names[0], **attributes))
        return names[0] if outputs == 1 else names  # type: ignore[return-value]

    def conv(self, source: str, channels: int, depth: int, kernel: Sequence[int], **attributes: Any) -> str:
        shape = (channels, depth // attributes.get("group", 1), *kernel)
        deviation = np.sqrt(2 / np.prod(shape[1:]))
        weights = self.constant(self.rng.normal(0, deviation, shape))
        bias = self.constant(self.rng.normal(0, 0.05, channels))
        return self.node("Conv", source, weights, bias, kernel_shape=kernel, **attributes)

    def model(self, shape: Sequence[int | str], output: str) -> Any:
        nodes = [*self.nodes, helper.make_node("Identity", [output], ["output"])]
        graph = helper.make_graph(
            nodes,
            "model",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)],
            self.constants,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)


def aclnet(seed: int = 0) -> Any:
    """The published graph of AclNet with 53 classes, batch normalisation folded, with random weights."""
    builder = OnnxBuilder(seed)
    x = builder.conv("input", 64, 1, (1, 33), strides=(1, 16), pads=(0, 16, 0, 16))
    x = builder.conv(builder.node("Relu", x), 128, 64, (1, 5), strides=(1, 2), pads=(0, 2, 0, 2))
    x = builder.node("MaxPool", builder.node("Relu", x), kernel_shape=(1, 5), strides=(1, 5))
    x = builder.node("Transpose", x, perm=(0, 2, 1, 3))
    x = builder.node("Relu", builder.conv(x, 1, 1, (3, 3), pads=(1, 1, 1, 1)))
    x = builder.node("Relu", builder.conv(x, 64, 1, (1, 1), pads=(1, 1, 1, 1)))
    x = builder.node("MaxPool", x, kernel_shape=(2, 2), strides=(2, 2))
    depth = 64
    for channels in ((128, 128), (256, 256), (512, 512), (1024, 1024)):
        for wider in channels:
            x = builder.node("Relu", builder.conv(x, depth, depth, (3, 3), pads=(1, 1, 1, 1), group=depth))
            x = builder.node("Relu", builder.conv(x, wider, depth, (1, 1), pads=(1, 1, 1, 1)))
            depth = wider
        x = builder.node("MaxPool", x, kernel_shape=(2, 2), strides=(2, 2))
    x = builder.node("ReduceMean", builder.conv(x, 512, depth, (1, 1)), axes=(2, 3), keepdims=0)
    weights = builder.constant(builder.rng.normal(0, 0.2, (512, 53)))
    x = builder.node("Gemm", builder.node("Relu", x), weights, builder.constant(np.zeros(53)))
    return builder.model(("N", 1, 1, 16000), builder.node("Softmax", x, axis=1))


def parameters(model: Any) -> int:
    """Elements of all weights and biases."""
    return sum(int(np.prod(tensor.dims)) for tensor in model.graph.initializer)


def save(model: Any, path: Path) -> Path:
    onnx.save(model, str(path))
    return path
