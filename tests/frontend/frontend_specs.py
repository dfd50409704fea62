"""Random front ends: whatever the specification language lets one say, in few frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from mcu_deploy.frontend import FrontendSpec, parse_spec
from mcu_deploy.frontend.keys import FFT_SIZES, KEYS

_MOST_FRAMES = 32  # about


@st.composite
def specs(
    draw: st.DrawFn,
    precisions: tuple[str, ...] = ("float32",),
    kinds: tuple[str, ...] = ("mfcc", "log-mel", "log-mel", "pcm"),
    arithmetics: tuple[str, ...] = ("exact", "scalar"),
) -> FrontendSpec:
    """A specification that `parse_spec` takes, named after nothing but its kind."""
    kind = draw(st.sampled_from(kinds))
    table: dict[str, Any] = {
        "kind": kind,
        "sample_rate_hz": draw(st.sampled_from([8000, 11_025, 16_000, 44_100])),
        "channels": draw(st.sampled_from([1, 1, 1, 2, 3, 8])),
        "frames": draw(st.integers(1, 9)),
        "layout": _choice(draw, "layout"),
        "normalization": _choice(draw, "normalization"),
    }
    if kind == "pcm":
        table["samples"] = _choice(draw, "samples")
        table["frame_samples"] = table["hop_samples"] = draw(st.integers(2, 200))
        partial = draw(st.booleans())
    else:
        table["precision"] = draw(st.sampled_from(precisions))
        table["arithmetic"] = draw(st.sampled_from(arithmetics))
        partial = _spectral(draw, table)
    if partial:
        table["min_frames"] = draw(st.integers(1, table["frames"]))
    return parse_spec(table, Path(f"{kind}.toml"))


def _choice(draw: st.DrawFn, key: str) -> Any:
    return draw(st.sampled_from(KEYS[key].choices))


def _spectral(draw: st.DrawFn, table: dict[str, Any]) -> bool:
    """Adds the keys of a spectrum; whether shorter clips may be allowed."""
    if table["precision"] == "float32":
        table["samples"] = _choice(draw, "samples")
    table["fft_size"] = size = draw(st.sampled_from(2 * FFT_SIZES[:-2] + FFT_SIZES[-2:]))
    table["centring"] = _choice(draw, "centring")
    samples = draw(st.sampled_from([2, 3, size - 1, size]) | st.integers(2, size))
    samples -= samples % 2 if table["centring"] != "none" else 0  # it takes an even number
    table["frame_samples"] = samples
    hops = [1, 2, samples, samples + 1, 2 * samples]
    table["hop_samples"] = draw(st.sampled_from(hops) | st.integers(1, 2 * samples))
    _clip_length(draw, table)
    table["dc_removal"] = draw(st.booleans())
    table["pre_emphasis"] = draw(st.sampled_from([0.0, 0.0, 0.5, 0.97, 1.0]))
    for key in ("window", "spectrum", "mel_triangles", "mel_normalization", "log"):
        table[key] = _choice(draw, key)
    scales = ["htk", "slaney"] + (["kaldi"] if table["mel_triangles"] == "mel" else [])
    table["mel_scale"] = draw(st.sampled_from(scales))
    nyquist = table["sample_rate_hz"] / 2
    table["mel_low_hz"] = draw(st.sampled_from([0.0, 20.0, 125.5]))
    table["mel_high_hz"] = draw(st.sampled_from([nyquist, nyquist * 0.9, nyquist / 2]))
    table["mel_filters"] = draw(st.integers(1, min(size // 2, 24)))
    table["log_offset"] = draw(st.sampled_from([0.0, 0.0, 1e-8, 0.01]))
    table["log_floor"] = draw(st.sampled_from([KEYS["log_floor"].default, 1e-10, 1e-3]))
    if table["kind"] == "mfcc":
        table["dct_coefficients"] = draw(st.integers(1, table["mel_filters"]))
        table["dct_type"] = draw(st.sampled_from([1, 2, 3] if table["mel_filters"] > 1 else [2, 3]))
        table["dct_normalization"] = _choice(draw, "dct_normalization")
        table["dct_lifter"] = draw(st.sampled_from([0.0, 22.0]))
    table["feature_mean"] = draw(st.sampled_from([0.0, 0.0, -30.0, 1.5]))
    table["feature_std"] = draw(st.sampled_from([1.0, 1.0, 3.0]))
    return _over_time(draw, table)


def _clip_length(draw: st.DrawFn, table: dict[str, Any]) -> None:
    half, hop = table["frame_samples"] // 2, table["hop_samples"]
    least = (table["frames"] - 1) * hop
    if table["centring"] == "none":
        least += table["frame_samples"]
    elif least <= half:  # a clip must reach beyond the padding
        table["hop_samples"] = hop = max(hop, half // _MOST_FRAMES)
        table["frames"] = half // hop + 2
        least = (table["frames"] - 1) * hop
    table["clip_samples"] = least + draw(st.integers(0, hop - 1))


def _over_time(draw: st.DrawFn, table: dict[str, Any]) -> bool:
    """Deltas, resizing, or neither; in this last case shorter clips may be allowed."""
    over_time = draw(st.sampled_from(["nothing", "deltas", "resize"]))
    coefficients = table.get("dct_coefficients", table["mel_filters"])
    if over_time == "deltas":
        reach = 2 * (orders := draw(st.integers(1, 2))) * (width := draw(st.integers(1, 3)))
        if table["frames"] > reach:
            table |= {"deltas": orders, "delta_width": width}
    elif over_time == "resize":
        table["resize"] = draw(st.sampled_from(["bilinear", "subsample"]))
        for key, size in (("resize_frames", table["frames"]), ("resize_coefficients", coefficients)):
            divisors = [n for n in range(1, size + 1) if size % n == 0]
            sizes = st.sampled_from(divisors) if table["resize"] == "subsample" else st.integers(1, 2 * size)
            table[key] = draw(sizes)
    return over_time == "nothing"
