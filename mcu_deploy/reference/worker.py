"""The process in which TFLM's interpreter runs, so that a crash or a hang of it is not ours.

``tflm.run_reference`` starts this file by its path with a folder as its only argument. In it are

    model.tflite    the model
    request.json    {"arena_bytes": int, "inputs": int, "outputs": int, "tensors": [int, ...]}
    inputs.npz      input_<position>: all runs of an input stacked, (runs, *shape)

and it adds ``outputs.npz``: ``output_<position>`` and ``tensor_<index>``, stacked in the same way. It imports
nothing of this project: what it needs is NumPy and the interpreter.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from tflite_micro import runtime


def main(folder: Path) -> None:
    """Run all inputs through the model, in order, in one interpreter."""
    request = json.loads((folder / "request.json").read_text())
    with np.load(folder / "inputs.npz") as archive:
        inputs = [archive[f"input_{position}"] for position in range(request["inputs"])]
    interpreter = runtime.Interpreter.from_bytes(
        (folder / "model.tflite").read_bytes(),
        arena_size=request["arena_bytes"],
        intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors,
    )
    results: dict[str, list[np.ndarray]] = {}
    for run in range(len(inputs[0])):
        for position, values in enumerate(inputs):
            interpreter.set_input(values[run], position)
        interpreter.invoke()
        for position in range(request["outputs"]):
            results.setdefault(f"output_{position}", []).append(np.copy(interpreter.get_output(position)))
        for index in request["tensors"]:
            data = interpreter.GetTensor(index, 0)["tensor_data"]
            results.setdefault(f"tensor_{index}", []).append(np.copy(data))
    stacked: dict[str, Any] = {name: np.stack(runs) for name, runs in results.items()}
    np.savez(folder / "outputs.npz", **stacked)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except (RuntimeError, ValueError) as error:
        sys.exit(str(error))
