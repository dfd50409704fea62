"""From the scores of overlapping windows to detections: what ``md_smoother.c`` does, and its settings.

The idea is that of the keyword spotting example of TensorFlow Lite Micro (``recognize_commands`` of
``micro_speech``): the mean of the last windows' scores, a threshold, a time of silence after a detection.
There the mean is over 1 s, the threshold is 200 of 255 and the time is 1.5 s, for words that are far apart;
the defaults here are shorter, so that words a second apart are heard one by one. Two differences: windows
are counted, not milliseconds, which keeps everything in integers that are the same everywhere; and a word
counts again only after its mean was below the threshold, so that a long word is not detected twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from mcu_deploy.errors import InputError

MAX_WINDOWS = 32
SMOOTH_SECONDS = 0.4
SUPPRESS_SECONDS = 0.6

Int8 = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Smoothing:
    """What the firmware is told (``md_smoother_config_t``).

    Attributes:
        windows: how many are averaged, 1 to ``MAX_WINDOWS``.
        threshold: of an output's sum over that many windows, an int32.
        suppress: windows after a detection without another.
        ignored: outputs that are never detected.
    """

    windows: int
    threshold: int
    suppress: int
    ignored: frozenset[int]


@dataclass(frozen=True)
class Detection:
    """An output whose mean reached the threshold.

    Attributes:
        output: its index.
        total: its sum over the averaged windows.
    """

    output: int
    total: int


def smoothing(
    labels: Sequence[str],
    scale: float,
    zero_point: int,
    stride_seconds: float,
    threshold: float | None,
    smooth_seconds: float | None,
    suppress_seconds: float | None,
) -> Smoothing:
    """Settings in seconds and scores as the integers that the firmware takes.

    Args:
        labels: of the outputs; those in underscores, as ``_silence_``, are no words and are ignored.
        scale, zero_point: of the int8 output.
        stride_seconds: between two windows.
        threshold: of the mean score; None for half of the highest score that the output can have.
        smooth_seconds: time to average over, at least one window; None for ``SMOOTH_SECONDS``, or as much
            of it as ``MAX_WINDOWS`` make.
        suppress_seconds: after a detection; None for ``SUPPRESS_SECONDS``.

    Raises:
        InputError: that is more windows than the firmware keeps, or no score reaches the threshold.
    """
    wanted = SMOOTH_SECONDS if smooth_seconds is None else smooth_seconds
    windows = max(1, round(wanted / stride_seconds))
    if smooth_seconds is None:
        windows = min(windows, MAX_WINDOWS)
    if windows > MAX_WINDOWS:
        raise InputError(
            f"--smooth {smooth_seconds:g} averages {windows} windows, the most is {MAX_WINDOWS}",
            f"give at most {MAX_WINDOWS * stride_seconds:g}, or a longer --stride",
        )
    highest = (127 - zero_point) * scale
    if threshold is not None and not 0 < threshold <= highest:
        raise InputError(
            f"--threshold {threshold:g} is not a score that this model gives: they reach {highest:.3g}",
            f"give a number above 0 and up to {highest:.3g}",
        )
    score = Fraction(127 - zero_point, 2) if threshold is None else Fraction(threshold) / Fraction(scale)
    quiet = SUPPRESS_SECONDS if suppress_seconds is None else suppress_seconds
    return Smoothing(
        windows=windows,
        threshold=math.ceil(windows * (score + zero_point)),
        suppress=round(quiet / stride_seconds),
        ignored=frozenset(n for n, label in enumerate(labels) if _is_no_word(label)),
    )


def mean_score(settings: Smoothing, total: int, scale: float, zero_point: int) -> float:
    """A sum over the averaged windows as a score."""
    return (total / settings.windows - zero_point) * scale


def detections(settings: Smoothing, outputs: Iterable[Int8]) -> list[Detection | None]:
    """Window by window what is detected, with the arithmetic of ``md_smoother_push``.

    Args:
        settings: as the firmware has them.
        outputs: the int8 outputs of a stream's windows, each of the shape (outputs,).
    """
    rows = np.array([row.reshape(-1) for row in outputs], dtype=np.int64)
    found: list[Detection | None] = [None] * len(rows)
    quiet, held = 0, None
    for last in range(settings.windows - 1, len(rows)):
        sums = rows[last + 1 - settings.windows : last + 1].sum(axis=0)
        if held is not None and sums[held] < settings.threshold:
            held = None
        if quiet > 0:
            quiet -= 1
            continue
        best = int(sums.argmax())
        if sums[best] >= settings.threshold and best not in settings.ignored and best != held:
            found[last] = Detection(best, int(sums[best]))
            held, quiet = best, settings.suppress
    return found


def _is_no_word(label: str) -> bool:
    return label.startswith("_") and label.endswith("_")
