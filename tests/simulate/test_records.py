"""``records.bin`` is untrusted: whatever its bytes, a record or a ``SimulationError``, nothing else.

Seed of the mutations: 20261121.
"""

from __future__ import annotations

import dataclasses
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import toy

from mcu_deploy.boards.types import Board
from mcu_deploy.build import Firmware
from mcu_deploy.detect import Smoothing
from mcu_deploy.errors import McuDeployError, SimulationError
from mcu_deploy.simulate.npu_counts import NpuCounts
from mcu_deploy.simulate.records import (
    RECORDS_FILE,
    FirmwareFaultError,
    Flags,
    PcmInput,
    RunRecord,
    StreamInput,
    TensorInput,
    read_records,
    write_inputs,
)
from mcu_deploy.simulate.runner import RunOptions, find_simulator, run

MUTATIONS = 4000
HEADER = struct.pack("<2I", 0x4352444D, 1)


def record(kind: int, id_: int = 0, run_: int = 0, aux: int = 0, payload: bytes = b"") -> bytes:
    return struct.pack("<5I", kind, id_, run_, aux, len(payload)) + payload + bytes(-len(payload) % 4)


def end(before: bytes, runs: int, records: int, stack: int = 64, used: int = 8) -> bytes:
    data = before + struct.pack("<5I", 8, 0, runs, 0, 20) + struct.pack("<4I", runs, records, stack, used)
    return data + struct.pack("<I", zlib.crc32(data))


ONE_RUN = HEADER + record(1, 1) + record(6, 2, payload=b"abcde") + record(7, payload=struct.pack("<2Q", 0, 9))


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes, int], RunRecord]:
    def read_bytes(data: bytes, runs: int = 1) -> RunRecord:
        path = tmp_path / RECORDS_FILE
        path.write_bytes(data)
        return read_records(path, runs)

    return read_bytes


Read = Callable[..., RunRecord]


def test_a_complete_file(read: Read) -> None:
    found = read(end(ONE_RUN, 1, 3))
    assert (found.stack_bytes, found.stack_used) == (64, 8)
    assert [(o.tensor, o.position, o.data) for o in found.runs[0].outputs] == [(2, 0, b"abcde")]
    assert (found.runs[0].frontend_instructions, found.runs[0].inference_instructions) == (0, 9)


@pytest.mark.parametrize(
    ("data", "runs", "message"),
    [
        (b"", 1, "at byte 0: it ends within its header"),
        (HEADER[:7], 1, "at byte 0: it ends within its header"),
        (b"\0" * 8, 1, "does not start with the header"),
        (HEADER, 1, "at byte 8: it ends without an END record"),
        (ONE_RUN, 1, "ends without an END record"),
        (ONE_RUN[:-1], 1, "ends within the 16 bytes of a COUNTS record"),
        (HEADER + record(99), 1, "unknown record type 99"),
        (HEADER + struct.pack("<5I", 1, 1, 0, 0, 0xFFFFFFFF), 1, "ends within the 4294967295 bytes"),
        (HEADER + record(1) + 2 * record(11, payload=b"1234"), 1, "a second detection in one window"),
        (HEADER + record(1) + record(13, payload=bytes(55)), 1, "a record of 55 bytes, 56 expected"),
        (HEADER + record(1) + 2 * record(13, payload=bytes(56)), 1, "a second count of the NPU's work"),
        (HEADER + record(13, payload=bytes(56)), 1, "a NPU_COUNTS record out of place"),
        (HEADER + record(6), 1, "a OUTPUT record out of place"),
        (HEADER + record(1) + record(1), 1, "a RUN record out of place"),
        (HEADER + record(1, run_=1), 1, "a RUN record of run 1"),
        (HEADER + record(1), 0, "a RUN record of run 0"),
        (HEADER + record(1, payload=b"1234"), 1, "a record of 4 bytes, 0 expected"),
        (HEADER + record(1) + record(5, payload=b"1234"), 1, "a record of 4 bytes, 8 expected"),
        (HEADER + record(1) + record(6, payload=b"a")[:-1] + b"x", 1, "padding is not zero"),
        (end(ONE_RUN, 1, 3), 2, "END after 1 runs, 2 expected"),
        (end(HEADER + record(1), 0, 1), 0, "a RUN record of run 0"),
        (end(ONE_RUN + record(1, run_=1), 1, 4), 2, "END after 1 runs"),
        (end(ONE_RUN, 2, 3), 1, "END after 2 runs"),
        (end(ONE_RUN, 1, 4), 1, "END counts 4 records, there are 3"),
        (end(ONE_RUN, 1, 3, stack=4), 1, "8 bytes used of a stack of 4"),
        (end(ONE_RUN, 1, 3) + b"\0\0\0\0", 1, "4 bytes after END"),
        (end(ONE_RUN, 1, 3)[:-1] + b"x", 1, "the CRC is wrong"),
        (end(ONE_RUN.replace(b"abcde", b"abXde"), 1, 3).replace(b"abXde", b"abcde"), 1, "the CRC is wrong"),
        (HEADER + record(10, 5, run_=3), 9, "refused entry 3: the entry is not of the length"),
        (HEADER + record(10, 77), 9, "refused entry 0: reason 77"),
        (HEADER + record(9, payload=b"\0" * 36), 1, "a record of 36 bytes, 40 expected"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(read: Read, data: bytes, runs: int, message: str) -> None:
    with pytest.raises(SimulationError) as error:
        read(data, runs)
    assert message in error.value.message


def test_what_the_npu_s_model_counted(read: Read) -> None:
    numbers = (1, 2, 3, 4, 5, 6, 2**64 - 1)
    counted = record(13, payload=struct.pack("<7Q", *numbers))
    runs = read(end(HEADER + record(1) + counted + record(7, payload=bytes(16)), 1, 3)).runs
    assert runs[0].npu == NpuCounts(*numbers)
    assert read(end(ONE_RUN, 1, 3)).runs[0].npu is None


def test_the_counts_are_those_of_the_driver() -> None:
    header = Path(__file__).parents[2] / "firmware_templates/npu/driver/md_npu.h"
    body = header.read_text().partition("} md_npu_counts_t;")[0].rpartition("typedef struct {")[2]
    names = [line.split()[1].rstrip(";") for line in body.splitlines() if line.strip()]
    assert names == [field.name for field in dataclasses.fields(NpuCounts)]


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match=r"left no records\.bin"):
        read_records(tmp_path / RECORDS_FILE, 1)


def test_a_fault_report(read: Read) -> None:
    fault = struct.pack("<10I", 5, 0x1234, 0x5679, 0, (1 << 9) | (1 << 15), 0, 0, 0x40, 0, 100)
    with pytest.raises(FirmwareFaultError) as error:
        read(ONE_RUN + record(1, run_=1) + record(9, payload=fault), 2)
    assert error.value.run == 1
    assert error.value.fault.describe() == (
        "BusFault (precise data bus error) at 0x00001234, address 0x00000040; 100 bytes of stack used"
    )


def test_inputs_that_cannot_be_written() -> None:
    with pytest.raises(McuDeployError, match=r"cannot write /dev/full"):
        write_inputs(Path("/dev/full"), [TensorInput(bytes(1 << 20))])


def _mutate(data: bytes, generator: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(generator.randint(1, 4)):
        if not changed:
            break
        at = generator.randrange(len(changed))
        choice = generator.randrange(5)
        if choice == 0:
            changed[at] = generator.randrange(256)
        elif choice == 1:
            del changed[at:]
        elif choice == 2:
            del changed[at : at + generator.randint(1, 40)]
        elif choice == 3:
            changed[at:at] = generator.randbytes(generator.randint(1, 40))
        else:
            word = generator.choice((0, 1, 7, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF))
            changed[at & ~3 : (at & ~3) + 4] = struct.pack("<I", word)
    return bytes(changed)


def test_mutated_files_never_pass_and_raise_nothing_else(
    read: Read, board: Board, firmware: Callable[[str], Firmware], tmp_path: Path
) -> None:
    pcm = np.arange(15, dtype=np.int16)
    stream = StreamInput(pcm, 1, 2, Smoothing(1, -(2**31), 0, frozenset()), toy.BYTES)
    inputs = [TensorInput(bytes(range(toy.BYTES))), PcmInput(pcm), stream]
    options = RunOptions(flags=Flags.TENSORS | Flags.STEPS, stages=(0, 1, 2))
    run(firmware("host"), board, find_simulator(board, "native"), inputs, tmp_path / "run", options)
    good = (tmp_path / "run" / RECORDS_FILE).read_bytes()
    assert [found.detection is not None for found in read(good, 4).runs] == [False, False, True, False]
    generator = random.Random(20261121)
    for number in range(MUTATIONS):
        data = _mutate(good, generator)
        if data == good:
            continue
        try:
            read(data, 4)
        except SimulationError as error:
            assert "\n" not in error.message
        else:
            pytest.fail(f"mutation {number} passed for a good file")
