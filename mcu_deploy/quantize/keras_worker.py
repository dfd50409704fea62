"""The process in which TensorFlow converts a Keras file or SavedModel to float TFLite.

``converters.convert_keras`` starts this file by its path with a folder as its only argument. In it is

    request.json    {"model": path, "shapes": [[1, ...], ...] or []}

and it adds ``model.tflite`` and ``answer.json``: {"notes": [...], "permutations": [null, ...]}. No code of
the file is run: Lambda layers are understood or refused.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

# The folder that this package is in, behind all others.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from mcu_deploy.quantize.lambdas import NotUnderstood, sliced_part

MISSING = 40
_EXPORT = "export a .tflite where the model was trained"


class Refused(Exception):
    """What the message says of the model."""


def main(folder: Path) -> None:
    """Convert."""
    try:
        import tensorflow as tf
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
    except ImportError as error:
        print(f"TensorFlow is not installed ({error})", file=sys.stderr)
        sys.exit(MISSING)
    request = json.loads((folder / "request.json").read_text())
    path = Path(request["model"])
    notes: list[str] = []
    if path.is_dir():
        function, source = _saved_function(tf, path)
        known = [tuple(tensor.shape) for tensor in _structured_inputs(function)]
    else:
        source = _loaded(path, notes)
        known = [tuple(tensor.shape) for tensor in source.inputs]
    shapes = _fixed(known, request["shapes"], notes)
    if path.is_dir():
        names = [tensor.name.partition(":")[0] for tensor in _structured_inputs(function)]
        call = _by_name(function, names)
    else:
        call = _called(source)
    specs = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
    concrete = tf.function(call).get_concrete_function(*specs)
    frozen = convert_variables_to_constants_v2(concrete)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen], source)
    (folder / "answer.json").write_text(json.dumps({"notes": notes, "permutations": [None] * len(shapes)}))
    (folder / "model.tflite").write_bytes(converter.convert())


def _called(model: Any) -> Any:
    def call(*inputs: Any) -> Any:
        return model(list(inputs) if len(inputs) > 1 else inputs[0], training=False)

    return call


def _by_name(function: Any, names: Sequence[str]) -> Any:
    def call(*inputs: Any) -> Any:
        return function(**dict(zip(names, inputs, strict=True)))

    return call


def _saved_function(tf: Any, path: Path) -> tuple[Any, Any]:
    loaded = tf.saved_model.load(str(path))
    if "serving_default" not in loaded.signatures:
        raise Refused("the SavedModel has no signature serving_default; export it with one")
    return loaded.signatures["serving_default"], loaded


def _structured_inputs(function: Any) -> list[Any]:
    return list(function.structured_input_signature[1].values())


def _fixed(
    known: Sequence[tuple[int | None, ...]], wanted: Sequence[Sequence[int]], notes: list[str]
) -> list[tuple[int, ...]]:
    """The shapes to convert with: a batch of 1, and what was asked for where a dimension is not known."""
    if wanted and len(wanted) != len(known):
        raise Refused(f"{len(wanted)} input shapes are given, the model has {len(known)} inputs")
    shapes = []
    for position, shape in enumerate(known):
        chosen: tuple[int | None, ...] = tuple(wanted[position]) if wanted else (1, *shape[1:])
        fits = len(chosen) == len(shape) and all(
            size is None or size == other for size, other in zip(shape[1:], chosen[1:], strict=True)
        )
        text = "(" + ", ".join("?" if size is None else str(size) for size in shape) + ")"
        sizes = tuple(size for size in chosen if size is not None)
        if len(sizes) != len(chosen) or not fits:
            raise Refused(f"input {position} has the shape {text}; fix it by --input-shape 1,...")
        if sizes != shape:
            notes.append(f"input {position} of shape {text} is fixed to {sizes}")
        shapes.append(sizes)
    return shapes


def _loaded(path: Path, notes: list[str]) -> Any:
    """The model, by Keras 3, or for what that cannot load any more by Keras 2."""
    import keras

    def load(library: Any) -> Any:
        replacements = {"Lambda": _slicing_layer(library, notes)}
        return library.models.load_model(path, compile=False, custom_objects=replacements)

    try:
        return load(keras)
    except Refused:
        raise
    except Exception as error:
        if "Lambda" in str(error):
            raise Refused(f"it has a Lambda layer, whose Python code is not run; {_EXPORT}") from None
        reason = _first_line(error)
    try:
        import tf_keras
    except ImportError:
        hint = f"if Keras 2 wrote it: pip install tf-keras; or {_EXPORT}"
        raise Refused(f"Keras {keras.__version__} cannot load it ({reason}); {hint}") from None
    try:
        return load(tf_keras)
    except Refused:
        raise
    except Exception as error:
        raise Refused(f"neither Keras 3 nor 2 can load it ({_first_line(error)}); {_EXPORT}") from None


def _slicing_layer(library: Any, notes: list[str]) -> Any:
    """What takes the place of Lambda: a layer that takes a part of its input, and nothing else."""

    class Sliced(library.layers.Layer):  # type: ignore[misc]
        def __init__(self, index: tuple[Any, ...], **options: Any) -> None:
            super().__init__(**options)
            self.index = index

        def call(self, inputs: Any) -> Any:
            return inputs[self.index]

        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            index = _lambda_index(config)
            notes.append(f"the Lambda layer {config.get('name')} takes {_shown(index)}; its code is not run")
            return cls(index, name=config.get("name"))

    return Sliced


def _lambda_index(config: dict[str, Any]) -> tuple[Any, ...]:
    function = config.get("function")
    if isinstance(function, dict):  # as Keras 3 writes it
        function = [function.get("config", {}).get("code")]
    name = config.get("name")
    try:
        if not isinstance(function, list | tuple) or not isinstance(function[0], str):
            raise NotUnderstood("it is a name of a function")
        return sliced_part(function[0])
    except NotUnderstood as error:
        raise Refused(
            f"the Lambda layer {name} holds Python code, which is not run ({error}); {_EXPORT}"
        ) from None


def _shown(index: tuple[Any, ...]) -> str:
    return "[" + ", ".join(_part(part) for part in index) + "]"


def _part(part: Any) -> str:
    if not isinstance(part, slice):
        return "..." if part is Ellipsis else str(part)
    ends = ["" if end is None else str(end) for end in (part.start, part.stop, part.step)]
    return ":".join(ends[: 3 if ends[2] else 2])


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:120]}" if lines else type(error).__name__


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except Refused as refused:
        sys.exit(f"error: {refused}")
    except Exception as failure:  # whatever TensorFlow raises, its last line is what a user can act on
        sys.exit(f"error: {_first_line(failure)}")
