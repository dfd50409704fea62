"""Front-end specifications: read from TOML, validated strictly, immutable afterwards."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from mcu_deploy.errors import InputError

_PRESETS = Path(__file__).resolve().parent / "presets"
_MAX_FILE_BYTES = 64 * 1024
_MAX_CLIP_SAMPLES = 1 << 22
_MAX_FEATURES = 1 << 20

FFT_SIZES = (32, 64, 128, 256, 512, 1024, 2048, 4096)
"""Real FFT lengths of CMSIS-DSP's ``arm_rfft_fast_f32``."""

_CHOICES: dict[str, tuple[object, ...]] = {
    "kind": ("mfcc",),
    "channels": (1,),
    "window": ("hann-periodic",),
    "fft_size": FFT_SIZES,
    "spectrum": ("magnitude", "power"),
    "mel_scale": ("htk",),
    "mel_normalization": ("none",),
    "log": ("natural",),
    "dct_normalization": ("htk",),
}

_RANGES: dict[str, tuple[float, float]] = {
    "sample_rate_hz": (1000, 192_000),
    "frame_samples": (2, FFT_SIZES[-1]),
    "hop_samples": (1, 65_535),
    "frames": (1, 10_000),
    "mel_filters": (1, 512),
    "mel_low_hz": (0.0, 96_000.0),
    "mel_high_hz": (0.0, 96_000.0),
    "log_floor": (float(np.finfo(np.float32).tiny), 1.0),
    "dct_coefficients": (1, 512),
}


@dataclass(frozen=True)
class FrontendSpec:
    """An MFCC front end, by the words that feature extractors use.

    Attributes:
        name: the preset's name, or the file's stem.
        kind: ``"mfcc"``.
        sample_rate_hz: of the recording; 16-bit samples count as fractions of full scale (x / 32768).
        channels: 1.
        frame_samples: samples in a frame, at most ``fft_size``; the rest of the FFT's input is zero.
        hop_samples: from one frame's start to the next; there is no centring and no padding.
        frames: frames in a clip.
        window: ``"hann-periodic"``: 0.5 - 0.5 cos(2 pi n / frame_samples).
        fft_size: length of the real FFT, one of `FFT_SIZES`.
        spectrum: ``"magnitude"`` or ``"power"``.
        mel_filters: triangular filters, their edges spaced evenly in mel.
        mel_scale: ``"htk"``: 1127 ln(1 + f / 700).
        mel_normalization: ``"none"``: every triangle has height 1; its sides are linear in mel.
        mel_low_hz: lower edge of the first filter.
        mel_high_hz: upper edge of the last filter, at most half the sample rate.
        log: ``"natural"``.
        log_floor: a float32 no smaller than FLT_MIN; the logarithm is of max(x, log_floor).
        dct_coefficients: the first rows of the DCT-II, at most ``mel_filters``.
        dct_normalization: ``"htk"``: sqrt(2 / mel_filters) for every row, row 0 included.
    """

    name: str
    kind: str
    sample_rate_hz: int
    channels: int
    frame_samples: int
    hop_samples: int
    frames: int
    window: str
    fft_size: int
    spectrum: str
    mel_filters: int
    mel_scale: str
    mel_normalization: str
    mel_low_hz: float
    mel_high_hz: float
    log: str
    log_floor: float
    dct_coefficients: int
    dct_normalization: str

    @property
    def clip_samples(self) -> int:
        """Samples that one run of the front end reads."""
        return (self.frames - 1) * self.hop_samples + self.frame_samples

    @property
    def feature_shape(self) -> tuple[int, int]:
        """Frames and coefficients; the model's input holds them in this order."""
        return (self.frames, self.dct_coefficients)


@dataclass(frozen=True)
class Stage:
    """An intermediate vector that the C code shows to an observer.

    Attributes:
        index: the observer's ``stage`` argument.
        name: a key of what the Python reference returns.
        dtype: NumPy's name of the element type.
        shape: of one observation.
        per_frame: made once a frame; else once a clip.
    """

    index: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    per_frame: bool


def spectrum_bins(spec: FrontendSpec) -> int:
    """How many FFT bins, from bin 0 on, the spectrum stage holds: those below ``mel_high_hz``.

    No filter weighs a bin at or above its upper edge, so the rest is never computed; the Nyquist bin
    is never among them.
    """
    return min(spec.fft_size // 2, math.ceil(spec.mel_high_hz * spec.fft_size / spec.sample_rate_hz))


def stages(spec: FrontendSpec) -> tuple[Stage, ...]:
    """The intermediate vectors of a front end, in the order in which the C code makes them."""
    lengths = (
        ("windowed", spec.frame_samples),
        ("spectrum", spectrum_bins(spec)),
        ("mel", spec.mel_filters),
        ("log", spec.mel_filters),
        ("dct", spec.dct_coefficients),
    )
    per_frame = [Stage(i, name, "float32", (length,), True) for i, (name, length) in enumerate(lengths)]
    return (*per_frame, Stage(len(per_frame), "quantised", "int8", spec.feature_shape, False))


def preset_names() -> tuple[str, ...]:
    """The names that `load_spec` takes without a file."""
    return tuple(sorted(path.stem for path in _PRESETS.glob("*.toml")))


def load_spec(name_or_path: str | Path) -> FrontendSpec:
    """Read a front end: a preset's name, or the path of a TOML file.

    A string with a folder separator or ending in ``.toml`` is a path, any other a preset's name.

    Raises:
        InputError: no such preset or file, not TOML, an unknown or missing key, a value that is out of
            range or not supported.
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

    Raises:
        InputError: an unknown or missing key, a value that is out of range or not supported.
    """
    types = {field.name: str(field.type) for field in fields(FrontendSpec) if field.name != "name"}
    for key in table:
        if key not in types:
            raise InputError(
                f"{path}: unknown key {_shown(key)}", _nearest(key, tuple(types)) + "remove or correct it"
            )
    for key, kind in types.items():
        if key not in table:
            raise InputError(
                f"{path}: key {key!r} is missing", f"add it: {_with_article(kind)}{_allowed(key)}"
            )
    checked: dict[str, Any] = {key: _checked(key, table[key], kind, path) for key, kind in types.items()}
    spec = FrontendSpec(name=path.stem, **checked)
    _check_together(spec, path)
    return spec


def _checked(key: str, value: object, kind: str, path: Path) -> object:
    """One value: its type, then its choices or range; integers may stand for floats."""
    if kind == "float" and type(value) is int and abs(value) < 1 << 53:
        value = float(value)
    if type(value).__name__ != kind:
        raise InputError(f"{path}: {key} is not {_with_article(kind)}", f"give it{_allowed(key)}")
    if key in _CHOICES and value not in _CHOICES[key]:
        raise InputError(f"{path}: {key} = {_shown(value)} is not supported", f"give it{_allowed(key)}")
    if key in _RANGES:
        low, high = _RANGES[key]
        number = _as_float32(value) if key == "log_floor" else value
        if not (isinstance(number, (int, float)) and low <= number <= high):
            raise InputError(f"{path}: {key} = {_shown(value)} is out of range", f"give it{_allowed(key)}")
    return value


def _as_float32(value: object) -> float:
    """The value that the C code will see."""
    with np.errstate(over="ignore"):
        return float(np.float32(value)) if isinstance(value, float) else math.nan


def _check_together(spec: FrontendSpec, path: Path) -> None:
    """What one key alone cannot show."""
    problems = (
        (spec.frame_samples > spec.fft_size, "frame_samples is larger than fft_size"),
        (spec.mel_low_hz >= spec.mel_high_hz, "mel_low_hz is not below mel_high_hz"),
        (spec.mel_high_hz > spec.sample_rate_hz / 2, "mel_high_hz is above half of sample_rate_hz"),
        (spec.mel_filters > spec.fft_size // 2, "mel_filters is larger than half of fft_size"),
        (spec.dct_coefficients > spec.mel_filters, "dct_coefficients is larger than mel_filters"),
        (spec.clip_samples > _MAX_CLIP_SAMPLES, f"a clip is longer than {_MAX_CLIP_SAMPLES} samples"),
        (spec.frames * spec.dct_coefficients > _MAX_FEATURES, f"more than {_MAX_FEATURES} features"),
    )
    for wrong, message in problems:
        if wrong:
            raise InputError(f"{path}: {message}", "correct one of the two")


def _allowed(key: str) -> str:
    if key in _CHOICES:
        return ", one of " + ", ".join(str(choice) for choice in _CHOICES[key])
    if key in _RANGES:
        low, high = _RANGES[key]
        return f", from {low:.9g} to {high:.9g}"
    return ""


def _with_article(kind: str) -> str:
    return f"an {kind}" if kind == "int" else f"a {kind}"


def _shown(value: object) -> str:
    """A value from a file, short enough for a message of one line."""
    if isinstance(value, int) and abs(value) >= 1 << 64:
        return "a giant integer"  # Python refuses to print some
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _nearest(word: str, words: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, words, n=1)
    return f"did you mean {close[0]!r}? " if close else f"known: {', '.join(words)}; "
