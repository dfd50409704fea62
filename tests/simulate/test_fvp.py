"""The command line of Arm's FVPs, and how their failures are told.

No FVP runs here: ``fvp_stand_in.py`` stands in for the binary.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import toy

from mcu_deploy.boards.reader import load_board
from mcu_deploy.boards.types import Board, Simulator
from mcu_deploy.build import Firmware
from mcu_deploy.errors import InputError, McuDeployError, SimulationError, ToolMissingError
from mcu_deploy.simulate import fvp
from mcu_deploy.simulate.records import RunRecord, TensorInput
from mcu_deploy.simulate.runner import RunOptions, command_line, find_simulator, require, run

Get = Callable[[str], Firmware]

U55 = "FVP_Corstone_SSE-300_Ethos-U55"
DATA = bytes(range(1, 13))


@pytest.fixture
def simulator(board: Board) -> Simulator:
    return find_simulator(board, "fvp")


@pytest.fixture(autouse=True)
def no_fvp_of_this_computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has one installed must not have it run by these tests."""
    for name in list(os.environ):
        if name.startswith("MCU_DEPLOY_FVP"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(fvp, "_ROOTS", (tmp_path / "home",))


def stand_in(folder: Path, program: str = U55) -> Path:
    """An executable called as the FVP is, which runs the stand-in."""
    path = folder / program
    folder.mkdir(parents=True, exist_ok=True)
    script = Path(__file__).with_name("fvp_stand_in.py")
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    path.chmod(0o755)
    return path


def test_the_command_line_of_corstone_300(board: Board, simulator: Simulator) -> None:
    found = command_line(simulator, board, Path("/p/firmware.elf"), Path("/p/run"), "ethos-u55-128", 12.5)
    assert found == (
        "FVP_Corstone_SSE-300_Ethos-U55 -a /p/firmware.elf"
        " -C mps3_board.visualisation.disable-visualisation=1"
        " -C mps3_board.telnetterminal0.start_telnet=0"
        " -C mps3_board.telnetterminal1.start_telnet=0"
        " -C mps3_board.telnetterminal2.start_telnet=0"
        " -C ethosu.num_macs=128"
        " -C cpu0.semihosting-enable=1"
        " -C cpu0.semihosting-cwd=/p/run"
        " --timelimit 13"
    )


@pytest.mark.parametrize(
    ("name", "npu", "program", "words"),
    [
        ("corstone-300", "none", U55, ("cpu0.semihosting-enable=1",)),
        ("corstone-300", "ethos-u65-512", "FVP_Corstone_SSE-300_Ethos-U65", ("ethosu.num_macs=512",)),
        ("corstone-310", "ethos-u55-256", "FVP_Corstone_SSE-310", ("ethosu.num_macs=256",)),
        ("corstone-310", "ethos-u65-256", "FVP_Corstone_SSE-310_Ethos-U65", ("ethosu.num_macs=256",)),
        (
            "corstone-320",
            "ethos-u85-1024",
            "FVP_Corstone_SSE-320",
            (
                "mps4_board.subsystem.ethosu.num_macs=1024",
                "mps4_board.subsystem.cpu0.semihosting-enable=1",
                "vis_hdlcd.disable_visualisation=1",
            ),
        ),
    ],
)
def test_each_board_has_its_programs(name: str, npu: str, program: str, words: tuple[str, ...]) -> None:
    board = load_board(name)
    command = command_line(find_simulator(board, "fvp"), board, Path("f.elf"), Path("run"), npu, 1)
    assert command.split()[0] == program
    for word in words:
        assert f" -C {word}" in command
    assert ("num_macs" in command) == (npu != "none")


def test_an_npu_that_no_program_has(board: Board, simulator: Simulator) -> None:
    with pytest.raises(
        InputError, match="no FVP of corstone-300 has an ethos-u85, only ethos-u55, ethos-u65"
    ):
        require(simulator, board, "ethos-u85-256")


def test_it_is_looked_for_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable, then PATH, then the folder that is named, then those of Arm's installers."""
    assert fvp.find(U55) is None
    home = stand_in(tmp_path / "home" / "FVP_Corstone_SSE-300" / "models" / "Linux64_GCC-9.3")
    assert fvp.find(U55) == home
    named = stand_in(tmp_path / "fvps" / "Corstone-300" / "models" / "Linux64_GCC-6.4")
    monkeypatch.setenv("MCU_DEPLOY_FVP_DIR", str(tmp_path / "fvps"))
    assert fvp.find(U55) == named
    on_path = stand_in(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert fvp.find(U55) == on_path
    chosen = stand_in(tmp_path / "chosen", "anything")
    monkeypatch.setenv("MCU_DEPLOY_FVP_CORSTONE_SSE_300_ETHOS_U55", str(chosen))
    assert fvp.find(U55) == chosen
    monkeypatch.setenv("MCU_DEPLOY_FVP_CORSTONE_SSE_300_ETHOS_U55", str(tmp_path / "nothing"))
    with pytest.raises(InputError, match=r"ETHOS_U55 names .*which is no program"):
        fvp.find(U55)


def test_one_that_is_not_there(board: Board, simulator: Simulator) -> None:
    with pytest.raises(ToolMissingError, match=f"cannot find {U55}") as error:
        require(simulator, board)
    assert "MCU_DEPLOY_FVP_CORSTONE_SSE_300_ETHOS_U55" in error.value.hint


def test_later_versions_get_their_own_python(tmp_path: Path) -> None:
    old = stand_in(tmp_path / "old" / "models" / "Linux64_GCC-9.3")
    assert fvp.environment(old) == {}
    new = stand_in(tmp_path / "new" / "models" / "Linux64_GCC-9.3")
    (tmp_path / "new" / "python").mkdir()
    assert fvp.environment(new)["PYTHONHOME"] == str(tmp_path / "new" / "python")
    libraries = fvp.environment(new)["LD_LIBRARY_PATH"].split(":")
    assert libraries[:2] == [str(tmp_path / "new" / "fmtplib"), str(tmp_path / "new" / "python" / "lib")]


@pytest.mark.parametrize(
    ("how", "message", "hint"),
    [
        ("old", "is version 11.12; 11.13 or later is needed", "developer.arm.com"),
        ("no FVP", "does not answer as an FVP does", "developer.arm.com"),
        ("library at once", "needs libpython3.9.so.1.0", "install the package"),
        ("licence at once", 'got no licence: "Error: license checkout failed', "ARMLMD_LICENSE_FILE"),
    ],
)
def test_one_that_cannot_be_used(
    board: Board,
    simulator: Simulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    message: str,
    hint: str,
) -> None:
    monkeypatch.setenv(fvp.variable(U55), str(stand_in(tmp_path)))
    monkeypatch.setenv("STAND_IN", how)
    with pytest.raises(ToolMissingError) as error:
        require(simulator, board)
    assert message in error.value.message
    assert hint in error.value.hint


Start = Callable[..., RunRecord]


@pytest.fixture
def start(
    board: Board, simulator: Simulator, firmware: Get, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Start:
    monkeypatch.setenv(fvp.variable(U55), str(stand_in(tmp_path / "bin")))

    def on_stand_in(how: str, npu: str = "none", timeout: float = 60) -> RunRecord:
        monkeypatch.setenv("STAND_IN", how)
        options = RunOptions(npu=npu, timeout=timeout)
        return run(firmware("target"), board, simulator, [TensorInput(DATA)], tmp_path / "run", options)

    return on_stand_in


@pytest.mark.qemu
def test_records_pass_through_the_folder_of_the_run(start: Start, tmp_path: Path) -> None:
    """By the stand-in; nothing is counted, because an FVP's clock does not count instructions."""
    found = start("", npu="ethos-u55-64").runs[0]
    assert found.outputs[0].data == toy.expected(DATA)[1]
    assert (found.frontend_instructions, found.inference_instructions) == (0, 0)
    noted = json.loads((tmp_path / "run" / "options.json").read_text())
    assert noted["parameters"]["ethosu.num_macs"] == "64"
    assert noted["parameters"]["cpu0.semihosting-cwd"] == str(tmp_path / "run")
    assert noted["timelimit"] == 60
    assert Path(noted["elf"]).is_file()


@pytest.mark.qemu
@pytest.mark.parametrize(
    ("how", "kind", "message", "hint"),
    [
        ("library", ToolMissingError, "does not start: it needs libpython3.9.so.1.0", "11.27"),
        ("stack", ToolMissingError, "allows libarmctmodel.so no executable stack", "execstack"),
        ("licence", ToolMissingError, "got no licence", "armlm"),
        ("limit", SimulationError, "reached its time limit", "--timeout"),
        ("nothing", SimulationError, "ended with exit status 0 (terminal_0: ", "run"),
        ("cut", SimulationError, "it ends within the 20 bytes of a END record", "run"),
        ("hang", SimulationError, "did not end within 1 s and was stopped", "--timeout"),
    ],
)
def test_what_is_not_complete_is_never_a_success(
    start: Start, how: str, kind: type[McuDeployError], message: str, hint: str
) -> None:
    with pytest.raises(kind) as error:
        start(how, timeout=1 if how == "hang" else 60)
    assert message in error.value.message
    assert hint in error.value.hint
