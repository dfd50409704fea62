"""How each operator is quantised: which tensors share a scale, which have a fixed one, which have weights.

The facts are those of the TFLite quantisation specification, as TFLM's kernels demand them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mcu_deploy.graph.ir import Quantization

QUANTIZE_VERSION = 2


@dataclass(frozen=True)
class Weights:
    """Where an operator has its weights.

    Attributes:
        data, filter, bias: positions of its inputs.
        axis: of the filter that has a scale for each output channel.
    """

    data: int
    filter: int
    bias: int
    axis: int


WEIGHTED: Mapping[str, Weights] = {
    "CONV_2D": Weights(0, 1, 2, 0),
    "DEPTHWISE_CONV_2D": Weights(0, 1, 2, 3),
    "FULLY_CONNECTED": Weights(0, 1, 2, 0),
    "TRANSPOSE_CONV": Weights(2, 1, 3, 0),
}

# Operators that move or choose values: all that they read and write has one quantisation.
SHARED = frozenset(
    (
        "AVERAGE_POOL_2D",
        "BATCH_TO_SPACE_ND",
        "CONCATENATION",
        "DEPTH_TO_SPACE",
        "EXPAND_DIMS",
        "GATHER",
        "GATHER_ND",
        "MAXIMUM",
        "MAX_POOL_2D",
        "MINIMUM",
        "MIRROR_PAD",
        "PACK",
        "PAD",
        "PADV2",
        "REDUCE_MAX",
        "REDUCE_MIN",
        "RESHAPE",
        "RESIZE_BILINEAR",
        "RESIZE_NEAREST_NEIGHBOR",
        "REVERSE_V2",
        "SLICE",
        "SPACE_TO_BATCH_ND",
        "SPACE_TO_DEPTH",
        "SPLIT",
        "SPLIT_V",
        "SQUEEZE",
        "STRIDED_SLICE",
        "TILE",
        "TRANSPOSE",
        "UNPACK",
    )
)

# Operators whose output has a range that is known: scale and zero point.
FIXED: Mapping[str, tuple[float, int]] = {
    "L2_NORMALIZATION": (1 / 128, 0),
    "LOGISTIC": (1 / 256, -128),
    "LOG_SOFTMAX": (16 / 256, 127),
    "SOFTMAX": (1 / 256, -128),
    "TANH": (1 / 128, 0),
}

# Operators that rescale: every tensor has a scale of its own.
FREE = frozenset(
    (
        "ABS",
        "ADD",
        "ARG_MAX",
        "ARG_MIN",
        "BATCH_MATMUL",
        "DIV",
        "ELU",
        "EXP",
        "GELU",
        "GREATER",
        "HARD_SWISH",
        "LEAKY_RELU",
        "LESS",
        "LOG",
        "MEAN",
        "MUL",
        "NEG",
        "PRELU",
        "RELU",
        "RELU6",
        "RELU_N1_TO_1",
        "RSQRT",
        "SQRT",
        "SQUARED_DIFFERENCE",
        "SUB",
        "SUM",
    )
)

# The first version of an operator that takes int8, where it is not 2.
_INT8_VERSIONS: Mapping[str, int] = {
    "BATCH_MATMUL": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "ELU": 1,
    "EXPAND_DIMS": 1,
    "FULLY_CONNECTED": 4,
    "GATHER_ND": 1,
    "HARD_SWISH": 1,
    "LEAKY_RELU": 2,
    "PRELU": 1,
    "RELU_N1_TO_1": 1,
    "RESHAPE": 1,
    "SQUARED_DIFFERENCE": 2,
    "SQUEEZE": 1,
    "TRANSPOSE_CONV": 1,
}

# Values of int8 that weights use: symmetric around 0.
WEIGHT_MAX = 127
# What a bias may be in steps of the accumulator: the sum of the products needs room in 32 bits, too.
BIAS_MAX = 2**30
# An activation with a smaller range is nothing, as that of a unit that never fires: it takes a range of 1.
LEAST_RANGE = 1e-6
# What an operator that rescales makes has at least this part of the range of what it reads: its multipliers,
# those of ADD and SUB above all, must be smaller than 1.
LEAST_PART = 2.0**-12


def known(kind: str) -> bool:
    """Whether an operator can be quantised."""
    return kind in WEIGHTED or kind in SHARED or kind in FIXED or kind in FREE


def int8_version(kind: str, version: int) -> int:
    """The version of an operator that takes int8, at least its own."""
    return max(version, _INT8_VERSIONS.get(kind, 2))


def activation_quantization(low: float, high: float) -> Quantization:
    """Scale and zero point of an int8 tensor whose values lie in a range; 0 has a value of its own."""
    low, high = min(low, 0.0), max(high, 0.0)
    if high - low < LEAST_RANGE:
        high = low + 1.0
    scale = np.float32((high - low) / 255)
    zero_point = int(np.clip(np.round(-128 - low / float(scale)), -128, 127))
    return Quantization(np.array([scale], np.float32), np.array([zero_point], np.int64))


def fixed_quantization(kind: str) -> Quantization:
    """Of the output of a kind in ``FIXED``."""
    scale, zero_point = FIXED[kind]
    return Quantization(np.array([scale], np.float32), np.array([zero_point], np.int64))
