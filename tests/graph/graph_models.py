"""Graphs and comparisons that several tests share."""

from dataclasses import fields

import numpy as np

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import Graph, Operator, Tensor

REAL_INT8 = ("kws_micronet_l.tflite", "kws_micronet_m.tflite", "ad_small_int8.tflite")
REAL_OTHER = (
    "audio_sound_event_v1.0.2_int8.tflite",
    "audio_sound_event_v1.001.000_int8.tflite",
    "audio_sound_event_v1.0.2_float32.tflite",
    "dcase2020_mobnet_drq.tflite",
    "dcase2020_smallfcnn_drq.tflite",
)


def small_graph(seed: int = 1) -> Graph:
    """Every supported operator once, about 7 KB as a file."""
    builder = GraphBuilder("small", seed)
    x = builder.input((1, 8, 8, 3), name="input")
    x = builder.conv_2d(x, 16, (3, 3), fused_activation_function="RELU6")
    x = builder.operator("MAX_POOL_2D", [x], filter_height=2, filter_width=2, stride_h=1, stride_w=1)
    x = builder.depthwise_conv_2d(x, 2, (3, 3), stride=(2, 2), padding="VALID")
    x = builder.operator("RELU", [x], scale=0.03, zero_point=-128)
    x = builder.operator("RELU6", [x])
    x = builder.operator("AVERAGE_POOL_2D", [x], filter_height=2, filter_width=2, stride_h=1, stride_w=1)
    x = builder.operator("RESHAPE", [x, builder.constant(np.array([-1, 288], np.int32))])
    x = builder.fully_connected(x, 10)
    x = builder.operator("SOFTMAX", [x], beta=1.0)
    return builder.build([x])


def assert_same(first: Graph, second: Graph, *, identity: bool = False) -> None:
    """The graphs agree in everything; ``identity``: also in the hash of the file."""
    assert len(first.tensors) == len(second.tensors)
    for one, other in zip(first.tensors, second.tensors, strict=True):
        _assert_same_tensor(one, other)
    for one, other in zip(first.operators, second.operators, strict=True):
        for item in fields(Operator):
            assert getattr(one, item.name) == getattr(other, item.name), item.name
    skip = {"tensors", "operators"} if identity else {"tensors", "operators", "sha256", "name"}
    for item in fields(Graph):
        assert item.name in skip or getattr(first, item.name) == getattr(second, item.name), item.name


def _assert_same_tensor(one: Tensor, other: Tensor) -> None:
    for name in ("index", "name", "shape", "dtype", "is_variable"):
        assert getattr(one, name) == getattr(other, name), name
    assert (one.data is None) == (other.data is None)
    if one.data is not None and other.data is not None:
        assert one.data.dtype == other.data.dtype
        assert one.data.tobytes() == other.data.tobytes()
    assert (one.quantization is None) == (other.quantization is None)
    if one.quantization is not None and other.quantization is not None:
        assert one.quantization.axis == other.quantization.axis
        assert one.quantization.scale.tobytes() == other.quantization.scale.tobytes()
        assert one.quantization.zero_point.tolist() == other.quantization.zero_point.tolist()
