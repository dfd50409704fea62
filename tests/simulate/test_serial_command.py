"""``--port``: deployments from end to end over QEMU's serial line, and what is refused before."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from command import assert_refused, mcu_deploy
from serial_line import Trouble, board_on_a_line

from mcu_deploy.boards.reader import load_board
from mcu_deploy.resources import resource_dir

pytest.importorskip("serial", reason="pyserial is not installed")
pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(
        shutil.which("arm-none-eabi-gcc") is None or shutil.which("qemu-system-arm") is None,
        reason="arm-none-eabi-gcc or qemu-system-arm is not installed",
    ),
]

BOARD = "mps2-an386"
RECORDING = resource_dir("models") / "kws_demo" / "recordings" / "down_kal.wav"
MODEL = ("kws-demo", "--board", BOARD)
INPUTS = ("--input", RECORDING)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generated for the UART and built."""
    folder = tmp_path_factory.mktemp("serial") / "project"
    made = mcu_deploy("generate", *MODEL, "--transport", "uart", "--output-dir", folder)
    assert made.code == 0, made.err
    assert mcu_deploy("build", folder).code == 0
    return folder


def test_a_deployment_over_a_bad_line(project: Path) -> None:
    """All at once, which finds its firmware on the board already, and by single steps."""
    trouble = Trouble(noise=0.005, drop=0.005, double=0.005, invent=0.005)
    with board_on_a_line(load_board(BOARD), project / "build/target/firmware.elf", trouble) as line:
        at = ("--port", line.port, "--baud", 921_600)
        whole = mcu_deploy(
            "deploy",
            *MODEL,
            "--transport",
            "uart",
            "--output-dir",
            project,
            *at,
            *INPUTS,
            "--layers",
            "--json",
        )
        assert whole.code == 0, whole.err
        run = mcu_deploy("run", project, *at, *INPUTS)
        assert run.code == 0, run.err
    document = whole.document
    assert (document["verdict"], document["simulator"]) == ("verified", line.port)
    assert [entry["layers_bit_exact"] for entry in document["runs"]] == [True]
    assert document["runs"][0]["label"] == "down"
    assert document["memory"]["stack_bytes"] > 0
    assert trouble.done > 3
    again = mcu_deploy("verify", project, "--json")
    assert (again.code, again.document["simulator"]) == (0, line.port)
    assert [entry["scores"] for entry in again.document["runs"]] == [
        entry["scores"] for entry in document["runs"]
    ]


def test_the_same_project_runs_natively(project: Path) -> None:
    result = mcu_deploy("run", project, "--simulator", "native", *INPUTS)
    assert result.code == 0, result.err


def test_nothing_is_started_in_a_dry_run(project: Path) -> None:
    result = mcu_deploy("run", project, "--port", "/dev/ttyACM0", "--dry-run")
    assert result.code == 0 and f"# {BOARD} at /dev/ttyACM0, 115200 baud, running " in result.out


def test_what_does_not_go_together(project: Path, tmp_path: Path) -> None:
    port = ("--port", "/dev/nowhere")
    assert_refused(mcu_deploy("run", project), 2, "waits for inputs at its UART", "--port")
    assert_refused(mcu_deploy("run", project, *port), 2, "cannot open the port", "/dev/nowhere", "dialout")
    assert_refused(mcu_deploy("run", project, *port, "--simulator", "qemu"), 2, "--port is the board itself")
    assert_refused(mcu_deploy("run", project, "--baud", 9600), 2, "--baud is for a serial port only")
    deploy = ("deploy", "kws-demo", "--output-dir", tmp_path / "other")
    assert_refused(mcu_deploy(*deploy, *port), 2, "gets its inputs by semihosting", "--transport uart")
    other = ("--board", "corstone-320", "--transport", "uart")
    assert_refused(mcu_deploy(*deploy, *other), 2, "corstone-320 has no UART", "[uart]")
    fitted = ("--runtime", "tflm", "--fit-arena", "--transport", "uart")
    assert_refused(mcu_deploy(*deploy, *port, *fitted), 2, "--fit-arena runs two firmwares")
