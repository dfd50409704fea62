"""The network as plain arrays: read from a MicroNet .tflite, run in float, prune.

A MicroNet for keywords is a stem convolution (10x4), pairs of a 3x3 depthwise and a 1x1
convolution, an average pool over what is left of time and frequency, and a 1x1 convolution to
twelve logits. Every activation but the last is ReLU6. Batch normalisation is folded, so a network
is nothing but a list of weights and biases, and so it is kept here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

STEM, DEPTHWISE, POINTWISE, HEAD = "stem", "depthwise", "pointwise", "head"


@dataclass
class Layer:
    """One convolution with what follows it.

    Attributes:
        kind: one of STEM, DEPTHWISE, POINTWISE, HEAD.
        weight: float32, (kh, kw, cin, cout); of a depthwise layer (3, 3, channels, 1).
        bias: float32, (cout,).
        stride: of both axes; padding is SAME.
    """

    kind: str
    weight: np.ndarray
    bias: np.ndarray
    stride: int = 1


def read_tflite(path: Path) -> list[Layer]:
    """Dequantises a MicroNet KWS model into float layers, in the order of the graph."""
    resolver = tf.lite.experimental.OpResolverType.BUILTIN_REF
    interpreter = tf.lite.Interpreter(str(path), experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    details = {detail["index"]: detail for detail in interpreter.get_tensor_details()}

    def dequantised(index: int) -> np.ndarray:
        quantisation = details[index]["quantization_parameters"]
        shape = [1] * len(details[index]["shape"])
        shape[quantisation["quantized_dimension"]] = -1
        scale = quantisation["scales"].reshape(shape)
        return (interpreter.get_tensor(index).astype(np.float32) * scale).astype(np.float32)

    layers: list[Layer] = []
    for op in interpreter._get_ops_details():
        if op["op_name"] not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            continue
        source, weight_index, bias_index = op["inputs"]
        weight, bias = dequantised(weight_index), dequantised(bias_index)
        stride = -(-details[source]["shape"][1] // details[op["outputs"][0]]["shape"][1])
        if op["op_name"] == "DEPTHWISE_CONV_2D":
            layers.append(Layer(DEPTHWISE, weight.transpose(1, 2, 3, 0), bias, int(stride)))
        else:
            kind = STEM if not layers else HEAD if len(bias) == 12 else POINTWISE
            layers.append(Layer(kind, weight.transpose(1, 2, 3, 0), bias, int(stride)))
    return layers


class Network(tf.Module):
    """Layers as trainable variables."""

    def __init__(self, layers: list[Layer], trainable: bool = True) -> None:
        super().__init__()
        self.kinds = [layer.kind for layer in layers]
        self.strides = [layer.stride for layer in layers]
        self.kernels = [tf.Variable(layer.weight, trainable=trainable) for layer in layers]
        self.biases = [tf.Variable(layer.bias, trainable=trainable) for layer in layers]

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Logits (n, 12) of float32 inputs (n, 49, 10, 1)."""
        for kind, stride, kernel, bias in zip(
            self.kinds, self.strides, self.kernels, self.biases, strict=True
        ):
            if kind == HEAD:
                x = tf.nn.avg_pool2d(x, (x.shape[1], x.shape[2]), 1, "VALID")
            if kind == DEPTHWISE:
                x = tf.nn.depthwise_conv2d(x, kernel, (1, stride, stride, 1), "SAME")
            else:
                x = tf.nn.conv2d(x, kernel, stride, "SAME")
            x = x + bias
            if kind != HEAD:
                x = tf.nn.relu6(x)
        return tf.reshape(x, (-1, x.shape[-1]))

    def layers(self) -> list[Layer]:
        """The present weights."""
        rows = zip(self.kinds, self.kernels, self.biases, self.strides, strict=True)
        return [Layer(kind, k.numpy(), b.numpy(), stride) for kind, k, b, stride in rows]
