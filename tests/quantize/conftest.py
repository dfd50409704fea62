"""What the tests of quantising need."""

from __future__ import annotations

import importlib.util

import pytest


@pytest.fixture(scope="session")
def interpreter() -> None:
    """Skips where there is no interpreter of float models."""
    if not any(importlib.util.find_spec(name) for name in ("ai_edge_litert", "tensorflow")):
        pytest.skip("neither ai-edge-litert nor tensorflow is installed")
