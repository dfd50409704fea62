"""Built models are what they say, and TFLM computes with them what NumPy does."""

import numpy as np
import pytest
from graph_models import small_graph

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.builder import GraphBuilder, OutputQuantization, affine
from mcu_deploy.graph.checks import check
from mcu_deploy.graph.ir import DataType
from mcu_deploy.graph.writer import write_model
from mcu_deploy.reference.tflm import run_reference


def test_outputs_use_their_range() -> None:
    """Random layers neither saturate nor vanish: what makes them good tests of a kernel."""
    builder = GraphBuilder(seed=3)
    rng = np.random.default_rng(4)
    x = builder.input((1, 12, 12, 8), zero_point=40)
    for _ in range(2):
        x = builder.conv_2d(x, 8, (3, 3))
        x = builder.depthwise_conv_2d(x, 2, (3, 3))
    x = builder.fully_connected(x, 30)
    graph = builder.build([x])
    check(graph)
    source = rng.integers(-128, 128, (1, 12, 12, 8), dtype=np.int8)
    (run,) = run_reference(write_model(graph), [[source]], all_tensors=True)
    for operator in graph.operators:
        values = run.tensors[operator.outputs[0]].astype(float)
        saturated = np.mean((values == -128) | (values == 127))
        assert values.std() > 8, operator
        assert saturated < 0.7, operator


def test_a_fully_connected_layer_is_what_it_says() -> None:
    builder = GraphBuilder(seed=5)
    output = builder.fully_connected(builder.input((1, 16)), 6, output=OutputQuantization(0.07, 9))
    graph = builder.build([output])
    source = np.random.default_rng(6).integers(-128, 128, (1, 16), dtype=np.int8)
    (run,) = run_reference(write_model(graph), [[source]])
    reals = []
    for tensor in graph.tensors[:3]:
        values = source if tensor.data is None else tensor.data
        assert tensor.quantization is not None
        offset = tensor.quantization.zero_point[0]
        reals.append((values.astype(float) - offset) * float(tensor.quantization.scale[0]))
    expected = np.clip(np.round((reals[0] @ reals[1].T + reals[2]) / 0.07) + 9, -128, 127)
    assert np.abs(run.outputs[0] - expected).max() <= 1  # fixed point rounds in two steps


def test_the_same_seed_gives_the_same_model() -> None:
    assert write_model(small_graph(1)) == write_model(small_graph(1))
    assert write_model(small_graph(1)) != write_model(small_graph(2))


def test_per_tensor_and_bias_free_weights() -> None:
    builder = GraphBuilder()
    x = builder.conv_2d(builder.input((1, 4, 4, 2)), 3, (1, 1), per_channel=False, bias=False)
    graph = builder.build([builder.fully_connected(x, 3, per_channel=True)])
    check(graph)
    first, second = graph.operators
    weights = [graph.tensors[o.inputs[1]].quantization for o in (first, second)]
    assert len(first.inputs) == 2
    assert [q.per_channel for q in weights if q is not None] == [False, True]


def test_affine_spreads_one_zero_point() -> None:
    quantization = affine([0.5, 0.25], 3, axis=1)
    assert quantization.per_channel and quantization.axis == 1
    assert quantization.zero_point.tolist() == [3, 3]
    assert quantization.scale.dtype == np.float32 and quantization.zero_point.dtype == np.int64


def test_mistakes_are_named() -> None:
    builder = GraphBuilder()
    source = builder.input((1, 4))
    with pytest.raises(ModelError, match="RELU has no option beta"):
        builder.operator("RELU", [source], beta=1.0)
    with pytest.raises(ModelError, match="shape of CAST must be given"):
        builder.operator("CAST", [source])
    with pytest.raises(ModelError, match="no operators"):
        builder.build([source])
    stray = builder.tensor((1, 4), dtype=DataType.INT8)
    with pytest.raises(ModelError, match="has made before"):
        builder.build([builder.operator("RELU", [stray])])
