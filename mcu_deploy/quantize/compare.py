"""The int8 model against the float model: outputs on all inputs, layers on the first ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mcu_deploy.errors import ReferenceRunError, ToolMissingError
from mcu_deploy.frontend.clip import quantise
from mcu_deploy.graph.ir import Graph, Tensor
from mcu_deploy.graph.text import printable
from mcu_deploy.quantize.data import Inputs
from mcu_deploy.quantize.floats import signal_to_noise
from mcu_deploy.quantize.interpreter import Measured, run_model
from mcu_deploy.reference.tflm import run_reference

LAYER_RUNS = 4
WORST = 5

Array = npt.NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class Int8Model:
    """The quantised model.

    Attributes:
        graph: as read from ``data``.
        data: the TFLite file.
    """

    graph: Graph
    data: bytes

    @property
    def inputs(self) -> list[Tensor]:
        """Its input tensors."""
        return [self.graph.tensors[index] for index in self.graph.inputs]

    @property
    def outputs(self) -> list[Tensor]:
        """Its output tensors."""
        return [self.graph.tensors[index] for index in self.graph.outputs]


def rounded_inputs(model: Int8Model, inputs: Inputs) -> list[npt.NDArray[np.int8]]:
    """The inputs as the int8 model takes them, as TFLite quantises."""
    stacked = []
    for tensor, values in zip(model.inputs, inputs.values, strict=True):
        assert tensor.quantization is not None
        scale, zero_point = float(tensor.quantization.scale[0]), int(tensor.quantization.zero_point[0])
        stacked.append(quantise(values, scale, zero_point))
    return stacked


def run_int8(
    model: Int8Model, inputs: Sequence[npt.NDArray[np.int8]], tensor_runs: int, timeout: float
) -> tuple[Measured, str]:
    """Outputs, and tensors of the first runs, by TFLM's interpreter, or TensorFlow's where TFLM has not all.

    Returns:
        what it computed, in int8, and why TFLM's interpreter did not ("" where it did).
    """
    runs = [[values[run] for values in inputs] for run in range(len(inputs[0]))]
    try:
        kept = run_reference(model.data, runs[:tensor_runs], all_tensors=True, timeout=timeout)
        rest = run_reference(model.data, runs[tensor_runs:], timeout=timeout)
    except (ReferenceRunError, ToolMissingError) as error:
        reason = error.message + (f": {error.details[-1]}" if error.details else "")
        return run_model(model.graph, list(inputs), tensor_runs=tensor_runs, timeout=timeout), reason
    outputs = tuple(
        np.stack([run.outputs[position] for run in (*kept, *rest)])
        for position in range(len(model.graph.outputs))
    )
    tensors = {index: np.stack([run.tensors[index] for run in kept]) for index in kept[0].tensors}
    return Measured(outputs, tensors, {}), ""


def real(tensor: Tensor, values: Array) -> npt.NDArray[np.float64]:
    """What the elements of a tensor stand for."""
    exact = values.astype(np.float64)
    if tensor.quantization is None:
        return exact
    scale, zero_point = float(tensor.quantization.scale[0]), int(tensor.quantization.zero_point[0])
    return (exact - zero_point) * scale


def output_entries(model: Int8Model, exact: Measured, found: Measured) -> list[dict[str, Any]]:
    """For each output: SNR, and how often its largest element is the same one (None: it is but one)."""
    entries = []
    for tensor, expected, values in zip(model.outputs, exact.outputs, found.outputs, strict=True):
        reference, made = expected.astype(np.float64), real(tensor, values)
        agreement = None
        if tensor.elements > 1:
            largest = [np.asarray(a).reshape(len(a), -1).argmax(axis=1) for a in (reference, made)]
            agreement = float((largest[0] == largest[1]).mean())
        entries.append(
            {
                "name": printable(tensor.name)[1:-1],
                "snr_db": signal_to_noise(reference, made),
                "largest_error": float(np.abs(made - reference).max()),
                "top1_agreement": agreement,
            }
        )
    return entries


def layer_entries(
    exact_graph: Graph, exact: Measured, model: Int8Model, found: Measured
) -> list[dict[str, Any]]:
    """For each operator of the int8 model whose output has the name of a float tensor: its SNR."""
    floats = {exact_graph.tensors[index].name: index for index in exact.tensors}
    entries = []
    for operator in model.graph.operators:
        for index in operator.outputs:
            tensor = model.graph.tensors[index]
            if tensor.name not in floats or index not in found.tensors or tensor.quantization is None:
                continue
            reference = exact.tensors[floats[tensor.name]].astype(np.float64)
            entries.append(
                {
                    "operator": operator.index,
                    "kind": operator.kind,
                    "name": printable(tensor.name)[1:-1],
                    "shape": list(tensor.shape),
                    "snr_db": signal_to_noise(reference, real(tensor, found.tensors[index])),
                }
            )
    return entries


def worst_layers(layers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those with the lowest SNR, the worst first."""
    known = [layer for layer in layers if layer["snr_db"] is not None]
    return sorted(known, key=lambda layer: float(layer["snr_db"]))[:WORST]
