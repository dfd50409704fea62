"""Sounds that resemble recordings of places, to calibrate and to compare models with where there are none.

A scene is noise whose spectrum falls as that of most places does, swelling slowly; mains hum or a motor with
harmonics; and transients: knocks, and chirps as of birds or brakes. The channels share most of it. What they
hold says nothing of a model's accuracy, but its activations take ranges like those of recordings.

    python benchmarks/synthetic_scenes.py FOLDER --count 20 --seconds 10 --rate 48000 --channels 2
"""

from __future__ import annotations

import argparse
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]


def scene(seed: int, seconds: float, rate: int, channels: int) -> npt.NDArray[np.int16]:
    """One scene, (samples, channels) int16; the same for the same arguments."""
    rng = np.random.default_rng(seed)
    samples = round(seconds * rate)
    shared = _noise(rng, samples, rate) + _hum(rng, samples, rate) + _transients(rng, samples, rate)
    width = rng.uniform(0.05, 0.5)
    sound = np.stack([shared + width * _noise(rng, samples, rate) for _ in range(channels)], axis=1)
    level = 10 ** rng.uniform(-2.2, -0.15)
    return np.round(sound * (level * 32767 / np.abs(sound).max())).astype(np.int16)


def write_scenes(
    folder: Path, count: int, seconds: float, rate: int, channels: int, seed: int = 0
) -> list[Path]:
    """``count`` scenes as 16-bit WAV files ``scene_<seed>.wav``."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(seed, seed + count):
        path = folder / f"scene_{number:03d}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(scene(number, seconds, rate, channels).astype("<i2").tobytes())
        paths.append(path)
    return paths


def _noise(rng: np.random.Generator, samples: int, rate: int) -> Float:
    """Noise that falls by 2 to 12 dB an octave, with some resonances, and swells within seconds."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    hertz = np.fft.rfftfreq(samples, 1 / rate)
    gain = np.maximum(hertz, 30) ** -rng.uniform(0.3, 2)
    for _ in range(rng.integers(0, 4)):
        centre = 10 ** rng.uniform(2, np.log10(rate / 2))
        gain *= 1 + rng.uniform(1, 20) * np.exp(
            -(((hertz - centre) / (centre * rng.uniform(0.02, 0.3))) ** 2)
        )
    noise = np.fft.irfft(spectrum * gain, samples)
    return noise / noise.std() * _swell(rng, samples, rate)


def _swell(rng: np.random.Generator, samples: int, rate: int) -> Float:
    """A gain that wanders by some decibels, a new level each second."""
    levels = rng.normal(0, rng.uniform(1, 6), int(samples / rate) + 2)
    return 10 ** (np.interp(np.arange(samples) / rate, np.arange(len(levels)), levels) / 20)


def _hum(rng: np.random.Generator, samples: int, rate: int) -> Float:
    """A tone with harmonics: of the mains, or of a motor that changes its speed."""
    hertz = rng.choice([50.0, 100.0, rng.uniform(20, 400)])
    speed = hertz * (1 + rng.choice([0, 0.1]) * np.log(_swell(rng, samples, rate)))
    phase = 2 * np.pi * np.cumsum(speed) / rate + rng.uniform(0, 2 * np.pi)
    harmonics = range(1, 1 + min(12, int(rate / 2 / (2 * hertz))))
    tone = sum((np.sin(n * phase) / n ** rng.uniform(0.8, 2) for n in harmonics), np.zeros(samples))
    return tone * rng.choice([0, 0.03, 0.3, 1.0])


def _transients(rng: np.random.Generator, samples: int, rate: int) -> Float:
    """Knocks and chirps: what begins at once and dies away."""
    sound = np.zeros(samples)
    for _ in range(rng.poisson(0.8 * samples / rate)):
        start = rng.integers(0, samples)
        time = np.arange(min(samples - start, round(rate * rng.uniform(0.02, 1)))) / rate
        hertz = 10 ** rng.uniform(2.3, np.log10(0.4 * rate))
        bend = rng.uniform(-0.5, 0.5) * hertz * time / (time[-1] + 1 / rate)
        carrier = rng.choice([np.sin(2 * np.pi * (hertz + bend) * time), rng.standard_normal(len(time))])
        sound[start : start + len(time)] += (
            rng.uniform(0.3, 8) * carrier * np.exp(-5 * time / (time[-1] + 1 / rate))
        )
    return sound


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=int, default=48000)
    parser.add_argument("--channels", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for path in write_scenes(
        options.folder, options.count, options.seconds, options.rate, options.channels, options.seed
    ):
        print(path)


if __name__ == "__main__":
    main()
