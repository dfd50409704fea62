"""The STM32's UART, which nothing here simulates: what its driver writes to the registers.

The values are those of the reference manual RM0385; the addresses are the board file's.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from mcu_deploy.boards.reader import load_board
from mcu_deploy.codegen.platform import platform_sources

EXPECTED = """\
40023830 00000003
40023844 00000010
40020000 A8080000
40020024 FFFFFF7F
40020400 00008280
40020420 70000000
40011000 0000000D
40011004 00000000
40011008 00001000
4001100C 0000008B
sent 5A, ready 0
ready 1, got A5
"""


def test_registers(tmp_path: Path) -> None:
    if shutil.which("cc") is None:
        pytest.skip("cc is not installed")
    _, target = platform_sources(load_board("stm32f746g-disco"), transport="uart")
    for path, data in target.files.items():
        (tmp_path / PurePosixPath(path).name).write_bytes(data)
    sources = [Path(__file__).with_name("uart_stm32_driver.c"), tmp_path / "uart_stm32.c"]
    program = tmp_path / "driver"
    warnings = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
    subprocess.run(["cc", "-std=c11", *warnings, "-I", tmp_path, *sources, "-o", program], check=True)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("the addresses of the STM32's registers are taken on this computer")
    assert done.stdout == EXPECTED
