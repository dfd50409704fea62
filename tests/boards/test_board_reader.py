"""Board files: what comes with the package, and every way to get one wrong."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from mcu_deploy.boards.reader import board_names, board_table, load_board, parse_board
from mcu_deploy.errors import InputError
from mcu_deploy.resources import resource_dir

CORSTONE = (resource_dir("boards") / "corstone-300.toml").read_text()

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_board(text: str) -> str:
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return str(path)

    return write_board


def test_every_board_of_the_package_is_valid_and_named_as_its_file() -> None:
    assert set(board_names()) >= {"corstone-300", "host"}
    for name in board_names():
        assert load_board(name).name == name


UART = """
transport = "uart"
[uart]
kind = "stm32"
base = 0x40011000
clock_hz = 16_000_000
baud = 115_200
setup = [[0x40023830, 0, 3]]
"""


def test_a_uart_is_read() -> None:
    table = board_table("host") | tomllib.loads(UART)
    board = parse_board(table, "mine")
    assert board.transport == "uart" and board.uart is not None
    assert (board.uart.base, board.uart.divisor) == (0x40011000, 139)
    assert board.uart.setup == ((0x40023830, 0, 3),)
    assert load_board("corstone-300").transport == "semihosting"
    assert load_board("stm32f746g-disco").transport == "uart"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[uart]", "[other]", "transport = 'uart' without a UART"),
        ('"uart"', '"usb"', "transport = 'usb' is not known"),
        ('"stm32"', '"stm31"', "kind = 'stm31' is not known"),
        ("0x40011000", "0x40011001", "base = 0x40011001 is not a multiple of 16"),
        ("115_200", "3_000_000", "3000000 baud cannot be made from 16000000 Hz"),
        ("115_200", "970_000", "970000 baud cannot be made from 16000000 Hz"),
        ("115_200", "0", "baud = 0 is not a whole number"),
        ("0, 3]", "0]", "setup has [1073887280, 0], which is not 3 numbers of 32 bits"),
        ("0, 3]", "-1, 3]", "setup has [1073887280, -1, 3], which is not 3 numbers"),
        ("[[0x40023830, 0, 3]]", "[]", "setup must be a list of lists of 3 numbers"),
        ("kind =", "parity = 1\nkind =", "unknown key 'parity'"),
    ],
)
def test_a_wrong_uart_is_told(old: str, new: str, message: str) -> None:
    table = board_table("host") | tomllib.loads(UART.replace(old, new, 1))
    with pytest.raises(InputError) as error:
        parse_board(table, "mine")
    assert message in error.value.message


def test_corstone_has_the_memories_of_an547() -> None:
    board = load_board("corstone-300")
    assert board.core is not None
    assert board.core.compiler_options == ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard")
    assert {memory.name: (memory.origin, memory.size) for memory in board.memories} == {
        "itcm": (0x00000000, 512 << 10),
        "fpga-sram": (0x01000000, 2 << 20),
        "dtcm": (0x20000000, 512 << 10),
        "isram": (0x21000000, 4 << 20),
        "ddr": (0x60000000, 256 << 20),
    }
    assert [simulator.name for simulator in board.simulators] == ["qemu", "fvp", "native"]


@pytest.mark.parametrize(
    ("cpu", "extensions", "options"),
    [
        ("cortex-m3", [], ("-mcpu=cortex-m3", "-mthumb", "-mfloat-abi=soft")),
        ("cortex-m4", ["dsp"], ("-mcpu=cortex-m4+nofp", "-mthumb", "-mfloat-abi=soft")),
        ("cortex-m7", ["fpu", "fp64", "dsp"], ("-mcpu=cortex-m7", "-mthumb", "-mfloat-abi=hard")),
        ("cortex-m7", ["fpu", "dsp"], ("-mcpu=cortex-m7+nofp.dp", "-mthumb", "-mfloat-abi=hard")),
        ("cortex-m7", ["dsp"], ("-mcpu=cortex-m7+nofp", "-mthumb", "-mfloat-abi=soft")),
        ("cortex-m85", ["fpu", "dsp", "mve"], ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard")),
    ],
)
def test_cores_and_their_compiler_options(cpu: str, extensions: list[str], options: tuple[str, ...]) -> None:
    core = {"cpu": cpu, "extensions": extensions}
    board = parse_board(board_table("corstone-300") | {"core": core}, "test")
    assert board.core is not None
    assert board.core.compiler_options == options


def test_a_board_outlives_json() -> None:
    table = json.loads(json.dumps(board_table("corstone-300")))
    assert parse_board(table, "deployment.json") == load_board("corstone-300")


def test_a_copy_elsewhere_finds_the_soc_file(write: Write) -> None:
    assert load_board(write(CORSTONE)) == load_board("corstone-300")


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("[stack]", "[stak]", "'stack' is missing", "did you mean 'stak'?"),
        ("[placement]", "[placement]\narean = []", "unknown key 'arean'", "did you mean 'arena'?"),
        ("icount_shift =", "icount_shft =", "'icount_shift' is missing", "did you mean 'icount_shft'?"),
        ("icount_shift = 10", "icount_shift = 5", "fewer than two ticks", "raise icount_shift"),
        ("icount_shift = 10", "icount_shift = true", "icount_shift = True is not a whole number", ""),
        ('"2 MiB"', '"2 MB"', "size = '2 MB' is not a size", ""),
        ('"2 MiB"', "2097152", "size = 2097152 is not a size", ""),
        ('"2 MiB"', '"0 bytes"', "not a positive multiple of 16", ""),
        ('"2 MiB"', '"17 bytes"', "not a positive multiple of 16", ""),
        ('"2 MiB"', '"9999999 GiB"', "beyond the 32-bit address space", ""),
        ("0x01000000", "0x20010000", "dtcm and fpga-sram overlap at 0x20010000", ""),
        ("0x01000000", "0x01000004", "not a multiple of 16", ""),
        ("0x01000000", "-16", "origin = -16 is not a whole number", ""),
        ("[memories.ddr]", '[memories."d;r"]', "'d;r' is not a name", ""),
        ('["itcm"]', '["itmc"]', "names 'itmc'", "did you mean 'itcm'?"),
        ('["itcm"]', "[]", "code has no memory", ""),
        ('["itcm"]', '["itcm", "itcm"]', "names something twice", ""),
        ('["itcm"]', '"itcm"', "code must be a list", ""),
        ('["itcm"]', "[[1]]", "names [1]", ""),
        ('"mps3-an547"', '"mps3-an547,dumpdtb=x"', "is not a name", ""),
        ('"FVP_Corstone_SSE-300_Ethos-U55"', '"../evil"', "is not the name of a program", ""),
        ("[simulators.qemu]", "[simulators.qmeu]", "there is no simulator 'qmeu'", "did you mean 'qemu'?"),
        ('name = "corstone-300"', 'name = "a\\nb"', "is not a name", ""),
        ('name = "corstone-300"', 'name = "${X}"', "is not a name", ""),
        ('soc = "sse-300"', 'soc = "../host"', "is not a name", ""),
        ('soc = "sse-300"', 'soc = "sse-3000"', "there is no SoC file for 'sse-3000'", ""),
        ('soc = "sse-300"', "soc = 5", "soc = 5 is not a name", ""),
        ('soc = "sse-300"', 'core = "m55"', "[core] must be a table", ""),
        ('soc = "sse-300"', "", "unknown key 'memories'", ""),
        ("name =", "name", "not valid TOML", ""),
        ('"isram", "ddr"]\n\n[stack]', '"isran"]\n\n[stack]', "names 'isran'", "did you mean 'isram'?"),
        ("[simulators.fvp.programs]", "[simulators.fvp.programs]\nu55 = 1", "unknown key 'u55'", "ethos-u55"),
        ('cpu = "cpu0"', 'cpu = "a=b"', "is not the name of a part of the model", ""),
        ('disable-visualisation=1"', 'x=$(id)"', "which is not instance.parameter=value", ""),
        ("[npu]", '[npu]\nmemory_mode = "a;b"', "is not the name of a configuration", ""),
        ("[npu]", "[npu]\nbase = 8", "not a multiple of 16", ""),
        ("[npu]", "[npu]\ninterrupt = 480", "interrupt = 480 is not a whole number", ""),
        ("[npu]", "[npu]\nirq = 5", "unknown key 'irq'", ""),
        ("[npu]", '[npu.system_configs]\nethos-u95 = "X"\n[npu]', "unknown key 'ethos-u95'", "ethos-u"),
        (CORSTONE, "", "'name' is missing", ""),
    ],
)
def test_a_wrong_board_file_is_refused(write: Write, old: str, new: str, message: str, hint: str) -> None:
    assert old in CORSTONE
    with pytest.raises(InputError) as error:
        load_board(write(CORSTONE.replace(old, new, 1)))
    assert message in error.value.message
    assert hint in error.value.hint
    assert "\n" not in error.value.message


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ('[core]\ncpu = "cortex-m99"', "cpu = 'cortex-m99' is not known"),
        ('[core]\nextensions = ["fpu", "mve"]', "every cortex-m55 has 'dsp'"),
        ('[core]\nextensions = ["sve"]', "extensions names 'sve'"),
        ('[counter]\nkind = "dwt"', "kind = 'dwt' is not known"),
        ("[counter]\ninterrupt = 480", "interrupt = 480 is not a whole number from 0 to 479"),
    ],
)
def test_a_board_may_not_break_its_soc(write: Write, extra: str, message: str) -> None:
    with pytest.raises(InputError, match=r"mine\.toml") as error:
        load_board(write(f"{CORSTONE}\n{extra}\n"))
    assert message in error.value.message


def test_unknown_and_missing_boards() -> None:
    with pytest.raises(InputError) as error:
        load_board("corston-300")
    assert error.value.hint == "did you mean 'corstone-300'?"
    with pytest.raises(InputError, match=r"cannot read the board file nowhere/b\.toml"):
        load_board("nowhere/b.toml")


@pytest.mark.parametrize("values", [None, 3, [], {"name": 3}, {"name": "x", "description": "y", "core": 1}])
def test_a_damaged_table_is_refused(values: object) -> None:
    with pytest.raises(InputError, match="deployment"):
        parse_board(values, "deployment.json")
