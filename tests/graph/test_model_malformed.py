"""Files that contradict themselves, or hold what no ``Graph`` can: each is refused with its own words."""

import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import small_graph

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.flatbuffer import FlatBuffer
from mcu_deploy.graph.reader import parse_model
from mcu_deploy.graph.text import printable
from mcu_deploy.graph.writer import encode, model_values, write_model

Change = Callable[[dict[str, Any], dict[str, Any]], None]


def refused(change: Change) -> ModelError:
    """The error for the small model after ``change(model, subgraph)``."""
    values = model_values(small_graph())
    change(values, values["subgraphs"][0])
    with pytest.raises(ModelError) as caught:
        parse_model(encode(values), "changed")
    assert "\n" not in caught.value.message
    assert caught.value.message.isascii()
    assert caught.value.hint
    return caught.value


CHANGES: list[tuple[str, Change]] = [
    ("schema version 2", lambda m, s: m.update(version=2)),
    ("0 subgraphs", lambda m, s: m.update(subgraphs=[])),
    ("2 subgraphs", lambda m, s: m.update(subgraphs=[s, s])),
    ("no inputs", lambda m, s: s.update(inputs=())),
    ("no inputs", lambda m, s: s.update(outputs=())),
    ("no inputs", lambda m, s: s.update(operators=[])),
    ("refers to tensor 999", lambda m, s: s.update(inputs=(999,))),
    ("refers to tensor -1", lambda m, s: s.update(outputs=(-1,))),
    ("refers to tensor -2", lambda m, s: s["operators"][0].update(inputs=(-2, 1, 2))),
    ("refers to tensor 999", lambda m, s: s["operators"][0].update(outputs=(999,))),
    ("an input twice", lambda m, s: s.update(inputs=(0, 0))),
    ("is a constant", lambda m, s: s.update(inputs=(0, 1))),
    ("the model returns tensor 0", lambda m, s: s.update(outputs=(0,))),
    ("nothing has made before", lambda m, s: s["operators"].reverse()),
    ("not at first", lambda m, s: s["operators"].append(s["operators"][-1])),
    ("not at first", lambda m, s: s["operators"][0].update(outputs=(0,))),
    ("not at first", lambda m, s: s["operators"][0].update(outputs=(1,))),
    ("operator code 99", lambda m, s: s["operators"][0].update(opcode_index=99)),
    ("instead of Conv2DOptions", lambda m, s: s["operators"][0].update(builtin_options=("PadOptions", {}))),
    ("has 5000 inputs", lambda m, s: s["operators"][0].update(inputs=(0,) * 5000)),
    ("buffer 99", lambda m, s: s["tensors"][0].update(buffer=99)),
    ("shape (1, -8, 8, 3)", lambda m, s: s["tensors"][0].update(shape=(1, -8, 8, 3))),
    ("shape (1, 0)", lambda m, s: s["tensors"][0].update(shape=(1, 0))),
    ("9 dimensions", lambda m, s: s["tensors"][0].update(shape=(1,) * 9)),
    ("bytes", lambda m, s: s["tensors"][0].update(shape=(2**31 - 1,) * 8)),
    ("bytes", lambda m, s: s["tensors"][0].update(shape=(65536, 65536))),
    ("its buffer has 432", lambda m, s: s["tensors"][1].update(shape=(16, 3, 3, 4))),
    ("its buffer has 432", lambda m, s: s["tensors"][1].update(type="INT16")),
    ("not a positive number", lambda m, s: s["tensors"][0]["quantization"].update(scale=[0.0])),
    ("not a positive number", lambda m, s: s["tensors"][0]["quantization"].update(scale=[-1.0])),
    ("not a positive number", lambda m, s: s["tensors"][0]["quantization"].update(scale=[np.nan])),
    ("not a positive number", lambda m, s: s["tensors"][0]["quantization"].update(scale=[np.inf])),
    ("outside of int8", lambda m, s: s["tensors"][0]["quantization"].update(zero_point=[128])),
    ("outside of int8", lambda m, s: s["tensors"][0]["quantization"].update(zero_point=[-(2**63)])),
    ("0 zero points", lambda m, s: s["tensors"][0]["quantization"].update(zero_point=[])),
    ("16 scales on axis 1", lambda m, s: s["tensors"][1]["quantization"].update(quantized_dimension=1)),
    ("16 scales on axis -1", lambda m, s: s["tensors"][1]["quantization"].update(quantized_dimension=-1)),
    ("16 scales on axis 9", lambda m, s: s["tensors"][1]["quantization"].update(quantized_dimension=9)),
]


@pytest.mark.parametrize(("words", "change"), CHANGES, ids=[f"{i}-{c[0]}" for i, c in enumerate(CHANGES)])
def test_contradictions_are_named(words: str, change: Change) -> None:
    assert words in refused(change).message


UNUSABLE: list[tuple[str, dict[str, Any]]] = [
    ("is sparse", {"sparsity": {}}),
    ("element type INT4", {"type": "INT4"}),
    ("element type STRING", {"type": "STRING"}),
    ("in another file", {"external_buffer": 1}),
    ("dynamic shape (1, ?, 8, 3)", {"shape_signature": (1, -1, 8, 3)}),
    ("dynamic shape (?, 8, 8, 3)", {"shape": (2, 8, 8, 3), "shape_signature": (-1, 8, 8, 3)}),
]


@pytest.mark.parametrize(("words", "change"), UNUSABLE)
def test_what_has_no_place_in_a_graph_is_named(words: str, change: dict[str, Any]) -> None:
    error = refused(lambda model, subgraph: subgraph["tensors"][0].update(change))
    assert words in error.message
    assert error.message.startswith('tensor 0 "input"')


def test_all_unusable_tensors_are_named_at_once() -> None:
    error = refused(lambda model, subgraph: [t.update(type="INT4") for t in subgraph["tensors"]])
    assert len(error.details) == len(small_graph().tensors)


def test_a_dynamic_batch_of_one_is_fine() -> None:
    values = model_values(small_graph())
    values["subgraphs"][0]["tensors"][0]["shape_signature"] = (-1, 8, 8, 3)
    assert parse_model(encode(values), "batch").tensors[0].shape == (1, 8, 8, 3)


@pytest.mark.parametrize(
    "name",
    ['"; DROP', "a\nb", "*/ int x; /*", "../../etc/passwd", "\x1b[31m", "\u202eevil", "x" * 10_000, ""],
)
def test_names_are_shown_escaped(name: str) -> None:
    error = refused(lambda model, subgraph: subgraph["tensors"][0].update(name=name, shape=(1, -8, 8, 3)))
    assert "*/" not in error.message
    assert len(error.message) < 200
    values = model_values(small_graph())
    values["subgraphs"][0]["tensors"][0]["name"] = name
    assert parse_model(encode(values), "named").tensors[0].name == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("conv/weights;1", '"conv/weights;1"'),
        ('say "hi"\n', '"say \\"hi\\"\\n"'),
        ("back\\slash", '"back\\\\slash"'),
        ("a*/b", '"a*\\/b"'),
        ("é\u202e", '"\\xe9\\u202e"'),
        ("x" * 60, '"' + "x" * 60 + '"'),
        ("x" * 61, '"' + "x" * 57 + '..."'),
        ("x" * 56 + "\\" * 9, '"' + "x" * 56 + '..."'),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_name_that_is_not_utf8() -> None:
    data = write_model(small_graph()).replace(b"input", b"in\xff\xfet")
    assert parse_model(data, "bytes").tensors[0].name == "in\ufffd\ufffdt"


def parse_quietly(data: bytes) -> None:
    with pytest.raises(ModelError) as caught:
        parse_model(data, "damaged")
    assert caught.value.hint


def test_truncated_files(model_path: Callable[[str], Path]) -> None:
    """Nothing is missed: without its last bytes, a file is never read as if it were whole."""
    for data in (write_model(small_graph()), model_path("kws_micronet_m.tflite").read_bytes()):
        for size in range(0, len(data) - 1, 97):
            parse_quietly(data[:size])


def test_random_bytes() -> None:
    rng = np.random.default_rng(5)
    for size in (8, 12, 40, 400, 4000):
        for _ in range(20):
            parse_quietly(b"\x10\0\0\0TFL3" + rng.bytes(size))


class Raw:
    """A flatbuffer written word by word, for what no builder would make."""

    def __init__(self) -> None:
        self.data = bytearray(b"\0\0\0\0TFL3")

    def table(self, slots: dict[int, int]) -> int:
        """A table of 4-byte slots, preceded by its vtable; gives its position."""
        count = max(slots, default=-1) + 1
        size = 4 + 2 * count
        offsets = [4 + 4 * index if index in slots else 0 for index in range(count)]
        self.data += struct.pack(f"<HH{count}H", size, 4 + 4 * count, *offsets)
        self.data += bytes(-len(self.data) % 4)
        position = len(self.data)
        vtable = position - (size + (-size % 4))
        self.data += struct.pack("<i", position - vtable)
        for index in range(count):
            self.data += struct.pack("<I", slots.get(index, 0))
        return position

    def vector(self, words: list[int]) -> int:
        position = len(self.data)
        self.data += struct.pack(f"<I{len(words)}I", len(words), *words)
        return position

    def point(self, position: int, target: int) -> None:
        struct.pack_into("<I", self.data, position, target - position)


def test_shared_parts_do_not_multiply() -> None:
    """5,000 references to one subgraph, each with 5,000 references to one tensor: 25 million tensors."""
    raw = Raw()
    model = raw.table({0: 3, 2: 1})
    raw.point(0, model)
    subgraphs = raw.vector([0] * 5000)
    raw.point(model + 4 + 4 * 2, subgraphs)
    subgraph = raw.table({0: 1})
    tensors = raw.vector([0] * 5000)
    tensor = raw.table({0: 0})
    for index in range(5000):
        raw.point(subgraphs + 4 + 4 * index, subgraph)
        raw.point(tensors + 4 + 4 * index, tensor)
    raw.point(subgraph + 4, tensors)
    start = time.perf_counter()
    with pytest.raises(ModelError, match="5000 subgraphs"):
        parse_model(bytes(raw.data), "shared")
    root = FlatBuffer(bytes(raw.data)).root("Model", b"TFL3")
    with pytest.raises(ModelError, match="times as long as the file"):
        for table in root.tables("subgraphs"):
            table.tables("tensors")
    assert time.perf_counter() - start < 5


def test_shared_strings_do_not_multiply() -> None:
    """1,000 tensors that share one name of 1 MB would take 1 GB."""
    raw = Raw()
    model = raw.table({0: 3, 2: 1, 4: 1})
    raw.point(0, model)
    buffers = raw.vector([0])
    raw.point(model + 4 + 4 * 4, buffers)
    raw.point(buffers + 4, raw.table({}))
    subgraphs = raw.vector([0])
    raw.point(model + 4 + 4 * 2, subgraphs)
    subgraph = raw.table({0: 1})
    raw.point(subgraphs + 4, subgraph)
    tensors = raw.vector([0] * 1000)
    raw.point(subgraph + 4, tensors)
    places = []
    for index in range(1000):
        tensor = raw.table({3: 1})
        raw.point(tensors + 4 + 4 * index, tensor)
        places.append(tensor + 4 + 4 * 3)
    name = raw.vector([0x61616161] * 250_000)
    struct.pack_into("<I", raw.data, name, 1_000_000)
    for place in places:
        raw.point(place, name)
    with pytest.raises(ModelError, match="times as long as the file"):
        parse_model(bytes(raw.data), "shared")


@pytest.mark.parametrize(
    ("words", "offset"),
    [("leads to", 0), ("leads to", 2**31), ("leads to", 2**32 - 1), ("not aligned", 0x15)],
)
def test_a_bad_root(words: str, offset: int) -> None:
    data = bytearray(write_model(small_graph()))
    struct.pack_into("<I", data, 0, offset)
    with pytest.raises(ModelError, match=words):
        parse_model(bytes(data), "root")


def test_too_many_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcu_deploy.graph.flatbuffer.MAX_TABLES", 20)
    with pytest.raises(ModelError, match="more than 20 tables"):
        parse_model(write_model(small_graph()), "many")
