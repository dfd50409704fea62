"""What the steps are told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class GenerateOptions:
    """What to generate.

    Attributes:
        model: path of a ``.tflite`` file, or a known model's name.
        board: name or TOML file.
        npu: ``none`` or an Ethos-U configuration.
        runtime: ``aot`` or ``tflm``.
        frontend: preset, TOML file, ``none``, or None for what the model's card says.
        output_dir: the project folder, or None for the default.
        force: replace another or an edited project.
    """

    model: str
    board: str = "corstone-300"
    npu: str = "none"
    runtime: str = "aot"
    frontend: str | None = None
    output_dir: Path | None = None
    force: bool = False


@dataclass(frozen=True)
class RunOptions:
    """What to run, and where.

    Attributes:
        simulator: ``native``, ``qemu``, ``fvp``, or None for the board's first.
        inputs: ``.wav`` and ``.npy`` files.
        random: number of random tensors.
        seed: of the random tensors.
        hop: seconds between a WAV's windows, or None for the window's length.
        pad: fill a WAV's last window with zeros.
        layers: capture and compare every tensor and front-end stage.
        timeout: bound on the simulator's wall time, seconds.
        count_layers: count the instructions of every layer.
    """

    simulator: str | None = None
    inputs: tuple[str, ...] = ()
    random: int = 0
    seed: int = 0
    hop: float | None = None
    pad: bool = False
    layers: bool = False
    timeout: float = 300.0
    count_layers: bool = False


@dataclass(frozen=True)
class DeployOptions:
    """All of it."""

    generate: GenerateOptions
    run: RunOptions
