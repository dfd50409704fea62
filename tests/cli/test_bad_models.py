"""Models that cannot be deployed: all that stands in the way at once, with each tensor and the way out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command import assert_refused, listing, mcu_deploy

from mcu_deploy.graph.builder import GraphBuilder, affine
from mcu_deploy.graph.ir import DataType
from mcu_deploy.graph.writer import encode, model_values, write_model

Values = dict[str, object]
IMAGE = (1, 8, 8, 4)


def everything(builder: GraphBuilder) -> list[int]:
    """One of each problem that a graph can express."""
    image = builder.input(IMAGE, name="image")
    per_channel = builder.tensor(IMAGE, affine(np.full(4, 0.1), axis=3), name="per_channel")
    builder.inputs.append(per_channel)
    mixed = builder.operator("RELU", [image], dtype=DataType.FLOAT32, shape=IMAGE, name="mixed")
    whole = builder.operator("COS", [image], shape=IMAGE, name="cosine")
    looped = builder.operator("WHILE", [image], shape=IMAGE, name="looped")
    pooled = builder.operator("RELU", [per_channel], name="pooled")
    five = builder.operator("RESHAPE", [image], new_shape=(1, 1, 8, 8, 4), name="five")
    soft = builder.operator("SOFTMAX", [five], name="soft")
    wide = builder.input((1, 70_000, 4_000), name="wide")
    thin = builder.operator("RELU", [wide], name="thin")
    return [mixed, whole, looped, pooled, soft, thin]


def large_constant(builder: GraphBuilder) -> list[int]:
    features = builder.input((1, 20_000), name="features")
    return [builder.fully_connected(features, 15_000), builder.operator("COS", [features], shape=(1, 20_000))]


def saved(build: Callable[[GraphBuilder], list[int]], path: Path) -> None:
    builder = GraphBuilder("bad", 1)
    path.write_bytes(write_model(builder.build(build(builder))))


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """With what the reader itself finds: a dynamic shape, scales without zero points, a second subgraph."""
    builder = GraphBuilder("bad", 1)
    outputs = everything(builder)
    dynamic = builder.input((2, 3), name="dynamic")
    bare = builder.input((2, 3), name="bare")
    outputs += [builder.operator("RELU", [dynamic]), builder.operator("RELU", [bare])]
    values = model_values(builder.build(outputs))
    (subgraph,) = values["subgraphs"]
    subgraph["tensors"][dynamic]["shape_signature"] = (-1, 3)
    subgraph["tensors"][bare]["quantization"]["zero_point"] = []
    values["subgraphs"].append(subgraph)
    (tmp_path / "bad.tflite").write_bytes(encode(values))
    result = mcu_deploy("deploy", "bad.tflite", "--json", cwd=tmp_path)
    assert_refused(result, 2, "the model cannot be deployed")
    assert result.document["error"]["code"] == "rejected_model"
    assert listing(tmp_path) == ["bad.tflite"]
    lines = [line for line in result.err.splitlines() if line.startswith("  - ")]
    for words in (
        ("2 subgraphs", "remove control flow"),
        ('"dynamic" has the dynamic shape (?, 3)', "fix the shape"),
        ('"bare" has 1 scales, but 0 zero points', "quantise the model again"),
        ('RELU, tensor 2 "mixed"', "float32", "TFLiteConverter"),
        ('COS, tensor 3 "cosine": this operator is not supported', "front end"),
        ('WHILE, tensor 4 "looped": this operator is not supported', "unrolled"),
        ('RELU, tensor 1 "per_channel"', "quantised per channel", "quantise the model again"),
        ('SOFTMAX, tensor 6 "five"', "5 dimensions", "reshape"),
        ('RELU, tensor 8 "wide"', "the largest memory for the arena has 256.0 MiB", "more memory"),
    ):
        found = [line for line in lines if all(word in line for word in words)]
        assert len(found) == 1, f"{words}\n{result.err}"
    inspected = mcu_deploy("inspect", "bad.tflite", cwd=tmp_path)
    assert_refused(inspected, 2, "the model cannot be deployed", "dynamic", "cosine")


def test_constants_for_no_memory_are_named_among_the_others(tmp_path: Path) -> None:
    saved(large_constant, tmp_path / "bad.tflite")
    result = mcu_deploy("deploy", "bad.tflite", cwd=tmp_path)
    assert_refused(result, 2, "COS", "the constants take 286", "the largest memory for them has 256.0 MiB")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tensor: tensor.update(shape_signature=(-1, 8, 8, 4)), "dynamic shape"),
        (lambda tensor: tensor.update(type="STRING"), "element type STRING"),
        (lambda tensor: tensor["quantization"].update(zero_point=[]), "0 zero points"),
        (lambda tensor: tensor["quantization"].update(scale=[0.0]), "not a positive number"),
        (lambda tensor: tensor.update(shape=(1,) * 9), "9 dimensions"),
    ],
)
def test_a_single_one_is_the_message(change: Callable[[Values], None], words: str, tmp_path: Path) -> None:
    builder = GraphBuilder("bad", 1)
    image = builder.input((2, 8, 8, 4), name="image")
    values = model_values(builder.build([builder.operator("RELU", [image])]))
    change(values["subgraphs"][0]["tensors"][image])
    (tmp_path / "bad.tflite").write_bytes(encode(values))
    for command in ("deploy", "inspect"):
        result = mcu_deploy(command, "bad.tflite", cwd=tmp_path)
        assert_refused(result, 2, f'error: tensor {image} "image"', words)


def test_what_does_not_fit_is_named_with_its_largest_tensors(tmp_path: Path) -> None:
    builder = GraphBuilder("large", 1)
    image = builder.input((1, 60_000, 5_000), name="image")
    (tmp_path / "large.tflite").write_bytes(
        write_model(builder.build([builder.operator("RELU", [image], name="result")]))
    )
    result = mcu_deploy("deploy", "large.tflite", cwd=tmp_path)
    assert_refused(
        result, 2, "no room on corstone-300 for the tensor arena", '"image"', '"result"', "286.1 MiB"
    )
