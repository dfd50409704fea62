"""Inputs for the command line; a project that was built once for each worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import command
import numpy as np
import pytest


@pytest.fixture(scope="session")
def keyword_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "keyword.tflite"
    path.write_bytes(command.small_keyword_model())
    return path


@pytest.fixture(scope="session")
def dense_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "dense.tflite"
    path.write_bytes(command.dense_model())
    return path


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2.5 s of audio."""
    return command.write_wav(tmp_path_factory.mktemp("wav") / "chirp.wav", command.chirp(2.5).tobytes())


@pytest.fixture(scope="session")
def tensors(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same values as int8 and, by the keyword model's quantisation, as float32."""
    folder = tmp_path_factory.mktemp("npy")
    quantised = np.random.default_rng(2).integers(-128, 128, (49, 10, 1), dtype=np.int8)
    np.save(folder / "int8.npy", quantised)
    np.save(folder / "float32.npy", ((quantised.astype(np.float32) - 40) * np.float32(0.6)))
    return folder / "int8.npy", folder / "float32.npy"


@pytest.fixture(scope="session")
def built(keyword_model: Path, tools: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was built for both, and verified natively."""
    folder = tmp_path_factory.mktemp("built") / "project"
    options = (*command.FRONTEND, "--output-dir", folder)
    assert command.mcu_deploy("generate", keyword_model, *options).code == 0
    assert command.mcu_deploy("build", folder).code == 0
    result = command.mcu_deploy("deploy", keyword_model, *options, "--simulator", "native")
    assert result.code == 0, result.err
    return folder


@pytest.fixture
def project(built: Path) -> Iterator[Path]:
    """The built project, to be damaged: afterwards every generated file is as it was."""
    before = {
        path: path.read_bytes()
        for part in ("generated", "deployment.json", "model")
        for path in [built / part, *(built / part).rglob("*")]
        if path.is_file()
    }
    yield built
    for path, data in before.items():
        if not path.is_file() or path.read_bytes() != data:
            path.write_bytes(data)
