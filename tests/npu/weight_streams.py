"""A writer of Ethos-U weight streams, and the C decoder as a process.

``mlw_codec.encode`` decides for itself how it codes; this writer puts any slices into a stream, so that tests
reach what the encoder never chooses.
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "firmware_templates" / "npu" / "model"
DECODER = [MODEL / "md_npu_weights.c", MODEL / "md_npu_weight_stream.c"]
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Werror")
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")

OK, BAD_LAYOUT, TRUNCATED, BAD_HEADER, BAD_VALUE, TOO_SMALL = range(6)
DEPTH_FIRST, PART_KERNEL_FIRST, DEPTHWISE = range(3)
NO_RUNS = 6
END = 7
UNCOMPRESSED = 7
CHUNK = 12
NOT_WRITTEN = 0x7FFF

Weights = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Palette:
    """A palette, as a slice header has it. ``entries`` are sign-magnitude numbers, the sign lowest."""

    direct_offset: int
    bits: int
    entries: tuple[int, ...]


@dataclass(frozen=True)
class Slice:
    """One slice. ``runs`` has one run of zeros more than there are ``indices`` where there is a palette."""

    indices: tuple[int, ...]
    runs: tuple[int, ...] | None
    zdiv: int
    wdiv: int
    truncated: bool = False
    palette: Palette | None = None


@dataclass
class Bits:
    """Bits, the lowest of each byte first."""

    bits: list[int] = field(default_factory=list)

    def put(self, value: int, count: int) -> None:
        """Appends ``count`` bits of ``value``."""
        self.bits += [value >> i & 1 for i in range(count)]

    def end(self) -> None:
        """Appends an end marker, which fills its byte."""
        self.put(END, 3)
        self.bits += [1] * (-len(self.bits) % 8)

    def to_bytes(self) -> bytes:
        """The bits, padded to whole bytes."""
        padded = self.bits + [0] * (-len(self.bits) % 8)
        return np.packbits(np.array(padded, np.uint8), bitorder="little").tobytes()


@dataclass
class _Chunk:
    symbols: list[int] = field(default_factory=list)
    remainders: list[int] = field(default_factory=list)


def _chunks(values: Sequence[int], shift: int, size: int, highest: int, truncated: bool) -> list[_Chunk]:
    """Symbols of quotients, where ``highest`` goes on, in chunks, and the remainders in these."""
    chunks = [_Chunk()]
    for value in values:
        quotient = value >> shift
        symbols = [quotient] if truncated else [highest] * (quotient // highest) + [quotient % highest]
        for symbol in symbols:
            if len(chunks[-1].symbols) == size:
                chunks.append(_Chunk())
            chunks[-1].symbols.append(symbol)
        chunks[-1].remainders.append(value & ((1 << shift) - 1))
    for chunk in chunks:
        chunk.symbols += [0] * (size - len(chunk.symbols))
    return chunks


def _put_header(out: Bits, item: Slice) -> None:
    out.put(item.zdiv, 3)
    out.put(len(item.indices) - 1, 15)
    out.put(item.wdiv, 3)
    out.put(item.truncated, 1)
    out.put(item.palette is not None, 1)
    if item.palette is not None:
        out.put(item.palette.direct_offset, 5)
        out.put(max(len(item.palette.entries) - 1, 0), 5)
        out.put(item.palette.bits - 2, 3)
        for entry in item.palette.entries:
            out.put(entry, item.palette.bits)


def put_slice(out: Bits, item: Slice, palette: Palette) -> None:
    """Appends a slice; ``palette`` is the one in force."""
    _put_header(out, item)
    uncompressed = item.wdiv == UNCOMPRESSED
    shift = item.wdiv
    if uncompressed:
        shift = (len(palette.entries) - 1).bit_length() if palette.entries else palette.bits
    weights = _chunks(
        item.indices,
        shift,
        8 if uncompressed and shift > 5 else CHUNK,
        2,
        item.truncated and not uncompressed,
    )
    runs = [] if item.runs is None else _chunks(item.runs, item.zdiv, 12 if item.zdiv < 3 else 8, 1, False)
    w = z = weights_done = runs_done = 0
    previous: tuple[list[int], list[int]] = ([], [])
    while True:
        lead = weights_done - runs_done if runs else 0
        weight = weights[w] if lead < 8 and w < len(weights) else None
        run = runs[z] if lead >= 0 and z < len(runs) else None
        if weight and not uncompressed:
            out.put(sum((symbol > 0) << i for i, symbol in enumerate(weight.symbols)), CHUNK)
        if run:
            out.put(sum(symbol << i for i, symbol in enumerate(run.symbols)), len(run.symbols))
        if weight and not uncompressed:
            for symbol in weight.symbols:
                out.put(symbol - 1, 1 if symbol else 0)
        for remainder in previous[0]:
            out.put(remainder, shift)
        for remainder in previous[1]:
            out.put(remainder, item.zdiv)
        if not weight and not run:
            return
        previous = (weight.remainders if weight else [], run.remainders if run else [])
        w, weights_done = w + bool(weight), weights_done + len(previous[0])
        z, runs_done = z + bool(run), runs_done + len(previous[1])


def write_stream(slices: Sequence[Slice]) -> bytes:
    """A stream of slices with its end marker."""
    out = Bits()
    palette = Palette(0, 2, ())
    for item in slices:
        palette = item.palette or palette
        put_slice(out, item, palette)
    out.end()
    return out.to_bytes()


@dataclass(frozen=True)
class Layout:
    """``md_npu_weights_layout_t``."""

    traversal: int
    ofm_depth: int
    ofm_block_depth: int
    ifm_depth: int
    kernel_height: int
    kernel_width: int
    dilation_y: int
    dilation_x: int
    ifm_bits: int
    ofm_ublock_depth: int

    def words(self) -> tuple[int, ...]:
        """The members in their order."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)


@dataclass(frozen=True)
class Unpacked:
    """What a decoder gave: the weights, or None where it failed, and how it ended."""

    weights: Weights | None
    error: int
    offset: int


class Decoder:
    """``weights_driver.c``, running."""

    def __init__(self, folder: Path, options: Sequence[str] = ("-g", "-O1", *SANITIZE)) -> None:
        program = folder / "weights_driver"
        sources = [Path(__file__).with_name("weights_driver.c"), *DECODER]
        command = [
            "cc",
            "-std=c11",
            *WARNINGS,
            *options,
            f"-I{MODEL}",
            *map(str, sources),
            "-o",
            str(program),
        ]
        subprocess.run(command, check=True, timeout=120)
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._layout = Layout(0, 1, 1, 1, 1, 1, 1, 1, 8, 8)

    def close(self) -> None:
        """Ends the process; it must not have failed."""
        self._process.communicate(timeout=30)
        assert self._process.returncode == 0

    def _ask(
        self,
        action: int,
        stream: bytes,
        elements: int,
        piece: int = 1,
        layout: Layout | None = None,
        strides: tuple[int, ...] = (0, 0, 0, 0),
    ) -> None:
        words = (action, piece, elements, len(stream), *(layout or self._layout).words(), *strides)
        assert self._process.stdin is not None
        self._process.stdin.write(struct.pack("18I", *words) + stream)
        self._process.stdin.flush()

    def _get(self, dtype: str, count: int) -> npt.NDArray[np.generic]:
        assert self._process.stdout is not None
        data = self._process.stdout.read(count * np.dtype(dtype).itemsize)
        assert len(data) == count * np.dtype(dtype).itemsize, f"the decoder died: {self._process.wait(10)}"
        return np.frombuffer(data, dtype)

    def _head(self) -> tuple[int, int, int]:
        first, second, third = self._get("u4", 3).tolist()
        return first, second, third

    def read(self, stream: bytes, highest: int = 1 << 20, piece: int = 64) -> tuple[list[int], int]:
        """All weights of a stream, at most ``highest``, asked for in pieces; and the error."""
        self._ask(0, stream, highest, piece)
        count, error, _ = self._head()
        return self._get("i2", count).tolist(), error

    def unpack(self, stream: bytes, layout: Layout, order: str = "oyxi", gap: int = 0) -> Unpacked:
        """[ofm][ky][kx][ifm], unpacked into an array whose axes have another order and maybe gaps."""
        ifm_depth = 1 if layout.traversal == DEPTHWISE else layout.ifm_depth
        block = min(layout.ofm_block_depth, layout.ofm_depth)
        sizes = {"o": block, "y": layout.kernel_height, "x": layout.kernel_width, "i": ifm_depth}
        steps = {}
        elements = 1
        for axis in reversed(order):
            steps[axis] = elements
            elements = elements * sizes[axis] + gap
        self._ask(1, stream, elements, layout=layout, strides=tuple(steps[axis] for axis in "oyxi"))
        found = []
        while (head := self._head())[0] == 1:
            array = self._get("i2", elements)
            index = np.full(elements, True)
            grid = np.ix_(
                *(np.arange(n) * steps[a] for a, n in zip("yxi", list(sizes.values())[1:], strict=True))
            )
            inner = sum(grid, np.zeros((), int))
            places = np.arange(head[2])[:, None, None, None] * steps["o"] + inner[None]
            found.append(array[places])
            index[places.ravel()] = False
            assert (array[index] == NOT_WRITTEN).all(), "something outside of the block was written"
            assert head[1] == sum(len(part) for part in found[:-1])
        done = bool(found) and sum(map(len, found)) == layout.ofm_depth
        return Unpacked(np.concatenate(found) if done else None, head[1], head[2])

    def bricks(self, stream: bytes, layout: Layout) -> Iterator[tuple[bool, npt.NDArray[np.int32]]]:
        """Brick by brick: whether its block ends, and rows of ofm, ky, kx, ifm, weight."""
        self._ask(2, stream, 1, layout=layout)
        while (head := self._head())[0] != 0:
            yield head[0] == 2, self._get("i4", head[1] * 5).reshape(-1, 5).astype(np.int32)
        assert head[1] == OK

    def refusal(self, stream: bytes, layout: Layout, elements: int) -> int:
        """The error of unpacking into an array of so many elements, densely."""
        self._ask(1, stream, elements, layout=layout, strides=(12, 6, 3, 1))
        while (head := self._head())[0] == 1:
            self._get("i2", elements)
        return head[1]

    def shares(self, depth: int, block: int, cores: int, core: int) -> tuple[int, int]:
        """A core's share of the channels and of the block depth."""
        self._ask(4, b"", 1, strides=(depth, block, cores, core))
        share, block_share, _ = self._head()
        return share, block_share

    def nanoseconds(self, stream: bytes, layout: Layout, repetitions: int) -> int:
        """Time to unpack the stream once."""
        plane = layout.kernel_height * layout.kernel_width * max(layout.ifm_depth, 1)
        strides = (plane, layout.kernel_width * layout.ifm_depth, layout.ifm_depth, 1)
        self._ask(3, stream, plane * layout.ofm_depth, repetitions, layout, strides)
        duration, error, _ = self._head()
        assert error == OK
        return duration
