"""One tensor of a TFLite file: type, shape and quantisation, or why it has no place in a ``Graph``."""

from __future__ import annotations

import numpy as np

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.flatbuffer import Table
from mcu_deploy.graph.ir import DataType, Quantization, Tensor

MAX_TENSOR_BYTES = 2**31 - 1
MAX_RANK = 8
_REQUANTISE = "quantise the model again"
_STATIC = "fix the shape of the model's inputs, and export it again"


class UnusableError(ModelError):
    """A tensor, sound as it may be, has no place in a ``Graph``."""


def described(index: int, table: Table, label: str, smallest: int) -> Tensor:
    """A tensor without its data.

    Args:
        index: its number.
        table: of the schema's ``Tensor``.
        label: what messages call it.
        smallest: what its dimensions must be at least.

    Raises:
        UnusableError: it has no place in a ``Graph``.
    """
    _check_usable(table, label)
    shape = _shape(table, label, smallest)
    dtype = DataType[table.enumeration("type")]
    quantization = _quantization(table, shape, dtype, label)
    tensor = Tensor(index, table.string("name"), shape, dtype, quantization)
    if tensor.bytes > MAX_TENSOR_BYTES:
        raise UnusableError(f"{label} has {tensor.bytes} bytes", "no microcontroller holds such a tensor")
    return tensor


def _check_usable(table: Table, label: str) -> None:
    type_name = table.enumeration("type")
    if type_name not in DataType.__members__:
        reason = f"{label} has the element type {type_name}, which is not supported"
        raise UnusableError(reason, "convert the model to full int8")
    if table.table("sparsity") is not None:
        raise UnusableError(f"{label} is sparse", "convert the model without sparsity")
    if table.integer("external_buffer"):
        raise UnusableError(f"{label} keeps its data in another file", "export the model as one file")
    quantization = table.table("quantization")
    if quantization is not None and quantization.union_type("details"):
        reason = f"{label} has {quantization.union_type('details')}; only affine quantisation is supported"
        raise UnusableError(reason, _REQUANTISE)
    signature = table.numbers("shape_signature")[:MAX_RANK].tolist()
    shape = table.numbers("shape")[:MAX_RANK].tolist()
    dynamic = [axis for axis, size in enumerate(signature) if size < 0]
    if dynamic and not (dynamic == [0] and shape[:1] == [1]):
        text = ", ".join("?" if size < 0 else str(size) for size in signature)
        reason = f"{label} has the dynamic shape ({text})"
        raise UnusableError(reason, "fix the shape of the model's inputs before converting")


def _shape(table: Table, label: str, smallest: int) -> tuple[int, ...]:
    sizes = table.numbers("shape")
    if sizes.size > MAX_RANK:
        raise UnusableError(f"{label} has {sizes.size} dimensions", f"at most {MAX_RANK} are supported")
    shape = tuple(int(size) for size in sizes.tolist())
    if any(size < smallest for size in shape):
        raise UnusableError(f"{label} has the shape {shape}, where each must be at least {smallest}", _STATIC)
    return shape


def _quantization(table: Table, shape: tuple[int, ...], dtype: DataType, label: str) -> Quantization | None:
    quantization = table.table("quantization")
    if quantization is None or not quantization.numbers("scale").size:
        return None
    scale = quantization.numbers("scale").astype(np.float32)
    zero_point = quantization.numbers("zero_point").astype(np.int64)
    axis = quantization.integer("quantized_dimension")
    if zero_point.size != scale.size:
        raise UnusableError(
            f"{label} has {scale.size} scales, but {zero_point.size} zero points", _REQUANTISE
        )
    if not (np.isfinite(scale) & (scale > 0)).all():
        raise UnusableError(f"{label} has a scale that is not a positive number", _REQUANTISE)
    if scale.size == 1:
        axis = 0
    elif not 0 <= axis < len(shape) or shape[axis] != scale.size:
        raise UnusableError(
            f"{label} has {scale.size} scales on axis {axis}, which its shape {shape} contradicts",
            _REQUANTISE,
        )
    if dtype.numpy.kind in "iu":
        limits = np.iinfo(dtype.value)
        if (zero_point < limits.min).any() or (zero_point > limits.max).any():
            raise UnusableError(f"{label} has a zero point that is outside of {dtype.value}", _REQUANTISE)
    return Quantization(scale, zero_point, axis)
