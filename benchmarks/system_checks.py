"""What is known of the systems beforehand, and checked: labels, the published layers, the task's limit."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from system_models import System

from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.graph.macs import operator_macs
from mcu_deploy.graph.reader import read_model
from mcu_deploy.pipeline.frontend_labels import Recording, window_labels

PUBLISHED_LAYERS = Path(__file__).with_name("audio_sound_event.toml")
# What the DCASE 2020 task 1b allows a system.
SCENES_LIMIT_BYTES = 500_000
# The output of the anomaly detector that stands for the machine listened to.
TARGET_MACHINE = 0
# The published count is rounded, and counts the normalisations, too.
MULT_ADDS_TOLERANCE = 1e4

# Kind, shape without the batch, weights.
Layer = tuple[str, tuple[int, ...], int]


def heard(labels: Sequence[str], run: dict[str, Any]) -> str:
    """The best class of a run."""
    scores = run["scores"]
    return labels[max(range(len(scores)), key=scores.__getitem__)]


def wrong_labels(system: System, document: dict[str, Any]) -> list[str]:
    """Windows of recordings whose names say what is heard, where something else came out."""
    labels = system.model_card.labels
    files: dict[str, list[dict[str, Any]]] = {}
    for run in document["runs"]:
        files.setdefault(run["input"], []).append(run)
    wrong = []
    for name, runs in files.items():
        expected = window_labels(Recording(Path(name), None), len(runs), labels, {})
        for run, said in zip(runs, expected, strict=True):
            if said is not None and heard(labels, run) != said:
                wrong.append(f"{name} at {run['start_seconds']:g} s: {heard(labels, run)}, not {said}")
    return wrong


def anomaly_scores(document: dict[str, Any]) -> list[tuple[float, float]]:
    """For each window its start and how sure the model is of the machine: the softmax of its output."""
    found = []
    for run in document["runs"]:
        powers = [math.exp(score - max(run["scores"])) for score in run["scores"]]
        found.append((run["start_seconds"], powers[TARGET_MACHINE] / sum(powers)))
    return found


def published_differences(model: Path) -> list[str]:
    """Where AudioSoundEvent's file is not what its publisher's table says; empty if nowhere."""
    table = tomllib.loads(PUBLISHED_LAYERS.read_text(encoding="utf-8"))
    graph = read_model(model)
    found, expected = _layers(graph), _folded(table["layers"])
    differences = [
        f"layer {number}: {ours}, published {theirs}"
        for number, (ours, theirs) in enumerate(zip(found, expected, strict=False))
        if ours != theirs
    ]
    if len(found) != len(expected):
        differences.append(f"{len(found)} layers, published {len(expected)}")
    macs = sum(operator_macs(graph, operator) or 0 for operator in graph.operators)
    if abs(macs - table["mult_adds"]) > MULT_ADDS_TOLERANCE:
        differences.append(f"{macs:,} MACs, published {table['mult_adds']:,.0f}")
    return differences


def _folded(published: list[tuple[str, list[int], int]]) -> list[Layer]:
    """The published layers as an inference has them: batch normalisations taken up by their neighbours."""
    layers: list[Layer] = []
    for kind, shape, parameters in published:
        if kind == "shortcut":  # less two numbers a channel
            layers.append(("conv", tuple(shape), parameters - 2 * shape[0]))
        elif kind == "squeeze":
            layers.append((kind, (shape[0],), parameters))
        elif kind == "linear":  # the biases of all but the last go into that
            layers.append((kind, tuple(shape), parameters - shape[0]))
        elif not (kind == "norm" and layers[-1][0] == "linear"):
            layers.append((kind, tuple(shape), parameters))
    return layers


def _layers(graph: Graph) -> list[Layer]:
    """The file's layers in the table's terms: weights without biases, but for squeezes."""
    layers: list[Layer] = []
    dense: list[Operator] = []
    for operator in graph.operators:
        shape = graph.tensors[operator.outputs[0]].shape[1:]
        sizes = _constants(graph, operator)
        if operator.kind == "CONV_2D":
            layers.append(("conv", (shape[2], shape[0], shape[1]), sizes[0]))
        elif operator.kind == "FULLY_CONNECTED":
            dense.append(operator)
        elif operator.kind == "LOGISTIC":
            layers.append(("squeeze", shape, sum(sum(_constants(graph, one)) for one in dense)))
            dense = []
        elif operator.kind == "MUL" and sizes:  # the ADD behind it has as many
            layers.append(("norm", shape, 2 * sizes[0]))
    for operator in dense:
        shape = graph.tensors[operator.outputs[0]].shape[1:]
        layers.append(("linear", shape, _constants(graph, operator)[0]))
    return layers


def _constants(graph: Graph, operator: Operator) -> list[int]:
    """How many elements each constant of an operator has."""
    tensors = [graph.tensors[index] for index in operator.inputs if index >= 0]
    return [tensor.elements for tensor in tensors if tensor.data is not None]
