"""Reading front-end specifications from TOML: strictly, with errors that name the way out."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mcu_deploy.errors import InputError
from mcu_deploy.frontend.keys import KEYS, Key
from mcu_deploy.frontend.spec import FrontendSpec, applies

_PRESETS = Path(__file__).resolve().parent / "presets"
_MAX_FILE_BYTES = 64 * 1024
_MAX_CLIP_SAMPLES = 1 << 22
_MAX_FEATURES = 1 << 20


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
            _nearest(text, preset_names()) + "give a preset's name or the path of a .toml file",
        )
    return _read_spec(_PRESETS / f"{text}.toml")


def _read_spec(path: Path) -> FrontendSpec:
    try:
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
    """The front end in a TOML table, named after the stem of ``path``, which messages name.

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
                _nearest(key, (*KEYS, "preset")) + "remove or correct it",
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
    spec = FrontendSpec(name=path.stem, **resolved)
    for problem in _contradictions(spec):
        raise InputError(f"{path}: {problem}", "correct one of the two")
    return spec


def _over_preset(table: dict[str, Any], path: Path) -> dict[str, Any]:
    """The preset's keys under the table's; those lose their meaning quietly that the table takes it from."""
    name = table.pop("preset")
    if name not in preset_names():
        nearest = _nearest(name, preset_names()) if isinstance(name, str) else ""
        raise InputError(f"{path}: preset {_shown(name)} is not known", nearest + "correct it")
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
            nearest = _nearest(value, entry.choices, known=False) if isinstance(value, str) else ""
            raise InputError(
                f"{path}: {key} = {_shown(value)} is not supported", f"{nearest}give {_wanted(entry)}"
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


def _contradictions(spec: FrontendSpec) -> Iterator[str]:
    """What one key alone cannot show."""
    yield from (message for wrong, message in _framing_problems(spec) if wrong)
    yield from (message for wrong, message in _clip_problems(spec) if wrong)
    if spec.spectral:
        yield from (message for wrong, message in _spectral_problems(spec) if wrong)


def _framing_problems(spec: FrontendSpec) -> Iterator[tuple[bool, str]]:
    yield spec.clip_samples > _MAX_CLIP_SAMPLES, f"a clip is longer than {_MAX_CLIP_SAMPLES} samples"
    yield (
        spec.samples_of(spec.frames) > spec.clip_samples
        or spec.samples_of(spec.frames + 1) <= spec.clip_samples,
        f"clip_samples = {spec.clip_samples} does not make frames = {spec.frames}",
    )
    yield spec.min_frames > spec.frames, "min_frames is larger than frames"
    yield spec.padding > 0 and spec.frame_samples % 2 != 0, "centring takes an even frame_samples"
    yield (
        not spec.spectral and spec.hop_samples != spec.frame_samples,
        "kind = pcm takes frames side by side: hop_samples is not frame_samples",
    )


def _clip_problems(spec: FrontendSpec) -> Iterator[tuple[bool, str]]:
    partial = spec.min_frames < spec.frames
    yield partial and spec.deltas > 0, "min_frames cannot stand with deltas"
    yield partial and spec.resize != "none", "min_frames cannot stand with resize"
    yield spec.deltas > 0 and spec.resize != "none", "deltas cannot stand with resize"
    yield spec.input_frames < 1, "deltas leave no frame: frames is too small"
    yield (
        spec.input_frames * spec.input_coefficients * spec.input_maps > _MAX_FEATURES,
        f"more than {_MAX_FEATURES} features",
    )
    if spec.resize == "subsample":
        yield spec.frames % spec.resize_frames != 0, "frames is not a multiple of resize_frames"
        yield (
            spec.coefficients % spec.resize_coefficients != 0,
            "the coefficients are not a multiple of resize_coefficients",
        )


def _spectral_problems(spec: FrontendSpec) -> Iterator[tuple[bool, str]]:
    yield spec.frame_samples > spec.fft_size, "frame_samples is larger than fft_size"
    yield spec.mel_low_hz >= spec.mel_high_hz, "mel_low_hz is not below mel_high_hz"
    yield spec.mel_high_hz > spec.sample_rate_hz / 2, "mel_high_hz is above half of sample_rate_hz"
    yield spec.mel_filters > spec.fft_size // 2, "mel_filters is larger than half of fft_size"
    yield (
        spec.mel_scale == "kaldi" and spec.mel_triangles != "mel",
        "mel_scale = kaldi has triangles linear in mel, not mel_triangles = hz",
    )
    yield (
        spec.kind == "mfcc" and spec.dct_coefficients > spec.mel_filters,
        "dct_coefficients is larger than mel_filters",
    )
    yield (
        spec.kind == "mfcc" and spec.dct_type == 1 and spec.mel_filters < 2,
        "dct_type = 1 takes mel_filters of at least 2",
    )
    yield (
        spec.fixed_point and spec.samples == "integer",
        f"precision = {spec.precision} takes samples = fraction",
    )


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


def _nearest(word: str, words: tuple[str, ...], known: bool = True) -> str:
    close = difflib.get_close_matches(
        word, [text for text in words if isinstance(text, str)], n=1, cutoff=0.45
    )
    if close:
        return f"did you mean {close[0]!r}? "
    return f"known: {', '.join(words)}; " if known else ""
