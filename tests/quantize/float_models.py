"""Small float models, and inputs for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType, Graph, Quantization

SHAPE = (1, 12, 10, 3)


class FloatBuilder(GraphBuilder):
    """With layers in float32."""

    def image(self, shape: tuple[int, ...] = SHAPE) -> int:
        return self.input(shape, dtype=DataType.FLOAT32, name="image")

    def weighted(
        self, kind: str, source: int, shape: tuple[int, ...], outputs: int, **options: object
    ) -> int:
        weights = self.rng.normal(0, 1 / np.sqrt(np.prod(shape) / outputs), shape).astype(np.float32)
        bias = self.rng.normal(0, 0.3, outputs).astype(np.float32)
        return self.operator(kind, [source, self.constant(weights), self.constant(bias)], **options)

    def conv(self, source: int, channels: int, **options: object) -> int:
        depth = self.tensors[source].shape[3]
        options = {"stride_h": 1, "stride_w": 1, "padding": "SAME", **options}
        return self.weighted("CONV_2D", source, (channels, 3, 3, depth), channels, **options)

    def depthwise(self, source: int, **options: object) -> int:
        depth = self.tensors[source].shape[3]
        options = {"stride_h": 1, "stride_w": 1, "padding": "SAME", "depth_multiplier": 1, **options}
        return self.weighted("DEPTHWISE_CONV_2D", source, (1, 3, 3, depth), depth, **options)

    def dense(self, source: int, units: int) -> int:
        depth = int(np.prod(self.tensors[source].shape[1:]))
        return self.weighted("FULLY_CONNECTED", source, (units, depth), units)

    def pool(self, source: int, kind: str = "AVERAGE_POOL_2D") -> int:
        size = {"filter_height": 2, "filter_width": 2, "stride_h": 2, "stride_w": 2, "padding": "VALID"}
        return self.operator(kind, [source], **size)


def classifier(seed: int = 1) -> Graph:
    """Convolutions, pooling, a dense layer and SOFTMAX."""
    builder = FloatBuilder("classifier", seed)
    x = builder.conv(builder.image(), 8, fused_activation_function="RELU")
    x = builder.pool(builder.depthwise(x, fused_activation_function="RELU6"))
    x = builder.dense(x, 5)
    return builder.build([builder.operator("SOFTMAX", [x], beta=1.0)])


def inputs(runs: int, seed: int = 5, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Normal values, (runs, *shape) float32."""
    return np.random.default_rng(seed).normal(0.3, 1, (runs, *shape)).astype(np.float32)


def with_stored_weights(graph: Graph, dtype: DataType) -> Graph:
    """The model with its filters as int8 (dynamic range) or float16, as converters store them."""
    filters = {operator.inputs[1] for operator in graph.operators if len(operator.inputs) > 2}
    tensors = list(graph.tensors)
    for index in filters:
        data = tensors[index].data
        assert data is not None
        if dtype is DataType.FLOAT16:
            tensors[index] = replace(tensors[index], dtype=dtype, data=data.astype(np.float16))
            continue
        scale = np.array([np.abs(data).max() / 127], np.float32)
        steps = np.rint(data / scale).astype(np.int8)
        quantization = Quantization(scale, np.zeros(1, np.int64))
        tensors[index] = replace(tensors[index], dtype=dtype, data=steps, quantization=quantization)
    return replace(graph, tensors=tuple(tensors))
