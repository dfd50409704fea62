"""The process in which TensorFlow's interpreter runs, so that a crash or a hang of it is not ours.

``interpreter.run_float`` starts this file by its path with a folder as its only argument. In it are

    model.tflite    the model
    request.json    {"inputs": n, "ranges": [tensor index, ...], "tensors": [...], "tensor_runs": n}
    inputs.npz      input_<position>: all runs of an input stacked, (runs, *shape)

and it adds ``outputs.npz``:

    output_<position>    of all runs
    tensor_<index>       of the first runs
    low, high            the least and the largest value of each tensor of ``ranges`` over all runs

It imports nothing of this project: what it needs is NumPy and an interpreter, of the package ai-edge-litert
or of TensorFlow.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np

MISSING = 40


def interpreter(path: Path) -> Any:
    """An interpreter that keeps every tensor, and leaves nothing to delegates that compute other bits."""
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError:
        try:
            from tensorflow.lite.python.interpreter import Interpreter, OpResolverType
        except ImportError:
            sys.exit(MISSING)
    return Interpreter(
        model_path=str(path),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )


def main(folder: Path) -> None:
    """Run all inputs through the model."""
    request = json.loads((folder / "request.json").read_text())
    with np.load(folder / "inputs.npz") as archive:
        inputs = [archive[f"input_{position}"] for position in range(request["inputs"])]
    runner = interpreter(folder / "model.tflite")
    runner.allocate_tensors()
    input_indices = [detail["index"] for detail in runner.get_input_details()]
    output_indices = [detail["index"] for detail in runner.get_output_details()]
    results: dict[str, list[np.ndarray]] = {}
    low = np.full(len(request["ranges"]), np.inf)
    high = np.full(len(request["ranges"]), -np.inf)
    for run in range(len(inputs[0])):
        for index, values in zip(input_indices, inputs, strict=True):
            runner.set_tensor(index, values[run])
        runner.invoke()
        for place, index in enumerate(request["ranges"]):
            values = runner.get_tensor(index)
            # minimum and maximum pass NaN on, so that it shows in the range.
            low[place] = np.minimum(low[place], values.min())
            high[place] = np.maximum(high[place], values.max())
        for position, index in enumerate(output_indices):
            results.setdefault(f"output_{position}", []).append(runner.get_tensor(index))
        for index in request["tensors"] if run < request["tensor_runs"] else ():
            results.setdefault(f"tensor_{index}", []).append(runner.get_tensor(index))
    stacked: dict[str, Any] = {name: np.stack(runs) for name, runs in results.items()}
    np.savez(folder / "outputs.npz", low=low, high=high, **stacked)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except (RuntimeError, ValueError) as error:
        sys.exit(f"error: {error}")
