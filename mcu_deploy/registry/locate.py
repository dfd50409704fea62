"""Where a known model's file is: on the search path, in the cache, in this package, or nowhere yet."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mcu_deploy.errors import InputError
from mcu_deploy.graph.text import printable
from mcu_deploy.registry.cards import ModelCard, card_by_name, model_cards, nearest_names
from mcu_deploy.resources import cache_dir, resource_dir

MODEL_PATH_VARIABLE = "MCU_DEPLOY_MODEL_PATH"


@dataclass(frozen=True)
class Found:
    """Where a model's file is.

    Attributes:
        state: ``on the search path``, ``cached``, ``bundled``, ``to be fetched`` or ``missing``.
        path: the file, or None in the last two.
    """

    state: str
    path: Path | None


def search_path() -> list[Path]:
    """The folders of ``MCU_DEPLOY_MODEL_PATH``."""
    value = os.environ.get(MODEL_PATH_VARIABLE, "")
    return [Path(part) for part in value.split(os.pathsep) if part]


def cached_path(card: ModelCard) -> Path:
    """Where ``fetch`` puts the card's file."""
    return cache_dir() / "models" / card.file


def is_the_file(path: Path, card: ModelCard) -> bool:
    """Whether ``path`` is a readable file with the card's size and SHA-256."""
    try:
        if not path.is_file() or path.stat().st_size != card.size:
            return False
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == card.sha256
    except OSError:
        return False


def find_in(folder: Path, card: ModelCard) -> Path | None:
    """The card's file in a folder, under whatever name; a file of another size is not even read."""
    try:
        names = sorted(folder.iterdir(), key=lambda path: (path.name != card.file, path.name))
    except OSError:
        return None
    return next((path for path in names if is_the_file(path, card)), None)


def find(card: ModelCard) -> Found:
    """Looks on the search path, then in the cache, then among the bundled files."""
    for state, path in _places(card):
        if path is not None:
            return Found(state, path)
    return Found("to be fetched" if card.url else "missing", None)


def _places(card: ModelCard) -> Iterator[tuple[str, Path | None]]:
    for folder in search_path():
        yield "on the search path", find_in(folder, card)
    exact = {"cached": cached_path(card)}
    if card.bundled:
        exact["bundled"] = resource_dir("models") / card.bundled
    for state, path in exact.items():
        yield state, path if is_the_file(path, card) else None


def locate(card: ModelCard) -> Path | None:
    """The card's file, if it is anywhere on this computer."""
    return find(card).path


def resolve_model(text: str) -> Path:
    """The model file that a command was given: a path, or the name of a known model.

    What exists as a file wins over a name.

    Raises:
        InputError: neither, or the known model's file is of another format, or not on this computer yet.
    """
    path = Path(text)
    known = any(card.name == text for card in model_cards())
    if not known and (path.exists() or path.name != text or path.suffix == ".tflite"):
        return path  # if there is nothing to read, the reader says so
    if not known:
        raise InputError(f"no file and no known model is named {printable(text, 200)}", nearest_names(text))
    if path.is_file():
        return path
    card = card_by_name(text)
    if not card.file.endswith(".tflite"):
        raise InputError(
            f"the file of {card.name}, {card.file}, is not a TFLite model",
            f"make one of it, and give that one's path: mcu-deploy quantize {card.name} --calibration FILES",
        )
    return require(card)


def require(card: ModelCard) -> Path:
    """The known model's file.

    Raises:
        InputError: it is not on this computer; the hint says how to get it.
    """
    path = locate(card)
    if path is None:
        folders = search_path()
        impostors = [folder / card.file for folder in folders if (folder / card.file).exists()]
        raise InputError(
            f"the file of {card.name} is not on this computer ({card.file}, {card.size:,} bytes)",
            f"run: mcu-deploy models fetch {card.name}" if card.url else offline_hint(card),
            details=tuple(f"{path} is another file: not its size and SHA-256" for path in impostors),
        )
    return path


def offline_hint(card: ModelCard) -> str:
    """How to get the card's file where no download works."""
    if card.bundled:
        return "it comes with mcu-deploy: install it again"
    return (
        f"without a network: copy {card.file} from elsewhere into a folder and name that in "
        f"{MODEL_PATH_VARIABLE}, or run: mcu-deploy models fetch {card.name} --from FOLDER_OR_URL"
    )
