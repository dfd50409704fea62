"""Trains the pruned network on the synthetic clips, between what the teacher says and what was said.

The student starts as MicroNet Medium pruned to WIDTHS, which keeps what that network learnt from real
speech; MicroNet Large, the teacher, tells it at every clip how a network that has heard real speech
would divide its belief. Where the word is known, the label has a say as well (HARD_SHARE): the teacher
misses a fifth of what the synthesisers say. In clips without speech the label is all, since the
teacher takes quiet for an unknown word.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from augment import TEACHER_ONLY
from features import INPUT_SCALE, dequantise
from micronet import Layer, Network
from words import LABELS, SILENCE, UNKNOWN

WIDTHS = [112, 112, 112, 112, 100, 150]
UNKNOWN_BIAS_SHIFT = -1.0


@dataclass(frozen=True)
class Recipe:
    """How to train: the numbers that one would turn."""

    epochs: int = 8
    batch: int = 256
    peak_rate: float = 1e-3
    pull: float = 0.3
    hard_share: float = 0.3
    hard_share_of_missed_keywords: float = 0.8
    smoothing: float = 0.05
    temperature: float = 2.0
    averaging: float = 0.999
    seed: int = 5


def targets(labels: np.ndarray, logits: np.ndarray, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Smoothed one-hot rows (n, 12) and how much of the loss they make up (n,)."""
    one_hot = np.eye(len(LABELS), dtype=np.float32)[np.maximum(labels, 0)]
    smooth = one_hot * (1 - recipe.smoothing) + recipe.smoothing / len(LABELS)
    missed = (labels < SILENCE) & (logits.argmax(1) != labels)
    share = np.where(missed, recipe.hard_share_of_missed_keywords, recipe.hard_share)
    share = np.where(labels == TEACHER_ONLY, 0.0, np.where(labels == SILENCE, 1.0, share))
    return smooth, share.astype(np.float32)


def learning_rate(step: int, steps: int, peak: float) -> float:
    """A short ramp, then a half cosine to nothing."""
    ramp = min(1.0, (step + 1) / 300)
    return peak * ramp * 0.5 * (1 + np.cos(np.pi * step / steps))


class Trainer:
    """Adam with a decoupled pull back to the start, and a running average of the weights."""

    def __init__(self, layers: list[Layer], recipe: Recipe) -> None:
        self.network = Network(layers)
        self.average = Network(layers, trainable=False)
        self.recipe = recipe
        self.start = Network(layers, trainable=False)
        self.optimiser = tf.keras.optimizers.Adam(1e-3)
        self.optimiser.build(list(self.network.trainable_variables))
        self.step = tf.function(self._step, reduce_retracing=True)

    def _step(self, x: tf.Tensor, hard: tf.Tensor, share: tf.Tensor, teacher: tf.Tensor) -> tf.Tensor:
        warmth = self.recipe.temperature
        soft = tf.nn.softmax(teacher / warmth)
        with tf.GradientTape() as tape:
            logits = self.network(x)
            by_label = tf.nn.softmax_cross_entropy_with_logits(hard, logits)
            by_teacher = tf.nn.softmax_cross_entropy_with_logits(soft, logits / warmth) * warmth**2
            loss = tf.reduce_mean(share * by_label + (1 - share) * by_teacher)
        variables = self.network.trainable_variables
        gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, variables), 5.0)
        self.optimiser.apply_gradients(zip(gradients, variables, strict=True))
        pull = self.optimiser.learning_rate * self.recipe.pull
        for now, then in zip(self.network.variables, self.start.variables, strict=True):
            now.assign_add(pull * (then - now))
        for slow, fast in zip(self.average.variables, self.network.variables, strict=True):
            slow.assign_add((1 - self.recipe.averaging) * (fast - slow))
        return loss


def train(
    layers: list[Layer],
    features: np.ndarray,
    labels: np.ndarray,
    logits: np.ndarray,
    recipe: Recipe,
    folder: Path,
) -> list[Layer]:
    """Trains for `recipe.epochs` and gives the averaged weights.

    Args:
        layers: the network to start from.
        features: int8 (n, 49, 10).
        labels: int8 (n,), TEACHER_ONLY where not known.
        logits: float32 (n, 12), the teacher's.
        recipe: the numbers.
        folder: where the averaged weights are left after every epoch, for a look.
    """
    rng = np.random.default_rng(recipe.seed)
    trainer = Trainer(layers, recipe)
    hard, share = targets(labels, logits, recipe)
    steps_an_epoch = len(features) // recipe.batch
    steps, started = steps_an_epoch * recipe.epochs, time.monotonic()
    for epoch in range(recipe.epochs):
        order, total = rng.permutation(len(features)), 0.0
        for k in range(steps_an_epoch):
            chosen = order[k * recipe.batch : (k + 1) * recipe.batch]
            # Half a quantisation step of dither: the network shall not lean on exact bits.
            x = dequantise(features[chosen])
            x += rng.uniform(-INPUT_SCALE, INPUT_SCALE, x.shape).astype(np.float32)
            rate = learning_rate(epoch * steps_an_epoch + k, steps, recipe.peak_rate)
            trainer.optimiser.learning_rate.assign(rate)
            total += float(trainer.step(x, hard[chosen], share[chosen], logits[chosen]))
        minutes = (time.monotonic() - started) / 60
        print(f"epoch {epoch + 1}: loss {total / steps_an_epoch:.4f}, {minutes:.1f} min", flush=True)
        save_layers(folder / f"epoch_{epoch + 1:02}.npz", trainer.average.layers())
    return trainer.average.layers()


def favour_keywords(layers: list[Layer], shift: float) -> list[Layer]:
    """Moves the head's bias of the unknown class.

    A third of the targets' mass in training is "unknown", almost six times that of any one keyword, so in
    doubt the network says "unknown". For classes that are equally likely the correction of priors would be
    -log(5.7) = -1.7; a little over half of it keeps more of the other words out.
    """
    head = layers[-1]
    moved = head.bias + np.float32(shift) * (np.arange(len(LABELS)) == UNKNOWN)
    return [*layers[:-1], Layer(head.kind, head.weight, moved.astype(np.float32), head.stride)]


def save_layers(path: Path, layers: list[Layer]) -> None:
    """Weights to an .npz that `load_layers` reads."""
    arrays = {}
    for i, layer in enumerate(layers):
        arrays |= {f"{i}_weight": layer.weight, f"{i}_bias": layer.bias}
        arrays |= {f"{i}_kind": np.array(layer.kind), f"{i}_stride": np.array(layer.stride)}
    np.savez(path, **arrays)


def load_layers(path: Path) -> list[Layer]:
    """What `save_layers` wrote."""
    data = np.load(path)
    return [
        Layer(str(data[f"{i}_kind"]), data[f"{i}_weight"], data[f"{i}_bias"], int(data[f"{i}_stride"]))
        for i in range(len(data.files) // 4)
    ]
