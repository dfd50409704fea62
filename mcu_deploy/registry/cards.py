"""Model cards: what is known of a published model file, one TOML file each."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from mcu_deploy.errors import InputError, McuDeployError
from mcu_deploy.resources import resource_dir

_SHA1 = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class ModelCard:
    """What is known of one model file. No file is the model's that has not its size and SHA-256.

    Attributes:
        name: how it is called on the command line.
        title, task: for people.
        quantisation: of the file as published: ``int8``, ``dynamic range``, ...
        file: the usual file name.
        size: bytes.
        sha256, sha1: hexadecimal digests of the file; SHA-1 (where published) for people, SHA-256 is checked.
        url: where the file is downloaded from, or None.
        page: where the publisher describes it, and states the accuracy.
        bundled: path of the file inside of the folder ``models``, if it comes with this package.
        licence: SPDX identifier.
        attribution: who published it.
        accuracy: as published, with the data that it was measured on.
        frontend: name of the front end that it was trained with, or None.
        labels: class names in output order; empty where the model has none, or they are not known.
    """

    name: str
    title: str
    task: str
    quantisation: str
    file: str
    size: int
    sha256: str
    licence: str
    attribution: str
    sha1: str | None = None
    url: str | None = None
    page: str | None = None
    bundled: str | None = None
    accuracy: str | None = None
    frontend: str | None = None
    labels: tuple[str, ...] = ()


def parse_card(data: dict[str, Any], source: str) -> ModelCard:
    """The card in a TOML table.

    Raises:
        McuDeployError: a key is unknown, missing or makes no sense; the message names ``source``.
    """
    required = {field.name for field in fields(ModelCard) if field.default is MISSING}
    unknown = set(data) - {field.name for field in fields(ModelCard)}
    for problem, keys in (("unknown key", unknown), ("missing key", required - set(data))):
        if keys:
            raise McuDeployError(f"{source}: {problem} {min(keys)!r} in a model card")
    card = ModelCard(**{**data, "labels": tuple(data.get("labels", ()))})
    plain = {
        "file": card.file != "" and PurePosixPath(card.file).name == card.file,
        "size": type(card.size) is int and card.size > 0,
        "sha256": _SHA256.fullmatch(card.sha256) is not None,
        "sha1": card.sha1 is None or _SHA1.fullmatch(card.sha1) is not None,
    }
    for key, good in plain.items():
        if not good:
            raise McuDeployError(f"{source}: {key} = {data[key]!r} makes no sense in a model card")
    return card


def _read_card(path: Path) -> ModelCard:
    return parse_card(tomllib.loads(path.read_text(encoding="utf-8")), path.name)


@cache
def model_cards() -> tuple[ModelCard, ...]:
    """All cards, by name."""
    cards = [_read_card(path) for path in resource_dir("models").glob("*.toml")]
    return tuple(sorted(cards, key=lambda card: card.name))


def card_by_hash(sha256: str) -> ModelCard | None:
    """The card of the file with this SHA-256, if it is a known model."""
    return next((card for card in model_cards() if card.sha256 == sha256), None)


def card_by_name(name: str) -> ModelCard:
    """The card with this name.

    Raises:
        InputError: no model has the name; the hint gives the nearest one, or all.
    """
    for card in model_cards():
        if card.name == name:
            return card
    raise InputError(f"no known model is named {name!r}", nearest_names(name))


def nearest_names(name: str) -> str:
    """A hint for a name that no card has."""
    names = [card.name for card in model_cards()]
    near = difflib.get_close_matches(name.lower(), names, n=1)
    return f"did you mean {near[0]}?" if near else f"known models: {', '.join(names)}"
