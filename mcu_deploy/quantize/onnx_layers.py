"""ONNX nodes with weights and windows: convolutions, pooling, matrix products, normalisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcu_deploy.quantize.onnx_graph import Importer, Node
from mcu_deploy.quantize.onnx_layout import Array, Unsupported, Value, channels_last


def conv(importer: Importer, node: Node) -> Value:
    """Conv of one or two dimensions, plain or depthwise."""
    source, weights = importer.value(node, 0), importer.constant(node, 1)
    bias = importer.constant(node, 2) if len(node.inputs) > 2 else np.zeros(len(weights), np.float32)
    dimensions = weights.ndim - 2
    if dimensions not in (1, 2):
        raise Unsupported(f"convolves {dimensions} dimensions")
    image, shape = _image(importer, source)
    if dimensions == 1:
        weights = weights[:, :, np.newaxis, :]
    channels, outputs = shape[3], len(weights)
    strides = _pair(node.ints("strides"), 1)
    dilations = _pair(node.ints("dilations"), 1)
    kernel = weights.shape[2:]
    reach = tuple((size - 1) * step + 1 for size, step in zip(kernel, dilations, strict=True))
    image, padding, made = _padded(importer, node, image, reach, strides)
    options = {
        "padding": padding,
        "stride_h": strides[0],
        "stride_w": strides[1],
        "dilation_h_factor": dilations[0],
        "dilation_w_factor": dilations[1],
    }
    group = int(node.attributes.get("group", 1))
    if group == 1:
        kind, moved = "CONV_2D", weights.transpose(0, 2, 3, 1)
    elif group == channels and weights.shape[1] == 1:
        kind, moved = "DEPTHWISE_CONV_2D", weights.transpose(1, 2, 3, 0)
        options["depth_multiplier"] = outputs // channels
    else:
        raise Unsupported(f"has {group} groups of {channels} channels")
    operands = [image, importer.layout.floats(moved), importer.layout.floats(bias)]
    tensor = importer.layout.add(kind, operands, (shape[0], *made, outputs), **options)
    return _spread(importer, tensor, dimensions)


def pool(importer: Importer, node: Node) -> Value:
    """MaxPool and AveragePool of one or two dimensions."""
    source = importer.value(node, 0)
    dimensions = len(source.order) - 2
    image, shape = _image(importer, source)
    kernel = _pair(node.ints("kernel_shape"), 1)
    strides = _pair(node.ints("strides"), 1)
    if any(step != 1 for step in node.ints("dilations")):
        raise Unsupported("has dilations")
    pads = _pads(node, shape[1:3], kernel, strides)
    averages = node.kind == "AveragePool"
    if averages and any(pads) and node.attributes.get("count_include_pad"):
        raise Unsupported("averages over its padding")
    same = pads == _same(shape[1:3], kernel, strides)
    if any(pads) and not same:
        raise Unsupported(f"has the padding {pads}")
    options = {
        "padding": "SAME" if any(pads) else "VALID",
        "filter_height": kernel[0],
        "filter_width": kernel[1],
        "stride_h": strides[0],
        "stride_w": strides[1],
    }
    made = [
        (size + before + after - window) // step + 1
        for size, before, after, window, step in zip(
            shape[1:3], pads[:2], pads[2:], kernel, strides, strict=True
        )
    ]
    if node.attributes.get("ceil_mode") and any(
        (size - window) % step for size, window, step in zip(shape[1:3], kernel, strides, strict=True)
    ):
        raise Unsupported("rounds its size up")
    kind = "AVERAGE_POOL_2D" if averages else "MAX_POOL_2D"
    tensor = importer.layout.add(kind, [image], (shape[0], *made, shape[3]), **options)
    return _spread(importer, tensor, dimensions)


def gemm(importer: Importer, node: Node) -> Value:
    """Gemm with constant weights."""
    weights = importer.constant(node, 1) * np.float32(node.attributes.get("alpha", 1.0))
    if node.attributes.get("transA"):
        raise Unsupported("transposes its input")
    if not node.attributes.get("transB"):
        weights = weights.T
    bias: Array = np.zeros(len(weights), np.float32)
    if len(node.inputs) > 2:
        bias = bias + importer.constant(node, 2).reshape(-1) * np.float32(node.attributes.get("beta", 1.0))
    return _dense(importer, importer.value(node, 0), weights, bias)


def matmul(importer: Importer, node: Node) -> Value:
    """MatMul: with constant weights a dense layer."""
    source = importer.value(node, 0)
    if node.inputs[1] in importer.constants:
        weights = importer.constant(node, 1)
        if weights.ndim != 2:
            raise Unsupported(f"has weights of {weights.ndim} dimensions")
        return _dense(importer, source, weights.T, np.zeros(weights.shape[1], np.float32))
    other = importer.value(node, 1)
    shapes = importer.layout.shape(source), importer.layout.shape(other)
    batch = np.broadcast_shapes(shapes[0][:-2], shapes[1][:-2])
    operands = [importer.layout.stored(source), importer.layout.stored(other)]
    tensor = importer.layout.add("BATCH_MATMUL", operands, (*batch, shapes[0][-2], shapes[1][-1]))
    return importer.plain(tensor)


def batch_normalization(importer: Importer, node: Node) -> Value:
    """Part of the convolution before it, else a product and a sum."""
    scale, offset, mean, variance = (importer.constant(node, position) for position in range(1, 5))
    factor = scale / np.sqrt(variance + np.float32(node.attributes.get("epsilon", 1e-5)))
    offset = offset - mean * factor
    source = importer.value(node, 0)
    if importer.read_once(node.inputs[0]) and importer.scale_convolution(source, factor, offset):
        return source
    axis = source.order[1]
    shape = [1] * len(source.order)
    shape[axis] = -1
    stored = importer.layout.graph.tensors[source.tensor].shape
    product = importer.layout.add(
        "MUL", [source.tensor, importer.layout.floats(factor.reshape(shape))], stored
    )
    total = importer.layout.add("ADD", [product, importer.layout.floats(offset.reshape(shape))], stored)
    return Value(total, source.order)


def _dense(importer: Importer, source: Value, weights: Array, bias: Array) -> Value:
    shape = importer.layout.shape(source)
    operands = [
        importer.layout.stored(source),
        importer.layout.floats(weights),
        importer.layout.floats(bias),
    ]
    tensor = importer.layout.add(
        "FULLY_CONNECTED", operands, (*shape[:-1], len(weights)), keep_num_dims=len(shape) != 2
    )
    return importer.plain(tensor)


def _image(importer: Importer, source: Value) -> tuple[int, tuple[int, ...]]:
    """The value as (N, H, W, C); of one dimension H is 1."""
    rank = len(source.order)
    tensor = importer.layout.stored(source, channels_last(rank))
    shape = importer.layout.graph.tensors[tensor].shape
    if rank == 3:
        shape = (shape[0], 1, *shape[1:])
        tensor = importer.layout.reshaped(tensor, shape)
    return tensor, shape


def _spread(importer: Importer, tensor: int, dimensions: int) -> Value:
    """The value of a result (N, H, W, C)."""
    shape = importer.layout.graph.tensors[tensor].shape
    if dimensions == 1:
        tensor = importer.layout.reshaped(tensor, (shape[0], *shape[2:]))
    return Value(tensor, channels_last(dimensions + 2))


def _pair(values: Sequence[int], default: int) -> tuple[int, int]:
    """For height and width; the height of one dimension is 1."""
    found = tuple(values) or (default, default)
    return (1, found[0]) if len(found) == 1 else (found[0], found[1])


def _same(sizes: Sequence[int], reach: Sequence[int], strides: Sequence[int]) -> tuple[int, ...]:
    """Padding (top, left, bottom, right) as TFLite has it for SAME."""
    total = [
        max(0, (-(-size // step) - 1) * step + window - size)
        for size, window, step in zip(sizes, reach, strides, strict=True)
    ]
    return (*(pad // 2 for pad in total), *(pad - pad // 2 for pad in total))


def _pads(node: Node, sizes: Sequence[int], reach: Sequence[int], strides: Sequence[int]) -> tuple[int, ...]:
    mode = node.text("auto_pad") or "NOTSET"
    if mode == "SAME_UPPER":
        return _same(sizes, reach, strides)
    if mode == "SAME_LOWER":
        top, left, bottom, right = _same(sizes, reach, strides)
        return bottom, right, top, left
    pads = tuple(node.ints("pads")) or (0, 0, 0, 0)
    return (0, pads[0], 0, pads[1]) if len(pads) == 2 else pads


def _padded(
    importer: Importer, node: Node, image: int, reach: tuple[int, ...], strides: tuple[int, int]
) -> tuple[int, str, tuple[int, ...]]:
    """The image, with a PAD where SAME and VALID do not say it; the mode; and the size of the output."""
    shape = importer.layout.graph.tensors[image].shape
    pads = _pads(node, shape[1:3], reach, strides)
    made = tuple(
        (size + before + after - window) // step + 1
        for size, before, after, window, step in zip(
            shape[1:3], pads[:2], pads[2:], reach, strides, strict=True
        )
    )
    if not any(pads):
        return image, "VALID", made
    if pads == _same(shape[1:3], reach, strides):
        return image, "SAME", made
    wider = np.array([[0, 0], [pads[0], pads[2]], [pads[1], pads[3]], [0, 0]])
    padded = tuple(size + before + after for size, (before, after) in zip(shape, wider.tolist(), strict=True))
    return importer.layout.add("PAD", [image, importer.layout.integers(wider)], padded), "VALID", made
