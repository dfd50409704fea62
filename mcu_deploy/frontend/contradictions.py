"""What is wrong with a front end that one key alone cannot show, and what would be right."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mcu_deploy.frontend.keys import FFT_SIZES, KEYS
from mcu_deploy.frontend.spec import FrontendSpec

_MAX_CLIP_SAMPLES = 1 << 22
_MAX_FEATURES = 1 << 20
_MAX_DIVISORS = 6


def contradictions(spec: FrontendSpec) -> Iterator[tuple[str, str]]:
    """Each: what is wrong, and what to give in its place."""
    yield from _framing_problems(spec)
    yield from _clip_problems(spec)
    if spec.spectral:
        yield from _frame_problems(spec)
        yield from _mel_problems(spec)


def _framing_problems(spec: FrontendSpec) -> Iterator[tuple[str, str]]:
    if spec.clip_samples > _MAX_CLIP_SAMPLES:
        most = _frames_of(spec, _MAX_CLIP_SAMPLES)
        yield (
            f"a clip is longer than {_MAX_CLIP_SAMPLES} samples",
            f"at most frames = {most} with hop_samples = {spec.hop_samples}",
        )
    least, most = spec.samples_of(spec.frames), spec.samples_of(spec.frames + 1) - 1
    if not least <= spec.clip_samples <= most:
        made = _frames_of(spec, spec.clip_samples)
        yield (
            f"clip_samples = {spec.clip_samples} makes frames = {made}, not {spec.frames}",
            _either(
                f"frames = {made}" if 1 <= made <= KEYS["frames"].high else "",
                f"clip_samples = {least} to {most}" if least <= most else "",
            ),
        )
    if spec.min_frames > spec.frames:
        yield (
            "min_frames is larger than frames",
            _either(f"min_frames = 1 to {spec.frames}", "0, for no shorter clips"),
        )
    if spec.padding > 0 and spec.frame_samples % 2 != 0:
        yield (
            "centring takes an even frame_samples",
            _either(f"frame_samples = {spec.frame_samples - 1}", f"{spec.frame_samples + 1}"),
        )
    if not spec.spectral and spec.hop_samples != spec.frame_samples:
        high = KEYS["frame_samples"].high
        yield (
            "kind = pcm takes frames side by side: hop_samples is not frame_samples",
            _either(
                f"hop_samples = {spec.frame_samples}",
                f"frame_samples = {spec.hop_samples}" if 2 <= spec.hop_samples <= high else "",
            ),
        )


def _clip_problems(spec: FrontendSpec) -> Iterator[tuple[str, str]]:
    partial = spec.min_frames < spec.frames
    if partial and spec.deltas > 0:
        yield "min_frames cannot stand with deltas", _either("min_frames = 0", "deltas = 0")
    if partial and spec.resize != "none":
        yield "min_frames cannot stand with resize", _either("min_frames = 0", "resize = none")
    if spec.deltas > 0 and spec.resize != "none":
        yield "deltas cannot stand with resize", _either("deltas = 0", "resize = none")
    lost = 2 * spec.delta_width * spec.deltas
    if spec.deltas > 0 and spec.frames <= lost:
        width = (spec.frames - 1) // (2 * spec.deltas)
        yield (
            "deltas leave no frame: frames is too small",
            _either(f"at least frames = {lost + 1}", f"at most delta_width = {width}" if width else ""),
        )
    row = spec.input_coefficients * spec.input_maps
    if spec.input_frames * row > _MAX_FEATURES:
        key, more = ("resize_frames", 0) if spec.resize_frames else ("frames", lost)
        yield (
            f"more than {_MAX_FEATURES} features",
            f"at most {key} = {_MAX_FEATURES // row + more}, which have {row} features each",
        )
    if spec.resize == "subsample":
        if spec.frames % spec.resize_frames != 0:
            yield (
                "frames is not a multiple of resize_frames",
                f"resize_frames = {_divisors(spec.frames, spec.resize_frames)}",
            )
        if spec.coefficients % spec.resize_coefficients != 0:
            yield (
                "the coefficients are not a multiple of resize_coefficients",
                f"resize_coefficients = {_divisors(spec.coefficients, spec.resize_coefficients)}",
            )


def _frame_problems(spec: FrontendSpec) -> Iterator[tuple[str, str]]:
    if spec.frame_samples > spec.fft_size:
        size = next(size for size in FFT_SIZES if size >= spec.frame_samples)
        yield (
            "frame_samples is larger than fft_size",
            _either(f"fft_size = {size}", f"at most frame_samples = {spec.fft_size}"),
        )
    if spec.fixed_point and spec.samples == "integer":
        yield (
            f"precision = {spec.precision} takes samples = fraction",
            _either("samples = fraction", "precision = float32"),
        )


def _mel_problems(spec: FrontendSpec) -> Iterator[tuple[str, str]]:
    low, high, half = spec.mel_low_hz, spec.mel_high_hz, spec.sample_rate_hz / 2
    if low >= high:
        yield (
            "mel_low_hz is not below mel_high_hz",
            _either(
                f"mel_low_hz below {high:.9g}" if high > 0 else "",
                f"mel_high_hz above {low:.9g}, up to {half:.9g}" if low < half else "",
            ),
        )
    if high > half:
        yield (
            "mel_high_hz is above half of sample_rate_hz",
            _either(f"at most mel_high_hz = {half:.9g}", f"at least sample_rate_hz = {math.ceil(2 * high)}"),
        )
    if spec.mel_filters > spec.fft_size // 2:
        size = next(size for size in FFT_SIZES if size // 2 >= spec.mel_filters)
        yield (
            "mel_filters is larger than half of fft_size",
            _either(f"at most mel_filters = {spec.fft_size // 2}", f"fft_size = {size}"),
        )
    if spec.mel_scale == "kaldi" and spec.mel_triangles != "mel":
        yield (
            "mel_scale = kaldi has triangles linear in mel, not mel_triangles = hz",
            _either("mel_triangles = mel", "mel_scale = htk, which is the same scale"),
        )
    if spec.kind == "mfcc" and spec.dct_coefficients > spec.mel_filters:
        yield (
            "dct_coefficients is larger than mel_filters",
            _either(
                f"at most dct_coefficients = {spec.mel_filters}",
                f"at least mel_filters = {spec.dct_coefficients}",
            ),
        )
    if spec.kind == "mfcc" and spec.dct_type == 1 and spec.mel_filters < 2:
        yield "dct_type = 1 takes mel_filters of at least 2", _either("mel_filters = 2", "dct_type = 2")


def _frames_of(spec: FrontendSpec, samples: int) -> int:
    """The frames that so many samples make, were there no bound."""
    length = samples if spec.padding else samples - spec.frame_samples
    return length // spec.hop_samples + 1 if samples >= spec.samples_of(1) else 0


def _divisors(number: int, wanted: int) -> str:
    """Those nearest to ``wanted``."""
    found = [divisor for divisor in range(1, number + 1) if number % divisor == 0]
    nearest_ones = sorted(found, key=lambda divisor: abs(divisor - wanted))[:_MAX_DIVISORS]
    return " or ".join(map(str, sorted(nearest_ones)))


def _either(*remedies: str) -> str:
    return ", or ".join(remedy for remedy in remedies if remedy)
