"""The network as ONNX, channels first like the published file."""

from __future__ import annotations

from typing import Any

from aclnet_graph import CLASSES, INPUT_SHAPE, LAYERS, Conv, Dense, Layer, MaxPool, SwapChannelsAndHeight
from aclnet_weights import Float
from onnx import TensorProto, checker, helper, numpy_helper

OPSET = 13
IR_VERSION = 8


def onnx_model(arrays: dict[str, Float]) -> Any:
    """The model: a clip (1, 1, 1, 16000) to probabilities (1, 53)."""
    nodes: list[Any] = []
    name = "samples"
    for number, layer in enumerate(LAYERS):
        name = _add(nodes, layer, name, f"layer{number}")
    nodes.append(helper.make_node("Softmax", [name], ["probabilities"], axis=1))
    graph = helper.make_graph(
        nodes,
        "aclnet",
        [helper.make_tensor_value_info("samples", TensorProto.FLOAT, [1, *INPUT_SHAPE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, CLASSES])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(
        graph,
        producer_name="mcu-deploy",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    checker.check_model(model, full_check=True)
    return model


def _add(nodes: list[Any], layer: Layer, source: str, name: str) -> str:
    """Adds a layer's nodes; the name of its output."""
    if isinstance(layer, Conv):
        return _add_conv(nodes, layer, source)
    if isinstance(layer, MaxPool):
        size = list(layer.size)
        nodes.append(helper.make_node("MaxPool", [source], [name], kernel_shape=size, strides=size))
    elif isinstance(layer, SwapChannelsAndHeight):
        nodes.append(helper.make_node("Transpose", [source], [name], perm=[0, 2, 1, 3]))
    elif isinstance(layer, Dense):
        weights = [f"{layer.name}_weight", f"{layer.name}_bias"]
        nodes.append(helper.make_node("Gemm", [source, *weights], [name], transB=1))
    else:
        nodes.append(helper.make_node("GlobalAveragePool", [source], [f"{name}_mean"]))
        nodes.append(helper.make_node("Flatten", [f"{name}_mean"], [f"{name}_flat"], axis=1))
        nodes.append(helper.make_node("Relu", [f"{name}_flat"], [name]))
    return name


def _add_conv(nodes: list[Any], layer: Conv, source: str) -> str:
    nodes.append(
        helper.make_node(
            "Conv",
            [source, f"{layer.name}_weight", f"{layer.name}_bias"],
            [layer.name],
            kernel_shape=list(layer.kernel),
            strides=list(layer.stride),
            pads=[*layer.pad, *layer.pad],
            group=layer.inputs if layer.depthwise else 1,
        )
    )
    if not layer.relu:
        return layer.name
    nodes.append(helper.make_node("Relu", [layer.name], [f"{layer.name}_relu"]))
    return f"{layer.name}_relu"
