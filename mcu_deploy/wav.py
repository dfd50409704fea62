"""PCM from WAV files, also from those that Python 3.11's ``wave`` refuses.

A header of the kind WAVE_FORMAT_EXTENSIBLE may hold plain PCM (sox writes it for more than two channels),
and a program that writes to a pipe cannot go back to state how much it wrote.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_PCM = 1
_EXTENSIBLE = 0xFFFE
_NAMES = {2: "ADPCM", 3: "floats", 6: "A-law", 7: "mu-law", 17: "ADPCM", 85: "MP3"}
# KSDATAFORMAT_SUBTYPE_*, whose first two bytes are the format.
_SUBTYPE_TAIL = bytes.fromhex("000000001000800000aa00389b71")
# What FFmpeg and sox state where they do not know the size; sox less what fills no sample of all channels.
_UNKNOWN_TO_FFMPEG = 0xFFFF_FFFF
_UNKNOWN_TO_SOX = 0x7FFF_F000


class WavError(ValueError):
    """The file is no PCM WAV, in words."""


@dataclass(frozen=True)
class WavFile:
    """Where the samples of a PCM WAV file are.

    Attributes:
        path: of the file.
        rate: in Hz.
        channels: interleaved.
        width: bytes of a sample.
        stated: samples (and channel) by the header; None where it does not know.
        offset: of the first sample in the file, bytes.
    """

    path: Path
    rate: int
    channels: int
    width: int
    stated: int | None
    offset: int

    def read(self) -> bytes:
        """All whole samples that the file holds, up to ``stated``.

        Raises:
            OSError: it cannot be read.
        """
        size = self.channels * self.width
        with self.path.open("rb") as file:
            held = (os.fstat(file.fileno()).st_size - self.offset) // size
            file.seek(self.offset)
            return file.read(max(0, held if self.stated is None else min(held, self.stated)) * size)


def open_wav(path: Path) -> WavFile:
    """Reads the header of a WAV file.

    Raises:
        WavError: it is none, or its samples are not PCM.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        riff, _, kind = struct.unpack("<4sI4s", _exactly(file, 12))
        if (riff, kind) != (b"RIFF", b"WAVE"):
            raise WavError("it does not begin as one")
        form: tuple[int, int, int] | None = None
        while True:
            name, size = struct.unpack("<4sI", _exactly(file, 8))
            if name == b"data":
                break
            after = file.tell() + size + size % 2
            if name == b"fmt ":
                form = _format(_exactly(file, min(size, 40)))
            file.seek(after)
        if form is None:
            raise WavError("its format is not stated before its samples")
        rate, channels, width = form
        whole = channels * width
        unknown = size in (_UNKNOWN_TO_FFMPEG, _UNKNOWN_TO_SOX // whole * whole)
        return WavFile(path, rate, channels, width, None if unknown else size // whole, file.tell())


def _format(chunk: bytes) -> tuple[int, int, int]:
    """Rate, channels and bytes of a sample."""
    if len(chunk) < 16:
        raise WavError("the file ends too early")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _EXTENSIBLE and len(chunk) == 40 and chunk[26:] == _SUBTYPE_TAIL:
        tag = struct.unpack_from("<H", chunk, 24)[0]
    if tag != _PCM:
        raise WavError(f"its samples are {_NAMES.get(tag, f'of the unknown format {tag:#x}')}")
    if channels == 0 or bits == 0:
        raise WavError(f"it states {channels} channels of {bits} bits")
    return rate, channels, (bits + 7) // 8


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise WavError("the file ends too early")
    return data
