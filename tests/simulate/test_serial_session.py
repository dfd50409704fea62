"""The host's side of the serial protocol, without a port and without a clock."""

from __future__ import annotations

import io
import struct

import pytest

from mcu_deploy.errors import SimulationError
from mcu_deploy.simulate.serial_frames import Frame, Receiver, encode
from mcu_deploy.simulate.serial_session import ANSWER, EXIT, HELLO, POLL, READ, RESTART, WRITE, Session

NUMBER, IMAGE, LIMIT = 77, 0x1234, 4096
INPUTS = bytes(range(200)) * 5


class Board:
    """Asks what it is told to, of a session."""

    def __init__(self, records: io.RawIOBase | io.BytesIO | None = None) -> None:
        self.records = records if records is not None else io.BytesIO()
        self.session = Session(NUMBER, INPUTS, self.records, IMAGE, LIMIT)  # type: ignore[arg-type]

    def hear(self, data: bytes) -> list[object]:
        return [*Receiver().take(self.session.receive(data))]

    def ask(self, session: int, sequence: int, kind: int, *words: int, data: bytes = b"") -> list[object]:
        payload = struct.pack(f"<{len(words)}I", *words) + data
        return self.hear(encode(Frame(session, sequence, kind, payload)))


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def begun(board: Board) -> Board:
    assert board.ask(0, 0, HELLO, 1, IMAGE) == [Frame(NUMBER, 0, HELLO + ANSWER)]
    return board


def test_a_run(begun: Board) -> None:
    data = Frame(NUMBER, 1, READ + ANSWER, INPUTS[100:400])
    assert begun.ask(NUMBER, 1, READ, 100, 300) == [data]
    assert begun.ask(NUMBER, 2, READ, 900, 300) == [Frame(NUMBER, 2, READ + ANSWER, INPUTS[900:])]
    done = struct.pack("<I", 1)
    assert begun.ask(NUMBER, 3, WRITE, 0, data=b"abc") == [Frame(NUMBER, 3, WRITE + ANSWER, done)]
    assert begun.ask(NUMBER, 4, WRITE, 3, data=b"\0d") == [Frame(NUMBER, 4, WRITE + ANSWER, done)]
    assert begun.session.exit_code is None
    assert begun.ask(NUMBER, 5, EXIT, 4) == []
    assert begun.session.exit_code == 4
    assert begun.records.getvalue() == b"abc\0d"  # type: ignore[union-attr]
    assert begun.session.describe() == "1,000 of 1,000 bytes of inputs read, 5 bytes of records received"


def test_what_comes_twice_is_answered_twice_and_done_once(begun: Board) -> None:
    first = begun.ask(NUMBER, 1, WRITE, 0, data=b"abc")
    assert begun.ask(NUMBER, 1, WRITE, 0, data=b"abc") == first
    begun.ask(NUMBER, 2, READ, 0, 4)
    assert begun.ask(NUMBER, 1, WRITE, 0, data=b"abc") == []  # late
    assert begun.records.getvalue() == b"abc"  # type: ignore[union-attr]


def test_the_hello_may_come_again_before_the_first_question(begun: Board) -> None:
    assert begun.ask(0, 0, HELLO, 1, IMAGE) == [Frame(NUMBER, 0, HELLO + ANSWER)]
    assert begun.ask(NUMBER, 1, READ, 0, 1) == [Frame(NUMBER, 1, READ + ANSWER, b"\0")]


def test_damage_is_answered_by_one_poll(begun: Board) -> None:
    noise = b"\0\x05abc\0\x07\x07\0"
    assert begun.hear(noise) == [Frame(NUMBER, 1, POLL)]
    assert begun.session.damaged == 2
    assert begun.hear(noise + encode(Frame(NUMBER, 1, READ, struct.pack("<2I", 0, 1)))) == [
        Frame(NUMBER, 1, READ + ANSWER, b"\0")
    ]


def test_an_echo_is_not_taken_for_the_board(begun: Board) -> None:
    answer = begun.session.receive(encode(Frame(NUMBER, 1, READ, struct.pack("<2I", 0, 1))))
    assert begun.hear(answer) == [] and begun.hear(begun.session.poll()) == []


def test_a_board_of_another_session_is_told_to_restart(board: Board) -> None:
    assert board.ask(5, 9, WRITE, 0, data=b"old") == [Frame(5, 0, RESTART)]
    assert board.ask(0, 0, HELLO, 1, IMAGE) == [Frame(NUMBER, 0, HELLO + ANSWER)]
    assert board.ask(5, 9, WRITE, 0, data=b"old") == []
    assert board.records.getvalue() == b""  # type: ignore[union-attr]


def test_a_reset_is_detected(begun: Board) -> None:
    begun.ask(NUMBER, 1, WRITE, 0, data=b"abc")
    assert begun.ask(0, 0, HELLO, 1, IMAGE) == [Frame(NUMBER, 2, POLL)]
    with pytest.raises(SimulationError, match=r"was reset while it ran: .* 3 bytes of records"):
        begun.ask(0, 0, HELLO, 1, IMAGE)


def test_a_single_late_hello_is_no_reset(begun: Board) -> None:
    for sequence in range(1, 5):
        begun.ask(NUMBER, sequence, READ, 0, 1)
        assert begun.ask(0, 0, HELLO, 1, IMAGE) == [Frame(NUMBER, sequence + 1, POLL)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((2, IMAGE), "speaks version 2"),
        ((1, IMAGE + 1), "runs another firmware"),
        ((1,), "question 1 of 4 bytes"),
    ],
)
def test_another_firmware_is_refused(board: Board, words: tuple[int, ...], message: str) -> None:
    with pytest.raises(SimulationError, match=message):
        board.ask(0, 0, HELLO, *words)
    assert not board.session.started


@pytest.mark.parametrize(
    ("sequence", "kind", "words", "data", "message"),
    [
        (2, READ, (0, 1), b"", "question 2 after 0"),
        (1, READ, (0,), b"", "question 2 of 4 bytes"),
        (1, WRITE, (1,), b"a", "at byte 1 of its records, after 0"),
        (1, WRITE, (), b"ab", "a WRITE of 2 bytes"),
        (1, EXIT, (), b"", "question 4 of 0 bytes"),
    ],
)
def test_what_breaks_the_protocol_ends_the_run(
    begun: Board, sequence: int, kind: int, words: tuple[int, ...], data: bytes, message: str
) -> None:
    with pytest.raises(SimulationError, match=message):
        begun.ask(NUMBER, sequence, kind, *words, data=data)
    assert begun.session.exit_code is None and begun.records.getvalue() == b""  # type: ignore[union-attr]


def test_the_same_number_for_something_else_ends_the_run(begun: Board) -> None:
    begun.ask(NUMBER, 1, WRITE, 0, data=b"abc")
    with pytest.raises(SimulationError, match="question 1 after 1"):
        begun.ask(NUMBER, 1, WRITE, 0, data=b"abd")


def test_records_have_a_limit(begun: Board) -> None:
    for number in range(4):
        begun.ask(NUMBER, 1 + number, WRITE, 1024 * number, data=bytes(1024))
    with pytest.raises(SimulationError, match="more than 4096 bytes"):
        begun.ask(NUMBER, 5, WRITE, 4096, data=b"a")


def test_a_full_disk_is_told_to_the_board() -> None:
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123
        board = Board(full)
        board.ask(0, 0, HELLO, 1, IMAGE)
        assert board.ask(NUMBER, 1, WRITE, 0, data=b"abc") == [Frame(NUMBER, 1, WRITE + ANSWER, bytes(4))]
