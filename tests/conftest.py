"""Fixtures that every test may use."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def _find(variable: str, name: str) -> Path:
    """The file in one of the folders of an environment variable.

    Where it is not there the test skips, naming it; in CI, where the data is expected, it fails instead.
    """
    folders = [Path(folder) for folder in os.environ.get(variable, "").split(os.pathsep) if folder]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    message = f"{name} is not in a folder of {variable}"
    if os.environ.get("CI") and folders:
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def model_path() -> Callable[[str], Path]:
    """``model_path(name)``: a real model, from MCU_DEPLOY_MODEL_PATH."""
    return lambda name: _find("MCU_DEPLOY_MODEL_PATH", name)


@pytest.fixture(scope="session")
def audio_path() -> Callable[[str], Path]:
    """``audio_path(name)``: a real recording, from MCU_DEPLOY_AUDIO_PATH."""
    return lambda name: _find("MCU_DEPLOY_AUDIO_PATH", name)


@pytest.fixture(scope="session")
def tools() -> None:
    """Skips where the cross compiler or QEMU is not there."""
    for tool in ("cmake", "ninja", "cc", "arm-none-eabi-gcc", "qemu-system-arm"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
