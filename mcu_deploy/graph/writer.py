"""Writing a ``Graph`` as a TFLite file, driven by the same schema data as the reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.ir import Graph, Operator, Quantization, Tensor
from mcu_deploy.graph.schema import (
    BUILTIN_OPERATORS,
    FILE_IDENTIFIER,
    OPERATOR_OPTIONS,
    PLACEHOLDER_CODE,
    SCHEMA_VERSION,
    TABLES,
    UNIONS,
    Field,
    Scalar,
)
from mcu_deploy.graph.text import printable

BUFFER_ALIGNMENT = 16

# A table's values by field name: a number or an enumeration's name, a string, an array or bytes, a table as a
# mapping, tables as a sequence of them, or (table name, mapping) for a union.
Values = Mapping[str, Any]

_PREPEND = {
    "?": "Bool",
    "b": "Int8",
    "B": "Uint8",
    "i": "Int32",
    "I": "Uint32",
    "q": "Int64",
    "Q": "Uint64",
    "f": "Float32",
}


def write_model(graph: Graph) -> bytes:
    """The TFLite file of a graph: the same bytes for the same graph.

    Buffer 0 is empty, as TFLite wants it; each constant has its own buffer, aligned to 16 bytes.

    Raises:
        ModelError: an operator kind or a value has no place in a TFLite file.
    """
    return encode(model_values(graph))


def model_values(graph: Graph) -> dict[str, Any]:
    """The ``Model`` table of a graph, by the schema's names: what ``encode`` takes."""
    codes = sorted({(operator.kind, operator.version) for operator in graph.operators})
    constants = [tensor for tensor in graph.tensors if tensor.data is not None]
    buffers = {tensor.index: number for number, tensor in enumerate(constants, start=1)}
    subgraph = {
        "tensors": [_tensor(tensor, buffers.get(tensor.index, 0)) for tensor in graph.tensors],
        "inputs": graph.inputs,
        "outputs": graph.outputs,
        "operators": [_operator(operator, codes) for operator in graph.operators],
        "name": "main",
    }
    return {
        "version": SCHEMA_VERSION,
        "operator_codes": [_code(kind, version) for kind, version in codes],
        "subgraphs": [subgraph],
        "description": graph.description,
        "buffers": [{}, *({"data": _little_endian(tensor)} for tensor in constants)],
    }


def encode(model: Values) -> bytes:
    """The file with this ``Model`` table: sound as a flatbuffer, whatever the values say."""
    builder = flatbuffers.Builder(1024)
    root = _table(builder, "Model", model)
    builder.Finish(root, file_identifier=FILE_IDENTIFIER)
    return bytes(builder.Output())


def _little_endian(tensor: Tensor) -> bytes:
    assert tensor.data is not None
    return tensor.data.astype(tensor.dtype.numpy.newbyteorder("<")).tobytes()


def _code(kind: str, version: int) -> Values:
    builtin, _, custom = kind.partition(":")
    if builtin not in BUILTIN_OPERATORS or bool(custom) != (builtin == "CUSTOM"):
        raise ModelError(f"{printable(kind)} is not a TFLite operator", "use a name of the TFLite schema")
    number = BUILTIN_OPERATORS.index(builtin)
    return {
        "deprecated_builtin_code": min(number, PLACEHOLDER_CODE),
        "custom_code": custom or None,
        "version": version,
        "builtin_code": builtin,
    }


def _tensor(tensor: Tensor, buffer: int) -> Values:
    return {
        "shape": tensor.shape,
        "type": tensor.dtype.name,
        "buffer": buffer,
        "name": tensor.name,
        "quantization": _quantization(tensor.quantization),
        "is_variable": tensor.is_variable,
    }


def _quantization(quantization: Quantization | None) -> Values | None:
    if quantization is None:
        return None
    return {
        "scale": quantization.scale,
        "zero_point": quantization.zero_point,
        "quantized_dimension": quantization.axis,
    }


def _operator(operator: Operator, codes: Sequence[tuple[str, int]]) -> Values:
    options = OPERATOR_OPTIONS.get(operator.kind)
    return {
        "opcode_index": codes.index((operator.kind, operator.version)),
        "inputs": operator.inputs,
        "outputs": operator.outputs,
        "builtin_options": (options, operator.options) if options else None,
        "custom_options": operator.custom_options or None,
        "intermediates": operator.intermediates or None,
    }


def _table(builder: Any, name: str, values: Values) -> int:
    """Write a table: first what it refers to, then its own fields, wide ones first, as they pack best."""
    fields = TABLES[name]
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise ModelError(f"{name} has no field {printable(unknown[0])}", "use a name of the TFLite schema")
    present = [field for field in fields.values() if values.get(field.name) is not None]
    references = {
        field.name: _reference(builder, field, values[field.name])
        for field in present
        if field.kind != "scalar"
    }
    builder.StartObject(
        1 + max((field.slot + (field.kind == "union") for field in fields.values()), default=-1)
    )
    for field in sorted(present, key=lambda field: -_width(field)):
        if field.kind == "scalar":
            assert field.scalar is not None
            value = _number(field.name, field.scalar, values[field.name])
            prepend = getattr(builder, f"Prepend{_PREPEND[field.scalar.code]}Slot")
            prepend(field.slot, value, field.default)
        elif field.kind == "union":
            builder.PrependUOffsetTRelativeSlot(field.slot + 1, references[field.name], 0)
        else:
            builder.PrependUOffsetTRelativeSlot(field.slot, references[field.name], 0)
    for field in present:
        if field.kind == "union":
            number = UNIONS[field.target].index(values[field.name][0]) + 1
            builder.PrependUint8Slot(field.slot, number, 0)
    return int(builder.EndObject())


def _width(field: Field) -> int:
    return field.scalar.size if field.kind == "scalar" and field.scalar is not None else 4


def _reference(builder: Any, field: Field, value: Any) -> int:
    if field.kind == "string":
        return int(builder.CreateString(value))
    if field.kind == "table":
        return _table(builder, field.target, value)
    if field.kind == "union":
        return _table(builder, value[0], value[1])
    if field.kind == "scalars":
        assert field.scalar is not None
        return _vector(builder, field.scalar, value)
    offsets = [_table(builder, field.target, item) for item in value]
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _vector(builder: Any, scalar: Scalar, value: Any) -> int:
    if isinstance(value, bytes):
        raw, alignment = value, BUFFER_ALIGNMENT
    else:
        raw, alignment = np.asarray(value, np.dtype("<" + scalar.code)).tobytes(), scalar.size
    builder.StartVector(scalar.size, len(raw) // scalar.size, alignment)
    builder.head = builder.Head() - len(raw)
    builder.Bytes[builder.Head() : builder.Head() + len(raw)] = raw
    return int(builder.EndVector())


def _number(name: str, scalar: Scalar, value: Any) -> int | float | bool:
    if not scalar.names:
        return value  # type: ignore[no-any-return]
    if value not in scalar.names:
        raise ModelError(
            f"{printable(str(value))} is not a value of {name}", "use a name of the TFLite schema"
        )
    return scalar.names.index(value)
