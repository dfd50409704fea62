"""Reading front-end specifications from TOML: strictly, with errors that name the way out."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mcu_deploy.errors import InputError
from mcu_deploy.frontend.contradictions import contradictions
from mcu_deploy.frontend.keys import KEYS, Key
from mcu_deploy.frontend.spec import FrontendSpec, applies
from mcu_deploy.frontend.words import likely_key, likely_value, nearest
from mcu_deploy.graph.text import one_line

_PRESETS = Path(__file__).resolve().parent / "presets"
_MAX_FILE_BYTES = 64 * 1024


def preset_names() -> tuple[str, ...]:
    """The names that `load_spec` takes without a file."""
    return tuple(sorted(path.stem for path in _PRESETS.glob("*.toml")))


def load_spec(name_or_path: str | Path) -> FrontendSpec:
    """Read a front end: a preset's name, or the path of a TOML file.

    A string with a folder separator or ending in ``.toml`` is a path, any other a preset's name.

    Raises:
        InputError: no such preset or file, not TOML, an unknown or missing key, a value that is out of
            range, or one that contradicts another.
    """
    text = str(name_or_path)
    is_path = isinstance(name_or_path, Path) or "/" in text or "\\" in text or text.endswith(".toml")
    if is_path:
        return _read_spec(Path(name_or_path))
    if text not in preset_names():
        raise InputError(
            f"there is no front end named {text!r}",
            _meant(nearest(text, preset_names()), preset_names())
            + "give a preset's name or the path of a .toml file",
        )
    return _read_spec(_PRESETS / f"{text}.toml")


def _read_spec(path: Path) -> FrontendSpec:
    try:
        if path.exists() and not path.is_file():  # a pipe may never end
            raise OSError(0, "it is not a file")
        with path.open("rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"cannot read the front end {path}: {reason}", f"presets: {', '.join(preset_names())}"
        ) from error
    if len(content) > _MAX_FILE_BYTES:
        raise InputError(f"{path}: larger than {_MAX_FILE_BYTES} bytes", "is it a front-end specification?")
    try:
        table = tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # ValueError: not TOML, not UTF-8, a giant integer
        raise InputError(f"{path}: not a TOML file: {error}", "see the presets for the format") from error
    return parse_spec(table, path)


def parse_spec(table: Mapping[str, Any], path: Path) -> FrontendSpec:
    """The front end in a TOML table, named after the stem of ``path`` on one line; messages name ``path``.

    ``preset`` may name a preset that gives every key that is not in the table.

    Raises:
        InputError: an unknown or missing key, a value that is out of range, or one that contradicts
            another.
    """
    given = dict(table)
    if "preset" in given:
        given = _over_preset(given, path)
    for key in given:
        if key not in KEYS:
            raise InputError(
                f"{path}: unknown key {_shown(key)}",
                _meant(likely_key(key, (*KEYS, "preset")), KEYS) + "remove or correct it",
            )
    values = {key: _checked(key, value, path) for key, value in given.items()}
    resolved: dict[str, Any] = {key: values.get(key, entry.default) for key, entry in KEYS.items()}
    for key, entry in KEYS.items():
        if not applies(key, resolved):
            if key in given:
                raise InputError(f"{path}: {key} has no meaning here", _meaning_needs(key))
            del resolved[key]
        elif resolved[key] is None:
            raise InputError(f"{path}: key {key!r} is missing", f"add it: {_wanted(entry)}")
    spec = FrontendSpec(name=one_line(path.stem), **resolved)
    for problem, remedy in contradictions(spec):
        raise InputError(f"{path}: {problem}", f"give {remedy}")
    return spec


def _over_preset(table: dict[str, Any], path: Path) -> dict[str, Any]:
    """The preset's keys under the table's; those lose their meaning quietly that the table takes it from."""
    name = table.pop("preset")
    if name not in preset_names():
        meant = nearest(name, preset_names()) if isinstance(name, str) else None
        raise InputError(
            f"{path}: preset {_shown(name)} is not known", _meant(meant, preset_names()) + "correct it"
        )
    base = tomllib.loads((_PRESETS / f"{name}.toml").read_text(encoding="utf-8"))
    merged = base | table
    defaults = {key: entry.default for key, entry in KEYS.items()} | merged
    return {key: value for key, value in merged.items() if key in table or applies(key, defaults)}


def _checked(key: str, value: object, path: Path) -> object:
    """One value: its type, then its choices or range; integers may stand for floats."""
    entry = KEYS[key]
    if entry.type is float and type(value) is int and abs(value) < 1 << 53:
        value = float(value)
    if type(value) is not entry.type:
        raise InputError(f"{path}: {key} is not {_with_article(entry.type)}", f"give {_wanted(entry)}")
    if entry.choices:
        if value not in entry.choices:
            meant = likely_value(key, value, entry.choices) if isinstance(value, str) else None
            raise InputError(
                f"{path}: {key} = {_shown(value)} is not supported", f"{_meant(meant)}give {_wanted(entry)}"
            )
    elif entry.type in (int, float):
        assert isinstance(value, int | float)
        number = _as_float32(value) if entry.type is float else value
        if not entry.low <= number <= entry.high:  # a NaN is not
            raise InputError(f"{path}: {key} = {_shown(value)} is out of range", f"give {_wanted(entry)}")
    return value


def _as_float32(value: float) -> float:
    """The value that the C code will see."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def _meaning_needs(key: str) -> str:
    when = KEYS[key].when
    assert when is not None
    return f"remove it; it needs {when[0]} = {' or '.join(str(value) for value in when[1])}"


def _wanted(entry: Key) -> str:
    text = _with_article(entry.type)
    if entry.choices:
        return text + ", one of " + ", ".join(str(choice) for choice in entry.choices)
    return text + (f", from {entry.low:.9g} to {entry.high:.9g}" if entry.type in (int, float) else "")


def _with_article(kind: type) -> str:
    return f"an {kind.__name__}" if kind is int else f"a {kind.__name__}"


def _shown(value: object) -> str:
    """A value from a file, short enough for a message of one line."""
    if isinstance(value, int) and abs(value) >= 1 << 64:
        return "a giant integer"  # Python refuses to print some
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _meant(word: str | None, known: Iterable[str] = ()) -> str:
    """A suggestion; else what there is."""
    if word is not None:
        return f"did you mean {word!r}? "
    listed = ", ".join(known)
    return f"known: {listed}; " if listed else ""
