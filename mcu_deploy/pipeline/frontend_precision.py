"""``frontend precision``: what a model loses when its features are computed in fixed point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mcu_deploy import __version__
from mcu_deploy.errors import InputError
from mcu_deploy.frontend.definition import defined_features
from mcu_deploy.frontend.keys import KEYS
from mcu_deploy.frontend.reference import reference_stages
from mcu_deploy.frontend.spec import FrontendSpec, features_stage
from mcu_deploy.graph.ir import Graph
from mcu_deploy.graph.reader import parse_model, read_model_bytes
from mcu_deploy.inputs import InputVector
from mcu_deploy.pipeline.frontend_deviation import Deviation
from mcu_deploy.pipeline.frontend_labels import Recording, find_recordings, read_label_table, window_labels
from mcu_deploy.pipeline.frontend_project import InputQuantisation, quantisation_of
from mcu_deploy.pipeline.frontend_signals import recorded_windows
from mcu_deploy.pipeline.frontend_variants import variants
from mcu_deploy.pipeline.generate import choose_frontend
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.reference.tflm import run_reference
from mcu_deploy.registry.cards import ModelCard, card_by_hash
from mcu_deploy.registry.locate import resolve_model
from mcu_deploy.resources import resource_dir

Int8 = npt.NDArray[np.int8]

SCHEMA = "mcu-deploy/frontend-precision/1"
_BASE = "float32"
_BATCH_SAMPLES = 4 << 20


@dataclass(frozen=True)
class PrecisionOptions:
    """What to compute, of what.

    Attributes:
        model: a ``.tflite`` file or a known model's name.
        frontend: a preset's name or a TOML file; None: what the model's card says.
        inputs: ``.wav`` files and folders of them; none: the recordings that come with the model.
        labels: a CSV file of lines ``file,label``, or None.
        timeout: bound on the reference interpreter's wall time for a batch, seconds.
    """

    model: str
    frontend: str | None = None
    inputs: tuple[str, ...] = ()
    labels: Path | None = None
    timeout: float = 300.0


@dataclass(frozen=True, eq=False)
class _Model:
    """The model, and what judges it."""

    data: bytes
    graph: Graph
    name: str
    labels: tuple[str, ...]
    quantisation: InputQuantisation


class _Tally:
    """One precision over all windows."""

    def __init__(self, spec: FrontendSpec) -> None:
        self.spec = spec
        self.features = Deviation()
        self.elements = 0
        self.differing = 0
        self.largest_step = 0
        self.agreeing = 0
        self.correct = 0

    def entry(self, windows: int, labelled: int, base: _Tally) -> dict[str, Any]:
        """What a document says of it; ``base`` is float32's."""
        accuracy = self.correct / labelled if labelled else None
        return {
            "precision": self.spec.precision if self.spec.spectral else _BASE,
            "features_against_float64": self.features.entry(),
            "inputs_differing": self.differing / self.elements,
            "largest_input_step": self.largest_step,
            "top1_agreement": self.agreeing / windows,
            "correct": self.correct if labelled else None,
            "accuracy": accuracy,
            "accuracy_change": None if accuracy is None else (self.correct - base.correct) / labelled,
        }


def compare_precisions(options: PrecisionOptions, progress: Progress) -> dict[str, Any]:
    """Features, quantised inputs and the model's answers in every precision.

    Raises:
        McuDeployError: the model or an input is refused, there is no front end or nothing to hear, or the
            reference interpreter failed.
    """
    model, spec, card = _load(options)
    recordings = find_recordings(options.inputs or _bundled_recordings(card))
    table = read_label_table(options.labels, model.labels) if options.labels else {}
    tallies = [_Tally(variant) for variant in _variants(spec)]
    windows = labelled = 0
    for batch in _batches(recordings, spec):
        names = [
            name
            for recording, made in batch
            for name in window_labels(recording, len(made), model.labels, table)
        ]
        clips = [window for _, made in batch for window in made]
        windows, labelled = windows + len(clips), labelled + sum(name is not None for name in names)
        _add_batch(model, clips, names, tallies, options.timeout, progress)
    return {
        "schema": SCHEMA,
        "mcu_deploy": __version__,
        "model": {"name": model.name, "sha256": model.graph.sha256},
        "frontend": spec.name,
        "recordings": len(recordings),
        "windows": windows,
        "labelled": labelled,
        "precisions": [tally.entry(windows, labelled, tallies[0]) for tally in tallies],
    }


def _load(options: PrecisionOptions) -> tuple[_Model, FrontendSpec, ModelCard | None]:
    path = resolve_model(options.model)
    data = read_model_bytes(path)
    graph = parse_model(data, path.stem)
    card = card_by_hash(graph.sha256)
    spec = choose_frontend(options.frontend, card, graph)
    if spec is None:
        raise InputError(f"no front end is known for {path.name}", "choose one with --frontend NAME|FILE")
    name = card.name if card else graph.name
    labels = card.labels if card else ()
    return _Model(data, graph, name, labels, quantisation_of(graph)), spec, card


def _bundled_recordings(card: ModelCard | None) -> tuple[str, ...]:
    if card is not None and card.bundled:
        folder = (resource_dir("models") / card.bundled).parent / "recordings"
        if folder.is_dir():
            return (str(folder),)
    raise InputError("no recordings come with this model", "give .wav files or a folder of them by --input")


def _variants(spec: FrontendSpec) -> list[FrontendSpec]:
    """float32 first; the others where the front end can be computed so."""
    if not spec.spectral:
        return [spec]
    precisions = [name for name in KEYS["precision"].choices if name == _BASE or spec.samples == "fraction"]
    return variants(spec, precisions, ())


def _batches(
    recordings: Sequence[Recording], spec: FrontendSpec
) -> Iterator[list[tuple[Recording, list[InputVector]]]]:
    """The windows of recordings, as many at a time as a bound on their samples allows."""
    batch: list[tuple[Recording, list[InputVector]]] = []
    size = 0
    for recording in recordings:
        windows = _windows(recording, spec)
        batch.append((recording, windows))
        size += len(windows) * spec.clip_samples * spec.channels
        if size > _BATCH_SAMPLES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _windows(recording: Recording, spec: FrontendSpec) -> list[InputVector]:
    """Every full window; a recording that is shorter than one is filled with silence."""
    name = (str(recording.path),)
    padded = recorded_windows(name, spec, pad=True)
    shorter_clips = spec.min_frames < spec.frames
    return padded if len(padded) == 1 and not shorter_clips else recorded_windows(name, spec)


def _add_batch(
    model: _Model,
    clips: Sequence[InputVector],
    names: Sequence[str | None],
    tallies: Sequence[_Tally],
    timeout: float,
    progress: Progress,
) -> None:
    with progress.step(f"define the features of {len(clips)} windows in float64"):
        exact = [defined_features(tallies[0].spec, _pcm(clip)) for clip in clips]
    base: tuple[Int8, Sequence[int]] | None = None
    for tally in tallies:
        precision = tally.spec.precision if tally.spec.spectral else _BASE
        with progress.step(f"compute them in {precision}"):
            inputs = np.stack(
                [_quantised(model, clip, want, tally) for clip, want in zip(clips, exact, strict=True)]
            )
        with progress.step(f"run the model on {len(clips)} inputs of {precision}"):
            shape = model.graph.tensors[model.graph.inputs[0]].shape
            runs = run_reference(model.data, [(made.reshape(shape),) for made in inputs], timeout=timeout)
            answers = [int(np.argmax(run.outputs[0])) for run in runs]
        base = base or (inputs, answers)
        steps = np.abs(inputs.astype(np.int32) - base[0])
        tally.elements += steps.size
        tally.differing += int(np.count_nonzero(steps))
        tally.largest_step = max(tally.largest_step, int(steps.max(initial=0)))
        tally.agreeing += sum(a == b for a, b in zip(answers, base[1], strict=True))
        tally.correct += sum(
            name is not None and model.labels.index(name) == answer
            for name, answer in zip(names, answers, strict=True)
        )


def _quantised(
    model: _Model, clip: InputVector, exact: Mapping[str, npt.NDArray[np.float64]], tally: _Tally
) -> Int8:
    """The model's input of a window; its features' errors are added to the tally."""
    made = reference_stages(tally.spec, _pcm(clip), model.quantisation.scale, model.quantisation.zero_point)
    if tally.spec.clip_steps:
        tally.features.add(made["prepared"], exact["prepared"])
    else:
        # The definition has no precision, and so no stage that makes floats of integers.
        tally.features.add(made[features_stage(tally.spec)], _last(exact))
    return made["quantised"].astype(np.int8)


def _last(exact: Mapping[str, npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    return list(exact.values())[-1]


def _pcm(clip: InputVector) -> npt.NDArray[np.int16]:
    assert clip.pcm is not None
    return clip.pcm
