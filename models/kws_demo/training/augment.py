"""Turns takes into one-second clips as a cheap microphone in a real room would give them.

Every clip has its own seed, so a clip depends on nothing but the takes and its number. What a clip
may go through, in order: speed (with pitch and formants), formant warp without pitch, whisper;
placement within the second; equaliser tilt and ripple, band limits, room response; noise of its own
colour, hum or babble at some signal-to-noise ratio; clipping; level; 16 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.fft
import scipy.signal
from words import KEYWORDS, SILENCE, UNKNOWN

CLIP = 16000
FFT = 24576  # a clip and the longest room response, with no wrap
TEACHER_ONLY = -1


@dataclass(frozen=True)
class TakeSet:
    """Takes of all engines: `audio[offsets[i]:offsets[i + 1]]` is take i; labels and voices beside it."""

    audio: np.ndarray
    offsets: np.ndarray
    label: np.ndarray
    voice: np.ndarray
    split: np.ndarray

    def take(self, index: int) -> np.ndarray:
        """Take `index` as float32 in ±1."""
        return self.audio[self.offsets[index] : self.offsets[index + 1]].astype(np.float32) / 32768


def load_takes(folder: Path) -> TakeSet:
    """All takes_*.npz of a folder as one set."""
    parts = [dict(np.load(path)) for path in sorted(folder.glob("takes_*.npz"))]
    lengths = np.concatenate([np.diff(part["offsets"]) for part in parts])
    names = ("audio", "label", "voice", "split")
    columns = {name: np.concatenate([part[name] for part in parts]) for name in names}
    return TakeSet(offsets=np.concatenate([[0], np.cumsum(lengths)]), **columns)


def decibels(value: float) -> float:
    """An amplitude ratio from decibels."""
    return float(10 ** (value / 20))


def unit_rms(signal: np.ndarray) -> np.ndarray:
    """Scaled to a root mean square of one (all zeros stay)."""
    return (signal / max(float(np.sqrt(np.mean(signal**2))), 1e-9)).astype(np.float32)


class Augmenter:
    """Holds the banks (noises, room responses) that clips draw from, and makes clips."""

    def __init__(self, takes: TakeSet, split: str, seed: int = 7) -> None:
        self.takes = takes
        rng = np.random.default_rng((seed, split == "test"))
        mine = takes.split == split
        engine = np.char.partition(takes.voice.astype(str), " ")[:, 0]
        self.any_take = np.flatnonzero(mine)
        self.groups = {}
        for label in (*range(len(KEYWORDS)), UNKNOWN, TEACHER_ONLY):
            members = [np.flatnonzero(mine & (takes.label == label) & (engine == e)) for e in set(engine)]
            self.groups[label] = sorted((m for m in members if len(m)), key=lambda m: int(m[0]))
        self.rooms = np.stack([scipy.fft.rfft(room_response(rng), FFT) for _ in range(300)])
        self.noises = [self._noise(rng) for _ in range(500)]

    # What a clip is made of.

    def training_clip(self, seed: tuple[int, ...]) -> tuple[np.ndarray, int]:
        """int16 (16000,) and its label, TEACHER_ONLY where only the teacher can say."""
        rng = np.random.default_rng(seed)
        draw = rng.random()
        if draw < 0.44:
            label = int(rng.integers(len(KEYWORDS)))
            speech = self._spoken(label, rng)
        elif draw < 0.62:
            label, speech = UNKNOWN, self._spoken(UNKNOWN, rng)
        elif draw < 0.74:
            label, speech = TEACHER_ONLY, self._spoken(TEACHER_ONLY, rng)
        elif draw < 0.88:
            label, speech = TEACHER_ONLY, self._cut_up(rng)
        elif draw < 0.93:
            label, speech = TEACHER_ONLY, self._two_at_once(rng)
        else:
            return self._silence(rng), SILENCE
        # Half as people record, half worse than that.
        if rng.random() < 0.5:
            return self._record(speech, rng, snr=(10, 45), room_share=0.3, rough=False), label
        return self._record(speech, rng, snr=(-2, 45), room_share=0.6, rough=True), label

    def test_clip(self, take: int | None, seed: tuple[int, ...], noisy: bool) -> np.ndarray:
        """A take (None: silence) as recorded in a room with some noise, or as it is, in the middle."""
        rng = np.random.default_rng(seed)
        if take is None:
            return self._silence(rng)
        speech = self.takes.take(take)[:CLIP]
        if noisy:
            clip = place(speech, rng, cut=0.0)
            return self._record(clip, rng, snr=(8, 35), room_share=0.4, rough=False)
        clip = np.zeros(CLIP, np.float32)
        start = (CLIP - len(speech)) // 2
        clip[start : start + len(speech)] = speech * 0.5
        return to_int16(clip)

    def again(self, clip: np.ndarray, seed: tuple[int, ...]) -> np.ndarray:
        """A finished int16 clip moved by up to 100 ms and recorded anew, as the noisy test clips are."""
        rng = np.random.default_rng(seed)
        moved = np.roll(clip.astype(np.float32) / 32768, rng.integers(-1600, 1601))
        return self._record(moved, rng, snr=(8, 35), room_share=0.4, rough=False)

    def _pick(self, label: int, rng: np.random.Generator) -> np.ndarray:
        groups = self.groups[label]
        group = groups[rng.integers(len(groups))]
        return self.takes.take(int(group[rng.integers(len(group))]))

    def _spoken(self, label: int, rng: np.random.Generator) -> np.ndarray:
        return place(vary_voice(self._pick(label, rng), rng), rng, cut=0.1)

    def _cut_up(self, rng: np.random.Generator) -> np.ndarray:
        """Pieces of random takes, joined: syllables that nobody says, in voices that somebody has."""
        pieces = []
        for _ in range(rng.integers(2, 6)):
            take = vary_voice(self.takes.take(int(rng.choice(self.any_take))), rng)
            length = min(int(rng.uniform(0.06, 0.3) * CLIP), len(take))
            start = rng.integers(len(take) - length + 1)
            piece = take[start : start + length].copy()
            fade = np.linspace(0, 1, min(160, length // 2), dtype=np.float32)
            piece[: len(fade)] *= fade
            piece[len(piece) - len(fade) :] *= fade[::-1]
            pieces.append(piece[::-1] if rng.random() < 0.1 else piece)
        return place(np.concatenate(pieces), rng, cut=0.1)

    def _two_at_once(self, rng: np.random.Generator) -> np.ndarray:
        """Two voices; the louder may be any."""
        takes = (self.takes.take(int(rng.choice(self.any_take))) for _ in range(2))
        first, second = (place(vary_voice(take, rng), rng, cut=0.2) for take in takes)
        return first + second * decibels(rng.uniform(-20, 0))

    def _silence(self, rng: np.random.Generator) -> np.ndarray:
        """Noise at any level, nothing at all, or a few counts of dither."""
        draw = rng.random()
        if draw < 0.05:
            return np.zeros(CLIP, np.int16)
        if draw < 0.12:
            return rng.integers(-3, 4, CLIP).astype(np.int16)
        noise = self._crop(rng)
        if rng.random() < 0.3:
            noise = noise + self._crop(rng) * decibels(rng.uniform(-20, 0))
        colour = equaliser(rng, strength=1.0)
        noise = scipy.fft.irfft(scipy.fft.rfft(noise, FFT) * colour, FFT)[:CLIP]
        return to_int16(unit_rms(noise) * decibels(rng.uniform(-75, -12)))

    # What happens to it on the way.

    def _record(
        self,
        speech: np.ndarray,
        rng: np.random.Generator,
        snr: tuple[float, float],
        room_share: float,
        rough: bool,
    ) -> np.ndarray:
        spectrum = scipy.fft.rfft(speech, FFT)
        spectrum *= equaliser(rng, strength=1.0 if rough else 0.5)
        if rng.random() < room_share:
            spectrum *= self.rooms[rng.integers(len(self.rooms))]
        signal = scipy.fft.irfft(spectrum, FFT)[:CLIP]
        signal /= max(float(np.abs(signal).max()), 1e-6)
        if rng.random() < 0.85:
            active = float(np.sqrt(np.mean(np.sort(signal**2)[CLIP // 2 :])))
            signal = signal + self._crop(rng) * (active * decibels(-rng.uniform(*snr)))
        signal = signal + unit_rms(rng.standard_normal(CLIP, np.float32)) * decibels(rng.uniform(-90, -55))
        level = rng.uniform(-35, 0) if rough else rng.uniform(-25, 0)
        if rough and rng.random() < 0.08:
            level = rng.uniform(0, 12)  # into the rails
        if rough and rng.random() < 0.06:
            steps = 2 ** rng.integers(6, 10)
            signal = np.round(signal * steps) / steps
        return to_int16(signal * decibels(level) / max(float(np.abs(signal).max()), 1e-6))

    def _crop(self, rng: np.random.Generator) -> np.ndarray:
        noise = self.noises[rng.integers(len(self.noises))]
        start = rng.integers(len(noise) - CLIP)
        return unit_rms(noise[start : start + CLIP])

    def _noise(self, rng: np.random.Generator) -> np.ndarray:
        """Two and a half seconds of one kind of noise."""
        length = CLIP * 5 // 2
        kind = rng.integers(6)
        if kind == 0:
            return coloured(rng, length)
        if kind == 1:  # hum and its harmonics, over a floor
            time = np.arange(length) / CLIP
            base = rng.choice([50, 60, 100, 120, rng.uniform(70, 400)])
            tones = [np.sin(2 * np.pi * base * k * time + rng.uniform(0, 6)) / k for k in range(1, 12)]
            return unit_rms(np.sum(tones, axis=0)) + coloured(rng, length) * decibels(rng.uniform(-30, 0))
        if kind == 2:  # babble
            out = np.zeros(length, np.float32)
            for _ in range(rng.integers(12, 40)):
                take = self.takes.take(int(rng.choice(self.any_take)))
                start = rng.integers(length - min(len(take), length - 1))
                out[start : start + len(take)] += take[: length - start] * rng.uniform(0.2, 1)
            return unit_rms(out) + coloured(rng, length) * decibels(rng.uniform(-30, -5))
        if kind == 3:  # something that comes and goes: wind, a machine, a tap
            rate = rng.uniform(0.5, 25)
            swell = coloured(rng, length, 0.0)
            swell = scipy.signal.lfilter([rate / CLIP], [1, rate / CLIP - 1], swell)
            return coloured(rng, length) * np.exp(2 * unit_rms(swell)).astype(np.float32)
        if kind == 4:  # knocks and dishes: decaying resonances at random times
            out = coloured(rng, length) * decibels(rng.uniform(-45, -10))
            for _ in range(rng.integers(3, 30)):
                start = rng.integers(length - 200)
                time = np.arange(min(length - start, CLIP // 3)) / CLIP
                tone = np.sin(2 * np.pi * rng.uniform(100, 6000) * time)
                tone *= np.exp(-time * rng.uniform(15, 200))
                out[start : start + len(time)] += tone * rng.uniform(0.2, 3)
            return out
        out = np.zeros(length, np.float32)  # a few notes
        time = np.arange(length) / CLIP
        for _ in range(rng.integers(2, 8)):
            pitch, depth, rate = rng.uniform(100, 1500), rng.uniform(-0.2, 0.2), rng.uniform(0.3, 6)
            bent = pitch * (1 + depth * np.sin(2 * np.pi * rate * time))
            out += np.sin(2 * np.pi * np.cumsum(bent) / CLIP) * rng.uniform(0.2, 1)
        return unit_rms(out) + coloured(rng, length) * decibels(rng.uniform(-40, -5))


def coloured(rng: np.random.Generator, length: int, slope: float | None = None) -> np.ndarray:
    """Noise whose power falls by frequency to the power of -slope; random from blue to brown."""
    slope = rng.uniform(-0.7, 2.4) if slope is None else slope
    spectrum = np.fft.rfft(rng.standard_normal(length))
    frequency = np.maximum(np.arange(len(spectrum)), 20 * length / CLIP)
    return unit_rms(np.fft.irfft(spectrum * frequency ** (-slope / 2), length))


def room_response(rng: np.random.Generator) -> np.ndarray:
    """A direct path, a few early reflections and a decaying tail; 0.08 to 0.9 s to fall by 60 dB."""
    decay = rng.uniform(0.08, 0.9)
    length = int(min(decay, 0.5) * CLIP)
    time = np.arange(length) / CLIP
    tail = rng.standard_normal(length) * np.exp(-6.9 * time / decay)
    tail[: int(rng.uniform(0.001, 0.01) * CLIP)] = 0
    tail = scipy.signal.lfilter([1], [1, -rng.uniform(0, 0.6)], tail)
    response = tail / np.sqrt(np.sum(tail**2)) * decibels(rng.uniform(-22, 3))
    response[0] = 1
    for _ in range(rng.integers(2, 9)):
        response[rng.integers(8, int(0.04 * CLIP))] += rng.uniform(-0.5, 0.5)
    return response.astype(np.float32)


_FREQUENCY = np.fft.rfftfreq(FFT, 1 / CLIP).astype(np.float32)
_OCTAVE = np.log2(np.maximum(_FREQUENCY, 30) / 1000)


def equaliser(rng: np.random.Generator, strength: float) -> np.ndarray:
    """Gain a frequency bin: a tilt, a ripple, and sometimes the band limits of a poor microphone."""
    tilt = rng.normal(0, 1.5 * strength) * _OCTAVE
    knots = rng.normal(0, 3 * strength, 10)
    ripple = np.interp(_OCTAVE, np.linspace(-5, 3, 10), knots)
    if rng.random() < 0.4 * strength:
        ripple -= 12 * np.maximum(np.log2(rng.uniform(60, 500) / np.maximum(_FREQUENCY, 1)), 0)
    if rng.random() < 0.3 * strength:
        ripple -= 24 * np.maximum(np.log2(np.maximum(_FREQUENCY, 1) / rng.uniform(2200, 7000)), 0)
    return (10 ** (np.clip(tilt + ripple, -60, 25) / 20)).astype(np.float32)


def vary_voice(take: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another speaker from the same take: size of the throat, tempo, now and then a whisper."""
    if rng.random() < 0.9:
        factor = np.exp(rng.normal(0, 0.12))
        positions = np.arange(0, len(take) - 1, factor)
        take = np.interp(positions, np.arange(len(take)), take).astype(np.float32)
    warp = rng.random() < 0.4
    whisper = rng.random() < 0.05
    if (warp or whisper) and len(take) > 1024:
        take = reshape_spectrum(take, np.exp(rng.normal(0, 0.1)) if warp else 1.0, whisper, rng)
    return take


def reshape_spectrum(take: np.ndarray, warp: float, whisper: bool, rng: np.random.Generator) -> np.ndarray:
    """Moves the spectral envelope by a factor under the same harmonics, or under noise (a whisper)."""
    _, _, spectrum = scipy.signal.stft(take, nperseg=512, noverlap=384)
    log_magnitude = np.log(np.abs(spectrum) + 1e-5)
    cepstrum = np.fft.irfft(log_magnitude, axis=0)
    cepstrum[24:-23] = 0
    envelope = np.fft.rfft(cepstrum, axis=0).real
    bins = np.arange(len(envelope))
    source = np.minimum(bins / warp, len(envelope) - 1)
    low = np.minimum(source.astype(int), len(envelope) - 2)
    share = (source - low)[:, None]
    moved = envelope[low] * (1 - share) + envelope[low + 1] * share
    if whisper:
        noise = rng.standard_normal(len(take))
        _, _, carrier = scipy.signal.stft(noise, nperseg=512, noverlap=384)
        spectrum = carrier / np.abs(carrier).mean() * np.exp(moved)
    else:
        spectrum = spectrum * np.exp(np.clip(moved - envelope, -4, 4))
    _, out = scipy.signal.istft(spectrum, nperseg=512, noverlap=384)
    out = out[: len(take)].astype(np.float32)
    return out / max(float(np.abs(out).max()), 1e-6)


def place(speech: np.ndarray, rng: np.random.Generator, cut: float) -> np.ndarray:
    """Puts speech somewhere in the second; up to the share `cut` of it may lie outside."""
    clip = np.zeros(CLIP, np.float32)
    outside = int(len(speech) * rng.uniform(0, cut)) if rng.random() < 0.3 else 0
    low, high = sorted((-outside, CLIP - len(speech) + outside))
    start = int(rng.integers(low, high + 1))
    begin, end = max(start, 0), min(start + len(speech), CLIP)
    clip[begin:end] = speech[begin - start : end - start]
    return clip


def to_int16(signal: np.ndarray) -> np.ndarray:
    """±1 to 16 bits, limited."""
    return np.clip(np.round(signal * 32767), -32768, 32767).astype(np.int16)
