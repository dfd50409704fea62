"""Seeded weights, scaled as training with batch normalisation would have left them.

The published weights cannot come with this repository. Gaussian ones alone would let some channels die and
others grow from layer to layer. So each layer is set such that on synthetic sounds each of its channels has
mean 0 and deviation 1 before the ReLU: what folding a batch normalisation into it does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from aclnet_graph import LAYERS, SAMPLES, Conv, Dense, MaxPool, MeanRelu, SwapChannelsAndHeight
from synthetic_scenes import scene

from mcu_deploy.frontend import load_spec
from mcu_deploy.frontend.reference import reference_features

Float = npt.NDArray[np.float32]

CLIPS = 24
# Of each channel before the ReLU, where the deviation is 1. With 0 each layer would enlarge differences, also
# those by rounding, until int8 had nothing in common with the float model.
MEAN = np.float32(1.0)
# Spread of the logits: a softmax that is neither flat nor saturated.
LOGIT_DEVIATION = 3.0


@dataclass(frozen=True)
class Statistics:
    """Of a layer's output on the synthetic sounds, before the ReLU.

    Attributes:
        name: of the layer.
        smallest, largest: of all values.
        positive: part of them that is above zero.
        dead: number of channels with none above zero.
    """

    name: str
    smallest: float
    largest: float
    positive: float
    dead: int


def sounds(count: int = CLIPS, first: int = 0) -> Float:
    """Synthetic clips through the front end, (count, 1, 1, 16000); ``first`` is the first one's seed."""
    spec = load_spec("aclnet")
    clips = [scene(seed, 1, spec.sample_rate_hz, 1)[:, 0] for seed in range(first, first + count)]
    return np.stack([reference_features(spec, clip).reshape(1, 1, SAMPLES) for clip in clips])


def seeded(seed: int) -> tuple[dict[str, Float], list[Statistics]]:
    """All weights and biases by name, and what the layers make of the sounds.

    Arrays are named ``<layer>_weight`` and ``<layer>_bias``; their layout is the layers' ``weight_shape``.
    """
    rng = np.random.default_rng(seed)
    x = sounds()
    arrays: dict[str, Float] = {}
    statistics = []
    for layer in LAYERS:
        if not isinstance(layer, Conv | Dense):
            x = _plain(layer, x)
            continue
        weight = _random(rng, layer, x)
        y = _weighted(layer, x, weight)
        deviation = LOGIT_DEVIATION if isinstance(layer, Dense) else 1.0
        axes = (0, 2, 3)
        scale = deviation / y.std(axis=axes)
        bias = (0.0 if isinstance(layer, Dense) else MEAN) - y.mean(axis=axes) * scale
        arrays[f"{layer.name}_weight"] = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
        arrays[f"{layer.name}_bias"] = bias
        x = y * scale[:, None, None] + bias[:, None, None]
        dead = int((x.max(axis=axes) <= 0).sum())
        statistics.append(Statistics(layer.name, float(x.min()), float(x.max()), float((x > 0).mean()), dead))
        if isinstance(layer, Conv) and layer.relu:
            x = np.maximum(x, 0)
    return arrays, statistics


def _random(rng: np.random.Generator, layer: Conv | Dense, x: Float) -> Float:
    """Weights yet to be scaled. Classes are combinations of what makes the sounds differ."""
    if isinstance(layer, Conv):
        return rng.standard_normal(layer.weight_shape, dtype=np.float32)
    features = x[:, :, 0, 0]
    weights = rng.standard_normal((layer.outputs, len(features)), dtype=np.float32)
    return weights @ (features - features.mean(axis=0))


def logits(arrays: dict[str, Float], x: Float) -> Float:
    """What the network makes of clips (n, 1, 1, 16000), before the softmax: (n, 53)."""
    for layer in LAYERS:
        if isinstance(layer, Conv | Dense):
            x = _weighted(layer, x, arrays[f"{layer.name}_weight"])
            x = x + arrays[f"{layer.name}_bias"][:, None, None]
            if isinstance(layer, Conv) and layer.relu:
                x = np.maximum(x, 0)
        else:
            x = _plain(layer, x)
    return x[:, :, 0, 0]


def _plain(layer: MaxPool | SwapChannelsAndHeight | MeanRelu, x: Float) -> Float:
    if isinstance(layer, SwapChannelsAndHeight):
        return x.transpose(0, 2, 1, 3)
    if isinstance(layer, MeanRelu):
        return np.maximum(x.mean(axis=(2, 3), keepdims=True), 0)
    high, wide = layer.size
    count, channels, height, width = x.shape
    rows, columns = height // high, width // wide
    whole = x[:, :, : rows * high, : columns * wide]
    return whole.reshape(count, channels, rows, high, columns, wide).max(axis=(3, 5))


def _weighted(layer: Conv | Dense, x: Float, weight: Float) -> Float:
    """The layer without its bias."""
    if isinstance(layer, Dense):
        return (x[:, :, 0, 0] @ weight.T)[:, :, None, None]
    (high, wide), (down, right) = layer.pad, layer.stride
    padded = np.pad(x, ((0, 0), (0, 0), (high, high), (wide, wide)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, layer.kernel, axis=(2, 3))
    windows = windows[:, :, ::down, ::right]
    if layer.depthwise:
        return np.einsum("nchwij,cij->nchw", windows, weight[:, 0])
    found = np.tensordot(windows, weight, axes=((1, 4, 5), (1, 2, 3)))
    return np.ascontiguousarray(found.transpose(0, 3, 1, 2))
