"""The firmware's detections in a stream: compared with Python's, and listed for the document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mcu_deploy.detect import Detection, Smoothing, detections, mean_score
from mcu_deploy.inputs import InputVector
from mcu_deploy.simulate.records import Run
from mcu_deploy.verify.compare import first_difference
from mcu_deploy.verify.runs import RunVerdict


def verify_detections(
    smoothing: Smoothing, verdicts: Sequence[RunVerdict], runs: Sequence[Run]
) -> list[RunVerdict]:
    """Compares what the firmware detected in one stream with what Python detects in the reference's outputs.

    Args:
        smoothing: as the firmware was told.
        verdicts: of the stream's windows.
        runs: the same windows.

    Returns:
        the verdicts, with a difference where there was none before and the detection differs.
    """
    expected = detections(smoothing, [verdict.reference_output.astype(np.int8) for verdict in verdicts])
    compared = []
    for verdict, want, run in zip(verdicts, expected, runs, strict=True):
        difference = first_difference("detection", "output and sum", _vector(want), _vector(run.detection))
        compared.append(verdict if verdict.difference else replace(verdict, difference=difference))
    return compared


def _vector(detection: Detection | None) -> np.ndarray[Any, np.dtype[np.int32]]:
    pair = (-1, 0) if detection is None else (detection.output, detection.total)
    return np.array(pair, dtype=np.int32)


def detection_entries(
    smoothing: Smoothing,
    quantization: tuple[float, int],
    labels: Sequence[str],
    window_seconds: float,
    first_run: int,
    inputs: Sequence[InputVector],
    runs: Sequence[Run],
) -> list[dict[str, Any]]:
    """What stands under ``detections`` for one stream.

    Args:
        smoothing: as the firmware was told.
        quantization: scale and zero point of the output.
        labels: of the output.
        window_seconds: length of a window.
        first_run: number of the stream's first window in ``runs`` of the document.
        inputs: the stream's windows.
        runs: the same windows.
    """
    return [
        {
            "run": first_run + n,
            "input": vector.source,
            "time_seconds": round((vector.start_seconds or 0.0) + window_seconds, 6),
            "label": labels[run.detection.output],
            "score": mean_score(smoothing, run.detection.total, *quantization),
        }
        for n, (vector, run) in enumerate(zip(inputs, runs, strict=True))
        if run.detection is not None
    ]


def stream_entry(
    smoothing: Smoothing | None, quantization: tuple[float, int] | None, stride_seconds: float
) -> dict[str, Any]:
    """What stands under ``stream``: the settings, as the firmware has them."""
    entry: dict[str, Any] = {"stride_seconds": stride_seconds, "detection": None}
    if smoothing is not None and quantization is not None:
        entry["detection"] = {
            "smooth_windows": smoothing.windows,
            "threshold": mean_score(smoothing, smoothing.threshold, *quantization),
            "suppress_windows": smoothing.suppress,
            "ignored_outputs": sorted(smoothing.ignored),
        }
    return entry
