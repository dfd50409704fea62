"""Which class is heard in a window of a recording: by a table, a folder's name, or the file's own."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcu_deploy.errors import InputError
from mcu_deploy.graph.text import printable

_UNKNOWN, _SILENCE = "_unknown_", "_silence_"
_NOISE_FOLDER = "_background_noise_"
_MAX_TABLE_BYTES = 64 << 20


@dataclass(frozen=True)
class Recording:
    """A file, and what is known of it.

    Attributes:
        path: of the ``.wav``.
        folder: the name of its folder, where that is one of several in a folder that was given; else None.
    """

    path: Path
    folder: str | None


def find_recordings(inputs: Sequence[str]) -> list[Recording]:
    """Files as they were given, and every ``.wav`` in folders, sorted by path.

    Raises:
        InputError: something is neither, or a folder has no ``.wav``.
    """
    found: list[Recording] = []
    for text in inputs:
        path = Path(text)
        if not path.is_dir():
            found.append(Recording(path, None))
            continue
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() == ".wav" and file.is_file())
        if not files:
            raise InputError(f"the folder {printable(text, 200)} has no .wav file", "give another by --input")
        found += [Recording(file, file.parent.name if file.parent != path else None) for file in files]
    return found


def read_label_table(path: Path, labels: Sequence[str]) -> dict[str, str]:
    """Lines ``file,label`` of a CSV file; files may be named by their path or just by their name.

    Args:
        path: of the table.
        labels: the model's classes.

    Raises:
        InputError: it cannot be read, or a line is not such, or names no class of the model.
    """
    hint = "write lines of two fields: file,label"
    try:
        if path.stat().st_size > _MAX_TABLE_BYTES:
            raise InputError(f"{path} is larger than {_MAX_TABLE_BYTES >> 20} MiB", hint)
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read the labels {path}: {printable(reason)}", hint) from None
    table: dict[str, str] = {}
    for number, row in enumerate(rows, start=1):
        fields = [field.strip() for field in row]
        if number == 1 and fields == ["file", "label"]:
            continue
        if len(fields) != 2:
            raise InputError(f"{path}: line {number} has {len(fields)} fields", hint)
        if fields[1] not in labels:
            raise InputError(
                f"{path}: line {number}: {printable(fields[1])} is no class of the model",
                f"its classes are {', '.join(labels)}" if labels else "the model's classes are not known",
            )
        table[fields[0]] = fields[1]
    return table


def window_labels(
    recording: Recording, windows: int, labels: Sequence[str], table: Mapping[str, str]
) -> list[str | None]:
    """The class of each window of a recording; None where it is not known.

    The table comes first. Then the name of the folder, as Speech Commands has it: a word that is no class
    counts as the class of unknown words, if the model has that. Then the words of the file's name that are
    classes, where they are as many as the windows.

    Args:
        recording: the file.
        windows: how many it makes.
        labels: the model's classes.
        table: from `read_label_table`.
    """
    said = table.get(str(recording.path), table.get(recording.path.name))
    if said is None and recording.folder is not None:
        said = _folder_label(recording.folder, labels)
    if said is not None:
        return [said] * windows
    words = [word for word in recording.path.stem.split("_") if word in labels]
    return list(words) if len(words) == windows else [None] * windows


def _folder_label(folder: str, labels: Sequence[str]) -> str | None:
    if folder in labels:
        return folder
    stand_in = _SILENCE if folder == _NOISE_FOLDER else _UNKNOWN
    return stand_in if stand_in in labels else None
