"""Makes a MicroNet narrower: drops channels, and lets those that stay answer for those that go.

The channels between two layers that mix channels (stem, 1x1 convolutions, head) form a space. In
each space, from the first to the last, channels leave one at a time: the one whose absence the next
layer can best make up for by changing its weights, in the least-squares sense over the activations of
real inputs (the saliency of Hassibi and Stork's "Optimal Brain Surgeon", 1993, with a layer's
reconstruction error for the loss). The next layer's weights are then solved for, so that from the
narrower network's activations it gives what the wide network's layer gave.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from micronet import DEPTHWISE, HEAD, Layer

POSITIONS_A_CLIP = 12


def prune(layers: list[Layer], widths: list[int], inputs: np.ndarray) -> list[Layer]:
    """A network whose spaces have `widths` channels.

    Args:
        layers: stem, then (depthwise, pointwise) pairs, then the head.
        widths: channels of the stem and of every pointwise layer.
        inputs: float32 (n, 49, 10, 1) to see activations of.
    """
    narrow = [Layer(layer.kind, layer.weight.copy(), layer.bias.copy(), layer.stride) for layer in layers]
    mixers = [i for i, layer in enumerate(layers) if layer.kind != DEPTHWISE][1:]
    for mixer, width in zip(mixers, widths, strict=True):
        wide_in, narrow_in = _sampled(layers, mixer, inputs), _sampled(narrow, mixer, inputs)
        target = wide_in @ layers[mixer].weight[0, 0]
        keep, weight, bias = _select(narrow_in, target, width)
        for feeder in range(mixer - 1, -1, -1):
            _keep_outputs(narrow[feeder], keep)
            if narrow[feeder].kind != DEPTHWISE:
                break
        narrow[mixer].weight = weight[None, None].astype(np.float32)
        narrow[mixer].bias = (layers[mixer].bias + bias).astype(np.float32)
    return narrow


def _keep_outputs(layer: Layer, keep: np.ndarray) -> None:
    layer.weight = layer.weight[:, :, keep] if layer.kind == DEPTHWISE else layer.weight[..., keep]
    layer.bias = layer.bias[keep]


def _sampled(layers: list[Layer], end: int, inputs: np.ndarray) -> np.ndarray:
    """What enters layers[end], (samples, channels): some positions of every input, always the same."""
    x = tf.constant(inputs)
    for layer in layers[:end]:
        if layer.kind == DEPTHWISE:
            x = tf.nn.depthwise_conv2d(x, layer.weight, (1, layer.stride, layer.stride, 1), "SAME")
        else:
            x = tf.nn.conv2d(x, layer.weight, layer.stride, "SAME")
        x = tf.nn.relu6(x + layer.bias)
    if layers[end].kind == HEAD:
        return tf.reduce_mean(x, (1, 2)).numpy().astype(np.float64)
    flat = x.numpy().reshape(len(inputs), -1, x.shape[-1])
    chosen = np.random.default_rng(end).integers(flat.shape[1], size=(len(inputs), POSITIONS_A_CLIP))
    return np.take_along_axis(flat, chosen[..., None], 1).reshape(-1, x.shape[-1]).astype(np.float64)


def _select(source: np.ndarray, target: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which `width` columns of source to keep, and the weights and bias that best give target from them."""
    centred = source - source.mean(0)
    covariance = centred.T @ centred / len(source)
    covariance += np.eye(len(covariance)) * 1e-4 * np.trace(covariance) / len(covariance)
    cross = centred.T @ (target - target.mean(0)) / len(source)
    keep = np.arange(source.shape[1])
    inverse = np.linalg.inv(covariance)
    weight = inverse @ cross
    while len(keep) > width:
        gone = int(np.argmin((weight**2).sum(1) / np.diag(inverse)))
        column, pivot = inverse[:, gone].copy(), inverse[gone, gone]
        weight = np.delete(weight - np.outer(column / pivot, weight[gone]), gone, 0)
        inverse = inverse - np.outer(column, column) / pivot
        inverse = np.delete(np.delete(inverse, gone, 0), gone, 1)
        keep = np.delete(keep, gone)
    return keep, weight, target.mean(0) - source[:, keep].mean(0) @ weight
