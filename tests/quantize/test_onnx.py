"""ONNX files, judged by ONNX's own evaluator, and end to end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

from command import assert_refused, mcu_deploy
from onnx.reference import ReferenceEvaluator
from onnx_models import OnnxBuilder, aclnet, parameters, save

from mcu_deploy.errors import ModelError
from mcu_deploy.quantize.converters import convert_onnx
from mcu_deploy.quantize.floats import FloatModel
from mcu_deploy.quantize.interpreter import run_model

pytestmark = pytest.mark.usefixtures("interpreter")

IMAGE = (1, 6, 12, 10)
Make = Callable[[OnnxBuilder], str]


def _separable(b: OnnxBuilder) -> str:
    x = b.conv("input", 8, 6, (3, 3), pads=(1, 1, 1, 1), strides=(2, 2))
    x = b.conv(b.node("Relu", x), 16, 8, (3, 5), group=8, pads=(1, 2, 1, 2))
    return b.node("Clip", x, b.constant(0), b.constant(6))


def _normalised(b: OnnxBuilder) -> str:
    x = b.conv("input", 4, 6, (3, 3), auto_pad="SAME_UPPER", strides=(2, 2))
    for _ in range(2):  # of the convolution, and of what follows it
        one = [b.constant(b.rng.uniform(0.5, 2, 4)) for _ in range(4)]
        x = b.node("LeakyRelu", b.node("BatchNormalization", x, *one, epsilon=1e-3), alpha=0.2)
    return x


def _pooled(b: OnnxBuilder) -> str:
    x = b.node("MaxPool", "input", kernel_shape=(3, 3), strides=(2, 2))
    x = b.node("AveragePool", x, kernel_shape=(2, 2), auto_pad="SAME_UPPER")
    return b.node("GlobalAveragePool", x)


def _attention(b: OnnxBuilder) -> str:
    x = b.conv("input", 6, 6, (1, 1))
    gate = b.node("Sigmoid", b.conv(b.node("GlobalMaxPool", x), 6, 6, (1, 1)))
    return b.node("Add", b.node("Mul", x, gate), b.constant(b.rng.normal(0, 1, (6, 1, 10))))


def _moved(b: OnnxBuilder) -> str:
    x = b.node("Transpose", b.conv("input", 5, 6, (3, 3)), perm=(0, 3, 1, 2))
    x = b.node("Pad", x, b.constant([0, 1, 0, 2, 0, 0, 3, 1], np.int64), b.constant(0.5))
    x = b.node("Slice", x, *(b.constant(v, np.int64) for v in ([1, -3], [99, 99], [1, 3], [2, 1])))
    return b.node("Concat", x, b.node("Neg", x), b.constant(b.rng.normal(0, 1, (1, 4, 2, 3))), axis=2)


def _flattened(b: OnnxBuilder) -> str:
    x = b.conv("input", 3, 6, (3, 3), strides=(2, 2))
    shape = b.node("Gather", b.node("Shape", x), b.constant(0, np.int64))
    shape = b.node("Unsqueeze", shape, b.constant([0], np.int64))
    shape = b.node("Concat", shape, b.constant([-1], np.int64), axis=0)
    x = b.node("Reshape", x, shape)
    x = b.node("Gemm", x, b.constant(b.rng.normal(0, 0.1, (7, 60))), b.constant(np.ones(7)), transB=1)
    return b.node("Softmax", b.node("MatMul", x, b.constant(b.rng.normal(0, 1, (7, 4)))), axis=-1)


def _over_channels(b: OnnxBuilder) -> str:
    x = b.node("Softmax", b.conv("input", 4, 6, (1, 1)), axis=1)
    first, second = b.node("Split", x, outputs=2, axis=1)
    return b.node("ReduceMean", b.node("Sub", first, second), axes=(1, 3), keepdims=0)


def _one_dimension(b: OnnxBuilder) -> str:
    x = b.node("Squeeze", b.node("Slice", "input", *(b.constant([n], np.int64) for n in (0, 1, 2))))
    x = b.node("Unsqueeze", x, b.constant([0], np.int64))
    x = b.node("Relu", b.conv(x, 8, 6, (3,), pads=(1, 1)))
    x = b.conv(x, 8, 8, (3,), group=8, dilations=(2,), pads=(2, 2))
    return b.node("MaxPool", x, kernel_shape=(2,), strides=(2,))


def _already_quantised(b: OnnxBuilder) -> str:
    b.opset = 19  # the first one that the evaluator has DequantizeLinear of
    scale, zero = b.constant(0.001), b.constant(0, np.int8)
    weights = b.node(
        "DequantizeLinear", b.constant(b.rng.integers(-99, 99, (4, 6, 1, 1)), np.int8), scale, zero
    )
    return b.node("Conv", "input", weights)


CASES = (
    _separable,
    _normalised,
    _pooled,
    _attention,
    _moved,
    _flattened,
    _over_channels,
    _one_dimension,
    _already_quantised,
)


def _outputs(model: FloatModel, values: np.ndarray) -> np.ndarray:
    """What the float graph computes of inputs in the file's layout."""
    order = model.permutations[0]
    moved = values if order is None else values.transpose(0, *(axis + 1 for axis in order))
    shape = model.graph.tensors[model.graph.inputs[0]].shape
    return run_model(model.graph, [moved.reshape(len(values), *shape)]).outputs[0]


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__.strip("_"))
def test_the_float_graph_computes_what_the_file_says(make: Make, tmp_path: Path) -> None:
    builder = OnnxBuilder(3)
    model = builder.model(("N", *IMAGE[1:]), make(builder))
    values = np.random.default_rng(1).normal(0, 1, (2, *IMAGE)).astype(np.float32)
    expected = np.stack([ReferenceEvaluator(model).run(None, {"input": one})[0] for one in values])
    found = _outputs(convert_onnx(save(model, tmp_path / "m.onnx"), (), 60), values)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-4, atol=1e-5)


def test_aclnet(tmp_path: Path) -> None:
    """The published graph: same parameters, same outputs, and no more transpositions than its own one."""
    model = aclnet()
    assert round(parameters(model) / 1e6, 3) == 2.717
    values = np.random.default_rng(1).normal(0, 1, (2, 1, 1, 1, 16000)).astype(np.float32)
    expected = np.stack([ReferenceEvaluator(model).run(None, {"input": one})[0] for one in values])
    converted = convert_onnx(save(model, tmp_path / "aclnet.onnx"), (), 60)
    kinds = [operator.kind for operator in converted.graph.operators]
    assert kinds.count("TRANSPOSE") == 1 and "RELU" not in kinds[:-3]
    names = {tensor.name for tensor in converted.graph.tensors}
    assert {"input", "output"} < names and sum(name.startswith("Relu_") for name in names) == 21
    np.testing.assert_allclose(_outputs(converted, values), expected, rtol=1e-3, atol=1e-6)


def test_weights_that_are_stored_quantised_per_channel(tmp_path: Path) -> None:
    """As opset 13 has it, whose operator the evaluator lacks."""
    builder = OnnxBuilder(3, opset=13)
    steps = builder.rng.integers(-99, 99, (4, 6, 1, 1)).astype(np.int8)
    scales, zeros = np.float32([0.01, 0.02, 0.005, 0.1]), np.int8([0, 3, -1, 0])
    stored = [builder.constant(steps, np.int8), builder.constant(scales), builder.constant(zeros, np.int8)]
    weights = builder.node("DequantizeLinear", *stored, axis=0)
    model = builder.model(IMAGE, builder.node("Conv", "input", weights))
    converted = convert_onnx(save(model, tmp_path / "m.onnx"), (), 60)
    (operator,) = [operator for operator in converted.graph.operators if operator.kind == "CONV_2D"]
    expected = (steps - zeros.reshape(4, 1, 1, 1).astype(np.float32)) * scales.reshape(4, 1, 1, 1)
    found = converted.graph.tensors[operator.inputs[1]].data
    assert found is not None
    np.testing.assert_allclose(found, expected.transpose(0, 2, 3, 1))


def test_an_onnx_file_is_quantised(tmp_path: Path) -> None:
    builder = OnnxBuilder(2)
    x = builder.node("GlobalAveragePool", _separable(builder))
    save(builder.model(("N", 6, "H", 10), x), tmp_path / "model.onnx")
    np.save(tmp_path / "first.npy", np.random.default_rng(4).normal(0, 1, (9, *IMAGE)).astype(np.float32))
    options = ("--calibration", "first.npy", "--json")
    refused = mcu_deploy("quantize", "model.onnx", *options, cwd=tmp_path)
    assert_refused(refused, 2, "(?, 6, ?, 10)", "--input-shape")
    result = mcu_deploy("quantize", "model.onnx", *options, "--input-shape", "1,6,12,10", cwd=tmp_path)
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document["model"]["format"] == "ONNX"
    assert document["int8"]["inputs"][0]["shape"] == [1, 12, 10, 6]
    assert document["calibration"]["outputs"][0]["snr_db"] > 25


def test_all_nodes_that_cannot_be_converted_are_named(tmp_path: Path) -> None:
    builder = OnnxBuilder()
    x = builder.conv(builder.node("Round", "input"), 4, 6, (3, 3))
    x = builder.node("MaxPool", builder.conv("input", 4, 6, (1, 1)), kernel_shape=(3, 3), pads=(0, 1, 1, 1))
    with pytest.raises(ModelError) as raised:
        convert_onnx(save(builder.model(IMAGE, x), tmp_path / "odd.onnx"), (), 60)
    assert "Round" in raised.value.message and "MaxPool" in raised.value.message


def test_a_file_that_is_no_onnx_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"\x08\x01 not an onnx file")
    with pytest.raises(ModelError, match=r"bad\.onnx"):
        convert_onnx(tmp_path / "bad.onnx", (), 60)
