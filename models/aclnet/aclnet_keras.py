"""The network in Keras, channels last."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from aclnet_graph import LAYERS, SAMPLES, Conv, Dense, Layer, MaxPool, SwapChannelsAndHeight
from aclnet_weights import Float


def keras_model(arrays: dict[str, Float]) -> Any:
    """The model: clips (n, 1, 16000, 1) to probabilities (n, 53)."""
    clip = keras.Input((1, SAMPLES, 1), name="samples")
    x = clip
    for layer in LAYERS:
        x = _applied(layer, x)
    model = keras.Model(clip, x, name="aclnet")
    for layer in LAYERS:
        if isinstance(layer, Conv | Dense):
            weight, bias = arrays[f"{layer.name}_weight"], arrays[f"{layer.name}_bias"]
            model.get_layer(layer.name).set_weights([_channels_last(layer, weight), bias])
    return model


def _applied(layer: Layer, x: Any) -> Any:
    if isinstance(layer, Conv):
        return _convolved(layer, x)
    if isinstance(layer, MaxPool):
        return keras.layers.MaxPooling2D(layer.size)(x)
    if isinstance(layer, SwapChannelsAndHeight):
        return keras.layers.Permute((3, 2, 1))(x)
    if isinstance(layer, Dense):
        return keras.layers.Dense(layer.outputs, activation="softmax", name=layer.name)(x)
    return keras.layers.ReLU()(keras.layers.GlobalAveragePooling2D()(x))


def _convolved(layer: Conv, x: Any) -> Any:
    if any(layer.pad):  # "same" pads less before than behind where the stride is not 1
        x = keras.layers.ZeroPadding2D(layer.pad)(x)
    options = {"strides": layer.stride, "activation": "relu" if layer.relu else None, "name": layer.name}
    if layer.depthwise:
        return keras.layers.DepthwiseConv2D(layer.kernel, **options)(x)
    return keras.layers.Conv2D(layer.outputs, layer.kernel, **options)(x)


def _channels_last(layer: Conv | Dense, weight: Float) -> Float:
    if isinstance(layer, Dense):
        return weight.T
    if layer.depthwise:  # (channels, 1, height, width) to (height, width, channels, 1)
        return np.transpose(weight, (2, 3, 0, 1))
    return np.transpose(weight, (2, 3, 1, 0))
