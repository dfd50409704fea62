"""What the host says to a board over a serial line: a state machine that knows neither port nor clock.

The protocol is defined in ``firmware_templates/platform/md_serial.h``. The target asks, the host answers;
a question that comes twice gets the same answer twice, and is carried out once.
"""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

from mcu_deploy.errors import SimulationError
from mcu_deploy.simulate.serial_frames import MAX_PAYLOAD, Damage, Frame, Receiver, encode

VERSION = 1

HELLO, READ, WRITE, EXIT = 1, 2, 3, 4
ANSWER = 0x80
POLL, RESTART = 0xC0, 0xC1

_MAX_READ = 512
_TWO_WORDS = struct.Struct("<2I")
_WORD = struct.Struct("<I")


class Session:
    """One run of the firmware at the other end.

    Attributes:
        exit_code: what the firmware ended with, or None as long as it runs.
        started: whether its HELLO has come.
        questions: that were answered, repetitions not counted.
        inputs_read: how far into the inputs the target has read, in bytes.
        records_written: bytes of records that have come.
        damaged: pieces between two zeros that were no frame.
    """

    def __init__(self, number: int, inputs: bytes, records: BinaryIO, image: int, limit: int) -> None:
        """Begin.

        Args:
            number: of the session, 1 to 2**32-1, other than that of any run before.
            inputs: what ``inputs.bin`` holds.
            records: gets what ``records.bin`` is to hold.
            image: CRC-32 of the firmware that should be on the board.
            limit: bytes that the records must not exceed.
        """
        self.exit_code: int | None = None
        self.questions = 0
        self.inputs_read = 0
        self.records_written = 0
        self.damaged = 0
        self._number = number
        self._inputs = inputs
        self._records = records
        self._image = image
        self._limit = limit
        self._receiver = Receiver()
        self._last: tuple[Frame, bytes] | None = None
        self._strange_hellos = 0

    @property
    def started(self) -> bool:
        """See above."""
        return self.questions > 0

    def receive(self, data: bytes) -> bytes:
        """Takes what came over the line; returns what to send.

        Raises:
            SimulationError: the board was reset, runs other firmware, or does not keep to the protocol.
        """
        out = b""
        damage = False
        for found in self._receiver.take(data):
            if isinstance(found, Damage):
                self.damaged += 1
                damage = True
            elif self.exit_code is None:
                out += self._hear(found)
        return out or (self.poll() if damage and self.exit_code is None else b"")

    def poll(self) -> bytes:
        """What to send when nothing has come for a while: the target says its question again."""
        return encode(Frame(self._number, self.questions, POLL))

    def _hear(self, frame: Frame) -> bytes:
        if frame.type not in (HELLO, READ, WRITE, EXIT):
            return b""  # an echo of our own
        if self._last is not None and self._last[0] == frame:
            return self._last[1]
        if frame.type == HELLO:
            return self._hear_hello(frame)
        if frame.session != self._number:
            return b"" if self.started else encode(Frame(frame.session, 0, RESTART))
        self._strange_hellos = 0
        if frame.sequence < self.questions - 1:
            return b""  # late; what it asked was answered, and the answer came
        if frame.sequence != self.questions:
            raise SimulationError(
                f"the board asked question {frame.sequence} after {self.questions - 1}", _BROKEN
            )
        if frame.type == EXIT:
            (self.exit_code,) = self._unpack(_WORD, frame)
            self.questions += 1
            return b""
        return self._answer(frame, self._perform(frame))

    def _hear_hello(self, frame: Frame) -> bytes:
        if self.started:
            # A single one may have been on its way for long.
            self._strange_hellos += 1
            if self._strange_hellos > 1:
                raise SimulationError(
                    f"the board was reset while it ran: {self.describe()}",
                    "see to its power, its watchdog and its reset button, and run it again",
                )
            return self.poll()
        version, image = self._unpack(_TWO_WORDS, frame)
        if version != VERSION:
            raise SimulationError(
                f"the firmware on the board speaks version {version} of the serial protocol, not {VERSION}",
                "generate and build it again, and flash that",
            )
        if image != self._image:
            raise SimulationError(
                "the board runs another firmware than this project's", "flash the project's, and run it again"
            )
        return self._answer(frame, b"")

    def _answer(self, question: Frame, payload: bytes) -> bytes:
        answer = encode(Frame(self._number, question.sequence, question.type + ANSWER, payload))
        self._last = question, answer
        self.questions += 1
        return answer

    def _perform(self, frame: Frame) -> bytes:
        if frame.type == READ:
            offset, size = self._unpack(_TWO_WORDS, frame)
            data = self._inputs[offset : offset + min(size, _MAX_READ)]
            self.inputs_read = max(self.inputs_read, offset + len(data))
            return data
        return _WORD.pack(self._write(frame))

    def _write(self, frame: Frame) -> bool:
        """Whether the records could be kept."""
        if not _WORD.size <= len(frame.payload) <= MAX_PAYLOAD:
            raise SimulationError(f"a WRITE of {len(frame.payload)} bytes came from the board", _BROKEN)
        (offset,) = _WORD.unpack_from(frame.payload)
        data = frame.payload[_WORD.size :]
        if offset != self.records_written:
            raise SimulationError(
                f"the board wrote at byte {offset} of its records, after {self.records_written}", _BROKEN
            )
        if offset + len(data) > self._limit:
            raise SimulationError(f"the firmware wrote more than {self._limit} bytes and was stopped")
        try:
            whole = self._records.write(data) == len(data)
        except OSError:
            whole = False
        if not whole:
            return False
        self.records_written += len(data)
        return True

    def _unpack(self, layout: struct.Struct, frame: Frame) -> tuple[int, ...]:
        if len(frame.payload) != layout.size:
            raise SimulationError(
                f"a question {frame.type} of {len(frame.payload)} bytes came, {layout.size} expected", _BROKEN
            )
        return layout.unpack(frame.payload)

    def describe(self) -> str:
        """How far it has come."""
        return (
            f"{self.inputs_read:,} of {len(self._inputs):,} bytes of inputs read, "
            f"{self.records_written:,} bytes of records received"
        )


_BROKEN = "build the firmware again and flash it; if that does not help, it overwrites its own memory"


def image_crc(sections: list[bytes]) -> int:
    """What HELLO should bring: the CRC-32 of the firmware's ``.text`` and ``.model``."""
    crc = 0
    for section in sections:
        crc = zlib.crc32(section, crc)
    return crc
