"""The simulator's command line as the user sees it, and what happens on boards that nothing simulates."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command import assert_refused, mcu_deploy

PROGRAM = "FVP_Corstone_SSE-300_Ethos-U55"
STAND_IN = Path(__file__).parents[1] / "simulate" / "fvp_stand_in.py"


@pytest.fixture
def stand_in(tmp_path: Path) -> dict[str, str]:
    """Variables with which ``fvp_stand_in.py`` is taken for the FVP."""
    path = tmp_path / "stand-in"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" "$@"\n')
    path.chmod(0o755)
    return {"MCU_DEPLOY_FVP_CORSTONE_SSE_300_ETHOS_U55": str(path)}


def test_a_dry_run_prints_the_command_line(dense_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    assert mcu_deploy("generate", dense_model, "--output-dir", folder).code == 0
    found = mcu_deploy("run", folder, "--simulator", "fvp", "--dry-run", "--timeout", 7)
    assert found.code == 0, found.err
    assert found.out.startswith(f"cd {folder}/run && ")
    assert f"{PROGRAM} -a {folder}/build/target/firmware.elf -C " in found.out
    assert f" -C cpu0.semihosting-cwd={folder}/run --timelimit 7\n" in found.out
    assert not (folder / "run").exists()
    assert not (folder / "build").exists()
    assert "-icount shift=10,sleep=off" in mcu_deploy("run", folder, "--dry-run").out


@pytest.mark.qemu
def test_the_stand_in_for_the_fvp_is_verified(
    tools: None, dense_model: Path, stand_in: dict[str, str], tmp_path: Path
) -> None:
    """All steps around it; the NPU is the functional model, since no FVP runs."""
    options = ("--npu", "ethos-u55-128", "--simulator", "fvp", "--output-dir", tmp_path / "p", "-v", "--json")
    result = mcu_deploy("deploy", dense_model, *options, env=stand_in)
    assert result.code == 0, result.err
    assert " -C ethosu.num_macs=128 -C cpu0.semihosting-enable=1 " in result.err
    document = result.document
    assert (document["verdict"], document["simulator"]) == ("verified", "fvp")
    assert document["versions"][PROGRAM] == "Fast Models [11.27.42 (Jan 1 2024)]"
    assert document["runs"][0]["simulated_instructions"]["inference"] is None


def test_a_board_that_nothing_simulates_is_built(tools: None, dense_model: Path, tmp_path: Path) -> None:
    board, folder = ("--board", "stm32f746g-disco"), tmp_path / "p"
    refused = mcu_deploy("deploy", dense_model, *board, "--output-dir", folder)
    assert_refused(refused, 2, "nothing here simulates stm32f746g-disco", "--simulator native")
    assert mcu_deploy("generate", dense_model, *board, "--output-dir", folder).code == 0
    built = mcu_deploy("build", folder)
    assert built.code == 0, built.err
    assert built.out.strip() == str(folder / "build" / "target" / "firmware.elf")
    native = mcu_deploy("deploy", dense_model, *board, "--output-dir", folder, "--simulator", "native")
    assert native.code == 0, native.err


@pytest.mark.parametrize("board", ["corstone-310", "corstone-320"])
def test_boards_of_an_fvp_are_built(board: str, tools: None, dense_model: Path, tmp_path: Path) -> None:
    assert mcu_deploy("generate", dense_model, "--board", board, "--output-dir", tmp_path / "p").code == 0
    built = mcu_deploy("build", tmp_path / "p")
    assert built.code == 0, built.err
