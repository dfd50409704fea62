"""Model cards: what is known of a published model file, one TOML file each."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from mcu_deploy.errors import InputError, McuDeployError
from mcu_deploy.resources import resource_dir

MODEL_PATH_VARIABLE = "MCU_DEPLOY_MODEL_PATH"


@dataclass(frozen=True)
class ModelCard:
    """What is known of one model file.

    Attributes:
        name: how it is called on the command line.
        title, task: for people.
        file: the usual file name.
        size: bytes.
        sha1, sha256: hexadecimal digests of the file.
        licence: SPDX identifier.
        attribution: who published it.
        frontend: name of the front end that it was trained with, or None.
        labels: class names in output order; empty where the model has none.
    """

    name: str
    title: str
    task: str
    file: str
    size: int
    sha1: str
    sha256: str
    licence: str
    attribution: str
    frontend: str | None = None
    labels: tuple[str, ...] = ()


def _card(path: Path) -> ModelCard:
    data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    unknown = set(data) - {field.name for field in fields(ModelCard)}
    if unknown:
        raise McuDeployError(f"{path.name}: unknown key {sorted(unknown)[0]!r} in a model card")
    data["labels"] = tuple(data.get("labels", ()))
    return ModelCard(**data)


@cache
def model_cards() -> tuple[ModelCard, ...]:
    """All cards, by name."""
    return tuple(_card(path) for path in sorted(resource_dir("models").glob("*.toml")))


def card_by_hash(sha256: str) -> ModelCard | None:
    """The card of the file with this SHA-256, if it is a known model."""
    return next((card for card in model_cards() if card.sha256 == sha256), None)


def card_by_name(name: str) -> ModelCard:
    """The card with this name.

    Raises:
        InputError: no model has the name; the hint lists those that exist.
    """
    for card in model_cards():
        if card.name == name:
            return card
    names = ", ".join(card.name for card in model_cards())
    raise InputError(f"no known model is named {name!r}", f"known models: {names}")


def search_path() -> list[Path]:
    """The folders of ``MCU_DEPLOY_MODEL_PATH``."""
    value = os.environ.get(MODEL_PATH_VARIABLE, "")
    return [Path(part) for part in value.split(os.pathsep) if part]


def locate(card: ModelCard) -> Path | None:
    """The card's file on the search path (by name and size; ``deploy`` matches the hash)."""
    for folder in search_path():
        path = folder / card.file
        if path.is_file() and path.stat().st_size == card.size:
            return path
    return None
