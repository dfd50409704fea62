"""Makes the corpora of the fuzzers: what Vela makes of small models, and of any that are given.

    python tests/npu/fuzz/corpus.py FOLDER [MODEL.tflite ...]

Where a model is given, its output maps are cut to one pixel, or a fuzzer would only compute. FOLDER/model
and FOLDER/weights get the inputs of fuzz_npu_model.c and fuzz_npu_weights.c. None of them is kept in the
repository.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from ethosu import mlw_codec

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.graph.reader import NPU_OPERATOR, parse_compiled
from mcu_deploy.graph.writer import write_model
from mcu_deploy.npu.compiled import CONSTANTS, FAST_SCRATCH, SCRATCH, STREAM
from mcu_deploy.npu.vela import VelaOptions, compile_model

# In the order of CONFIGURATIONS in fuzz_npu_model.c.
CONFIGURATIONS = (
    "ethos-u55-32",
    "ethos-u55-64",
    "ethos-u55-128",
    "ethos-u55-256",
    "ethos-u65-256",
    "ethos-u65-512",
)
# Driver actions that come before the command stream, by their low byte.
_CONFIG, _STREAM, _NOP = 1, 2, 5
# Commands: OFM_WIDTH_M1 and OFM_HEIGHT_M1, and the bit of those that a payload follows.
_OFM_SIZES = (0x111, 0x112)
_PAYLOAD = 0x4000


def convolutions() -> Graph:
    builder = GraphBuilder("convolutions", 1)
    x = builder.conv_2d(builder.input((1, 9, 8, 3)), 20, (3, 3), fused_activation_function="RELU6")
    x = builder.depthwise_conv_2d(x, 1, (3, 3), stride=(2, 2))
    x = builder.conv_2d(x, 37, (1, 1))
    x = builder.conv_2d(x, 8, (2, 3), dilation_w_factor=2, dilation_h_factor=2)
    return builder.build([builder.fully_connected(x, 11)])


def pools() -> Graph:
    builder = GraphBuilder("pools", 2)
    x = builder.input((1, 9, 9, 5))
    window = {"filter_height": 3, "filter_width": 2, "stride_h": 2, "stride_w": 2}
    largest = builder.operator("MAX_POOL_2D", [x], padding="SAME", **window)
    mean = builder.operator("AVERAGE_POOL_2D", [x], padding="SAME", **window)
    x = builder.operator("ADD", [largest, mean], shape=(1, 5, 5, 5), scale=0.1, zero_point=3)
    return builder.build([builder.operator("SOFTMAX", [x], beta=1.0)])


def elementwise() -> Graph:
    builder = GraphBuilder("elementwise", 3)
    x, y = builder.input((1, 5, 6, 18)), builder.input((1, 1, 6, 18), 0.07, 9)
    shape = (1, 5, 6, 18)
    a = builder.operator("MUL", [x, y], shape=shape, scale=0.2, zero_point=4)
    b = builder.operator("SUB", [y, x], shape=shape, scale=0.2, zero_point=4)
    x = builder.operator("MAXIMUM", [a, b], shape=shape)
    x = builder.operator("LEAKY_RELU", [x], shape=shape, scale=0.15, zero_point=-7, alpha=0.2)
    x = builder.operator("LOGISTIC", [x], shape=shape, scale=1 / 256, zero_point=-128)
    return builder.build([builder.operator("ABS", [x], shape=shape)])


def wide() -> Graph:
    """16-bit feature maps."""
    builder = GraphBuilder("wide", 4)
    x = builder.input((1, 6, 7, 9), 1 / 32768, 0, dtype=DataType.INT16)
    y = builder.operator("TANH", [x], shape=(1, 6, 7, 9), scale=1 / 32768, zero_point=0)
    return builder.build([builder.operator("MUL", [x, y], shape=(1, 6, 7, 9), scale=0.001, zero_point=0)])


MODELS: tuple[Callable[[], Graph], ...] = (convolutions, pools, elementwise, wide)


def _options(configuration: str) -> VelaOptions:
    if "u65" in configuration:
        return VelaOptions(configuration, "Ethos_U65_High_End", "Dedicated_Sram")
    return VelaOptions(configuration, "Ethos_U55_High_End_Embedded", "Shared_Sram")


def command_stream(payload: bytes) -> bytes:
    """The NPU's commands in what Vela hands to a driver."""
    words = struct.unpack(f"<{len(payload) // 4}I", payload)
    at = 1
    while words[at] & 0xFF != _STREAM:
        at += {_CONFIG: 3, _NOP: 1}[words[at] & 0xFF]
    return payload[4 * (at + 1) :]


def one_pixel(stream: bytes) -> bytes:
    """The commands with each output map's height and width set to 1."""
    words = list(struct.unpack(f"<{len(stream) // 4}I", stream))
    at = 0
    while at < len(words):
        if words[at] & 0xFFFF in _OFM_SIZES:
            words[at] &= 0xFFFF
        at += 2 if words[at] & _PAYLOAD else 1
    return struct.pack(f"<{len(words)}I", *words)


def model_inputs(model: bytes, configuration: str, cut: bool = False) -> Iterator[bytes]:
    """An input for each operator that Vela put on the NPU; ``cut``: to one pixel."""
    graph, _ = parse_compiled(compile_model(model, _options(configuration)).model, "corpus")
    for operator in graph.operators:
        if operator.kind != NPU_OPERATOR:
            continue
        tensors = [graph.tensors[index] for index in operator.inputs]
        payload, constants = tensors[STREAM].data, tensors[CONSTANTS].data
        assert payload is not None
        stream = command_stream(payload.tobytes())
        stream = one_pixel(stream) if cut else stream
        arena, fast = tensors[SCRATCH].bytes, tensors[FAST_SCRATCH].bytes
        number = CONFIGURATIONS.index(configuration)
        fast = fast if "u65" in configuration else 0
        header = struct.pack("<4B3I", number, 0, 0, 0, len(stream), arena, fast)
        yield header + stream + (b"" if constants is None else constants.tobytes())


def weight_inputs() -> Iterator[bytes]:
    """Streams of Vela's encoder, for all traversals, with values of several distributions."""
    rng = np.random.default_rng(1)
    for traversal in range(3):
        for kind in range(5):
            ofm, ifm = int(rng.integers(1, 30)), 1 if traversal == 2 else int(rng.integers(1, 40))
            height, width = rng.integers(1, 11, 2).tolist()
            ublock, bits, block = rng.choice([4, 8]), rng.choice([8, 16]), int(rng.choice([8, 16, 32]))
            values = rng.integers(-128, 128, (ofm, height, width, ifm))
            values //= (1, 5, 60, 1, 1)[kind]
            values *= rng.random(values.shape) < (1, 1, 1, 0.1, 0.01)[kind]
            arguments = (traversal == 2, traversal == 1, int(bits), 8, 8)
            stream, _ = mlw_codec.reorder_encode(8, int(ublock), values.astype(np.int16), block, *arguments)
            members = (traversal, ofm, block, ifm, height, width, 1, 1, int(bits == 8), int(ublock == 4))
            yield struct.pack("<10H", *members) + bytes(stream)


def write_corpus(folder: Path, configurations: Sequence[str], given: Sequence[bytes] = ()) -> None:
    """Writes both corpora."""
    own = [(write_model(build()), False) for build in MODELS]
    models = own + [(model, True) for model in given]
    model_corpus = (
        item for model, cut in models for name in configurations for item in model_inputs(model, name, cut)
    )
    for name, inputs in (("weights", weight_inputs()), ("model", model_corpus)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number, item in enumerate(inputs):
            (folder / name / f"{number:03}").write_bytes(item)


def main() -> None:
    """The command."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    write_corpus(Path(sys.argv[1]), CONFIGURATIONS, [Path(name).read_bytes() for name in sys.argv[2:]])


if __name__ == "__main__":
    main()
