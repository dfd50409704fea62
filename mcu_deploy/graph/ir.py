"""The graph that every later step works on: one TFLite subgraph as plain, immutable data.

Names are those of the TFLite schema, so that a reader can search across tools.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

OptionValue = int | float | bool | str | tuple[int, ...]


class DataType(enum.Enum):
    """A TFLite ``TensorType`` that has a NumPy counterpart; the value is NumPy's name of it."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    FLOAT64 = "float64"
    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    UINT64 = "uint64"
    BOOL = "bool"

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The NumPy dtype."""
        return np.dtype(self.value)

    @property
    def bytes(self) -> int:
        """The size of one element in bytes."""
        return self.numpy.itemsize


@dataclass(frozen=True, eq=False)
class Quantization:
    """Affine quantisation: ``real = scale * (q - zero_point)``.

    Attributes:
        scale: float32, shape (1,) per tensor or (channels,) per channel.
        zero_point: int64, the shape of ``scale``.
        axis: the tensor axis that the channels lie on (0 for per-tensor quantisation).
    """

    scale: npt.NDArray[np.float32]
    zero_point: npt.NDArray[np.int64]
    axis: int = 0

    @property
    def per_channel(self) -> bool:
        """Whether there is more than one scale."""
        return self.scale.size > 1


@dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor.

    Attributes:
        index: its index in the TFLite subgraph; what records and messages refer to.
        name: as in the file; untrusted text, never to reach a path or C source unescaped.
        shape: every dimension at least 1; () for a scalar.
        dtype: element type.
        quantization: None where the file gives none.
        data: the constant's value with ``shape``, or None for an activation.
        is_variable: state that keeps its value from one invocation to the next; no operator makes it.
        initial: what a variable holds at first, with ``shape``; None for what TFLM fills it with.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: DataType
    quantization: Quantization | None = None
    data: npt.NDArray[np.generic] | None = None
    is_variable: bool = False
    initial: npt.NDArray[np.generic] | None = None

    @property
    def elements(self) -> int:
        """Number of elements."""
        count = 1
        for dim in self.shape:
            count *= dim
        return count

    @property
    def bytes(self) -> int:
        """Size of the packed value in bytes."""
        return self.elements * self.dtype.bytes


@dataclass(frozen=True, eq=False)
class Operator:
    """One operator.

    Attributes:
        index: its index in the subgraph's operator list (execution order).
        kind: the TFLite ``BuiltinOperator`` name, for example ``CONV_2D``; ``CUSTOM:name`` for a custom one.
        inputs: tensor indices, -1 for an absent optional input.
        outputs: tensor indices.
        options: the builtin options by their schema names; enumerations as their schema names
            (``padding: "SAME"``, ``fused_activation_function: "RELU"``). Schema defaults filled in.
        version: the operator version in the file.
        custom_options: raw bytes of a custom operator's options.
        intermediates: indices of tensors that only carry quantisation (LSTM), -1 for an absent one.
    """

    index: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    version: int = 1
    custom_options: bytes = b""
    intermediates: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Graph:
    """One subgraph, operators in execution order.

    Attributes:
        name: a short name for messages (the file's stem), not from inside the file.
        tensors: indexed by ``Tensor.index``.
        inputs, outputs: tensor indices.
        sha256: of the file that it was read from, or "" for a graph made in memory.
    """

    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    sha256: str = ""
    description: str = ""
