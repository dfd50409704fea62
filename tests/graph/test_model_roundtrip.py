"""Reading and writing agree, on real models and on built ones."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from graph_models import REAL_INT8, REAL_OTHER, assert_same, small_graph

from mcu_deploy.errors import InputError, ModelError
from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType
from mcu_deploy.graph.macs import operator_macs
from mcu_deploy.graph.reader import parse_model, read_model
from mcu_deploy.graph.schema import BUILTIN_OPERATORS, OPERATOR_OPTIONS, default_options
from mcu_deploy.graph.writer import encode, model_values, write_model

ModelPath = Callable[[str], Path]


@pytest.mark.parametrize("name", REAL_INT8 + REAL_OTHER)
def test_real_models_survive_a_round_trip(model_path: ModelPath, name: str) -> None:
    graph = read_model(model_path(name))
    assert graph.sha256 == hashlib.sha256(model_path(name).read_bytes()).hexdigest()
    written = write_model(graph)
    again = parse_model(written, graph.name)
    assert_same(graph, again)
    assert write_model(again) == written


def test_what_a_real_model_holds(model_path: ModelPath) -> None:
    graph = read_model(model_path("kws_micronet_m.tflite"))
    first = graph.operators[0]
    weights = graph.tensors[first.inputs[1]]
    assert (graph.name, graph.description) == ("kws_micronet_m", "MLIR Converted.")
    assert first.kind == "CONV_2D"
    assert first.options["padding"] == "SAME"
    assert first.options["fused_activation_function"] == "RELU6"
    assert (weights.shape, weights.dtype) == ((140, 10, 4, 1), DataType.INT8)
    assert weights.quantization is not None and weights.quantization.scale.shape == (140,)
    assert weights.data is not None and not weights.data.flags.writeable


@pytest.mark.parametrize(
    ("name", "macs"),
    list(zip(REAL_INT8, (65_714_076, 15_556_352, 18_740_192), strict=True)),
)
def test_macs_are_the_published_ones(model_path: ModelPath, name: str, macs: int) -> None:
    graph = read_model(model_path(name))
    assert sum(operator_macs(graph, operator) or 0 for operator in graph.operators) == macs


def test_macs_of_a_fully_connected_layer() -> None:
    builder = GraphBuilder()
    output = builder.fully_connected(builder.input((1, 20)), 7)
    graph = builder.build([output])
    assert operator_macs(graph, graph.operators[0]) == 140


def test_macs_of_tensors_that_do_not_fit_together_are_unknown() -> None:
    builder = GraphBuilder()
    graph = builder.build([builder.conv_2d(builder.input((1, 4, 4, 2)), 3, (1, 1))])
    conv = graph.operators[0]
    assert operator_macs(graph, conv) == 4 * 4 * 3 * 2
    for inputs in ((0,), (0, -1), (0, 2), ()):
        assert operator_macs(graph, replace(conv, inputs=inputs)) is None
    dense = replace(conv, kind="FULLY_CONNECTED", options={"keep_num_dims": False})
    flat = replace(graph.tensors[1], shape=())
    assert operator_macs(replace(graph, tensors=(graph.tensors[0], flat, *graph.tensors[2:])), dense) is None


def test_a_built_model_survives_and_is_deterministic() -> None:
    written = write_model(small_graph())
    assert written == write_model(small_graph())
    assert_same(small_graph(), parse_model(written, "small"))


def test_all_described_options_survive() -> None:
    """Each operator that has options, with none of them at its default.

    But those of resource variables, which reading changes.
    """
    for kind in set(OPERATOR_OPTIONS) - {"ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE"}:
        builder = GraphBuilder()
        source = builder.input((1, 4))
        options = {name: _other(value, name) for name, value in default_options(kind).items()}
        graph = builder.build([builder.operator(kind, [source], shape=(1, 4), version=2, **options)])
        again = parse_model(write_model(graph), "again")
        assert_same(graph, again)
        assert dict(again.operators[0].options) == options


def _other(value: object, name: str) -> object:
    match value:
        case bool():
            return not value
        case int():
            return 3
        case float():
            return 0.5
        case tuple():
            return (2, 2)
        case "NONE":
            return "RELU6"
        case "SAME":
            return "VALID"
        case "DEFAULT":
            return "SHUFFLED4x16INT8"
        case "FLOAT32":
            return "INT32"
    assert value == "", f"{name}: {value!r}"
    return "text"


@pytest.mark.parametrize("dtype", list(DataType))
def test_every_element_type_survives(dtype: DataType) -> None:
    builder = GraphBuilder()
    values = np.arange(6).reshape(2, 3).astype(dtype.numpy)
    inputs = [builder.input((1,)), builder.constant(values)]
    graph = builder.build([builder.operator("ADD", inputs, shape=(2, 3))])
    assert_same(graph, parse_model(write_model(graph), "again"))


def test_custom_operators_variables_and_intermediates_survive() -> None:
    builder = GraphBuilder()
    source = builder.input((1, 4))
    state = builder.tensor((1, 4))
    builder.tensors[state] = replace(builder.tensors[state], is_variable=True)
    output = builder.operator("CUSTOM:somebody-s", [source, -1, state], shape=(1, 4))
    builder.operators[0] = replace(builder.operators[0], custom_options=b"\1\4\1", intermediates=(-1, state))
    graph = builder.build([output])
    assert_same(graph, parse_model(write_model(graph), "again"))


def test_operator_codes_beyond_127() -> None:
    kind = "BROADCAST_TO"
    assert BUILTIN_OPERATORS.index(kind) == 130
    builder = GraphBuilder()
    graph = builder.build([builder.operator(kind, [builder.input((1, 4))], shape=(1, 4))])
    values = model_values(graph)
    assert values["operator_codes"][0]["deprecated_builtin_code"] == 127
    assert parse_model(encode(values), "again").operators[0].kind == kind


def test_files_from_before_large_operator_codes() -> None:
    values = model_values(small_graph())
    for code in values["operator_codes"]:
        code["builtin_code"] = "ADD"
    assert_same(small_graph(), parse_model(encode(values), "small"))


def test_buffers_outside_of_the_flatbuffer() -> None:
    """Large models keep constants behind the flatbuffer, at an offset from the start of the file."""
    values = model_values(small_graph())
    contents = [buffer.pop("data") for buffer in values["buffers"][1:]]
    start = 16 * 1024
    for buffer, content in zip(values["buffers"][1:], contents, strict=True):
        buffer.update(offset=start, size=len(content))
        start += len(content)
    data = encode(values).ljust(16 * 1024, b"\0") + b"".join(contents)
    assert_same(small_graph(), parse_model(data, "small"))
    with pytest.raises(ModelError, match="beyond the end"):
        parse_model(data[:-1], "cut")


def test_custom_options_outside_of_the_flatbuffer() -> None:
    builder = GraphBuilder()
    output = builder.operator("CUSTOM:far", [builder.input((1, 4))], shape=(1, 4))
    values = model_values(builder.build([output]))
    operator = values["subgraphs"][0]["operators"][0]
    operator.update(large_custom_options_offset=1024, large_custom_options_size=5)
    graph = parse_model(encode(values).ljust(1024, b"\0") + b"hello", "far")
    assert graph.operators[0].custom_options == b"hello"


def test_unsigned_table_offsets_of_other_writers() -> None:
    """A table may lie before its vtable, as some writers have it: the offset to the vtable is signed."""
    data = bytearray(write_model(small_graph()))
    root = int.from_bytes(data[0:4], "little")
    vtable = root - int.from_bytes(data[root : root + 4], "little", signed=True)
    size = int.from_bytes(data[vtable : vtable + 2], "little")
    place = len(data)
    data += data[vtable : vtable + size]
    data[root : root + 4] = (root - place).to_bytes(4, "little", signed=True)
    assert_same(small_graph(), parse_model(bytes(data), "small"))


def test_unreadable_files(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.tflite", tmp_path, tmp_path / "bad\0name"):
        with pytest.raises(InputError) as caught:
            read_model(path)
        assert caught.value.hint and "\0" not in caught.value.message


def test_files_that_are_not_tflite(tmp_path: Path) -> None:
    empty = flatbuffers.Builder(16)
    empty.StartObject(0)
    empty.Finish(empty.EndObject(), file_identifier=b"TFL2")
    for content in (b"", b"TFL3", b"RIFF....WAVE", bytes(100), bytes(empty.Output())):
        path = tmp_path / "file.tflite"
        path.write_bytes(content)
        with pytest.raises(ModelError, match="not a TFLite model") as caught:
            read_model(path)
        assert caught.value.hint


def test_an_overlarge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcu_deploy.graph.reader.MAX_FILE_BYTES", 1000)
    path = tmp_path / "large.tflite"
    path.write_bytes(write_model(small_graph()))
    with pytest.raises(ModelError, match="larger than"):
        read_model(path)
