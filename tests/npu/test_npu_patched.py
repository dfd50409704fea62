"""What Vela does not emit for TFLite's models of today: real streams with other settings, and their results.

Unsigned feature maps are signed ones with all values and zero points 128 higher; a global scale is a table
whose entries are all equal; a feature map of one tile can lie in four.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import npu_harness
import npu_operators
import numpy as np
import pytest
from npu_harness import PAYLOAD, Array, Compiled

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.writer import write_model

# Settings of the stream.
PRECISIONS = {0x105, 0x114, 0x185}  # IFM, OFM, IFM2
ZERO_POINTS = {0x109, 0x118, 0x189}
LIMITS = {0x126, 0x127}
IFM2_SCALAR = 0x181
OFM_PRECISION, GLOBAL_SCALE = 0x114, 1 << 8
POOL, CONV = 0x005, 0x002  # operations; the parameter of a pool is 0 for the maximum
WEIGHT_BASE = PAYLOAD | 0x20
SCALE_BASE, SCALE_LENGTH, OFM_SCALE = PAYLOAD | 0x22, PAYLOAD | 0x23, PAYLOAD | 0x24
# Of input and output: WIDTH0_M1, then HEIGHT0_M1, HEIGHT1_M1; BASE0, then BASE1, BASE2, BASE3.
TILE_SIZES = (0x10A, 0x11A)
TILE_BASES = (PAYLOAD | 0x00, PAYLOAD | 0x10)

Prepared = tuple[Compiled, list[list[Array]], bytes]


def prepare(model: bytes, configuration: str, folder: Path, options: Sequence[str] = ()) -> Prepared:
    """The compiled model, one set of inputs, and what the unchanged stream makes of them."""
    path = folder / "model.tflite"
    path.write_bytes(model)
    compiled = npu_harness.compile_model(path, configuration, options)
    inputs = npu_harness.random_inputs(model, 1, 4)
    run = npu_harness.run_model(compiled, configuration, inputs)[0]
    assert not run.error
    return compiled, inputs, run.outputs[0]


def settings(compiled: Compiled) -> dict[int, int]:
    """The last value of each setting."""
    found: dict[int, int] = {}

    def keep(code: int, value: int) -> int:
        found[code] = value
        return value

    npu_harness.with_settings(compiled, keep)
    return found


@pytest.mark.parametrize("configuration", ["ethos-u55-32", "ethos-u55-256", "ethos-u65-512"])
@pytest.mark.parametrize(
    "name",
    [
        "conv_odd",
        "conv_relu",
        "depthwise_odd",
        "fully_connected",
        "transpose_conv_same",
        "MAX_POOL_2D_9x7x21_3x2_SAME",
        "AVERAGE_POOL_2D_9x7x21_3x2_SAME",
        "AVERAGE_POOL_2D_8x8x16_2x2_VALID",
        "ADD",
        "ADD_over_depth",
        "SUB_reversed",
        "MUL_relu6",
        "MINIMUM",
        "MAXIMUM_scalar",
        "ABS",
        "cascade",
    ],
)
def test_unsigned_feature_maps(name: str, configuration: str, tmp_path: Path) -> None:
    model = write_model(npu_operators.build(name))
    compiled, inputs, wanted = prepare(model, configuration, tmp_path)

    def change(code: int, value: int) -> int:
        if code in PRECISIONS:
            assert value & 1
            return value & ~1
        moved = code in ZERO_POINTS | LIMITS or code == IFM2_SCALAR
        return value + 128 & 0xFFFF if moved else value

    unsigned = npu_harness.with_settings(compiled, change)
    shifted: list[Array] = [values.view(np.uint8) ^ 0x80 for values in inputs[0]]
    run = npu_harness.run_model(unsigned, configuration, [shifted], variant="sanitized")[0]
    assert not run.error
    assert run.outputs[0] == bytes(value ^ 0x80 for value in wanted)


def one_scale(kind: str) -> bytes:
    """A convolution whose output channels all have the same scale, and no bias."""
    builder = GraphBuilder(kind, seed=8)
    image = builder.input((1, 7, 8, 21), 0.05, -1)
    depthwise = kind == "DEPTHWISE_CONV_2D"
    shape = (1, 3, 3, 21) if depthwise else (35, 3, 3, 21)
    channels = 21 if depthwise else 35
    scale = np.float32(0.004)
    weights = builder.constant(builder.rng.integers(-127, 128, shape, dtype=np.int8), scale)
    bias = builder.constant(np.zeros(channels, np.int32), np.float32(0.05) * scale)
    options = {"depth_multiplier": 1} if depthwise else {}
    inputs = [image, weights, bias]
    output = builder.operator(
        kind, inputs, shape=(1, 7, 8, channels), scale=0.1, zero_point=3, stride_h=1, stride_w=1, **options
    )
    return write_model(builder.build([output]))


@pytest.mark.parametrize("configuration", ["ethos-u55-64", "ethos-u65-512"])
@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_one_scale_for_all_channels(kind: str, configuration: str, tmp_path: Path) -> None:
    """OFM_SCALE in place of a table: the tables' lengths are zero, so that none can be read."""
    compiled, inputs, wanted = prepare(one_scale(kind), configuration, tmp_path)
    found = settings(compiled)
    assert not found[OFM_PRECISION] & GLOBAL_SCALE
    entry = compiled.weights[found[SCALE_BASE] :][:10]
    scale, shift = struct.unpack("<IB", entry[5:])
    assert entry[:5] == bytes(5)

    def change(code: int, value: int) -> int:
        return value | GLOBAL_SCALE if code == OFM_PRECISION else 0 if code == SCALE_LENGTH else value

    changed = npu_harness.with_settings(compiled, change)
    command = struct.pack("<2I", shift << 16 | OFM_SCALE, scale)
    globally = replace(changed, stream=command + changed.stream)
    run = npu_harness.run_model(globally, configuration, inputs)[0]
    assert not run.error
    assert run.outputs[0] == wanted
    doubled = replace(changed, stream=struct.pack("<2I", shift - 1 << 16 | OFM_SCALE, scale) + changed.stream)
    assert npu_harness.run_model(doubled, configuration, inputs)[0].outputs[0] != wanted


def quarters(values: Array, height0: int, height1: int, width0: int) -> list[Array]:
    """The four tiles of an image, in rows as wide as the image's, whose strides they share."""
    parts = [
        values[:, :height0, :width0],
        values[:, :height1, width0:],
        values[:, height0:, :width0],
        values[:, height1:, width0:],
    ]
    tiles = [np.zeros((*part.shape[:2], *values.shape[2:]), values.dtype) for part in parts]
    for tile, part in zip(tiles, parts, strict=True):
        tile[:, :, : part.shape[2]] = part
    return tiles


@pytest.mark.parametrize("name", ["conv", "depthwise", "MAX_POOL_2D_9x7x21_3x2_SAME", "LEAKY_RELU_one_scale"])
@pytest.mark.parametrize(("height0", "height1", "width0"), [(2, 3, 1), (1, 2, 3), (3, 1, 2)])
def test_four_tiles(name: str, height0: int, height1: int, width0: int, tmp_path: Path) -> None:
    """Input and output, each cut into four parts that lie in any order."""
    model = write_model(npu_operators.build(name))
    compiled, inputs, wanted = prepare(model, "ethos-u55-128", tmp_path)
    out_shape = compiled.outputs[0][2][-4:]
    tiles = [
        quarters(inputs[0][0], height0, height1, width0),
        quarters(np.frombuffer(wanted, np.int8).reshape(out_shape), height0, height1, width0),
    ]
    order = (2, 0, 3, 1)
    changes: dict[int, int] = {}
    spans: list[tuple[tuple[int, int, tuple[int, ...], int], ...]] = []
    at = compiled.scratch_bytes
    for maps, sizes, bases in zip(tiles, TILE_SIZES, TILE_BASES, strict=True):
        changes |= dict(zip(range(sizes, sizes + 3), (width0 - 1, height0 - 1, height1 - 1), strict=True))
        for number in order:
            changes[bases + number] = at
            at += maps[number].size
        spans.append(tuple((1, changes[bases + i], maps[i].shape, 1) for i in range(4)))
    changed = npu_harness.with_settings(compiled, lambda code, value: changes.get(code, value))
    tiled = replace(changed, scratch_bytes=at, inputs=spans[0], outputs=spans[1])
    run = npu_harness.run_model(tiled, "ethos-u55-128", [tiles[0]], variant="sanitized")[0]
    assert not run.error
    found = [
        np.frombuffer(data, np.int8).reshape(t.shape) for data, t in zip(run.outputs, tiles[1], strict=True)
    ]
    for number, (tile, expected) in enumerate(zip(found, tiles[1], strict=True)):
        used = width0 if number % 2 == 0 else out_shape[2] - width0
        assert np.array_equal(tile[:, :, :used], expected[:, :, :used])


@pytest.mark.parametrize("configuration", ["ethos-u55-128", "ethos-u65-512"])
def test_a_mirrored_border_is_written_backwards(configuration: str, tmp_path: Path) -> None:
    """MIRROR_PAD, with strides below zero; without options Vela reflects, where TFLM repeats the edge."""
    builder = GraphBuilder("MIRROR_PAD")
    pads = [[0, 0], [1, 2], [2, 1], [0, 0]]
    sizes = builder.constant(np.array(pads, np.int32))
    output = builder.operator("MIRROR_PAD", [builder.input((1, 8, 8, 5)), sizes], shape=(1, 11, 11, 5))
    _, inputs, found = prepare(write_model(builder.build([output])), configuration, tmp_path)
    assert found == np.pad(inputs[0][0], pads, mode="reflect").tobytes()


def test_weights_where_there_are_none(tmp_path: Path) -> None:
    """A pool made a convolution, of a model without constants: their base is null, and their length zero."""
    model = write_model(npu_operators.build("MAX_POOL_2D_8x8x16_2x2_VALID"))
    compiled, inputs, _ = prepare(model, "ethos-u55-128", tmp_path)
    changed = npu_harness.with_settings(
        compiled, lambda code, value: value | GLOBAL_SCALE if code == OFM_PRECISION else value
    )
    words = struct.unpack(f"<{len(changed.stream) // 4}I", changed.stream)
    assert words.count(POOL) == 1
    patched = struct.pack(f"<{len(words)}I", *(CONV if word == POOL else word for word in words))
    run = npu_harness.run_model(replace(changed, stream=patched, weights=b""), "ethos-u55-128", inputs)[0]
    assert (run.error, run.setting) == (npu_harness.BAD_ADDRESS, WEIGHT_BASE)


@pytest.mark.parametrize("setting", ["decomposition", "average", "zero_point"])
def test_what_is_not_modelled_stops_the_stream(setting: str, tmp_path: Path) -> None:
    """Sub-kernels of 4x4; an average without scale or padding; a zero point of 16 bits in a convolution."""
    name, code, bits = {
        "decomposition": ("conv", 0x122, 1 << 5),
        "average": ("AVERAGE_POOL_2D_8x8x16_2x2_VALID", OFM_PRECISION, GLOBAL_SCALE),
        "zero_point": ("conv_int16", 0x109, 1),
    }[setting]
    compiled, inputs, _ = prepare(write_model(npu_operators.build(name)), "ethos-u55-128", tmp_path)
    changed = npu_harness.with_settings(compiled, lambda at, value: value ^ bits if at == code else value)
    run = npu_harness.run_model(changed, "ethos-u55-128", inputs)[0]
    assert (run.error, run.setting) == (npu_harness.NOT_MODELLED, code)
    assert run.value == settings(changed)[code]
