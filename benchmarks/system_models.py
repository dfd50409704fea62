"""The systems that ``systems.py`` measures: which model each is, how it is made int8, and what it hears."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npu import recordings
from synthetic_machines import write_machine
from synthetic_scenes import write_scenes

from mcu_deploy.errors import McuDeployError
from mcu_deploy.frontend import load_spec
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.quantize.quantize import QuantizeOptions, quantize
from mcu_deploy.registry.cards import ModelCard, card_by_name
from mcu_deploy.registry.locate import find
from mcu_deploy.resources import resource_dir

CACHE = Path("build/systems")
CALIBRATION, HELD_OUT = 30, 12
FIRST_CALIBRATION, FIRST_HELD_OUT = 1000, 2000
MACHINE_SECONDS, FAULT_SECONDS = 20.0, 10.0


@dataclass(frozen=True)
class System:
    """A model with its front end and inputs.

    Attributes:
        name: of the row.
        card: the known model that gives front end and labels.
        quantised: its file is made int8 first.
        seeded: in place of the card's file stands one with seeded weights (``models/aclnet``).
        large: measured on Ethos-U65, too.
        arena: the memory that the arena has to lie in; "" for the first of the board's in which it fits.
        hop: seconds between the windows of a recording; None for the window's length.
    """

    name: str
    card: str
    quantised: bool = False
    seeded: bool = False
    large: bool = False
    arena: str = ""
    hop: float | None = None

    @property
    def model_card(self) -> ModelCard:
        """The card."""
        return card_by_name(self.card)


def _scenes(source: str) -> System:
    return System(f"{source}-int8", source, quantised=True, large=True, arena="ddr")


SYSTEMS = (
    System("kws-micronet-l", "kws-micronet-l"),
    System("ad-micronet-s", "ad-micronet-s", hop=1.0),
    System("audio-sound-event-1.0.2", "audio-sound-event-1.0.2"),
    System("audio-sound-event-1.001.000", "audio-sound-event-1.001.000"),
    _scenes("dcase2020-mobnet"),
    _scenes("dcase2020-mobnet-keras"),
    _scenes("dcase2020-smallfcnn"),
    _scenes("dcase2020-smallfcnn-keras"),
    System("aclnet-seeded-int8", "aclnet", quantised=True, seeded=True, large=True),
)


def system_inputs(system: System, cache: Path) -> tuple[str, ...]:
    """Recordings of MCU_DEPLOY_AUDIO_PATH where there are any of the kind, else synthetic sounds."""
    card = system.model_card
    if system.card.startswith("ad-"):
        path = write_machine(cache / "machine.wav", 0, MACHINE_SECONDS, FAULT_SECONDS)
        return (str(path),)
    if system.quantised and not system.seeded:
        return tuple(map(str, _sounds(card, cache, 2, FIRST_HELD_OUT)))
    found = recordings(card)
    return found or tuple(map(str, _sounds(card, cache, 2, FIRST_HELD_OUT)))


def _sounds(card: ModelCard, cache: Path, count: int, first: int) -> list[Path]:
    """Synthetic scenes that fill a window of the model's front end."""
    spec = load_spec(card.frontend or "")
    folder = cache / f"scenes-{spec.name}"
    paths = [folder / f"scene_{number:03d}.wav" for number in range(first, first + count)]
    if not all(path.is_file() for path in paths):
        seconds = spec.clip_samples / spec.sample_rate_hz
        write_scenes(folder, count, seconds, spec.sample_rate_hz, spec.channels, first)
    return paths


def system_model(system: System, cache: Path) -> tuple[Path, dict[str, Any] | None] | None:
    """The int8 model and the quantiser's report; None where the file it comes of is not on this computer.

    What was made is kept in ``cache``, until it is deleted.
    """
    source = _seeded(cache) if system.seeded else find(system.model_card).path
    if source is None or not system.quantised:
        return None if source is None else (source, None)
    made, report = cache / f"{system.name}.tflite", cache / f"{system.name}.json"
    if not (made.is_file() and report.is_file()):
        card = system.model_card
        options = QuantizeOptions(
            model=str(source),
            calibration=tuple(map(str, _sounds(card, cache, CALIBRATION, FIRST_CALIBRATION))),
            held_out=tuple(map(str, _sounds(card, cache, HELD_OUT, FIRST_HELD_OUT))),
            frontend=card.frontend,
            output=made,
            force=True,
        )
        document = quantize(options, Progress(sys.stderr))
        report.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return made, json.loads(report.read_text(encoding="utf-8"))


def _seeded(cache: Path) -> Path:
    """AclNet's graph as ONNX."""
    path = cache / "aclnet_seeded.onnx"
    if not path.is_file():
        script = resource_dir("models") / "aclnet" / "build.py"
        command = [sys.executable, str(script), str(cache), "--formats", "onnx"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            lines = done.stderr.splitlines() or ["no reason was given"]
            raise McuDeployError(f"{script.name} failed: {lines[0]}", 'pip install "mcu-deploy[onnx]"')
    return path


def board_file(system: System, cache: Path) -> str:
    """The Corstone-300, or that with the arena in one memory alone."""
    if not system.arena:
        return "corstone-300"
    text = (resource_dir("boards") / "corstone-300.toml").read_text(encoding="utf-8")
    lines = [
        f'arena = ["{system.arena}"]' if line.startswith("arena = ") else line for line in text.split("\n")
    ]
    path = cache / f"corstone-300-{system.arena}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)
