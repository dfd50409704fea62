"""Weight streams of the NPU's model: its C decoder against Vela's codec, under AddressSanitizer and UBSan.

``mlw_codec.decode`` says which weights a stream holds; ``mlw_codec.reorder_encode`` puts weights into the
order of any configuration, and what comes out must be what was put in.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from ethosu import mlw_codec
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from weight_streams import (
    BAD_HEADER,
    BAD_LAYOUT,
    BAD_VALUE,
    DEPTH_FIRST,
    DEPTHWISE,
    END,
    NO_RUNS,
    OK,
    PART_KERNEL_FIRST,
    TOO_SMALL,
    TRUNCATED,
    UNCOMPRESSED,
    Bits,
    Decoder,
    Layout,
    Palette,
    Slice,
    Weights,
    write_stream,
)

quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Decoder]:
    running = Decoder(tmp_path_factory.mktemp("weights"))
    yield running
    running.close()


def decode(stream: bytes) -> list[int]:
    return list(mlw_codec.decode(bytearray(stream)))


# What Vela's encoder makes of weights depends on how they are distributed.
DISTRIBUTIONS = {
    "zeros": lambda rng, n: np.zeros(n),
    "constant": lambda rng, n: np.full(n, rng.integers(-255, 256)),
    "uniform": lambda rng, n: rng.integers(-255, 256, n),
    "int8": lambda rng, n: rng.integers(-128, 128, n),
    "narrow": lambda rng, n: rng.integers(-3, 4, n),
    "palette": lambda rng, n: rng.choice(rng.integers(-255, 256, 20), n),
    "palette and others": lambda rng, n: np.where(
        rng.random(n) < 0.8, rng.choice(rng.integers(-255, 256, 20), n), rng.integers(-255, 256, n)
    ),
    "gaussian": lambda rng, n: np.clip(np.round(rng.normal(0, 30, n)), -255, 255),
    "sparse": lambda rng, n: rng.integers(-127, 128, n) * (rng.random(n) < 0.15),
    "long runs": lambda rng, n: rng.integers(-127, 128, n) * (rng.random(n) < 0.003),
    "far from zero": lambda rng, n: rng.integers(100, 140, n) * rng.choice([-1, 1], n),
    "changing": lambda rng, n: np.concatenate([
        DISTRIBUTIONS[name](rng, len(part))
        for name, part in zip(
            rng.choice(["int8", "palette", "sparse", "narrow", "zeros", "long runs"], 7),
            np.array_split(np.empty(n), 7),
            strict=True,
        )
    ]),
}  # fmt: skip


def draw_weights(kind: str, seed: int, count: int) -> Weights:
    return np.asarray(DISTRIBUTIONS[kind](np.random.default_rng(seed), count)).astype(np.int16)


kinds = st.sampled_from(sorted(DISTRIBUTIONS))
seeds = st.integers(0, 2**32 - 1)


@quick
@given(kinds, seeds, st.integers(1, 6000), st.sampled_from([1, 7, 64, 1000]))
def test_streams_of_the_encoder_decode_to_their_weights(
    decoder: Decoder, kind: str, seed: int, count: int, piece: int
) -> None:
    weights = draw_weights(kind, seed, count)
    stream = bytes(mlw_codec.encode(weights.tolist()))
    decoded, error = decoder.read(stream, piece=piece)
    assert error == OK
    assert decoded == decode(stream)
    assert decoded == weights.tolist()


@pytest.mark.parametrize("kind", sorted(DISTRIBUTIONS))
def test_long_streams_with_several_slices(decoder: Decoder, kind: str) -> None:
    weights = draw_weights(kind, 5, 150_000)
    stream = bytes(mlw_codec.encode(weights.tolist()))
    decoded, error = decoder.read(stream, piece=999)
    assert error == OK
    assert decoded == decode(stream) == weights.tolist()


@st.composite
def palettes(draw: st.DrawFn) -> Palette:
    bits = draw(st.integers(2, 9))
    size = draw(st.sampled_from([0, 2, 3, 8, 17, 31, 32]))
    entries = draw(st.lists(st.integers(0, 2**bits - 1), min_size=size, max_size=size))
    return Palette(draw(st.integers(0, 31)), bits, tuple(entries))


def highest_index(palette: Palette, wdiv: int, truncated: bool) -> int:
    """The highest that can be coded: nine bits, also after the palette's part is taken off."""
    if wdiv == UNCOMPRESSED:
        size = len(palette.entries)
        highest = 2 ** ((size - 1).bit_length() if size else palette.bits) - 1
    else:
        highest = (3 << wdiv) - 1 if truncated else 511
    return min(highest, 511, 511 + len(palette.entries) - palette.direct_offset)


@st.composite
def slices(draw: st.DrawFn, palette: Palette, new: bool, runs: bool) -> Slice:
    wdiv = draw(st.sampled_from([0, 1, 2, 3, 4, 5, UNCOMPRESSED]))
    truncated = draw(st.booleans())
    highest = highest_index(palette, wdiv, truncated)
    few = draw(st.booleans())
    count = draw(st.integers(1, 9) if few else st.integers(10, 120))
    index = st.integers(0, min(highest, draw(st.sampled_from([0, 3, 40, 511]))))
    indices = draw(st.lists(index, min_size=count, max_size=count))
    run = st.integers(0, draw(st.sampled_from([0, 1, 9, 300])))
    zeros = draw(st.lists(run, min_size=count + new, max_size=count + new)) if runs else None
    zdiv = draw(st.integers(0, 3)) if runs else NO_RUNS
    return Slice(
        tuple(indices),
        tuple(zeros) if zeros is not None else None,
        zdiv,
        wdiv,
        truncated,
        palette if new else None,
    )


@st.composite
def streams(draw: st.DrawFn) -> list[Slice]:
    found: list[Slice] = []
    palette, runs = Palette(0, 2, ()), False
    for _ in range(draw(st.integers(1, 5))):
        new = not found or draw(st.booleans())
        if new:
            palette, runs = draw(palettes()), draw(st.booleans())
        found.append(draw(slices(palette, new, runs)))
    return found


def weights_of(items: list[Slice]) -> list[int]:
    """What the slices say, by the format's definition."""
    out: list[int] = []
    palette = Palette(0, 2, ())
    for item in items:
        palette = item.palette or palette
        runs = list(item.runs) if item.runs is not None else []
        if item.palette is not None and runs:
            out += [0] * runs.pop(0)
        for place, index in enumerate(item.indices):
            size = len(palette.entries)
            value = palette.entries[index] if index < size else index - size + palette.direct_offset
            out.append(-(value >> 1) if value & 1 else value >> 1)
            out += [0] * (runs[place] if runs else 0)
    return out


@settings(quick, max_examples=400)
@given(streams(), st.sampled_from([1, 5, 64]))
def test_any_slices_decode_as_by_vela(decoder: Decoder, items: list[Slice], piece: int) -> None:
    stream = write_stream(items)
    decoded, error = decoder.read(stream, piece=piece)
    assert error == OK
    assert decoded == weights_of(items)
    assert decoded == decode(stream)


@pytest.mark.parametrize("zdiv", [NO_RUNS, 0, 1, 2, 3])
@pytest.mark.parametrize("bits", range(2, 10))
@pytest.mark.parametrize("entries", [0, 3, 32])
def test_indices_without_quotients(decoder: Decoder, bits: int, entries: int, zdiv: int) -> None:
    """How many of them make a chunk depends on their bits, and shows where runs lie between chunks."""
    rng = np.random.default_rng(bits)
    palette = Palette(0, bits, tuple(rng.integers(0, 1 << bits, entries).tolist()))
    highest = highest_index(palette, UNCOMPRESSED, False)
    runs = tuple(rng.integers(0, 30, 101).tolist()) if zdiv != NO_RUNS else None
    indices = tuple(rng.integers(0, highest + 1, 100).tolist())
    stream = write_stream([Slice(indices, runs, zdiv, UNCOMPRESSED, palette=palette)])
    decoded, error = decoder.read(stream)
    assert error == OK
    assert decoded == decode(stream)


@quick
@given(streams(), streams(), st.integers(0, 3))
def test_streams_one_after_the_other(
    decoder: Decoder, first: list[Slice], second: list[Slice], padding: int
) -> None:
    """An end marker may be followed by more, and by bytes that are nothing but end markers."""
    stream = write_stream(first) + b"\xff" * padding + write_stream(second) + b"\xff" * padding
    assert decoder.read(stream) == (weights_of(first) + weights_of(second), OK)
    assert decode(stream) == weights_of(first) + weights_of(second)


@quick
@given(streams(), st.data())
def test_a_truncated_stream_is_an_error_and_gives_a_part(
    decoder: Decoder, items: list[Slice], data: st.DataObject
) -> None:
    stream = write_stream(items)
    cut = data.draw(st.integers(1, len(stream) - 1)) if len(stream) > 1 else 1
    decoded, error = decoder.read(stream[:cut])
    expected = weights_of(items)
    assert decoded == expected[: len(decoded)]
    assert error == TRUNCATED or decoded == expected


@settings(quick, max_examples=400)
@given(streams(), st.data())
def test_damaged_streams_end(decoder: Decoder, items: list[Slice], data: st.DataObject) -> None:
    """Whatever the bits are: no undefined behaviour, and an end."""
    stream = bytearray(write_stream(items))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, 8 * len(stream) - 1))
        stream[place // 8] ^= 1 << place % 8
    _, error = decoder.read(bytes(stream), highest=1 << 18)
    event(f"error {error}")
    assert error in (OK, TRUNCATED, BAD_HEADER, BAD_VALUE)


@settings(quick, max_examples=400)
@given(st.binary(max_size=200))
def test_random_bytes_end(decoder: Decoder, stream: bytes) -> None:
    _, error = decoder.read(stream, highest=1 << 18)
    assert error in (OK, TRUNCATED, BAD_HEADER, BAD_VALUE)


def header(zdiv: int, wdiv: int, new: bool) -> Bits:
    out = Bits()
    out.put(zdiv, 3)
    out.put(0, 15)
    out.put(wdiv, 3)
    out.put(0, 1)
    out.put(new, 1)
    out.put(0, 80)
    return out


@pytest.mark.parametrize("zdiv", [4, 5])
def test_reserved_divisors_of_runs(decoder: Decoder, zdiv: int) -> None:
    assert decoder.read(header(zdiv, 0, True).to_bytes()) == ([], BAD_HEADER)


def test_reserved_divisor_of_weights(decoder: Decoder) -> None:
    assert decoder.read(header(0, 6, True).to_bytes()) == ([], BAD_HEADER)


@pytest.mark.parametrize("start", [b"", b"\xff"])
def test_the_first_slice_needs_a_palette(decoder: Decoder, start: bytes) -> None:
    assert decoder.read(start + header(0, 0, False).to_bytes()) == ([], BAD_HEADER)


def test_a_palette_does_not_outlive_an_end_marker(decoder: Decoder) -> None:
    item = Slice((1,), None, NO_RUNS, 0, palette=Palette(0, 2, ()))
    stream = write_stream([item]) + header(NO_RUNS, 0, False).to_bytes()
    assert decoder.read(stream) == (weights_of([item]), BAD_HEADER)


def test_runs_of_zeros_cannot_be_turned_on_without_a_palette(decoder: Decoder) -> None:
    first = Slice((4,), None, NO_RUNS, 0, palette=Palette(0, 2, ()))
    second = Slice((4,), (0,), 0, 0)
    assert decoder.read(write_stream([first, second])) == ([2], BAD_HEADER)


def test_weights_beyond_nine_bits(decoder: Decoder) -> None:
    item = Slice((512,), None, NO_RUNS, 5, palette=Palette(0, 2, ()))
    assert decoder.read(write_stream([item])) == ([], BAD_VALUE)
    item = Slice((511,), None, NO_RUNS, 5, palette=Palette(1, 2, ()))
    assert decoder.read(write_stream([item])) == ([], BAD_VALUE)
    item = Slice((600 << 5,), None, NO_RUNS, 5, palette=Palette(0, 2, ()))
    assert decoder.read(write_stream([item])) == ([], BAD_VALUE)


def test_nothing_is_a_stream_without_weights(decoder: Decoder) -> None:
    assert decoder.read(b"") == ([], OK)
    assert decoder.read(bytes([END])) == ([], OK)
    assert decoder.read(b"\xff" * 16) == ([], OK)


# OFM ublock depth and cores of each configuration.
CONFIGURATIONS = {
    "ethos-u55-32": (4, 1),
    "ethos-u55-64, -128, -256, u65-256": (8, 1),
    "ethos-u65-512": (8, 2),
}


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    """Layouts whose number of weights stays below some ten thousand."""
    traversal = draw(st.sampled_from([DEPTH_FIRST, PART_KERNEL_FIRST, DEPTHWISE]))
    side = st.one_of(st.sampled_from([1, 3, 8]), st.integers(1, 20))
    height, width = draw(side), draw(side)
    if height * width <= 4 and draw(st.integers(0, 9)) == 0:
        height, width = draw(st.sampled_from([(64, 1), (1, 64), (64, 2), (33, 17)]))
    most = max(1, 40_000 // (height * width * 8))
    ifm_depth = 1 if traversal == DEPTHWISE else draw(st.integers(1, min(70, most)))
    ofm_depth = draw(st.integers(1, max(1, min(70, 40_000 // (height * width * ifm_depth)))))
    return Layout(
        traversal,
        ofm_depth,
        draw(st.one_of(st.sampled_from([4, 8, 16, 32, 64, 128]), st.integers(1, 80))),
        ifm_depth,
        height,
        width,
        draw(st.sampled_from([1, 2])),
        draw(st.sampled_from([1, 2])),
        draw(st.sampled_from([8, 16])),
        draw(st.sampled_from([4, 8])),
    )


def encode(weights: Weights, layout: Layout) -> bytes:
    """Weights [ofm][ky][kx][ifm] as Vela writes them for a layout."""
    stream, _ = mlw_codec.reorder_encode(
        8,
        layout.ofm_ublock_depth,
        np.ascontiguousarray(weights),
        layout.ofm_block_depth,
        layout.traversal == DEPTHWISE,
        layout.traversal == PART_KERNEL_FIRST,
        layout.ifm_bits,
        8 // layout.dilation_y,
        8 // layout.dilation_x,
    )
    return bytes(stream)


def shaped(kind: str, seed: int, layout: Layout) -> Weights:
    shape = (layout.ofm_depth, layout.kernel_height, layout.kernel_width, layout.ifm_depth)
    return draw_weights(kind, seed, int(np.prod(shape))).reshape(shape)


orders = st.permutations("oyxi").map("".join)


@settings(quick, max_examples=300)
@given(layouts(), kinds, seeds, orders, st.integers(0, 3))
def test_unpacked_weights_lie_where_they_were(
    decoder: Decoder, layout: Layout, kind: str, seed: int, order: str, gap: int
) -> None:
    weights = shaped(kind, seed, layout)
    stream = encode(weights, layout)
    unpacked = decoder.unpack(stream, layout, order, gap)
    assert unpacked.error == OK
    assert unpacked.weights is not None
    np.testing.assert_array_equal(unpacked.weights, weights)


@quick
@given(layouts(), seeds)
def test_nothing_but_end_markers_is_left(decoder: Decoder, layout: Layout, seed: int) -> None:
    """The layout takes all of a stream's weights, not only enough."""
    weights = shaped("int8", seed, layout)
    stream = encode(weights, layout)
    unpacked = decoder.unpack(stream, layout)
    assert set(stream[unpacked.offset :]) <= {0xFF}


@quick
@given(layouts(), seeds)
def test_bricks_hold_each_weight_once(decoder: Decoder, layout: Layout, seed: int) -> None:
    weights = shaped("int8", seed, layout)
    found = np.zeros(weights.shape, np.int64)
    times = np.zeros(weights.shape, np.int64)
    blocks = 0
    for block_end, rows in decoder.bricks(encode(weights, layout), layout):
        assert len(rows) <= 64
        assert (rows[:, 0] // layout.ofm_block_depth == blocks).all()
        found[tuple(rows[:, :4].T)] = rows[:, 4]
        times[tuple(rows[:, :4].T)] += 1
        blocks += block_end
    np.testing.assert_array_equal(times, 1)
    np.testing.assert_array_equal(found, weights)
    assert blocks == -(-layout.ofm_depth // layout.ofm_block_depth)


@settings(quick, max_examples=100)
@given(layouts(), seeds, st.data())
def test_a_truncated_stream_cannot_be_unpacked(
    decoder: Decoder, layout: Layout, seed: int, data: st.DataObject
) -> None:
    weights = shaped("int8", seed, layout)
    stream = encode(weights, layout).rstrip(b"\xff")
    unpacked = decoder.unpack(stream[: data.draw(st.integers(0, len(stream) - 2))], layout)
    assert unpacked.error == TRUNCATED
    assert unpacked.weights is None


@pytest.mark.parametrize(
    "change",
    [
        {"traversal": 3},
        {"ofm_depth": 0},
        {"ofm_depth": 65537},
        {"ofm_block_depth": 0},
        {"ofm_block_depth": 65537},
        {"ifm_depth": 0},
        {"ifm_depth": 2**32 - 1},
        {"kernel_height": 0},
        {"kernel_height": 65, "kernel_width": 64},
        {"kernel_height": 2**31, "kernel_width": 2},
        {"kernel_height": 4097},
        {"kernel_width": 0},
        {"kernel_width": 4097},
        {"dilation_y": 0},
        {"dilation_y": 3},
        {"dilation_x": 0},
        {"dilation_x": 3},
        {"ifm_bits": 32},
        {"ofm_ublock_depth": 16},
    ],
)
def test_bad_layouts_are_refused(decoder: Decoder, change: dict[str, int]) -> None:
    good = {name: getattr(SMALL, name) for name in SMALL.__dataclass_fields__}
    stream = encode(shaped("int8", 1, SMALL), SMALL)
    assert decoder.refusal(stream, Layout(**{**good, **change}), 1 << 10) == BAD_LAYOUT


SMALL = Layout(DEPTH_FIRST, 4, 4, 3, 2, 2, 1, 1, 8, 8)


def test_an_array_that_is_too_small_is_refused(decoder: Decoder) -> None:
    stream = encode(shaped("int8", 1, SMALL), SMALL)
    assert decoder.refusal(stream, SMALL, 4 * 3 * 2 * 2 - 1) == TOO_SMALL
    assert decoder.refusal(stream, SMALL, 4 * 3 * 2 * 2) == OK


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
@settings(quick, max_examples=40)
@given(st.integers(1, 70), st.sampled_from([8, 16, 24, 64]), st.sampled_from([1, 3]), seeds)
def test_streams_of_cores(
    decoder: Decoder, configuration: str, channels: int, block: int, kernel: int, seed: int
) -> None:
    """As Vela shares out an operation: core c has every cores-th channel from c on."""
    ublock, cores = CONFIGURATIONS[configuration]
    rng = np.random.default_rng(seed)
    weights = rng.integers(-128, 128, (channels, kernel, kernel, 9)).astype(np.int16)
    rebuilt = np.zeros_like(weights)
    for core in range(min(cores, channels)):
        mine = weights[core::cores]
        share, block_share = decoder.shares(channels, block, cores, core)
        assert share == len(mine)
        assert block_share == (block + cores - 1 - core) // cores
        layout = Layout(DEPTH_FIRST, share, block_share, 9, kernel, kernel, 1, 1, 8, ublock)
        unpacked = decoder.unpack(encode(mine, layout), layout)
        assert unpacked.weights is not None
        rebuilt[core::cores] = unpacked.weights
    np.testing.assert_array_equal(rebuilt, weights)
