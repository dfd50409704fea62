"""Which class is heard in a window of a recording: by a table, a folder's name, or the file's own."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcu_deploy.errors import InputError
from mcu_deploy.graph.text import one_line, printable

_UNKNOWN, _SILENCE = "_unknown_", "_silence_"
_NOISE_FOLDER = "_background_noise_"
_MAX_TABLE_BYTES = 64 << 20
_HINT = "write lines of two fields: file,label"


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
        InputError: it cannot be read, or a line is not such, or names no class of the model, or another
            than an earlier line for the same file.
    """
    shown = one_line(str(path))
    table: dict[str, str] = {}
    for number, row in _lines(path, shown):
        fields = [field.strip() for field in row]
        if fields == ["file", "label"] and not table:
            continue
        if len(fields) != 2:
            raise InputError(f"{shown}: line {number} has {len(fields)} fields", _HINT)
        file, label = fields
        if label not in labels:
            raise InputError(
                f"{shown}: line {number}: {printable(label)} is no class of the model",
                f"its classes are {', '.join(labels)}" if labels else "the model's classes are not known",
            )
        if table.setdefault(file, label) != label:
            raise InputError(
                f"{shown}: line {number}: {printable(file, 200)} is {label}, and in an earlier line "
                f"{table[file]}",
                "remove one of the lines; files of the same name are told apart by their paths",
            )
    return table


def _lines(path: Path, shown: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, each with the number of its last line."""
    try:
        if path.exists() and not path.is_file():  # a pipe may never end
            raise OSError(0, "it is not a file")
        with path.open("rb") as file:
            data = file.read(_MAX_TABLE_BYTES + 1)
        if len(data) > _MAX_TABLE_BYTES:
            raise InputError(f"{shown} is larger than {_MAX_TABLE_BYTES >> 20} MiB", _HINT)
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
        for row in reader:
            if row:
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read the labels {shown}: {printable(reason)}", _HINT) from None


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
