"""What cannot be deployed is named, all at once. Where TFLM refuses the same model, TFLM is asked too."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import REAL_INT8, small_graph
from refusals import changed, refused, tflm_refuses, with_options

from mcu_deploy.graph.builder import GraphBuilder, OutputQuantization, affine
from mcu_deploy.graph.checks import arithmetic, check
from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.graph.reader import read_model
from mcu_deploy.graph.rules import RULES
from mcu_deploy.plan.planner import make_plan

POOL = {"filter_height": 2, "filter_width": 2, "stride_h": 2, "stride_w": 2}


@pytest.mark.parametrize("name", REAL_INT8)
def test_real_int8_models_pass(model_path: Callable[[str], Path], name: str) -> None:
    check(read_model(model_path(name)))


def test_the_built_model_passes() -> None:
    check(small_graph())


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("audio_sound_event_v1.0.2_float32.tflite", "a float model"),
        ("dcase2020_mobnet_drq.tflite", "dynamic-range quantised"),
        ("dcase2020_smallfcnn_drq.tflite", "dynamic-range quantised"),
    ],
)
def test_float_models_are_refused_as_a_whole(
    model_path: Callable[[str], Path], name: str, found: str
) -> None:
    error = refused(read_model(model_path(name)))
    assert found in error.message
    assert "mcu-deploy quantize" in error.hint
    assert not error.details


@pytest.mark.parametrize("dtype", [DataType.FLOAT32, DataType.UINT8])
def test_other_arithmetic_is_refused_as_a_whole(dtype: DataType) -> None:
    builder = GraphBuilder()
    graph = builder.build([builder.operator("RELU", [builder.input((1, 4), zero_point=0, dtype=dtype)])])
    assert arithmetic(graph) == dtype.value
    assert "only full int8 models" in refused(graph).message


def test_float16_weights_are_recognised() -> None:
    builder = GraphBuilder()
    source = builder.input((1, 4), dtype=DataType.FLOAT32)
    weights = builder.operator("DEQUANTIZE", [builder.constant(np.ones((2, 4), np.float16))], shape=(2, 4))
    builder.tensors[weights] = replace(builder.tensors[weights], dtype=DataType.FLOAT32)
    graph = builder.build([builder.operator("FULLY_CONNECTED", [source, weights], shape=(1, 2))])
    assert arithmetic(graph) == "float16"
    assert "float model" in refused(graph).message


def test_all_problems_are_named_at_once(model_path: Callable[[str], Path]) -> None:
    graph = read_model(model_path("audio_sound_event_v1.0.2_int8.tflite"))
    known = ("AVERAGE_POOL_2D", "CONV_2D", "FULLY_CONNECTED", "RESHAPE")
    error = refused(graph, {kind: RULES[kind] for kind in known})
    unsupported = [operator for operator in graph.operators if operator.kind not in known]
    assert not [line for line in error.details if "overflow" in line]
    named = [line for line in error.details if "not supported" in line]
    assert len(named) == len(unsupported)
    for line, operator in zip(named, unsupported, strict=True):
        tensor = operator.outputs[0]
        assert line.startswith(f"operator {operator.index} {operator.kind}, tensor {tensor} ")
    assert f"{len(error.details)} reasons" in error.message


@pytest.mark.parametrize("dtype", [DataType.INT8, DataType.INT16])
def test_float_ends_are_quantised_in_the_model(dtype: DataType) -> None:
    builder = GraphBuilder()
    source = builder.input((1, 8), dtype=DataType.FLOAT32)
    x = builder.operator("QUANTIZE", [source], dtype=dtype, scale=0.1)
    x = builder.operator("RELU", [x])
    graph = builder.build([builder.operator("DEQUANTIZE", [x], dtype=DataType.FLOAT32)])
    assert arithmetic(graph) == dtype.value
    check(graph)


def test_ends_of_other_types_are_named_with_the_way_out() -> None:
    builder = GraphBuilder()
    builder.input((1, 8), dtype=DataType.UINT8, name="picture")
    error = refused(builder.build([builder.operator("RELU", [builder.input((1, 8), zero_point=0)])]))
    reason = "is uint8 instead of int8, int16, int32, float32"
    assert error.message == f'the model\'s input, tensor 0 "picture": {reason}'
    assert "inference_input_type=inference_output_type=tf.int8" in error.hint


def test_custom_operators_and_control_flow() -> None:
    builder = GraphBuilder()
    x = builder.operator('CUSTOM:evil\n*/"', [builder.input((1, 4))], shape=(1, 4))
    x = builder.operator("WHILE", [x], shape=(1, 4))
    details = refused(builder.build([x])).details
    assert ", CONV_2D, DEPTHWISE_CONV_2D, " in refused(builder.build([x])).hint
    assert "CUSTOM:evil\\n*\\/" in details[0]
    assert "control flow" in details[1]


def window(kind: str, **options: Any) -> Graph:
    builder = GraphBuilder()
    source = builder.input((1, 8, 8, 3))
    if kind == "CONV_2D":
        output = builder.conv_2d(source, 4, (3, 3))
    elif kind == "DEPTHWISE_CONV_2D":
        output = builder.depthwise_conv_2d(source, 2, (3, 3))
    else:
        output = builder.operator(kind, [source], **POOL)
    return with_options(builder.build([output]), 0, **options)


WINDOWS = ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D")


@pytest.mark.parametrize("kind", WINDOWS)
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"stride_h": 0}, "stride of 0"),
        ({"stride_w": -2}, "stride of -2"),
        ({"stride_h": 2**31 - 1}, "the output has the shape"),
        ({"padding": "VALID", "stride_h": 3, "stride_w": 3}, "the output has the shape"),
        ({"fused_activation_function": "TANH"}, "fused activation TANH"),
        ({"fused_activation_function": "SIGN_BIT"}, "fused activation SIGN_BIT"),
    ],
)
def test_windows(kind: str, options: dict[str, Any], words: str) -> None:
    assert words in refused(window(kind, **options)).message


@pytest.mark.parametrize("kind", WINDOWS[:2])
def test_dilations(kind: str) -> None:
    assert "dilation of 0" in refused(window(kind, dilation_h_factor=0)).message
    assert "filter spans 9 positions" in refused(window(kind, dilation_w_factor=4, padding="VALID")).message
    assert "filter spans 200001" in refused(window(kind, dilation_w_factor=100_000)).message


@pytest.mark.parametrize("kind", WINDOWS[2:])
def test_pooling_windows(kind: str) -> None:
    assert "size of 0" in refused(window(kind, filter_height=0)).message
    graph = window(kind, filter_height=4096, filter_width=2049, stride_h=4096, stride_w=2049)
    one = changed(graph, graph.outputs[0], shape=(1, 1, 1, 3))
    check(one)
    large = refused(changed(one, 0, shape=(1, 4096, 2049, 3))).message
    assert "the window covers 8392704 inputs, where at most 8388608 are supported" in large
    assert "filter spans 2147483647" in refused(window(kind, filter_width=2**31 - 1)).message


@pytest.mark.parametrize("kind", WINDOWS)
def test_a_stated_shape_that_is_wrong(kind: str) -> None:
    graph = window(kind)
    output = graph.tensors[graph.outputs[0]]
    for shape in ((1, output.shape[1] + 1, *output.shape[2:]), (1, 1, 1, 1)):
        message = refused(changed(graph, output.index, shape=shape)).message
        assert f"the output has the shape {shape}" in message
        assert f"tensor {output.index}" in message


@pytest.mark.parametrize("kind", WINDOWS)
def test_ranks(kind: str) -> None:
    graph = window(kind)
    assert "3 dimensions instead of 4" in refused(changed(graph, 0, shape=(8, 8, 3))).message
    assert "5 dimensions instead of 4" in refused(changed(graph, 0, shape=(1, 1, 8, 8, 3))).message


def test_every_tensor_of_a_convolution() -> None:
    graph = window("CONV_2D")
    weights, bias, output = graph.tensors[1], graph.tensors[2], graph.tensors[3]
    assert weights.quantization is not None and weights.data is not None and bias.data is not None
    scales = weights.quantization.scale
    cases: list[tuple[str, Graph]] = [
        ("the input is not quantised", changed(graph, 0, quantization=None)),
        ("the input is quantised per channel", changed(graph, 0, quantization=affine([0.1] * 3, 0, 3))),
        ("the output is not quantised", changed(graph, output.index, quantization=None)),
        ("zero points other than 0", changed(graph, 1, quantization=affine(scales, 3))),
        ("the filter is not quantised", changed(graph, 1, quantization=None)),
        ("the bias is int64 instead", changed(graph, 2, dtype=DataType.INT64, data=bias.data.astype("i8"))),
        ("the filter is uint8", changed(graph, 1, dtype=DataType.UINT8, data=weights.data.astype("u1"))),
        ("the bias has the shape (3,) for 4", changed(graph, 2, shape=(3,), data=bias.data[:3])),
        ("3 input channels, but the input has 8", changed(graph, 0, shape=(1, 8, 8, 8))),
        ("the output is int16", changed(graph, output.index, dtype=DataType.INT16)),
    ]
    for words, bad in cases:
        error = refused(bad)
        assert words in "".join((error.message, *error.details)), words


def test_weights_quantised_along_the_wrong_axis() -> None:
    builder = GraphBuilder()
    source = builder.input((1, 4, 4, 4))
    weights = builder.constant(np.ones((4, 3, 3, 4), np.int8), [0.01] * 4, axis=3)
    output = builder.operator("CONV_2D", [source, weights], stride_h=1, stride_w=1, scale=0.1)
    assert "along axis 3 instead of 0" in refused(builder.build([output])).message


def test_weights_that_are_computed_and_inputs_that_are_constant() -> None:
    builder = GraphBuilder()
    source = builder.input((1, 4, 4, 4))
    weights = builder.input((4, 1, 1, 4), zero_point=0)
    image = builder.constant(np.ones((1, 4, 4, 4), np.int8), 0.1)
    x = builder.operator("CONV_2D", [source, weights], stride_h=1, stride_w=1)
    y = builder.operator("MAX_POOL_2D", [image], **POOL)
    details = refused(builder.build([x, y])).details
    assert len(details) == 2
    assert "the filter is not a constant" in details[0]
    assert "the input is a constant" in details[1]


def test_missing_and_superfluous_tensors() -> None:
    graph = small_graph()
    first = graph.operators[0]
    for inputs in ((0,), (0, -1), (0, 1, 2, 2)):
        operators = (replace(first, inputs=inputs), *graph.operators[1:])
        message = refused(replace(graph, operators=operators)).message
        assert "filter is missing" in message or f"has {len(inputs)} inputs" in message


def test_an_absent_bias_is_fine() -> None:
    builder = GraphBuilder()
    x = builder.conv_2d(builder.input((1, 4, 4, 2)), 3, (1, 1), bias=False)
    x = builder.fully_connected(x, 3, bias=False)
    graph = builder.build([x])
    operators = [replace(o, inputs=(*o.inputs, -1)) for o in graph.operators]
    for built in (graph, replace(graph, operators=tuple(operators))):
        check(built)
        assert not tflm_refuses(built)


def test_depthwise_channels() -> None:
    message = refused(window("DEPTHWISE_CONV_2D", depth_multiplier=3)).message
    assert "does not match 3 input channels and a depth multiplier of 3" in message


def test_accumulators_that_can_overflow() -> None:
    graph = window("CONV_2D")
    bias = graph.tensors[2]
    assert bias.data is not None
    values = bias.data.copy()
    values[2] = 2**31 - 1
    error = refused(changed(graph, 2, data=values))
    assert "operator 0 CONV_2D, tensor 2" in error.message
    assert "output channel 2 can overflow" in error.message
    assert "representative_dataset" in error.hint
    assert "supported operators" not in error.hint


def test_accumulators_up_to_the_last_bit() -> None:
    def model(bias: int) -> Graph:
        builder = GraphBuilder()
        weights = builder.constant(np.array([[-128, 127]], np.int8), 1e-6)
        inputs = [builder.input((1, 2), scale=1.0), weights, builder.constant(np.array([bias], np.int32))]
        builder.tensors[inputs[2]] = replace(builder.tensors[inputs[2]], quantization=affine(1e-6))
        return builder.build([builder.operator("FULLY_CONNECTED", inputs, scale=1e3)])

    largest = 2**31 - 1 - 256 * 255
    check(model(largest))
    check(model(-largest))
    for bias in (largest + 1, -largest - 1, -(2**31)):
        assert "can overflow" in refused(model(bias)).message


def test_multipliers_up_to_the_largest_shift() -> None:
    def model(multiplier: float) -> Graph:
        builder = GraphBuilder()
        image = builder.input((1, 2, 2, 1), scale=1.0)
        weights = builder.constant(np.ones((1, 1, 1, 1), np.int8), multiplier)
        inputs = [image, weights]
        return builder.build([builder.operator("CONV_2D", inputs, stride_h=1, stride_w=1, scale=1.0)])

    check(model(2.0**29))
    make_plan(model(2.0**30 - 64))
    assert "makes a multiplier of 1.07374e+09" in refused(model(2.0**30)).message


def test_groups_that_do_not_divide_the_channels() -> None:
    graph = window("CONV_2D")
    weights = graph.tensors[1]
    assert weights.data is not None
    grouped = changed(graph, 1, shape=(4, 3, 3, 1), data=weights.data[..., :1])
    assert "4 output channels do not divide into 3 groups" in refused(grouped).message


def test_scales_that_cannot_express_six() -> None:
    graph = window("MAX_POOL_2D", fused_activation_function="RELU6")
    tiny = affine(1e-12)
    both = changed(changed(graph, 0, quantization=tiny), graph.outputs[0], quantization=tiny)
    assert "too small to express 6" in refused(both).message
    builder = GraphBuilder()
    relu6 = builder.build([builder.operator("RELU6", [builder.input((1, 4), scale=1e-12)])])
    assert "too small to express 6" in refused(relu6).message


def test_relu_that_rescales_absurdly() -> None:
    builder = GraphBuilder()
    graph = builder.build([builder.operator("RELU", [builder.input((1, 4), scale=1e10)], scale=1e-10)])
    assert "makes a multiplier of 1e+20" in refused(graph).message


@pytest.mark.parametrize("kind", WINDOWS[2:])
def test_pooling_that_requantises(kind: str) -> None:
    graph = window(kind)
    for other in (affine(0.06, -1), affine(0.05, 3)):
        bad = changed(graph, graph.outputs[0], quantization=other)
        assert "not quantised as the input" in refused(bad).message
        assert tflm_refuses(bad)
    near = changed(graph, graph.outputs[0], quantization=affine(0.05 + 5e-7, -1))
    check(near)
    assert not tflm_refuses(near)


def softmax(scale: float = 0.1, beta: float = 1.0, depth: int = 4) -> Graph:
    builder = GraphBuilder()
    return builder.build([builder.operator("SOFTMAX", [builder.input((1, depth), scale=scale)], beta=beta)])


@pytest.mark.parametrize(
    ("words", "graph"),
    [
        ("scale 1/256", changed(softmax(), 1, quantization=affine(1 / 255, -128))),
        ("scale 1/256", changed(softmax(), 1, quantization=affine(1 / 256, 0))),
        ("too small", softmax(beta=0.0)),
        ("too small", softmax(beta=-1.0)),
        ("too small", softmax(scale=1e-9)),
    ],
)
def test_softmax(words: str, graph: Graph) -> None:
    assert words in refused(graph).message
    assert tflm_refuses(graph)


def test_softmax_over_too_many_values() -> None:
    assert "at most 4095" in refused(softmax(depth=4096)).message
    check(softmax(depth=4095))


def test_fully_connected() -> None:
    builder = GraphBuilder()
    quantization = OutputQuantization(0.05, 3)
    graph = builder.build([builder.fully_connected(builder.input((2, 8)), 4, output=quantization)])
    check(graph)
    assert "SHUFFLED" in refused(with_options(graph, 0, weights_format="SHUFFLED4x16INT8")).message
    bad = changed(graph, 2, quantization=affine(0.5))
    assert "the bias has the scale 0.5" in refused(bad).message
    assert tflm_refuses(bad)
    assert "need 8 features" in refused(changed(graph, 0, shape=(3, 3))).message
    kept = with_options(changed(graph, 0, shape=(4, 4)), 0, keep_num_dims=True)
    assert "need 8 features" in refused(kept).message
    assert "the output has the shape (2, 4)" in refused(changed(graph, 0, shape=(3, 8))).message


def test_reshape() -> None:
    builder = GraphBuilder()
    source = builder.input((1, 2, 2, 3))
    graph = builder.build([builder.operator("RESHAPE", [source], new_shape=(-1, 6))])
    assert graph.tensors[1].shape == (2, 6)
    check(graph)
    for new_shape in ((5, -1), (-1, -1), (-2, -6), (13,), (), (0, -1)):
        assert "do not fit into the shape" in refused(with_options(graph, 0, new_shape=new_shape)).message
    wrong = changed(graph, 1, shape=(6, 2))
    assert "the output has the shape (6, 2)" in refused(wrong).message
    moving = GraphBuilder()
    shape = moving.input((2,), dtype=DataType.INT32)
    output = moving.operator("RESHAPE", [moving.input((1, 6)), shape], shape=(2, 3), dtype=DataType.INT8)
    assert "new shape is not a constant" in refused(moving.build([output])).message


def test_state_is_named() -> None:
    graph = small_graph()
    state = changed(graph, 0, is_variable=True)
    assert "state that is kept" in refused(state).message
