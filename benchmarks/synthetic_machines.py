"""Sounds that resemble a slide rail's, from some time on with a fault, to run the anomaly detector on.

A carriage goes to and fro: its motor's whine rises and falls with the speed, rolling makes noise, each end is
a knock. The fault scrapes once a passage. It is not the machine that the models were trained on: what they
answer is no measure of their accuracy.

    python benchmarks/synthetic_machines.py FILE.wav --seconds 20 --fault 10
"""

from __future__ import annotations

import argparse
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
RATE = 16000
PASSAGE_SECONDS = 0.9
KNOCK_SECONDS = 0.04


def machine(seed: int, seconds: float, fault_seconds: float | None = None) -> npt.NDArray[np.int16]:
    """A recording at 16 kHz, (samples,) int16; with the fault from ``fault_seconds`` on."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    within = time / PASSAGE_SECONDS % 1
    speed = np.sin(np.pi * within) ** 0.5
    whine = sum(np.sin(2 * np.pi * n * np.cumsum(120 + 260 * speed) / RATE) / n**1.5 for n in range(1, 9))
    rolling = _low_passed(rng.standard_normal(time.size)) * speed
    knock = rng.standard_normal(time.size) * np.exp(-within * PASSAGE_SECONDS / KNOCK_SECONDS)
    sound = 0.25 * whine * speed + 0.5 * rolling + 1.2 * knock + 0.1 * rng.standard_normal(time.size)
    if fault_seconds is not None:
        scraping = (time >= fault_seconds) & (within > 0.55) & (within < 0.75)
        sound += scraping * np.sin(2 * np.pi * 3100 * time + 8 * rng.standard_normal(time.size).cumsum() / 50)
    return np.round(sound * (8000 / np.abs(sound).max())).astype(np.int16)


def write_machine(path: Path, seed: int, seconds: float, fault_seconds: float | None = None) -> Path:
    """The recording as a 16-bit WAV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(machine(seed, seconds, fault_seconds).astype("<i2").tobytes())
    return path


def _low_passed(noise: Float) -> Float:
    smooth = np.convolve(noise, np.hanning(12), mode="same")
    return smooth / smooth.std()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--fault", type=float, metavar="SECONDS", help="from when on; default: never")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(write_machine(options.file, options.seed, options.seconds, options.fault))


if __name__ == "__main__":
    main()
