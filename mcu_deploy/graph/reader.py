"""Reading a TFLite file into a ``Graph``.

The file is untrusted: whatever it holds, the only error is ``ModelError``. What is checked here is that it is
whole, consistent, and fits a ``Graph`` at all; whether it can be deployed is asked in ``checks``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mcu_deploy.errors import InputError, ModelError
from mcu_deploy.graph.findings import Finding, rejection
from mcu_deploy.graph.flatbuffer import FlatBuffer, Table, damaged
from mcu_deploy.graph.ir import DataType, Graph, Operator, OptionValue, Tensor
from mcu_deploy.graph.schema import (
    BUILTIN_OPERATORS,
    FILE_IDENTIFIER,
    OPERATOR_OPTIONS,
    SCHEMA_VERSION,
    TABLES,
    Field,
    default_options,
)
from mcu_deploy.graph.tensor_reader import MAX_RANK, UnusableError, described
from mcu_deploy.graph.text import printable
from mcu_deploy.graph.variables import resolve_variables

MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_SUBGRAPHS = 64  # of which the first is read
MAX_OPERATOR_TENSORS = 4096
NPU_OPERATOR = "CUSTOM:ethos-u"
_SMALLER = "make the model of smaller operators"

_Bytes = npt.NDArray[np.uint8]


def read_model(path: Path) -> Graph:
    """The graph in the TFLite file at ``path``, named after the file's stem.

    Raises:
        InputError: the file cannot be read.
        ModelError: it is not a sound TFLite model with one subgraph; ``details`` lists what is wrong.
    """
    return parse_model(read_model_bytes(path), path.stem)


def read_model_bytes(path: Path) -> bytes:
    """The bytes of the file at ``path``, for ``parse_model``; at most one more than that accepts.

    Raises:
        InputError: the file cannot be read.
    """
    shown = printable(str(path), 200)
    hint = "name a .tflite file inside of it" if path.is_dir() else "check the path of the .tflite file"
    if not path.is_file():
        missing = "is not a file" if path.exists() else "does not exist"
        raise InputError(f"the model {shown} {missing}", hint)
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read the model {shown}: {error.strerror}", hint) from None


def parse_model(data: bytes, name: str) -> Graph:
    """The graph in the bytes of a TFLite file; ``name`` is used in messages.

    Constants are read-only views of ``data``.

    Raises:
        ModelError: see ``read_model``; or it is a result of Vela.
    """
    graph, defects = parse_with_defects(data, name)
    if defects:
        raise rejection(defects)
    return graph


def parse_with_defects(data: bytes, name: str) -> tuple[Graph, list[Finding]]:
    """As ``parse_model``, but what is sound and has no place in a ``Graph`` is told beside it.

    The tensors that ``Finding.tensor`` names are placeholders then, and the wiring is not checked.

    Raises:
        ModelError: it is damaged, or a result of Vela.
    """
    reader = _reader(data, name)
    graph = reader.graph(name)
    if any(operator.kind == NPU_OPERATOR for operator in graph.operators):
        raise ModelError(
            "the model was compiled by Vela already, so that nothing is left to compare with",
            "give the original model, and --npu for its configuration",
        )
    initial = reader.initial(name)
    try:
        graph = resolve_variables(graph, frozenset(reader.handles), initial)
    except ModelError:
        if not reader.defects:
            raise
    if not reader.defects:
        check_wiring(graph)
    return graph, reader.defects


def parse_compiled(data: bytes, name: str) -> tuple[Graph, bytes]:
    """What Vela made, and where it wants the tensors: the contents of ``OfflineMemoryAllocation``.

    The wiring is not checked: nothing makes the scratch memory that ``ethos-u`` operators read. A tensor may
    be empty: there are no weights where there is nothing to weigh.

    Raises:
        ModelError: it is damaged.
    """
    reader = _reader(data, name)
    reader.smallest = 0
    graph = reader.graph(name)
    if reader.defects:
        raise rejection(reader.defects)
    return graph, reader.metadata("OfflineMemoryAllocation")


def _reader(data: bytes, name: str) -> _Reader:
    """The reader of a file's subgraph; any others only initialise its state."""
    if len(data) > MAX_FILE_BYTES:
        raise ModelError(
            f"the model is larger than {MAX_FILE_BYTES // 2**20} MiB", "no microcontroller holds such a model"
        )
    if data[4:8] != FILE_IDENTIFIER:
        raise ModelError(
            f"{printable(name)} is not a TFLite model", "export one with TensorFlow's TFLiteConverter"
        )
    model = FlatBuffer(data).root("Model", FILE_IDENTIFIER)
    if model.integer("version") != SCHEMA_VERSION:
        raise ModelError(
            f"the model has schema version {model.integer('version')}, where {SCHEMA_VERSION} is needed",
            "convert it with TensorFlow 2",
        )
    subgraphs = model.tables("subgraphs")
    several = Finding(
        f"the model has {len(subgraphs)} subgraphs, where exactly one can be deployed",
        "remove control flow (IF, WHILE), or export one signature only",
    )
    if not 1 <= len(subgraphs) <= MAX_SUBGRAPHS:
        raise rejection([several])
    reader = _Reader(data, model, subgraphs[0])
    if len(reader.called_once()) < len(subgraphs) - 1:
        reader.defects.append(several)
    return reader


@dataclass
class _Reader:
    """Reads one subgraph. ``defects`` gathers what is sound, but has no place in a ``Graph``.

    ``smallest``: what the dimensions of tensors must be at least. ``handles`` gathers the tensors of the type
    RESOURCE, which a ``Graph`` does not have.
    """

    data: bytes
    model: Table
    subgraph: Table
    defects: list[Finding] = field(default_factory=list)
    smallest: int = 1
    handles: set[int] = field(default_factory=set)

    def graph(self, name: str) -> Graph:
        buffers = [self._bytes(table, "data", "offset", "size") for table in self.model.tables("buffers")]
        tables = self.subgraph.tables("tensors")
        used = _used(self.subgraph)
        tensors = [self._tensor(index, table, buffers, index in used) for index, table in enumerate(tables)]
        codes = [self._code(table) for table in self.model.tables("operator_codes")]
        return Graph(
            name=name,
            tensors=tuple(tensors),
            operators=tuple(
                self._operator(index, table, codes, len(tensors))
                for index, table in enumerate(self.subgraph.tables("operators"))
            ),
            inputs=_indices(self.subgraph, "inputs", len(tensors), "the model"),
            outputs=_indices(self.subgraph, "outputs", len(tensors), "the model"),
            sha256=hashlib.sha256(self.data).hexdigest(),
            description=self.model.string("description"),
        )

    def metadata(self, name: str) -> bytes:
        """The contents of the metadata called so; empty where there is none."""
        buffers = self.model.tables("buffers")
        for table in self.model.tables("metadata"):
            number = table.integer("buffer")
            if table.string("name") == name and number < len(buffers):
                found = self._bytes(buffers[number], "data", "offset", "size")
                return b"" if found is None else found.tobytes()
        return b""

    def called_once(self) -> set[int]:
        """The other subgraphs that CALL_ONCE operators run."""
        codes = [self._code(table) for table in self.model.tables("operator_codes")]
        called = set()
        for table in self.subgraph.tables("operators"):
            code = table.integer("opcode_index")
            if code < len(codes) and codes[code][0] == "CALL_ONCE":
                index = _options(table, "CALL_ONCE", "CALL_ONCE")["init_subgraph_index"]
                assert isinstance(index, int)
                called.add(index)
        if not called <= set(range(1, len(self.model.tables("subgraphs")))):
            raise damaged("its CALL_ONCE runs a subgraph that is not another one of the model")
        return called

    def initial(self, name: str) -> dict[int, Graph]:
        """By their index, the subgraphs that CALL_ONCE operators run."""
        graphs = {}
        for index in sorted(self.called_once()):
            other = _Reader(self.data, self.model, self.model.tables("subgraphs")[index])
            graphs[index] = other.graph(name)
            if other.defects:
                raise rejection(other.defects)
        return graphs

    def _bytes(self, table: Table, inside: str, offset_name: str, size_name: str) -> _Bytes | None:
        """The bytes that a table holds in the flatbuffer or, by offset and size, behind it; None for none."""
        offset, size = table.integer(offset_name), table.integer(size_name)
        if offset > 1:
            if offset + size > len(self.data):
                raise damaged(f"{size} bytes at offset {offset} are beyond the end")
            return np.frombuffer(self.data, np.uint8, size, offset)
        values = table.numbers(inside)
        return values.view(np.uint8) if values.size else None

    def _tensor(self, index: int, table: Table, buffers: list[_Bytes | None], used: bool) -> Tensor:
        name = table.string("name")
        label = f"tensor {index} {printable(name)}"
        if table.enumeration("type") == "RESOURCE":
            # Their values are the numbers of variables.
            self.handles.add(index)
            return Tensor(index, name, (), DataType.INT32)
        try:
            # The intermediates of an LSTM carry a quantisation, and have no elements.
            tensor = described(index, table, label, self.smallest if used else 0)
        except UnusableError as error:
            self.defects.append(Finding(error.message, error.hint, index))
            dtype = DataType.__members__.get(table.enumeration("type"), DataType.INT8)
            return Tensor(index, name, (1,), dtype)
        number = table.integer("buffer")
        if number >= len(buffers):
            raise damaged(f"{label} refers to buffer {number} of {len(buffers)}")
        raw = buffers[number]
        data = None if raw is None else _constant(raw, tensor, label)
        return replace(tensor, data=data, is_variable=bool(table.number("is_variable")))

    def _code(self, table: Table) -> tuple[str, int]:
        """``(kind, version)`` of an operator code. The larger of the two codes counts."""
        number = max(table.integer("builtin_code"), table.integer("deprecated_builtin_code"))
        if not 0 <= number < len(BUILTIN_OPERATORS):
            raise ModelError(
                f"the model has an operator of the unknown code {number}",
                "convert it with a version of TensorFlow of 2026 or before",
            )
        kind = BUILTIN_OPERATORS[number]
        if kind == "CUSTOM":
            kind = f"CUSTOM:{table.string('custom_code')}"
        return kind, table.integer("version")

    def _operator(self, index: int, table: Table, codes: list[tuple[str, int]], tensors: int) -> Operator:
        code = table.integer("opcode_index")
        if code >= len(codes):
            raise damaged(f"operator {index} refers to operator code {code} of {len(codes)}")
        kind, version = codes[code]
        label = f"operator {index} {printable(kind)}"
        names = ("large_custom_options_offset", "large_custom_options_size")
        custom = self._bytes(table, "custom_options", *names)
        return Operator(
            index=index,
            kind=kind,
            inputs=_indices(table, "inputs", tensors, label, optional=True),
            outputs=_indices(table, "outputs", tensors, label),
            options=_options(table, kind, label),
            version=version,
            custom_options=b"" if custom is None else custom.tobytes(),
            intermediates=_indices(table, "intermediates", tensors, label, optional=True),
        )


def _used(subgraph: Table) -> set[int]:
    """The indices of all tensors that the subgraph or its operators have as an input or output."""
    tables = (subgraph, *subgraph.tables("operators"))
    return {
        index for table in tables for ends in ("inputs", "outputs") for index in table.numbers(ends).tolist()
    }


def _constant(raw: _Bytes, tensor: Tensor, label: str) -> npt.NDArray[np.generic]:
    if raw.size != tensor.bytes:
        raise damaged(f"{label} needs {tensor.bytes} bytes, but its buffer has {raw.size}")
    little_endian = tensor.dtype.numpy.newbyteorder("<")
    return raw.view(little_endian).astype(tensor.dtype.numpy, copy=False).reshape(tensor.shape)


def _indices(table: Table, name: str, tensors: int, label: str, *, optional: bool = False) -> tuple[int, ...]:
    values = table.numbers(name)
    if values.size > MAX_OPERATOR_TENSORS:
        raise ModelError(f"{label} has {values.size} {name}, more than {MAX_OPERATOR_TENSORS}", _SMALLER)
    indices = tuple(int(value) for value in values.tolist())
    for index in indices:
        if not (-1 if optional else 0) <= index < tensors:
            raise damaged(f"{label} refers to tensor {index} of {tensors} in its {name}")
    return indices


def _options(table: Table, kind: str, label: str) -> dict[str, OptionValue]:
    """The options of an operator that has described ones, else nothing; defaults where the file has none."""
    expected = OPERATOR_OPTIONS.get(kind)
    if expected is None:
        return {}
    found = table.union_type("builtin_options")
    if found not in ("", expected):
        raise damaged(f"{label} has {found} instead of {expected}")
    options = table.union("builtin_options")
    values = default_options(kind)
    if options is not None:
        values.update({field.name: _option(options, field) for field in TABLES[expected].values()})
    return values


def _option(options: Table, described: Field) -> OptionValue:
    name = described.name
    if described.kind == "string":
        return options.string(name)
    if described.kind == "scalars":
        values = options.numbers(name)
        if values.size > MAX_RANK:
            raise ModelError(f"{name} has {values.size} dimensions", f"at most {MAX_RANK} are supported")
        return tuple(int(value) for value in values.tolist())
    if described.scalar is not None and described.scalar.names:
        return options.enumeration(name)
    return options.number(name)


def check_wiring(graph: Graph) -> None:
    """Check that the operators, in their order, make each activation once, and before it is used.

    Raises:
        ModelError: the first contradiction.
    """
    if not graph.inputs or not graph.outputs or not graph.operators:
        raise ModelError("the model has no inputs, no outputs, or no operators", "export a whole network")
    if len(set(graph.inputs)) != len(graph.inputs):
        raise damaged("it names an input twice")
    made = {tensor.index for tensor in graph.tensors if tensor.data is not None or tensor.is_variable}
    for index in graph.inputs:
        if index in made:
            raise damaged(f"its input {_name(graph, index)} is a constant or a variable")
    made.update(graph.inputs)
    for operator in graph.operators:
        _check_made(
            graph, f"operator {operator.index} {printable(operator.kind)} reads", operator.inputs, made
        )
        for index in operator.outputs:
            if index in made:
                raise damaged(f"{_name(graph, index)} is written by operator {operator.index}, not at first")
            made.add(index)
    results = {index for operator in graph.operators for index in operator.outputs}
    _check_made(graph, "the model returns", graph.outputs, results)


def _check_made(graph: Graph, who: str, indices: Iterable[int], made: set[int]) -> None:
    for index in indices:
        if index >= 0 and index not in made:
            raise damaged(f"{who} {_name(graph, index)}, which nothing has made before")


def _name(graph: Graph, index: int) -> str:
    return f"tensor {index} {printable(graph.tensors[index].name)}"
