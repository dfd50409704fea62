"""Makes AclNet with seeded weights, as Keras, float TFLite and ONNX files.

    python models/aclnet/build.py FOLDER [--formats onnx,keras,tflite] [--seed N] [--statistics]

writes aclnet_seeded.onnx, .keras and .tflite. ONNX needs the package onnx, the others TensorFlow.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aclnet_weights import Float, Statistics

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "benchmarks")]

FORMATS = ("onnx", "keras", "tflite")
STEM = "aclnet_seeded"


def write(arrays: dict[str, Float], folder: Path, formats: tuple[str, ...]) -> list[Path]:
    """Writes the files; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / f"{STEM}.{name}" for name in formats}
    if "onnx" in paths:
        from aclnet_onnx import onnx_model

        paths["onnx"].write_bytes(onnx_model(arrays).SerializeToString(deterministic=True))
    if {"keras", "tflite"} & set(paths):
        from aclnet_keras import keras_model

        model = keras_model(arrays)
        if "keras" in paths:
            model.save(paths["keras"])
        if "tflite" in paths:
            paths["tflite"].write_bytes(_tflite(model))
    return list(paths.values())


def _tflite(model: Any) -> bytes:
    """Float32, for one clip."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    shape = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="samples")
    concrete = tf.function(lambda clip: model(clip, training=False)).get_concrete_function(shape)
    frozen = convert_variables_to_constants_v2(concrete)
    return tf.lite.TFLiteConverter.from_concrete_functions([frozen], model).convert()


def _table(statistics: list[Statistics]) -> str:
    lines = [f"{'layer':20} {'smallest':>9} {'largest':>9} {'positive':>9} {'dead':>5}"]
    lines += [
        f"{one.name:20} {one.smallest:9.2f} {one.largest:9.2f} {one.positive:9.2f} {one.dead:5}"
        for one in statistics
    ]
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--formats", default=",".join(FORMATS), help="default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--statistics", action="store_true", help="what the layers make of the sounds")
    options = parser.parse_args()
    formats = tuple(options.formats.split(","))
    if not set(formats) <= set(FORMATS):
        parser.error(f"--formats takes {', '.join(FORMATS)}")
    from aclnet_graph import parameters
    from aclnet_weights import seeded

    arrays, statistics = seeded(options.seed)
    if options.statistics:
        print(_table(statistics))
    print(f"{parameters():,} parameters")
    try:
        paths = write(arrays, options.folder, formats)
    except ImportError as error:
        sys.exit(f"error: {error.name} is not installed\n  hint: pip install {error.name}")
    for path in paths:
        print(f"{path} {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
