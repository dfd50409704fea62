"""Making small int8 models in a few lines, for tests of operators and for rewriting graphs.

builder = GraphBuilder("example", seed=1)
x = builder.input((1, 8, 8, 3), scale=0.05, zero_point=-3)
x = builder.conv_2d(x, 16, (3, 3), fused_activation_function="RELU6")
x = builder.operator("MAX_POOL_2D", [x], filter_height=2, filter_width=2, stride_h=2, stride_w=2)
model = write_model(builder.build([x]))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.ir import DataType, Graph, Operator, OptionValue, Quantization, Tensor
from mcu_deploy.graph.reader import check_wiring
from mcu_deploy.graph.schema import default_options
from mcu_deploy.graph.shapes import output_shapes

# The standard deviation of int8 values that are drawn evenly, and the one wanted of a layer's outputs.
_SPREAD = 73.0
_OUTPUT_SPREAD = 48.0
# Those of int16, over those of int8.
_WIDE = 256.0


@dataclass(frozen=True)
class OutputQuantization:
    """What a layer's output shall be quantised to; None: drawn at random, in a realistic range."""

    scale: float | None = None
    zero_point: int | None = None


class GraphBuilder:
    """Collects tensors and operators in the order in which they are made; ``build`` gives the graph."""

    def __init__(self, name: str = "built", seed: int = 0) -> None:
        """``seed`` is that of the generator of random weights and scales."""
        self.name = name
        self.rng = np.random.default_rng(seed)
        self.tensors: list[Tensor] = []
        self.operators: list[Operator] = []
        self.inputs: list[int] = []

    def tensor(
        self,
        shape: Sequence[int],
        quantization: Quantization | None = None,
        *,
        dtype: DataType = DataType.INT8,
        data: npt.NDArray[np.generic] | None = None,
        is_variable: bool = False,
        name: str | None = None,
    ) -> int:
        """Add a tensor; gives its index, as all methods here do."""
        index = len(self.tensors)
        name = f"tensor_{index}" if name is None else name
        self.tensors.append(Tensor(index, name, tuple(shape), dtype, quantization, data, is_variable))
        return index

    def input(
        self,
        shape: Sequence[int],
        scale: float = 0.05,
        zero_point: int = -1,
        *,
        dtype: DataType = DataType.INT8,
        name: str | None = None,
    ) -> int:
        """Add an input of the model; not quantised where it is floating point."""
        floating = dtype.numpy.kind == "f"
        quantization = None if floating else affine(scale, zero_point)
        index = self.tensor(shape, quantization, dtype=dtype, name=name)
        self.inputs.append(index)
        return index

    def constant(
        self,
        array: npt.ArrayLike,
        scale: npt.ArrayLike | None = None,
        zero_point: npt.ArrayLike = 0,
        axis: int = 0,
        *,
        name: str | None = None,
    ) -> int:
        """Add a constant with the shape and dtype of ``array``; per channel where ``scale`` is a vector."""
        data = np.asarray(array)
        quantization = None if scale is None else affine(scale, zero_point, axis)
        return self.tensor(data.shape, quantization, dtype=DataType(data.dtype.name), data=data, name=name)

    def variable(
        self, shape: Sequence[int], scale: float, zero_point: int = 0, *, dtype: DataType = DataType.INT8
    ) -> int:
        """Add state that an operator keeps from one inference to the next."""
        return self.tensor(shape, affine(scale, zero_point), dtype=dtype, is_variable=True)

    def operator(
        self,
        kind: str,
        inputs: Sequence[int],
        *,
        shape: Sequence[int] | None = None,
        dtype: DataType | None = None,
        scale: float | None = None,
        zero_point: int | None = None,
        name: str | None = None,
        version: int = 1,
        **options: OptionValue,
    ) -> int:
        """Add an operator with one output, and give the index of that.

        Args:
            kind: the schema's name; ``CUSTOM:name`` for a custom operator.
            inputs: tensor indices, -1 for an absent optional input.
            shape: of the output; None: what inputs and options imply (kinds that ``shapes`` describes).
            dtype: of the output; None: that of the first input.
            scale, zero_point: of the output; None: that of the first input, or for SOFTMAX 1/256 and -128.
            name: of the output.
            version: the operator's version.
            **options: by their schema names; defaults for the rest.
        """
        if kind == "SOFTMAX" and scale is None:
            scale, zero_point = 1 / 256, -128
        quantization = None if scale is None else affine(scale, 0 if zero_point is None else zero_point)
        shapes = None if shape is None else [shape]
        made = self.operator_with_outputs(
            kind,
            inputs,
            shapes=shapes,
            dtype=dtype,
            quantization=quantization,
            name=name,
            version=version,
            **options,
        )
        return made[0]

    def operator_with_outputs(
        self,
        kind: str,
        inputs: Sequence[int],
        *,
        shapes: Sequence[Sequence[int]] | None = None,
        dtype: DataType | None = None,
        quantization: Quantization | None = None,
        name: str | None = None,
        version: int = 1,
        **options: OptionValue,
    ) -> tuple[int, ...]:
        """Add an operator, and give the indices of its outputs, which are all quantised alike.

        Args:
            kind, inputs, name, version, options: as for ``operator``.
            shapes: of the outputs; None: what inputs and options imply.
            dtype, quantization: of the outputs; None: those of the first input.
        """
        first = self.tensors[inputs[0]]
        described = default_options(kind)
        unknown = sorted(set(options) - set(described))
        if unknown:
            raise ModelError(f"{kind} has no option {unknown[0]}", "use a name of the TFLite schema")
        described.update(options)
        if shapes is None:
            given = [self.tensors[index] if index >= 0 else None for index in inputs]
            shapes = output_shapes(kind, given, described)
            if shapes is None:
                raise ModelError(f"the output shape of {kind} must be given", "pass shape=")
        outputs = tuple(
            self.tensor(shape, quantization or first.quantization, dtype=dtype or first.dtype, name=name)
            for shape in shapes
        )
        index = len(self.operators)
        self.operators.append(Operator(index, kind, tuple(inputs), outputs, described, version))
        return outputs

    def build(self, outputs: Sequence[int]) -> Graph:
        """The graph, with these outputs.

        Raises:
            ModelError: something is used before it is made.
        """
        graph = Graph(
            self.name, tuple(self.tensors), tuple(self.operators), tuple(self.inputs), tuple(outputs)
        )
        check_wiring(graph)
        return graph

    def conv_2d(
        self,
        image: int,
        channels: int,
        kernel: tuple[int, int],
        *,
        bias: bool = True,
        per_channel: bool = True,
        output: OutputQuantization = OutputQuantization(),
        stride: tuple[int, int] = (1, 1),
        **options: OptionValue,
    ) -> int:
        """CONV_2D of an NHWC tensor with random weights; kernel and stride are (height, width)."""
        depth = self.tensors[image].shape[3]
        shape = (channels, *kernel, depth)
        layer = _Layer(shape, 0 if per_channel else None, prod(shape[1:]), bias)
        options = {"stride_h": stride[0], "stride_w": stride[1], **options}
        return self._weighted("CONV_2D", image, layer, output, options)

    def depthwise_conv_2d(
        self,
        image: int,
        multiplier: int,
        kernel: tuple[int, int],
        *,
        bias: bool = True,
        per_channel: bool = True,
        output: OutputQuantization = OutputQuantization(),
        stride: tuple[int, int] = (1, 1),
        **options: OptionValue,
    ) -> int:
        """DEPTHWISE_CONV_2D of an NHWC tensor with random weights; kernel and stride are (height, width)."""
        shape = (1, *kernel, self.tensors[image].shape[3] * multiplier)
        layer = _Layer(shape, 3 if per_channel else None, prod(kernel), bias)
        options = {"stride_h": stride[0], "stride_w": stride[1], "depth_multiplier": multiplier, **options}
        return self._weighted("DEPTHWISE_CONV_2D", image, layer, output, options)

    def fully_connected(
        self,
        features: int,
        units: int,
        *,
        bias: bool = True,
        per_channel: bool = False,
        output: OutputQuantization = OutputQuantization(),
        **options: OptionValue,
    ) -> int:
        """FULLY_CONNECTED with random weights: over the last axis with ``keep_num_dims``, else over all."""
        shape = self.tensors[features].shape
        depth = shape[-1] if options.get("keep_num_dims") else prod(shape[1:])
        layer = _Layer((units, depth), 0 if per_channel else None, depth, bias)
        return self._weighted("FULLY_CONNECTED", features, layer, output, options)

    def _weighted(
        self,
        kind: str,
        source: int,
        layer: _Layer,
        output: OutputQuantization,
        options: dict[str, Any],
    ) -> int:
        """Add weights and bias whose scales let the outputs use their range, then the operator."""
        given = self.tensors[source].quantization
        assert given is not None, "the input is not quantised"
        input_scale, input_offset = float(given.scale[0]), int(given.zero_point[0])
        scale = output.scale or float(self.rng.uniform(0.01, 0.1))
        wide = self.tensors[source].dtype is DataType.INT16
        zero_point = output.zero_point
        if zero_point is None:
            zero_point = 0 if wide else int(self.rng.integers(-128, 128))
        spread = sqrt(layer.fan_in) * _SPREAD * sqrt(_SPREAD**2 + input_offset**2)
        multiplier = _OUTPUT_SPREAD / spread
        count = 1 if layer.axis is None else layer.shape[layer.axis]
        weight_scale = multiplier * scale / input_scale * self.rng.uniform(0.3, 1.7, count)
        weight_scale = weight_scale.astype(np.float32)
        weights = self.rng.integers(-127, 128, layer.shape, dtype=np.int8)
        inputs = [source, self.constant(weights, weight_scale, axis=layer.axis or 0)]
        if layer.bias:
            channels = layer.shape[3 if kind == "DEPTHWISE_CONV_2D" else 0]
            reach = int(_OUTPUT_SPREAD / multiplier * (_WIDE if wide else 1))
            values = self.rng.integers(-reach, reach + 1, channels, dtype=np.int64 if wide else np.int32)
            inputs.append(self.constant(values, np.float32(input_scale) * weight_scale))
        return self.operator(kind, inputs, scale=scale, zero_point=zero_point, **options)


@dataclass(frozen=True)
class _Layer:
    """Shape of the weights, their axis of quantisation (None: per tensor), inputs of one output, bias."""

    shape: tuple[int, ...]
    axis: int | None
    fan_in: int
    bias: bool


def affine(scale: npt.ArrayLike, zero_point: npt.ArrayLike = 0, axis: int = 0) -> Quantization:
    """A quantisation from numbers or vectors; one zero point serves all channels."""
    scales = np.atleast_1d(np.asarray(scale, np.float32))
    zero_points = np.broadcast_to(np.asarray(zero_point, np.int64), scales.shape)
    return Quantization(scales, zero_points, axis)
