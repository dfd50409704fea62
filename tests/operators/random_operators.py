"""How a random graph gets an operator of each kind: a table with an entry for every kind that has a rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import random_layers
import random_moves
from random_graphs import ACTIVATIONS, ANY, INT8, INT16, Grow, Growth

from mcu_deploy.graph.ir import DataType

TOP_16 = 1 / 32768


def unary(kind: str, dtypes: Sequence[DataType] = (INT8,), **options: object) -> Grow:
    """One input, one output of its shape, with a scale of its own."""

    def grow(growth: Growth) -> Sequence[int]:
        source = growth.pick(dtypes)
        return growth.add(kind, [source], **growth.output(source), **options)

    return grow


def unscaled(kind: str, dtypes: Sequence[DataType] = (INT8,)) -> Grow:
    """The output is quantised as the input is, or nearly always."""

    def grow(growth: Growth) -> Sequence[int]:
        source = growth.pick(dtypes)
        return growth.add(kind, [source], **(growth.output(source) if growth.chance(0.3) else {}))

    return grow


def bounded(kind: str, scale: float, zero_point: int, dtypes: Sequence[DataType] = (INT8,)) -> Grow:
    """The output's range is the function's; the scale is that of int8."""

    def grow(growth: Growth) -> Sequence[int]:
        source = growth.pick(dtypes)
        wide = growth.tensor(source).dtype is INT16
        how = {"scale": TOP_16, "zero_point": 0} if wide else {"scale": scale, "zero_point": zero_point}
        return growth.add(kind, [source], **how)

    return grow


def leaky_relu(growth: Growth) -> Sequence[int]:
    source = growth.pick(ANY)
    alpha = float(growth.rng.choice([0.0, 0.1, 0.3, 1.0, 1.7, -0.5]))
    return growth.add("LEAKY_RELU", [source], alpha=alpha, **growth.output(source))


def prelu(growth: Growth) -> Sequence[int]:
    source = growth.pick()
    shape = growth.tensor(source).shape
    sizes = tuple(size if growth.chance(0.5) else 1 for size in shape[:-1]) + shape[-1:]
    values = growth.rng.integers(-128, 128, sizes, dtype=np.int8)
    alpha = growth.builder.constant(values, growth.scale() / 10, growth.zero_point())
    return growth.add("PRELU", [source, alpha], **growth.output(source))


def rsqrt(growth: Growth) -> Sequence[int]:
    """TFLM stops at a negative number: the zero point is the least value."""
    source = growth.pick(suits=lambda tensor: _zero(tensor) == -128)
    return growth.add("RSQRT", [source], **growth.output(source))


def _zero(tensor: object) -> int | None:
    quantization = tensor.quantization  # type: ignore[attr-defined]
    return None if quantization is None else int(quantization.zero_point[0])


def softmax(growth: Growth) -> Sequence[int]:
    """TFLM stops where exponentials sum to 512 and more, as those of so many equal values do."""
    source = growth.pick(ANY, suits=lambda tensor: tensor.shape[-1] < 512)
    if growth.tensor(source).dtype is INT16:
        return growth.add("SOFTMAX", [source], beta=1.0, scale=TOP_16, zero_point=0)
    return growth.add("SOFTMAX", [source], beta=float(growth.rng.choice([1.0, 0.5, 2.0])))


def quantize(growth: Growth) -> Sequence[int]:
    source = growth.pick(ANY)
    dtype = INT16 if growth.chance(0.3) else INT8
    how = growth.output(source)
    if dtype is INT16:
        how = {"scale": float(how["scale"]) / 100, "zero_point": 0}
    return growth.add("QUANTIZE", [source], dtype=dtype, **how)


def dequantize(growth: Growth) -> Sequence[int]:
    source = growth.pick(ANY)
    return growth.builder.operator_with_outputs(
        "DEQUANTIZE",
        [source],
        shapes=[growth.tensor(source).shape],
        dtype=DataType.FLOAT32,
        quantization=None,
    )


def _broadcast(growth: Growth, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts with another: axes of 1, or fewer axes."""
    if growth.chance(0.5):
        return shape
    sizes = tuple(1 if growth.chance(0.5) else size for size in shape)
    return sizes[growth.integer(0, len(sizes) - 1) :]


def binary(kind: str, dtypes: Sequence[DataType] = ANY, *, alike: bool = False, fuses: bool = False) -> Grow:
    """Two inputs that broadcast, in either order; ``alike``: all three are quantised alike."""

    def grow(growth: Growth) -> Sequence[int]:
        source = growth.pick(dtypes)
        other = growth.beside(source, _broadcast(growth, growth.tensor(source).shape), alike=alike)
        how: dict[str, object] = {} if alike else dict(growth.output(source))
        if fuses:
            how["fused_activation_function"] = growth.one_of(ACTIVATIONS)
        inputs = [source, other] if growth.chance(0.6) else [other, source]
        if kind in ("ADD", "SUB"):
            how["pot_scale_int16"] = False
        return growth.add(kind, inputs, **how)

    return grow


def reduction(kind: str, dtypes: Sequence[DataType] = ANY, *, alike: bool = False) -> Grow:
    def grow(growth: Growth) -> Sequence[int]:
        source = growth.pick(dtypes)
        rank = len(growth.tensor(source).shape)
        axes = sorted({growth.integer(0, rank - 1) for _ in range(growth.integer(1, rank))})
        given = [axis - rank if growth.chance(0.3) else axis for axis in axes]
        keep = growth.chance(0.5) or len(axes) == rank
        how = {} if alike and growth.chance(0.9) else growth.output(source)
        return growth.add(kind, [source, growth.numbers(given)], keep_dims=keep, **how)

    return grow


# What no graph in memory can have: the reader makes plain state of resource variables (test_variables.py).
ELSEWHERE = frozenset(("ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE"))

GENERATORS: dict[str, Grow] = {
    "ABS": unary("ABS", ANY),
    "ADD": binary("ADD", fuses=True),
    "AVERAGE_POOL_2D": random_layers.pool("AVERAGE_POOL_2D"),
    "BATCH_TO_SPACE_ND": random_moves.batch_to_space,
    "CONCATENATION": random_moves.concatenation,
    "CONV_2D": random_layers.conv_2d,
    "DEPTHWISE_CONV_2D": random_layers.depthwise_conv_2d,
    "DEQUANTIZE": dequantize,
    "ELU": unary("ELU"),
    "EXPAND_DIMS": random_moves.expand_dims,
    "FULLY_CONNECTED": random_layers.fully_connected,
    "GATHER": random_moves.gather,
    "HARD_SWISH": unary("HARD_SWISH"),
    "L2_NORMALIZATION": bounded("L2_NORMALIZATION", 1 / 128, 0),
    "LEAKY_RELU": leaky_relu,
    "LOGISTIC": bounded("LOGISTIC", 1 / 256, -128, ANY),
    "MAXIMUM": binary("MAXIMUM", alike=True),
    "MAX_POOL_2D": random_layers.pool("MAX_POOL_2D"),
    "MEAN": reduction("MEAN"),
    "MINIMUM": binary("MINIMUM", alike=True),
    "MUL": binary("MUL", fuses=True),
    "NEG": unscaled("NEG"),
    "PACK": random_moves.pack,
    "PAD": random_moves.pad("PAD"),
    "PADV2": random_moves.pad("PADV2"),
    "PRELU": prelu,
    "QUANTIZE": quantize,
    "REDUCE_MAX": reduction("REDUCE_MAX", alike=True),
    "RELU": unary("RELU"),
    "RELU6": unscaled("RELU6"),
    "RELU_N1_TO_1": unscaled("RELU_N1_TO_1"),
    "RESHAPE": random_moves.reshape,
    "RESIZE_BILINEAR": random_moves.resize("RESIZE_BILINEAR"),
    "RESIZE_NEAREST_NEIGHBOR": random_moves.resize("RESIZE_NEAREST_NEIGHBOR"),
    "RSQRT": rsqrt,
    "SLICE": random_moves.slice_,
    "SOFTMAX": softmax,
    "SPACE_TO_BATCH_ND": random_moves.space_to_batch,
    "SPLIT": random_moves.split,
    "SPLIT_V": random_moves.split_v,
    "SQUARED_DIFFERENCE": binary("SQUARED_DIFFERENCE"),
    "SQUEEZE": random_moves.squeeze,
    "STRIDED_SLICE": random_moves.strided_slice,
    "SUB": binary("SUB", fuses=True),
    "SUM": reduction("SUM"),
    "SVDF": random_layers.svdf,
    "TANH": bounded("TANH", 1 / 128, 0, ANY),
    "TRANSPOSE": random_moves.transpose,
    "TRANSPOSE_CONV": random_layers.transpose_conv,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": random_layers.lstm,
    "UNPACK": random_moves.unpack,
}
