"""Frames: whatever is done to them, what comes out is what was sent, or nothing. Python and C alike."""

from __future__ import annotations

import ctypes
import itertools
import shutil
import subprocess
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcu_deploy.resources import resource_dir
from mcu_deploy.simulate.serial_frames import (
    MAX_PAYLOAD,
    Damage,
    Frame,
    Receiver,
    cobs_decode,
    cobs_encode,
    decode,
    encode,
)

WORD = st.integers(0, 2**32 - 1)
# Small values too: they are full of zeros.
NUMBER = st.one_of(st.integers(0, 3), WORD)
# Runs around 254 bytes without a zero are where the codes change.
BYTES = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda n, tail: b"\x07" * n + tail, st.integers(250, 512), st.binary(max_size=4)),
)
FRAME = st.builds(Frame, NUMBER, NUMBER, NUMBER, BYTES)
RECEIVED = 512  # MD_FRAME_RECEIVED


@given(BYTES)
@example(b"")
@example(b"\x01" * 254)
@example(b"\x01" * 254 + b"\0")
@example(bytes(600))
def test_stuffed_bytes_have_no_zeros_and_come_back(data: bytes) -> None:
    stuffed = cobs_encode(data)
    assert 0 not in stuffed and cobs_decode(stuffed) == data
    assert len(stuffed) <= len(data) + len(data) // 254 + 1


@given(st.binary(max_size=300))
def test_any_bytes_can_be_decoded(data: bytes) -> None:
    assert cobs_decode(data) is None or 0 not in data
    assert decode(data) is None or data


@given(st.lists(FRAME, max_size=4), st.lists(st.integers(0, 3000)))
def test_frames_come_back_however_they_are_cut(frames: list[Frame], cuts: list[int]) -> None:
    line = b"".join(map(encode, frames))
    places = [0, *sorted(min(cut, len(line)) for cut in cuts), len(line)]
    receiver = Receiver()
    found = [one for start, end in itertools.pairwise(places) for one in receiver.take(line[start:end])]
    assert found == frames


@st.composite
def damage(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Changes, losses, repetitions and additions, some of each."""
    steps = draw(
        st.lists(
            st.tuples(
                st.sampled_from(("flip", "drop", "double", "invent", "swap")),
                st.integers(0, 10**6),
                st.integers(1, 60),
                st.binary(min_size=1, max_size=60),
            ),
            min_size=1,
            max_size=8,
        )
    )

    def apply(line: bytes) -> bytes:
        out = bytearray(line)
        for what, place, length, noise in steps:
            at = place % (len(out) + 1)
            if what == "flip":
                out[at : at + 1] = bytes(byte ^ (1 << length % 8) for byte in out[at : at + 1])
            elif what == "drop":
                del out[at : at + length]
            elif what == "double":
                out[at:at] = out[at : at + length]
            elif what == "invent":
                out[at:at] = noise
            else:
                out[at : at + 2] = out[at : at + 2][::-1]
        return bytes(out)

    return apply


@given(st.lists(FRAME, min_size=1, max_size=4), damage(), FRAME)
@settings(max_examples=500)
def test_whatever_is_damaged_is_never_taken_for_a_frame(
    frames: list[Frame], spoil: Callable[[bytes], bytes], last: Frame
) -> None:
    found = Receiver().take(spoil(b"".join(map(encode, frames))) + encode(last))
    assert found[-1] == last
    assert all(one == Damage() or one in frames for one in found[:-1])


def test_noise_without_end_is_not_kept() -> None:
    receiver = Receiver()
    for _ in range(100):
        assert receiver.take(b"\x55" * 4096) == []
    assert receiver.take(encode(Frame(1, 2, 3))) == [Damage(), Frame(1, 2, 3)]


def test_the_longest_frame_of_the_target_is_taken() -> None:
    frame = Frame(2**32 - 1, 5, 2, bytes(MAX_PAYLOAD))
    assert Receiver().take(encode(frame)) == [frame]


class _Header(ctypes.Structure):
    _fields_ = (("session", ctypes.c_uint32), ("sequence", ctypes.c_uint32), ("type", ctypes.c_uint32))


class _Receiver(ctypes.Structure):
    _fields_ = (
        ("used", ctypes.c_uint32),
        ("left", ctypes.c_uint32),
        ("ends", ctypes.c_bool),
        ("damaged", ctypes.c_bool),
        ("data", ctypes.c_uint8 * (12 + RECEIVED + 4)),
    )


_PUT = ctypes.CFUNCTYPE(None, ctypes.c_uint8)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The C that the firmware has."""
    if shutil.which("cc") is None:
        pytest.skip("cc is not installed")
    folder = resource_dir("firmware_templates") / "platform"
    library = tmp_path_factory.mktemp("frame") / "frame.so"
    warnings = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
    trap = ["-fsanitize=undefined,bounds", "-fsanitize-undefined-trap-on-error"]
    sources = [folder / "md_frame.c", folder / "md_crc.c"]
    subprocess.run(
        ["cc", "-std=c11", "-O1", *warnings, *trap, "-fPIC", "-shared", *sources, "-o", library], check=True
    )
    return ctypes.CDLL(str(library))


def _take(target: ctypes.CDLL, line: bytes) -> list[Frame]:
    receiver, header, size = _Receiver(), _Header(), ctypes.c_uint32()
    take = target.md_frame_take
    take.restype = ctypes.c_bool
    found = []
    for byte in line:
        if take(ctypes.byref(receiver), ctypes.c_uint8(byte), ctypes.byref(header), ctypes.byref(size)):
            payload = bytes(receiver.data)[12 : 12 + size.value]
            found.append(Frame(header.session, header.sequence, header.type, payload))
    return found


@given(FRAME, st.integers(0, 512))
@settings(deadline=None)
def test_the_target_sends_what_the_host_sends(target: ctypes.CDLL, frame: Frame, cut: int) -> None:
    """The payload is in two parts, which may be cut anywhere."""
    sent = bytearray()
    header = _Header(frame.session, frame.sequence, frame.type)
    first, second = frame.payload[:cut], frame.payload[cut:]
    target.md_frame_send(ctypes.byref(header), first, len(first), second, len(second), _PUT(sent.append))
    assert bytes(sent) == encode(frame)


@given(st.lists(FRAME, min_size=1, max_size=4), damage(), FRAME)
@settings(deadline=None)
def test_the_target_hears_what_the_host_hears(
    target: ctypes.CDLL, frames: list[Frame], spoil: Callable[[bytes], bytes], last: Frame
) -> None:
    line = spoil(b"".join(map(encode, frames))) + encode(last)
    expected = [one for one in Receiver().take(line) if isinstance(one, Frame)]
    assert _take(target, line) == [one for one in expected if len(one.payload) <= RECEIVED]
