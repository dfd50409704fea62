"""Frames on a serial line: pure functions of bytes, the host's side of ``platform/md_frame.h``.

A frame is header, payload and CRC-32, stuffed by COBS (Cheshire and Baker, "Consistent Overhead Byte
Stuffing", 1999) so that it has no zeros, with a zero before and behind it.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

MAX_PAYLOAD = 1028  # the longest that the target sends: an offset and 1024 bytes of records

_HEADER = struct.Struct("<3I")
_CRC = struct.Struct("<I")
_LONGEST_RUN = 254


@dataclass(frozen=True)
class Frame:
    """What one side says; ``session``, ``sequence`` and ``type`` are numbers of 32 bits."""

    session: int
    sequence: int
    type: int
    payload: bytes = b""


@dataclass(frozen=True)
class Damage:
    """Something between two zeros that is no frame."""


def cobs_encode(data: bytes) -> bytes:
    """``data`` without zeros: each is replaced by the distance to the next.

    As the target does it, a code that announces 254 bytes is always followed by another.
    """
    out = bytearray()
    for part in data.split(b"\0"):
        whole = len(part) - len(part) % _LONGEST_RUN
        for start in range(0, whole, _LONGEST_RUN):
            out += b"\xff" + part[start : start + _LONGEST_RUN]
        out.append(len(part) - whole + 1)
        out += part[whole:]
    return bytes(out)


def cobs_decode(stuffed: bytes) -> bytes | None:
    """What ``cobs_encode`` was given; None if ``stuffed``, which has no zeros, ends within a run."""
    out = bytearray()
    position = 0
    while position < len(stuffed):
        code = stuffed[position]
        end = position + code
        if code == 0 or end > len(stuffed):
            return None
        out += stuffed[position + 1 : end]
        if code <= _LONGEST_RUN and end < len(stuffed):
            out.append(0)
        position = end
    return bytes(out)


def encode(frame: Frame) -> bytes:
    """The frame as it goes over the line."""
    data = _HEADER.pack(frame.session, frame.sequence, frame.type) + frame.payload
    return b"\0" + cobs_encode(data + _CRC.pack(zlib.crc32(data))) + b"\0"


def decode(stuffed: bytes) -> Frame | None:
    """The frame that lay between two zeros; None if it is damaged."""
    data = cobs_decode(stuffed)
    if data is None or len(data) < _HEADER.size + _CRC.size:
        return None
    if _CRC.unpack(data[-_CRC.size :])[0] != zlib.crc32(data[: -_CRC.size]):
        return None
    session, sequence, kind = _HEADER.unpack_from(data)
    return Frame(session, sequence, kind, data[_HEADER.size : -_CRC.size])


class Receiver:
    """Finds frames in what comes over the line, however it is cut into pieces."""

    # Of the longest frame, with room for the codes; more between two zeros is noise.
    _LIMIT = 2 * (_HEADER.size + MAX_PAYLOAD + _CRC.size)

    def __init__(self) -> None:
        self._kept = bytearray()
        self._too_long = False

    def take(self, data: bytes) -> list[Frame | Damage]:
        """What ``data`` completed, in order."""
        found: list[Frame | Damage] = []
        *ended, rest = data.split(b"\0")
        for part in ended:
            self._keep(part)
            stuffed, too_long = bytes(self._kept), self._too_long
            self._kept.clear()
            self._too_long = False
            if stuffed or too_long:
                found.append((None if too_long else decode(stuffed)) or Damage())
        self._keep(rest)
        return found

    def _keep(self, part: bytes) -> None:
        self._kept += part
        if len(self._kept) > self._LIMIT:
            self._kept.clear()
            self._too_long = True
