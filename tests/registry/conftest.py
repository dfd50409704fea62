"""A publisher, an empty cache, and a small model of known content."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from publisher import Publisher, publishing

from mcu_deploy.registry.cards import ModelCard

DEVELOPERS_PATH = os.environ.get("MCU_DEPLOY_MODEL_PATH", "")
CONTENT = random.Random(7).randbytes(300_001)


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's: no models, no cache, no proxies."""
    monkeypatch.delenv("MCU_DEPLOY_MODEL_PATH", raising=False)
    monkeypatch.setenv("MCU_DEPLOY_CACHE_DIR", str(tmp_path / "cache"))
    for scheme in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme}_proxy".upper(), raising=False)


@pytest.fixture
def model_path(model_path: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """The real models of the developer's search path, which the code under test does not see."""

    def find(name: str) -> Path:
        with monkeypatch.context() as context:
            context.setenv("MCU_DEPLOY_MODEL_PATH", DEVELOPERS_PATH)
            return model_path(name)

    return find


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with publishing() as server:
        yield server


@pytest.fixture
def content() -> bytes:
    return CONTENT


@pytest.fixture
def card(publisher: Publisher) -> ModelCard:
    return ModelCard(
        name="toy",
        title="Toy",
        task="tests",
        quantisation="int8",
        file="toy.tflite",
        size=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        licence="Apache-2.0",
        attribution="us",
        url=publisher.url + "/path/toy.tflite",
    )
