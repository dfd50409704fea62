"""What the host reads of a run by TFLite Micro: the arena's use, and why it stopped."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from mcu_deploy.errors import SimulationError
from mcu_deploy.simulate.records import read_records
from mcu_deploy.simulate.tflm_failures import TflmFailureError

HEADER = struct.pack("<2I", 0x4352444D, 1)
RUN, COUNTS, END, TFLM, ARENA = 1, 7, 8, 14, 15


def record(kind: int, id_: int = 0, aux: int = 0, payload: bytes = b"") -> bytes:
    return struct.pack("<5I", kind, id_, 0, aux, len(payload)) + payload + bytes(-len(payload) % 4)


def complete(arena: bytes) -> bytes:
    before = HEADER + record(RUN, 1) + arena + record(COUNTS, payload=bytes(16))
    before += struct.pack("<5I", END, 0, 1, 0, 20) + struct.pack("<4I", 1, 3, 0, 0)
    return before + struct.pack("<I", zlib.crc32(before))


def test_the_arena_s_use(tmp_path: Path) -> None:
    path = tmp_path / "records.bin"
    path.write_bytes(complete(record(ARENA, 1000, 1024)))
    assert read_records(path, 1).runs[0].arena_used == 1000


@pytest.mark.parametrize("arena", [record(ARENA, 1025, 1024), record(ARENA, 1000, 1024, b"more")])
def test_a_use_that_cannot_be(arena: bytes, tmp_path: Path) -> None:
    path = tmp_path / "records.bin"
    path.write_bytes(complete(arena))
    with pytest.raises(SimulationError, match=r"records\.bin at byte 28"):
        read_records(path, 1)


@pytest.mark.parametrize(
    ("kind", "status", "log", "words"),
    [
        (3, 1, b"Failed to resize buffer. Requested: 9", ("too small", "--tflm-arena", "Requested: 9")),
        (6, 0, b"", ("0 were seen", "TF_LITE_STRIP_ERROR_STRINGS")),
        (5, 2, b"\x1b[2Jbad\xff", ("status 2", "bad")),
        (99, 0, b"", ("failure 99",)),
    ],
)
def test_why_it_stopped(kind: int, status: int, log: bytes, words: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "records.bin"
    path.write_bytes(HEADER + record(TFLM, kind, status, log))
    with pytest.raises(TflmFailureError) as raised:
        read_records(path, 1)
    said = f"{raised.value.message} {raised.value.hint}"
    assert all(word in said for word in words), said
    assert said.isprintable()


def test_the_failures_are_those_of_the_firmware() -> None:
    header = Path(__file__).parents[2] / "firmware_templates/tflm/md_tflm.h"
    declared = [line for line in header.read_text().splitlines() if line.startswith("    MD_TFLM_FAILED_")]
    for number, line in enumerate(declared, start=1):
        assert f"= {number}," in line
        assert "failure" not in TflmFailureError(number, 0, b"").message
