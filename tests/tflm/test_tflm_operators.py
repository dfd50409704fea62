"""The operators that the interpreter is told of: exactly the model's, the int8 variants where all is int8."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tflm_models import int8_graph, int16_graph

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.reader import read_model
from mcu_deploy.tflm.operators import registrations

# What each model's operator codes come to.
REAL_MODELS = {
    "kws_micronet_l.tflite": ["AddAveragePool2D", "AddConv2D", "AddDepthwiseConv2D", "AddReshape"],
    "ad_small_int8.tflite": ["AddAveragePool2D", "AddConv2D", "AddDepthwiseConv2D", "AddReshape"],
    "audio_sound_event_v1.0.2_int8.tflite": [
        "AddAdd",
        "AddAveragePool2D",
        "AddConv2D",
        "AddFullyConnected",
        "AddLogistic",
        "AddMean",
        "AddMul",
        "AddPad",
        "AddReshape",
        "AddStridedSlice",
        "AddTranspose",
    ],
}


def test_each_operator_once_in_the_order_of_its_first_use() -> None:
    found = [(one.method, one.function) for one in registrations(int8_graph())]
    assert found == [
        ("AddConv2D", "Register_CONV_2D_INT8"),
        ("AddDepthwiseConv2D", "Register_DEPTHWISE_CONV_2D_INT8"),
        ("AddReshape", ""),
        ("AddFullyConnected", "Register_FULLY_CONNECTED_INT8"),
        ("AddSoftmax", "Register_SOFTMAX_INT8"),
    ]


def test_int16_gets_all_kernels() -> None:
    assert [(one.method, one.function) for one in registrations(int16_graph())] == [("AddAdd", "")]


def test_one_operator_of_another_type_is_enough() -> None:
    builder = GraphBuilder("both", 1)
    x = builder.input((1, 4))
    softmax = [builder.operator("SOFTMAX", [x]), builder.operator("SOFTMAX", [x])]
    graph = builder.build(softmax)
    assert registrations(graph)[0].function == "Register_SOFTMAX_INT8"
    wide = builder.operator("SOFTMAX", [x], dtype=int16_graph().tensors[0].dtype)
    assert registrations(builder.build([*softmax, wide]))[0].function == ""


def test_what_tflite_micro_lacks_is_named() -> None:
    builder = GraphBuilder("custom", 1)
    x = builder.input((1, 4))
    y = builder.operator("CUSTOM:mine", [x], shape=(1, 4), scale=0.05, zero_point=-1)
    graph = builder.build([builder.operator("ATAN2", [x, y], shape=(1, 4), scale=0.1, zero_point=0)])
    with pytest.raises(ModelError, match="2 of its operators") as raised:
        registrations(graph)
    assert raised.value.details == ("operator 0 CUSTOM:mine", "operator 1 ATAN2")


@pytest.mark.parametrize("name", REAL_MODELS)
def test_real_models(name: str, model_path: Callable[[str], Path]) -> None:
    found = registrations(read_model(model_path(name)))
    assert sorted(one.method for one in found) == REAL_MODELS[name]
