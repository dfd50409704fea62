"""The C unit tests, built by the top-level CMakeLists.txt with sanitizers and run by ctest."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_the_c_unit_tests_pass(tmp_path: Path) -> None:
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    subprocess.run(["cmake", "-S", ROOT, "-B", tmp_path], check=True, capture_output=True, timeout=120)
    subprocess.run(["cmake", "--build", tmp_path, "-j", "2"], check=True, timeout=300)
    result = subprocess.run(
        ["ctest", "--test-dir", tmp_path, "--output-on-failure", "--no-tests=error"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout
