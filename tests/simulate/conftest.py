"""The toy project, built once a session for each preset that a test asks for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import toy

from mcu_deploy.boards.reader import load_board
from mcu_deploy.boards.types import Board
from mcu_deploy.build import Firmware, build

NEEDS = {"target": "arm-none-eabi-gcc", "host": "cc"}


@pytest.fixture(scope="session")
def board() -> Board:
    return load_board("corstone-300")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, board: Board) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    return toy.write_project(folder, board, toy.source_sets(board, frontend=True))


@pytest.fixture(scope="session")
def firmware(project: Path) -> Callable[[str], Firmware]:
    def get(preset: str) -> Firmware:
        if shutil.which(NEEDS[preset]) is None:
            pytest.skip(f"{NEEDS[preset]} is not installed")
        if preset == "target" and shutil.which("qemu-system-arm") is None:
            pytest.skip("qemu-system-arm is not installed")
        return build(project, preset)

    return get
