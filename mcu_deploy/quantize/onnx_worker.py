"""The process in which an ONNX file is read and made a float TFLite model.

``converters.convert_onnx`` starts this file by its path with a folder as its only argument. In it is

    request.json    {"model": path, "shapes": [[1, ...], ...] or []}

and it adds ``model.tflite`` and ``answer.json``: {"notes": [...], "permutations": [null, ...]}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

# The folder that this package is in, behind all others.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.writer import write_model
from mcu_deploy.quantize import onnx_layers as layers
from mcu_deploy.quantize import onnx_shapes as shapes
from mcu_deploy.quantize.onnx_graph import Handler, Importer
from mcu_deploy.quantize.onnx_layout import Unsupported

MISSING = 40

HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(shapes.UNARY, shapes.unary),
    **dict.fromkeys(shapes.BINARY, shapes.binary),
    **dict.fromkeys(shapes.REDUCTIONS, shapes.reduction),
    **dict.fromkeys(("AveragePool", "MaxPool"), layers.pool),
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), shapes.reshape),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool"), shapes.global_pool),
    **dict.fromkeys(("LogSoftmax", "Softmax"), shapes.softmax),
    **dict.fromkeys(
        ("DequantizeLinear", "Dropout", "FakeQuantize", "Identity", "QuantizeLinear"), shapes.same
    ),
    "BatchNormalization": layers.batch_normalization,
    "Clip": shapes.clip,
    "Concat": shapes.concat,
    "Conv": layers.conv,
    "Gemm": layers.gemm,
    "MatMul": layers.matmul,
    "Pad": shapes.pad,
    "Pow": shapes.square,
    "Slice": shapes.cut,
    "Transpose": shapes.transpose,
}


def main(folder: Path) -> None:
    """Convert."""
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        print(f"the package onnx is not installed ({error})", file=sys.stderr)
        sys.exit(MISSING)
    request = json.loads((folder / "request.json").read_text())
    try:
        model = onnx.load(request["model"])
    except (DecodeError, ValueError, OSError) as error:
        raise Unsupported(f"it is not an ONNX file ({error})") from None
    importer = Importer(model, HANDLERS)
    graph = importer.graph(request["shapes"])
    answer = {"notes": importer.notes, "permutations": [None] * len(graph.inputs)}
    (folder / "answer.json").write_text(json.dumps(answer))
    (folder / "model.tflite").write_bytes(write_model(graph))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except Unsupported as problem:
        sys.exit(f"error: {problem}")
    except ModelError as failure:
        sys.exit(f"error: {failure.message}")
