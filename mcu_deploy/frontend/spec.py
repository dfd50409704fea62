"""Front-end specifications: what a front end computes, immutable once it was read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from mcu_deploy.frontend.keys import FFT_SIZES, FLT_MIN, KEYS

__all__ = ["FFT_SIZES", "FrontendSpec", "Stage", "applies", "spec_table", "spectrum_bins", "stages"]


@dataclass(frozen=True)
class FrontendSpec:
    """A front end, by the words that feature extractors use: `mcu_deploy.frontend.keys` explains each.

    A key that has no meaning here (``dct_type`` without a DCT) holds its default.

    The way of a clip: samples, centring, frames; then in each frame and channel DC removal, pre-emphasis,
    window, real FFT, spectrum, mel filters, logarithm, DCT, ``feature_mean`` and ``feature_std``; then over
    the clip normalisation, deltas, resizing; at last layout and the model's quantisation. With ``kind`` =
    ``pcm`` the samples themselves are the features, cut into frames of ``hop_samples``.
    """

    name: str
    kind: str
    sample_rate_hz: int
    frame_samples: int
    hop_samples: int
    frames: int
    channels: int = 1
    samples: str = "fraction"
    clip_samples: int = 0
    min_frames: int = 0
    centring: str = "none"
    dc_removal: bool = False
    pre_emphasis: float = 0.0
    window: str = "rectangular"
    fft_size: int = 0
    spectrum: str = "power"
    mel_filters: int = 0
    mel_scale: str = "htk"
    mel_triangles: str = "mel"
    mel_normalization: str = "none"
    mel_low_hz: float = 0.0
    mel_high_hz: float = 0.0
    log: str = "natural"
    log_offset: float = 0.0
    log_floor: float = FLT_MIN
    dct_coefficients: int = 0
    dct_type: int = 2
    dct_normalization: str = "none"
    dct_lifter: float = 0.0
    feature_mean: float = 0.0
    feature_std: float = 1.0
    normalization: str = "none"
    normalization_epsilon: float = 1e-15
    deltas: int = 0
    delta_width: int = 2
    resize: str = "none"
    resize_frames: int = 0
    resize_coefficients: int = 0
    layout: str = "frames-first"
    precision: str = "float32"
    arithmetic: str = "exact"

    def __post_init__(self) -> None:
        """Fills in what follows from other keys."""
        if self.clip_samples == 0:
            object.__setattr__(self, "clip_samples", self.samples_of(self.frames))
        if self.min_frames == 0:
            object.__setattr__(self, "min_frames", self.frames)

    @property
    def spectral(self) -> bool:
        """Whether frames are transformed; else the features are the samples."""
        return self.kind != "pcm"

    @property
    def promises_bits(self) -> bool:
        """Whether target and Python reference have the same bits."""
        return self.arithmetic != "cmsis-helium"

    @property
    def fixed_point(self) -> bool:
        """Whether a frame is computed in integers."""
        return self.precision != "float32"

    @property
    def padding(self) -> int:
        """Samples (and channel) that centring puts before the clip's first."""
        return self.frame_samples // 2 if self.centring != "none" else 0

    @property
    def coefficients(self) -> int:
        """Features of a frame and channel."""
        return {"mfcc": self.dct_coefficients, "log-mel": self.mel_filters, "pcm": self.hop_samples}[
            self.kind
        ]

    @property
    def clip_steps(self) -> bool:
        """Whether something is computed over several frames, after the last."""
        return not self.spectral or (self.normalization, self.deltas, self.resize) != ("none", 0, "none")

    @property
    def input_frames(self) -> int:
        """Frames in the model's input."""
        return self.resize_frames or self.frames - 2 * self.delta_width * self.deltas

    @property
    def input_coefficients(self) -> int:
        """Coefficients in the model's input."""
        return self.resize_coefficients or self.coefficients

    @property
    def input_maps(self) -> int:
        """Values at each frame and coefficient of the model's input: the channels' features, then their
        deltas, then the deltas' deltas."""
        return self.channels * (1 + self.deltas)

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """The model's input without its batch dimension; one map has no dimension."""
        pair = (self.input_frames, self.input_coefficients)
        if self.layout == "coefficients-first":
            pair = (pair[1], pair[0])
        return pair if self.input_maps == 1 else (*pair, self.input_maps)

    def takes(self, elements: int) -> bool:
        """Whether so many interleaved samples are a clip."""
        samples, rest = divmod(elements, self.channels)
        return rest == 0 and self.samples_of(self.min_frames) <= samples <= self.clip_samples

    def samples_of(self, frames: int) -> int:
        """The fewest samples (and channel) that make so many frames."""
        if self.padding:
            return max((frames - 1) * self.hop_samples, self.padding + 1)
        return (frames - 1) * self.hop_samples + self.frame_samples

    def frames_in(self, samples: int) -> int:
        """Frames that a recording of so many samples (and channel) makes, no more than ``frames``."""
        length = samples if self.padding else samples - self.frame_samples
        return max(0, min(self.frames, length // self.hop_samples + 1))


@dataclass(frozen=True)
class Stage:
    """An intermediate vector that the C code shows to an observer.

    Attributes:
        index: the observer's ``stage`` argument.
        name: a key of what the Python reference returns.
        dtype: NumPy's name of the element type.
        shape: of one observation.
        vectors: observations of a full clip, numbered by the observer's ``frame``: frame by frame and
            within it channel by channel; for ``prepared`` frame by frame of the model's input.
        per_frame: whether ``vectors`` is an axis of the reference's array; else there is just one.
    """

    index: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    vectors: int
    per_frame: bool


def spectrum_bins(spec: FrontendSpec) -> int:
    """How many FFT bins, from bin 0 on, the spectrum stage holds: those below ``mel_high_hz``.

    No filter weighs a bin at or above its upper edge, so the rest is never computed; the Nyquist bin
    is never among them.
    """
    return min(spec.fft_size // 2, math.ceil(spec.mel_high_hz * spec.fft_size / spec.sample_rate_hz))


def stages(spec: FrontendSpec) -> tuple[Stage, ...]:
    """The intermediate vectors of a front end, in the order in which the C code makes them."""
    made: list[tuple[str, str, tuple[int, ...], int, bool]] = []
    if spec.spectral:
        lengths = {
            "windowed": spec.frame_samples,
            "spectrum": spectrum_bins(spec),
            "mel": spec.mel_filters,
            "log": spec.mel_filters,
        }
        if spec.kind == "mfcc":
            lengths["dct"] = spec.dct_coefficients
        vectors = spec.frames * spec.channels
        made += [(name, _dtype(spec, name), (length,), vectors, True) for name, length in lengths.items()]
        if features_stage(spec) == "features":
            made.append(("features", "float32", (spec.coefficients,), vectors, True))
    if spec.clip_steps:
        row = (spec.input_coefficients * spec.input_maps,)
        made.append(("prepared", "float32", row, spec.input_frames, True))
    made.append(("quantised", "int8", spec.feature_shape, 1, False))
    return tuple(Stage(index, *rest) for index, rest in enumerate(made))


def _dtype(spec: FrontendSpec, stage: str) -> str:
    """In fixed point powers and the sums of the mel filters have 64 bits; in q15 what follows the FFT has
    32 bits or more."""
    if not spec.fixed_point:
        return "float32"
    if stage == "mel" or (stage, spec.spectrum) == ("spectrum", "power"):
        return "int64"
    return "int16" if (stage, spec.precision) == ("windowed", "q15") else "int32"


def features_stage(spec: FrontendSpec) -> str:
    """The name of a frame's last stage in float32: ``features`` where the integers, or ``feature_mean`` and
    ``feature_std``, make one of its own."""
    if spec.fixed_point or (spec.feature_mean, spec.feature_std) != (0.0, 1.0):
        return "features"
    return "dct" if spec.kind == "mfcc" else "log"


def applies(key: str, values: dict[str, Any]) -> bool:
    """Whether a key has a meaning beside these values."""
    when = KEYS[key].when
    return when is None or (applies(when[0], values) and values.get(when[0]) in when[1])


def spec_table(spec: FrontendSpec) -> dict[str, Any]:
    """The TOML table that gives ``spec`` again: every key that has a meaning, defaults written out."""
    values = {key: getattr(spec, key) for key in KEYS}
    return {key: value for key, value in values.items() if applies(key, values)}
