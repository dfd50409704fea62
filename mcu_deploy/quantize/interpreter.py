"""The judge of what a float model computes: TensorFlow's own interpreter, in a process of its own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.graph.text import printable
from mcu_deploy.graph.writer import write_model
from mcu_deploy.quantize.processes import run_worker

Array = npt.NDArray[np.generic]
REMEDY = 'pip install "mcu-deploy[quantize]"'
_WORKER = Path(__file__).with_name("worker.py")


@dataclass(frozen=True, eq=False)
class Measured:
    """What came of running a model on inputs.

    Attributes:
        outputs: each output of all runs, (runs, *shape).
        tensors: the activations of the first runs by tensor index, each (runs, *shape).
        ranges: of each float activation over all runs, by tensor index.
    """

    outputs: tuple[Array, ...]
    tensors: Mapping[int, Array]
    ranges: Mapping[int, tuple[float, float]]


def run_model(
    graph: Graph, inputs: Sequence[Array], *, tensor_runs: int = 0, timeout: float = 600.0
) -> Measured:
    """Runs a graph on TensorFlow's interpreter.

    Args:
        graph: whose activations are float32 or int8.
        inputs: for each input of the model all runs, stacked: (runs, *shape).
        tensor_runs: of how many runs to keep every activation.
        timeout: seconds for all runs together.

    Raises:
        ToolMissingError: there is no interpreter.
        ModelError: the interpreter refused the model, or a float activation was NaN or infinite.
        McuDeployError: the interpreter crashed, or took too long.
    """
    made = {index for operator in graph.operators for index in operator.outputs}
    activations = sorted(made.union(graph.inputs))
    measured = [index for index in activations if graph.tensors[index].dtype is DataType.FLOAT32]
    with tempfile.TemporaryDirectory(prefix="mcu-deploy-quantize-") as name:
        folder = Path(name)
        request = {
            "inputs": len(graph.inputs),
            "ranges": measured,
            "tensors": activations,
            "tensor_runs": tensor_runs,
        }
        (folder / "model.tflite").write_bytes(write_model(graph))
        (folder / "request.json").write_text(json.dumps(request))
        stacked = {f"input_{position}": values for position, values in enumerate(inputs)}
        np.savez(folder / "inputs.npz", **stacked)  # type: ignore[arg-type]
        output = folder / "outputs.npz"
        run_worker(_WORKER, folder, "run the model on TensorFlow's interpreter", timeout, output, REMEDY)
        with np.load(output) as archive:
            results = {name: archive[name] for name in archive.files}
    return Measured(
        tuple(results[f"output_{position}"] for position in range(len(graph.outputs))),
        {index: results[f"tensor_{index}"] for index in activations} if tensor_runs else {},
        _ranges(graph, measured, results["low"], results["high"]),
    )


def _ranges(graph: Graph, measured: Sequence[int], low: Array, high: Array) -> dict[int, tuple[float, float]]:
    ranges = {
        index: (float(least), float(most)) for index, least, most in zip(measured, low, high, strict=True)
    }
    for index, pair in ranges.items():
        if not np.isfinite(pair).all():
            raise ModelError(
                f"the float model computes NaN or infinity in {printable(graph.tensors[index].name)}",
                "check the calibration inputs: their range may not be that of the model's training",
            )
    return ranges
