"""The judge of the model's numerics: TensorFlow Lite Micro's own interpreter (PyPI: ``tflite-micro``)."""

from __future__ import annotations

import importlib.metadata
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mcu_deploy.errors import InputError, ReferenceRunError, ToolMissingError
from mcu_deploy.graph.ir import Graph
from mcu_deploy.graph.reader import parse_model
from mcu_deploy.graph.text import printable
from mcu_deploy.graph.writer import write_model
from mcu_deploy.reference.equivalents import for_tflm

MAX_ARENA_BYTES = 2**30
_WORKER = Path(__file__).with_name("worker.py")
_SHOWN_LINES = 5

Array = npt.NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class ReferenceRun:
    """What the interpreter computed from one set of inputs.

    Attributes:
        outputs: the model's outputs, in their order, each with the tensor's shape and dtype.
        tensors: every activation by its tensor index, inputs included; empty unless asked for.
    """

    outputs: tuple[Array, ...]
    tensors: Mapping[int, Array] = field(default_factory=dict)


def reference_version() -> str:
    """The version of the ``tflite-micro`` package.

    Raises:
        ToolMissingError: it is not installed.
    """
    try:
        return importlib.metadata.version("tflite-micro")
    except importlib.metadata.PackageNotFoundError:
        raise ToolMissingError(
            "the reference interpreter, the Python package tflite-micro, is not installed",
            "pip install 'tflite-micro>=0.dev20261023182759'",
        ) from None


def run_reference(
    model: bytes, inputs: Sequence[Sequence[Array]], *, all_tensors: bool = False, timeout: float = 60.0
) -> list[ReferenceRun]:
    """Run the model on TFLM's interpreter, in a process of its own.

    Args:
        model: the bytes of the TFLite file.
        inputs: for each run the model's inputs, each with the tensor's shape and dtype. The runs share one
            interpreter, in order, so that state is kept from run to run as it is on the target.
        all_tensors: also give every activation.
        timeout: seconds for all runs together.

    Returns:
        One result for each run.

    Raises:
        ModelError: ``model`` is not a sound TFLite file.
        InputError: an input does not fit the model.
        ToolMissingError: the interpreter is not installed.
        ReferenceRunError: the interpreter refused the model, crashed, or took longer than ``timeout``.
    """
    reference_version()
    graph = parse_model(model, "model")
    if not inputs:
        return []
    with tempfile.TemporaryDirectory(prefix="mcu-deploy-reference-") as name:
        folder = Path(name)
        write_job(folder, model, graph, inputs, all_tensors)
        _run_worker(folder, timeout)
        return read_results(folder, graph, len(inputs), all_tensors)


def write_job(
    folder: Path, model: bytes, graph: Graph, inputs: Sequence[Sequence[Array]], all_tensors: bool
) -> None:
    """Write what the worker needs for one model; arguments as for ``run_reference``, ``graph`` is the model.

    Raises:
        InputError: an input does not fit the model.
        ReferenceRunError: the model is too large.
    """
    _check_inputs(graph, inputs)
    equivalent = for_tflm(graph)
    if equivalent is not graph:
        model = write_model(equivalent)
    request = {
        "arena_bytes": _arena_bytes(equivalent, len(model)),
        "inputs": len(graph.inputs),
        "outputs": len(graph.outputs),
        "tensors": _activations(graph) if all_tensors else [],
    }
    stacked = {
        f"input_{position}": np.stack([run[position] for run in inputs])
        for position in range(len(graph.inputs))
    }
    (folder / "model.tflite").write_bytes(model)
    (folder / "request.json").write_text(json.dumps(request))
    np.savez(folder / "inputs.npz", **stacked)  # type: ignore[arg-type]


def read_results(folder: Path, graph: Graph, runs: int, all_tensors: bool) -> list[ReferenceRun]:
    """Read what the worker made of a job of ``runs`` runs."""
    with np.load(folder / "outputs.npz") as archive:
        results = {name: archive[name] for name in archive.files}
    return [
        ReferenceRun(
            tuple(results[f"output_{position}"][run] for position in range(len(graph.outputs))),
            {
                index: results[f"tensor_{index}"][run]
                for index in (_activations(graph) if all_tensors else [])
            },
        )
        for run in range(runs)
    ]


def _check_inputs(graph: Graph, inputs: Sequence[Sequence[Array]]) -> None:
    for number, run in enumerate(inputs):
        if len(run) != len(graph.inputs):
            raise InputError(f"run {number} has {len(run)} inputs, but the model {len(graph.inputs)}")
        for position, values in enumerate(run):
            tensor = graph.tensors[graph.inputs[position]]
            if values.shape != tensor.shape or values.dtype != tensor.dtype.numpy:
                raise InputError(
                    f"input {position} of run {number} is {values.dtype} {values.shape}",
                    f"the model needs {tensor.dtype.value} {tensor.shape}",
                )


def _activations(graph: Graph) -> list[int]:
    made = {index for operator in graph.operators for index in operator.outputs}
    return sorted(made.union(graph.inputs))


def _arena_bytes(graph: Graph, model_bytes: int) -> int:
    """Memory for the interpreter: all activations side by side, and generously for its own records."""
    activations = sum(-(-tensor.bytes // 16) * 16 for tensor in graph.tensors if tensor.data is None)
    records = 1024 * (len(graph.tensors) + len(graph.operators)) + model_bytes
    arena = activations + activations // 4 + records + 2**20
    if arena > MAX_ARENA_BYTES:
        raise ReferenceRunError(
            f"the model's activations take {activations} bytes", "the reference cannot run so large a model"
        )
    return arena


def _run_worker(folder: Path, timeout: float) -> None:
    command = [sys.executable, "-P", str(_WORKER), str(folder)]
    log = folder / "log.txt"
    try:
        with log.open("wb") as file:
            result = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, timeout=timeout, check=False
            )
    except subprocess.TimeoutExpired:
        raise ReferenceRunError(
            f"TFLM's interpreter did not finish in {timeout:g} s", "give it more time, or fewer inputs"
        ) from None
    if result.returncode == 0:
        return
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    details = tuple(printable(line, 200) for line in lines[-_SHOWN_LINES:])
    hint = "it may not support an operator of this model; the details are its last words"
    crashed = result.returncode < 0
    reason = f"crashed ({_signal_name(-result.returncode)})" if crashed else "refused the model"
    raise ReferenceRunError(f"TFLM's interpreter {reason}", hint, details=details)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
