"""What can be said of a front end without building it: its keys, what follows from them, its tables."""

from __future__ import annotations

from typing import Any

from mcu_deploy.frontend.codegen import (
    frame_part,
    frontend_ram_bytes,
    frontend_table_bytes,
    helium_table_bytes,
)
from mcu_deploy.frontend.keys import KEYS
from mcu_deploy.frontend.spec import FrontendSpec, spec_table, spectrum_bins, stages
from mcu_deploy.frontend.tables import make_tables, mel_edges_hz


def summary(spec: FrontendSpec) -> dict[str, Any]:
    """A line of ``frontend list``."""
    return {
        "name": spec.name,
        "kind": spec.kind,
        "sample_rate_hz": spec.sample_rate_hz,
        "channels": spec.channels,
        "frame_samples": spec.frame_samples,
        "hop_samples": spec.hop_samples,
        "frames": spec.frames,
        "feature_shape": list(spec.feature_shape),
        "precision": spec.precision if spec.spectral else None,
    }


def description(spec: FrontendSpec) -> dict[str, Any]:
    """Parameters, what follows from them, and stages.

    Raises:
        InputError: no mel filter covers a bin of the FFT.
    """
    rate = spec.sample_rate_hz
    return {
        "name": spec.name,
        "parameters": [
            {"key": key, "value": value, "meaning": KEYS[key].meaning}
            for key, value in spec_table(spec).items()
        ],
        "derived": {
            "clip_seconds": spec.clip_samples / rate,
            "shortest_clip_seconds": spec.samples_of(spec.min_frames) / rate,
            "frame_seconds": spec.frame_samples / rate,
            "hop_seconds": spec.hop_samples / rate,
            "frames_per_second": rate / spec.hop_samples,
            "bin_hz": rate / spec.fft_size if spec.spectral else None,
            "spectrum_bins": spectrum_bins(spec) if spec.spectral else None,
            "feature_shape": list(spec.feature_shape),
            "flash_table_bytes": frontend_table_bytes(spec),
            "flash_helium_table_bytes": helium_table_bytes(spec),
            "ram_bytes": frontend_ram_bytes(spec),
        },
        "stages": [
            {
                "stage": stage.name,
                "dtype": stage.dtype,
                "shape": list(stage.shape),
                "vectors": stage.vectors,
            }
            for stage in stages(spec)
        ],
    }


def constants(spec: FrontendSpec) -> dict[str, Any]:
    """Window, mel filters and DCT in float32, and the arrays that the C code has, by their names there.

    Without frames that are transformed there are none: then all are empty.
    """
    if not spec.spectral:
        return {"window": [], "mel_filters": [], "dct": [], "emitted": {}}
    tables = make_tables(spec)
    edges = mel_edges_hz(spec).tolist()
    filters = []
    start = 0
    for number, (first, length) in enumerate(
        zip(tables.mel.first.tolist(), tables.mel.length.tolist(), strict=True)
    ):
        low, centre, high = edges[number : number + 3]
        weights = tables.mel.weights[start : start + length].tolist()
        start += length
        filters.append(
            {
                "first": first,
                "length": length,
                "low_hz": low,
                "centre_hz": centre,
                "high_hz": high,
                "weights": weights,
            }
        )
    scale = 32768 if spec.samples == "fraction" else 1  # the window also scales the samples
    return {
        "window": (tables.window * scale).tolist(),
        "mel_filters": filters,
        "dct": tables.dct.tolist(),
        "emitted": {
            f"md_frontend_{table.name}": table.values.ravel().tolist() for table in frame_part(spec).tables
        },
    }
