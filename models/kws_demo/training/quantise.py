"""Float layers to a full int8 TFLite file, by TensorFlow's post-training quantisation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from features import INPUT_SCALE, INPUT_ZERO_POINT, dequantise
from micronet import Layer, Network

ALLOWED = {
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "AVERAGE_POOL_2D",
    "MAX_POOL_2D",
    "FULLY_CONNECTED",
    "RESHAPE",
    "SOFTMAX",
    "RELU",
    "RELU6",
}
MAX_BYTES = 120_000


def convert(layers: list[Layer], representative: np.ndarray) -> bytes:
    """The .tflite of a network with a softmax at its end.

    Args:
        layers: the float network.
        representative: int8 features (n, 49, 10) to measure activation ranges with.
    """
    network = Network(layers, trainable=False)

    @tf.function(input_signature=[tf.TensorSpec((1, 49, 10, 1), tf.float32)])
    def classify(x: tf.Tensor) -> tf.Tensor:
        return tf.nn.softmax(network(x))

    def samples() -> Iterator[list[np.ndarray]]:
        # The first sample spans the whole input range, which so becomes exactly the MicroNets'.
        span = np.resize(np.array([-128, 127], np.int8), (1, 49, 10))
        # One float32 less at the top, or the converter's rounding ends one float32 above the scale.
        top = np.nextafter(dequantise(span).max(), np.float32(0))
        for clip in np.concatenate([span, representative]):
            yield [np.minimum(dequantise(clip[None]), top)]

    converter = tf.lite.TFLiteConverter.from_concrete_functions([classify.get_concrete_function()], network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = samples
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def interpreter_of(model: bytes | Path) -> tf.lite.Interpreter:
    """An interpreter with reference kernels, tensors allocated."""
    resolver = tf.lite.experimental.OpResolverType.BUILTIN_REF
    source = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
    interpreter = tf.lite.Interpreter(**source, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    return interpreter


def check(model: bytes) -> None:
    """Raises ValueError unless size, operators and tensors are what the firmware generator takes."""
    interpreter = interpreter_of(model)
    operators = {op["op_name"] for op in interpreter._get_ops_details()}
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    if len(model) > MAX_BYTES:
        raise ValueError(f"{len(model)} bytes, at most {MAX_BYTES} allowed")
    if operators - ALLOWED:
        raise ValueError(f"operators {sorted(operators - ALLOWED)} are not allowed")
    if source["quantization"] != (np.float32(INPUT_SCALE), INPUT_ZERO_POINT):
        raise ValueError(f"input quantisation {source['quantization']}")
    shapes = tuple(source["shape"]), tuple(result["shape"])
    if shapes != ((1, 49, 10, 1), (1, 12)) or {source["dtype"], result["dtype"]} != {np.int8}:
        raise ValueError(f"input and output {shapes}, {source['dtype']}, {result['dtype']}")


def classify(model: bytes | Path, features: np.ndarray) -> np.ndarray:
    """int8 scores (n, 12) of int8 features (n, 49, 10), or int8 logits if the model ends in them."""
    interpreter = interpreter_of(model)
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scores = []
    for clip in features:
        interpreter.set_tensor(source["index"], clip.reshape(1, 49, 10, 1))
        interpreter.invoke()
        scores.append(interpreter.get_tensor(result["index"])[0])
    return np.array(scores)
