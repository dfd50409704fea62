"""Float graphs to int8, judged by TFLM's interpreter against TensorFlow's on the float model."""

from __future__ import annotations

import float_models
import numpy as np
import pytest
from float_models import FloatBuilder

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.checks import check
from mcu_deploy.graph.ir import DataType, Graph, Tensor
from mcu_deploy.graph.reader import parse_model
from mcu_deploy.graph.writer import write_model
from mcu_deploy.quantize.compare import Int8Model, real, rounded_inputs, run_int8
from mcu_deploy.quantize.data import Inputs
from mcu_deploy.quantize.floats import float_model, signal_to_noise
from mcu_deploy.quantize.interpreter import run_model
from mcu_deploy.quantize.rounding import quantized_graph

pytestmark = pytest.mark.usefixtures("interpreter")


def _quantized(graph: Graph, values: np.ndarray) -> tuple[Int8Model, float | None]:
    """The int8 model, and its output's SNR by TFLM on the inputs that gave the ranges."""
    exact = run_model(graph, [values], tensor_runs=1)
    data = write_model(quantized_graph(graph, exact.ranges))
    model = Int8Model(parse_model(data, "int8"), data)
    found, reason = run_int8(model, rounded_inputs(model, Inputs(1, (values,))), 1, 60)
    assert reason == ""
    made = real(model.outputs[0], found.outputs[0])
    return model, signal_to_noise(exact.outputs[0].astype(np.float64), made)


def _tensor(graph: Graph, name: str) -> Tensor:
    (found,) = [tensor for tensor in graph.tensors if tensor.name == name]
    return found


def _scale(tensor: Tensor) -> tuple[float, int]:
    assert tensor.quantization is not None
    return float(tensor.quantization.scale[0]), int(tensor.quantization.zero_point[0])


def test_a_classifier_is_full_int8_and_near_the_float_model() -> None:
    model, snr = _quantized(float_models.classifier(), float_models.inputs(20))
    assert snr is not None and snr > 30
    check(model.graph)
    filters = [model.graph.tensors[op.inputs[1]] for op in model.graph.operators if len(op.inputs) > 2]
    assert [tensor.quantization.scale.size for tensor in filters if tensor.quantization] == [8, 8, 5]
    assert {tensor.dtype for tensor in model.graph.tensors} == {DataType.INT8, DataType.INT32}
    assert _scale(model.outputs[0]) == (1 / 256, -128)


def test_it_is_the_same_each_time() -> None:
    graph, values = float_models.classifier(), float_models.inputs(3)
    assert _quantized(graph, values)[0].data == _quantized(graph, values)[0].data


def test_stored_weights_keep_their_steps() -> None:
    stored = float_models.with_stored_weights(float_models.classifier(), DataType.INT8)
    model = float_model(stored)
    exact = run_model(model.graph, [float_models.inputs(4)])
    made = quantized_graph(model.graph, exact.ranges, model.grids)
    for tensor in stored.tensors:
        if tensor.dtype is DataType.INT8:
            assert tensor.quantization is not None
            found = _tensor(made, tensor.name)
            np.testing.assert_array_equal(found.data, tensor.data)
            assert found.quantization is not None
            assert set(found.quantization.scale.tolist()) == {float(tensor.quantization.scale[0])}


def test_what_moves_values_shares_a_scale() -> None:
    builder = FloatBuilder("moves")
    x = builder.conv(builder.image(), 4)
    large = builder.operator("MUL", [x, builder.constant(np.float32([2.0]))], shape=builder.tensors[x].shape)
    shape = (1, 12, 10, 8)
    joined = builder.operator("CONCATENATION", [x, large], shape=shape, axis=3)
    pooled = builder.pool(joined, "MAX_POOL_2D")
    model, snr = _quantized(builder.build([pooled]), float_models.inputs(5))
    names = [builder.tensors[index].name for index in (x, large, joined, pooled)]
    assert len({_scale(_tensor(model.graph, name)) for name in names}) == 1
    assert snr is not None and snr > 30


def test_a_fixed_scale_is_rescaled_before_a_concatenation() -> None:
    builder = FloatBuilder("gate")
    x = builder.conv(builder.image(), 4)
    gate = builder.operator("LOGISTIC", [x], shape=builder.tensors[x].shape)
    joined = builder.operator("CONCATENATION", [x, gate], shape=(1, 12, 10, 8), axis=3)
    model, snr = _quantized(builder.build([joined]), float_models.inputs(5))
    assert [operator.kind for operator in model.graph.operators] == [
        "CONV_2D",
        "LOGISTIC",
        "QUANTIZE",
        "CONCATENATION",
    ]
    assert snr is not None and snr > 30


def test_units_that_never_fire_leave_a_model_that_runs() -> None:
    """Ranges of nothing must not make scales of nothing, with which no interpreter prepares the model."""
    builder = FloatBuilder("dead")
    source = builder.image()
    never = builder.constant(np.full(3, -50, np.float32))
    shape = builder.tensors[source].shape
    dead = builder.operator("ADD", [source, never], shape=shape, fused_activation_function="RELU")
    x = builder.conv(dead, 4)
    silent = builder.constant(np.zeros((4, 3, 3, 4), np.float32))
    bias = builder.constant(np.float32([0, 1, -1, 100]))
    options = {"stride_h": 1, "stride_w": 1, "padding": "SAME"}
    x = builder.operator("CONV_2D", [x, silent, bias], **options)
    _, snr = _quantized(builder.build([x]), float_models.inputs(5))
    assert snr is not None and snr > 40


def test_a_large_bias_widens_the_scale_of_its_channel() -> None:
    builder = FloatBuilder("bias")
    weights = builder.constant(np.float32(np.full((2, 1, 1, 3), 1e-9)))
    bias = builder.constant(np.float32([2000, 0]))
    options = {"stride_h": 1, "stride_w": 1, "padding": "SAME"}
    x = builder.operator("CONV_2D", [builder.image(), weights, bias], **options)
    model, snr = _quantized(builder.build([x]), float_models.inputs(5))
    check(model.graph)
    assert snr is not None and snr > 40


def test_all_that_cannot_be_quantised_is_named() -> None:
    builder = FloatBuilder("odd")
    x = builder.operator("CUSTOM:strange", [builder.image()], shape=(1, 4))
    y = builder.operator("FLOOR", [x], shape=(1, 4))
    with pytest.raises(ModelError) as raised:
        quantized_graph(builder.build([y]), {})
    assert len(raised.value.details) == 2
    assert "CUSTOM:strange" in raised.value.details[0] and "FLOOR" in raised.value.details[1]


def test_nan_in_the_float_model_names_the_tensor() -> None:
    builder = FloatBuilder("nan")
    x = builder.operator("SQRT", [builder.image()], shape=float_models.SHAPE, name="root")
    with pytest.raises(ModelError, match='NaN or infinity in "root"'):
        run_model(builder.build([x]), [float_models.inputs(2)])
