"""Hostile command streams and weight streams, a bounded number with fixed seeds; `make fuzz` has no bound.

The corpora are what Vela makes of small models and what its encoder makes of random weights. Each input must
run unchanged, and no mutation of it may trip AddressSanitizer, UBSan or the checks of the fuzzers.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from fuzz.corpus import write_corpus
from weight_streams import DECODER, MODEL, SANITIZE, WARNINGS

FUZZ = Path(__file__).with_name("fuzz")
TIMEOUT = 300


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpora")
    write_corpus(folder, ("ethos-u55-32", "ethos-u65-512"))
    return folder


def build(folder: Path, name: str, sources: Sequence[Path]) -> Path:
    program = folder / name
    files = [FUZZ / f"{name}.c", FUZZ / "standalone.c", *sources]
    command = ["cc", "-std=c11", "-g", "-O1", *WARNINGS, *SANITIZE, f"-I{MODEL}", *files, "-o", program]
    subprocess.run(command, check=True, timeout=TIMEOUT)
    return program


def fuzz(program: Path, corpus: Path, mutations: int) -> None:
    files = sorted(corpus.iterdir())
    assert files
    command = [program, str(mutations), *files]
    result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stderr.splitlines()[-1] == f"{files[-1]} {mutations - 1}"


def test_hostile_command_streams(corpora: Path, tmp_path: Path) -> None:
    program = build(tmp_path, "fuzz_npu_model", sorted(MODEL.glob("*.c")))
    fuzz(program, corpora / "model", 700)


def test_hostile_weight_streams(corpora: Path, tmp_path: Path) -> None:
    program = build(tmp_path, "fuzz_npu_weights", DECODER)
    fuzz(program, corpora / "weights", 500)
