"""``frontend plot``: the features that Python and the target made, side by side, and their difference."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mcu_deploy.errors import InputError, McuDeployError, ToolMissingError
from mcu_deploy.frontend.spec import FrontendSpec, features_stage
from mcu_deploy.frontend.tables import mel_edges_hz, resize_tables
from mcu_deploy.inputs import InputVector
from mcu_deploy.pipeline.folder import write_atomically
from mcu_deploy.pipeline.frontend_check import CheckOptions, verdict
from mcu_deploy.pipeline.frontend_project import InputQuantisation, build_frontend
from mcu_deploy.pipeline.frontend_runs import ComparedClip, run_clips
from mcu_deploy.pipeline.frontend_signals import recorded_windows
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.verify.compare import first_difference

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import Formatter

Float64 = npt.NDArray[np.float64]

_MAX_WINDOWS = 60
_MOST_HZ_TICKS = 6
_MOST_NAMES = 4
_ORDERS = ("", ", deltas", ", deltas of deltas")


@dataclass(frozen=True, eq=False)
class _Panel:
    """A row of the picture: one vector over time, from Python and from the target.

    Attributes:
        title: what it shows.
        axis: what its coefficients are.
        hz: the frequency of each coefficient, or None where they have none.
        first_seconds: the middle of the first column's frame in a clip.
        step_seconds: from one column to the next.
        clips: of each clip, Python's and the target's values, (columns, coefficients).
    """

    title: str
    axis: str
    hz: Sequence[float] | None
    first_seconds: float
    step_seconds: float
    clips: list[tuple[Float64, Float64]]


def plot_frontend(
    spec: FrontendSpec,
    quantisation: InputQuantisation,
    options: CheckOptions,
    output: Path,
    progress: Progress,
) -> str:
    """Draws the features of recordings into a PNG file.

    Args:
        spec: the front end.
        quantisation: of the int8 tensor that it fills.
        options: inputs, board and simulator.
        output: the file, replaced when the picture is complete.
        progress: gets the steps.

    Returns:
        the verdict, as `mcu_deploy.pipeline.frontend_check.verdict` gives it.

    Raises:
        ToolMissingError: matplotlib is not installed.
        InputError: an input is refused, or ``output`` cannot be a file.
        McuDeployError: the firmware could not be built or run, or the file not be written.
    """
    require_matplotlib()
    check_output(output)
    inputs = recorded_windows(options.inputs, spec, options.hop, options.pad)
    if len(inputs) > _MAX_WINDOWS:
        raise InputError(
            f"{len(inputs)} clips do not fit a picture", f"give recordings of at most {_MAX_WINDOWS} clips"
        )
    built = build_frontend(spec, quantisation, options.board, options.simulator, progress)
    clips = list(run_clips(spec, quantisation, built, inputs, options.timeout, progress))
    pairs = [(name, *pair) for clip in clips for name, pair in clip.pairs.items()]
    equal = all(first_difference("frontend", *pair) is None for pair in pairs)
    where = f"{built.board.name}, {built.simulator.name}"
    if built.simulator.name == "native" and not spec.promises_bits:
        where += " (which has no Helium)"
    with progress.step("draw"):
        write_atomically(output, _png(spec, clips, _headline(spec, inputs, where, equal)))
    return verdict(spec, equal)


def require_matplotlib() -> None:
    """Finds out that pictures can be drawn.

    Raises:
        ToolMissingError: they cannot; the hint says what to install.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ToolMissingError(
            "a picture needs the Python package matplotlib, which is not installed",
            'pip install "mcu-deploy[plot]"',
        ) from None


def check_output(output: Path) -> None:
    """Finds out that ``output`` can be a picture's file.

    Raises:
        InputError: it cannot.
    """
    if output.suffix.lower() != ".png":
        raise InputError(f"the output {output} is no .png file", "name one by -o OUT.png")
    if not output.parent.is_dir() or output.is_dir():
        problem = "is a folder" if output.is_dir() else "lies in no folder that exists"
        raise InputError(f"the output {output} {problem}", "name a file by -o OUT.png")
    try:  # now, not after all the work
        with tempfile.NamedTemporaryFile(prefix=f".{output.name}.", dir=output.parent):
            pass
    except OSError as error:
        raise McuDeployError(
            f"cannot write {output}: {error.strerror or error}", "free some space, or choose another folder"
        ) from None


def _headline(spec: FrontendSpec, inputs: Sequence[InputVector], where: str, equal: bool) -> str:
    files = list(dict.fromkeys(Path(vector.source).name for vector in inputs))
    names = ", ".join(files[:_MOST_NAMES])
    if len(files) > _MOST_NAMES:
        names += f" and {len(files) - _MOST_NAMES} more"
    kind = f", {spec.precision}, {spec.arithmetic}" if spec.spectral else ""
    verdict = "every bit of every stage is equal" if equal else "bits differ"
    return f"{spec.name}{kind} on {where}: {verdict}\n{names}"


def _png(spec: FrontendSpec, clips: Sequence[ComparedClip], headline: str) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = _panels(spec, clips)
    figure = Figure(figsize=(16, 1.1 + 2.9 * len(panels)), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(headline.replace("$", r"\$"), fontsize=13)  # a file's name is no formula
    axes: Any = figure.subplots(len(panels), 3, squeeze=False, sharex=True)
    for row, panel in zip(axes, panels, strict=True):
        draw = _draw_picture if spec.spectral else _draw_curve
        draw(figure, row, panel, spec.clip_samples / spec.sample_rate_hz)
    for place in axes[-1]:
        place.set_xlabel("seconds, the clips end to end" if len(clips) > 1 else "seconds")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _panels(spec: FrontendSpec, clips: Sequence[ComparedClip]) -> list[_Panel]:
    """The log-mel energies under an MFCC where they are floats, then the features, map by map."""
    middle = (spec.frame_samples / 2 - spec.padding) / spec.sample_rate_hz
    hop = spec.hop_samples / spec.sample_rate_hz
    panels = []
    if spec.kind == "mfcc" and not spec.fixed_point:
        for channel in range(spec.channels):
            title = f"log-mel energies{_channel(spec, channel)}"
            chosen = [_vectors(clip, "log", channel, spec.channels) for clip in clips]
            panels.append(_Panel(title, "Hz", mel_edges_hz(spec)[1:-1].tolist(), middle, hop, chosen))
    hz = _feature_hz(spec)
    axis = "sample" if not spec.spectral else "coefficient" if spec.kind == "mfcc" else "Hz"
    for number in range(spec.input_maps):
        order, channel = divmod(number, spec.channels)
        title = f"{'features' if spec.spectral else 'samples'}{_channel(spec, channel)}{_ORDERS[order]}"
        if not spec.clip_steps:
            chosen = [_vectors(clip, features_stage(spec), channel, spec.channels) for clip in clips]
            panels.append(_Panel(title, axis, hz, middle, hop, chosen))
            continue
        stretch = spec.frames / spec.input_frames if spec.resize != "none" else 1.0
        first = middle + hop * (spec.delta_width * spec.deltas + (stretch - 1) / 2)
        chosen = [_vectors(clip, "prepared", number, spec.input_maps, last=True) for clip in clips]
        panels.append(_Panel(title, axis, hz, first, hop * stretch, chosen))
    return panels


def _channel(spec: FrontendSpec, channel: int) -> str:
    return f", channel {channel}" if spec.channels > 1 else ""


def _vectors(
    clip: ComparedClip, stage: str, number: int, count: int, last: bool = False
) -> tuple[Float64, Float64]:
    """Every ``count``-th vector, or with ``last`` every ``count``-th element of all, from ``number`` on."""
    want, have = (values.astype(np.float64) for values in clip.pairs[stage])
    if last:
        return want[:, number::count], have[:, number::count]
    return want[number::count], have[number::count]


def _feature_hz(spec: FrontendSpec) -> list[float] | None:
    """The middle of each coefficient's filter; a resized one lies between two."""
    if spec.kind != "log-mel":
        return None
    centres = mel_edges_hz(spec)[1:-1]
    if spec.resize != "none":
        _, table = resize_tables(spec)
        centres = centres[table.low] + (centres[table.high] - centres[table.low]) * table.weight
    return [float(hz) for hz in centres]


def _draw_picture(figure: Figure, row: Sequence[Axes], panel: _Panel, clip_seconds: float) -> None:
    low, high, extend = _colour_range(panel)
    largest = max(float(np.abs(have - want).max()) for want, have in panel.clips)
    span = largest or 1.0
    columns = (
        ("Python", "viridis", low, high, extend, [want for want, _ in panel.clips]),
        ("MCU", "viridis", low, high, extend, [have for _, have in panel.clips]),
        ("MCU - Python", "RdBu_r", -span, span, "neither", [have - want for want, have in panel.clips]),
    )
    for axes, (name, colours, least, most, beyond, pictures) in zip(row, columns, strict=True):
        for number, picture in enumerate(pictures):
            start = number * clip_seconds + panel.first_seconds - panel.step_seconds / 2
            extent = (start, start + len(picture) * panel.step_seconds, -0.5, picture.shape[1] - 0.5)
            image = axes.imshow(
                picture.T,
                cmap=colours,
                vmin=least,
                vmax=most,
                origin="lower",
                aspect="auto",
                interpolation="nearest",
                extent=extent,
            )
        axes.set_xlim(0, len(pictures) * clip_seconds)
        axes.set_title(f"{name}: {panel.title}", fontsize=10)
        axes.set_ylabel(panel.axis)
        _mark_hz(axes, panel.hz)
        bar = figure.colorbar(image, ax=axes, pad=0.01, extend=beyond, format=_short_numbers())
        if name.startswith("MCU -") and not largest:
            bar.set_ticks([0])
            axes.text(0.5, 0.5, "no difference", transform=axes.transAxes, ha="center", va="center")


def _short_numbers() -> Formatter:
    from matplotlib.ticker import ScalarFormatter

    formatter = ScalarFormatter()
    formatter.set_powerlimits((-3, 4))
    return formatter


def _colour_range(panel: _Panel) -> tuple[float, float, str]:
    """The colours' least and largest value, and whether values lie beyond, as a colour bar shows it.

    A cepstrum's coefficient 0 is several times as large as the others, which would all look alike.
    """
    skip = 1 if panel.axis == "coefficient" and panel.clips[0][0].shape[1] > 1 else 0
    low, high = _range(panel, skip)
    least, most = _range(panel, 0)
    if low == high:
        low, high = least, most
    extend = {(True, True): "both", (True, False): "min", (False, True): "max"}
    return low, high, extend.get((least < low, most > high), "neither")


def _range(panel: _Panel, first: int) -> tuple[float, float]:
    values = [made[:, first:] for pair in panel.clips for made in pair]
    return min(float(one.min()) for one in values), max(float(one.max()) for one in values)


def _mark_hz(axes: Axes, hz: Sequence[float] | None) -> None:
    if hz is None:
        return
    count = min(_MOST_HZ_TICKS, len(hz))
    places = np.unique(np.linspace(0, len(hz) - 1, count).round().astype(int)).tolist()
    axes.set_yticks(places, [f"{hz[place]:,.0f}" for place in places])


def _draw_curve(figure: Figure, row: Sequence[Axes], panel: _Panel, clip_seconds: float) -> None:
    """Samples over time."""
    want = np.concatenate([values.reshape(-1) for values, _ in panel.clips])
    have = np.concatenate([values.reshape(-1) for _, values in panel.clips])
    seconds = np.arange(want.size) * (len(panel.clips) * clip_seconds / want.size)
    for axes, name, values in zip(
        row, ("Python", "MCU", "MCU - Python"), (want, have, have - want), strict=True
    ):
        axes.plot(seconds, values, linewidth=0.6)
        axes.set_title(f"{name}: {panel.title}", fontsize=10)
        axes.set_xlim(0, len(panel.clips) * clip_seconds)
        axes.set_ylabel(panel.axis)
        axes.grid(alpha=0.3)
    if not np.any(want != have):
        row[2].set_ylim(-1, 1)
        row[2].text(0.5, 0.6, "no difference", transform=row[2].transAxes, ha="center", va="center")
