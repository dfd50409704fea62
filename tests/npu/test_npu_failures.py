"""What the driver's report becomes in words."""

from __future__ import annotations

import dataclasses
import struct
from pathlib import Path

import pytest

from mcu_deploy.simulate.npu_failures import (
    FAILURE,
    NpuFailure,
    NpuFailureError,
    configuration_text,
    status_text,
)
from mcu_deploy.simulate.records import read_records

U55_128, U55_ID = 0x1807, 0x10066001
ABSENT, RESET, STREAM, CONFIG, TIMEOUT, RUN = range(1, 7)


def failure(**words: int) -> NpuFailure:
    fields = dataclasses.fields(NpuFailure)
    values = {field.name: 0 for field in fields} | {"id": U55_ID, "config": U55_128} | words
    return NpuFailure(**values)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ({"kind": ABSENT}, ["no NPU answers"]),
        ({"kind": RESET, "status": 8}, ["reset did not end", "0x00000008"]),
        ({"kind": STREAM, "step": 3, "detail": 28}, ["step 3", "byte 28"]),
        (
            {"kind": CONFIG, "step": 1, "stream_id": U55_ID, "stream_config": 0x10006009},
            ["step 1", "ethos-u65-512 with 96 KiB", "ethos-u55-128 with 24 KiB", "architecture 1.0.6"],
        ),
        ({"kind": TIMEOUT, "status": 1, "queue_read": 64}, ["did not end in step 0", "QREAD 64"]),
        ({"kind": RUN, "step": 2, "status": 0x10, "queue_read": 8}, ["step 2", "byte 8", "cannot parse"]),
        (
            {"kind": RUN, "modelled": 1, "model_error": 5, "model_offset": 40, "model_command": 0x70002,
             "model_setting": 0x4000, "model_value": 1, "model_value_high": 2},
            ["byte 40", "access outside", "command 0x0002", "setting 0x4000", "value 0x200000001"],
        ),
        ({"kind": RUN, "modelled": 1, "model_error": 99}, ["error 99"]),
        ({"kind": 77}, ["unknown reason 77"]),
    ],
)  # fmt: skip
def test_descriptions(words: dict[str, int], parts: list[str]) -> None:
    found = failure(**words)
    for part in parts:
        assert part in found.describe()
    assert "\n" not in found.describe()
    assert found.hint


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0x04, "a bus error on port 0, channel 0 (commands)"),
        (0x2804, "a bus error on port 1, channel 2 (weights)"),
        (0xF804, "a bus error on port 1, channel 15"),
        (0x90, "a command that it cannot parse, weights that it cannot decode"),
        (0x100, "an ECC fault"),
        (0x200, "a branch fault"),
        (0x02, "its commands ended without a stop"),
        (0x22, "no reason given"),
    ],
)
def test_status_in_words(status: int, text: str) -> None:
    assert status_text(status) == f"{text} (STATUS {status:#010x})"


def test_configuration_in_words() -> None:
    assert configuration_text(0x20007000, 0x20000118) == (
        "ethos-u85-256 (architecture 2.0.0, command stream version 1)"
    )


def test_a_record_of_a_failure_is_read(tmp_path: Path) -> None:
    path = tmp_path / "records.bin"
    payload = FAILURE.pack(CONFIG, 4, *([0] * 14))
    header = struct.pack("<2I", 0x4352444D, 1)
    path.write_bytes(header + struct.pack("<5I", 12, CONFIG, 0, 0, len(payload)) + payload)
    with pytest.raises(NpuFailureError) as error:
        read_records(path, 1)
    assert error.value.failure.step == 4


def test_the_words_are_those_of_the_driver() -> None:
    header = Path(__file__).parents[2] / "firmware_templates/npu/driver/md_npu.h"
    body = header.read_text().partition("typedef struct {")[2].partition("} md_npu_failure_t;")[0]
    names = [line.split()[1].rstrip(";") for line in body.splitlines() if line.strip().startswith("uint32_t")]
    assert names == [field.name for field in dataclasses.fields(NpuFailure)]


def test_the_errors_are_those_of_the_model() -> None:
    from mcu_deploy.simulate.npu_failures import _MODEL_ERRORS

    header = Path(__file__).parents[2] / "firmware_templates/npu/model/md_npu_model.h"
    body = header.read_text().partition("MD_NPU_OK = 0,")[2].partition("} md_npu_error_t;")[0]
    assert len(_MODEL_ERRORS) == body.count("MD_NPU_")
