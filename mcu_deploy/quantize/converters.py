"""Keras, SavedModel and ONNX to a float graph, by TensorFlow's converter in a process of its own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mcu_deploy.graph.reader import parse_model
from mcu_deploy.quantize.floats import FloatModel, float_model
from mcu_deploy.quantize.processes import run_worker

KERAS_REMEDY = 'pip install "mcu-deploy[keras]"'
ONNX_REMEDY = 'pip install "mcu-deploy[onnx]"'
_FOLDER = Path(__file__).parent


def convert_keras(path: Path, shapes: Sequence[tuple[int, ...]], timeout: float) -> FloatModel:
    """A Keras file or a SavedModel folder.

    Args:
        path: of the file or folder.
        shapes: of the inputs; () for those of the model, with a batch of 1.
        timeout: seconds.

    Raises:
        ToolMissingError: TensorFlow is missing.
        ModelError: it cannot be loaded or converted, or a dimension is not known.
        McuDeployError: the conversion crashed or took too long.
    """
    return _convert("keras_worker.py", path, shapes, timeout, KERAS_REMEDY)


def convert_onnx(path: Path, shapes: Sequence[tuple[int, ...]], timeout: float) -> FloatModel:
    """An ONNX file; arguments and errors as ``convert_keras``."""
    return _convert("onnx_worker.py", path, shapes, timeout, ONNX_REMEDY)


def _convert(
    worker: str, path: Path, shapes: Sequence[tuple[int, ...]], timeout: float, remedy: str
) -> FloatModel:
    with tempfile.TemporaryDirectory(prefix="mcu-deploy-convert-") as name:
        folder = Path(name)
        request = {"model": str(path.resolve()), "shapes": [list(shape) for shape in shapes]}
        (folder / "request.json").write_text(json.dumps(request))
        output = folder / "model.tflite"
        run_worker(_FOLDER / worker, folder, f"convert {path.name}", timeout, output, remedy)
        graph = parse_model(output.read_bytes(), path.stem)
        answer = json.loads((folder / "answer.json").read_text())
    model = float_model(graph)
    return replace(
        model,
        notes=(*answer["notes"], *model.notes),
        permutations=tuple(
            tuple(order) if order else found
            for order, found in zip(answer["permutations"], model.permutations, strict=True)
        ),
    )
