"""Says the words with every synthesiser at hand, and keeps the trimmed takes.

Three engines, all from Debian's main archive with their voices: espeak-ng (formant synthesis, and
Klatt's), Festival (diphones and units cut from real recordings, and one HMM voice) and flite
(recordings and statistical voices). flite is heard in no training take: it is the test engine.
Some espeak-ng variants are kept out of training too.

A take is int16 at 16 kHz from a little before the voice starts to a little after it ends. Takes
are stored per engine in one .npz: `audio` (all takes end to end), `offsets`, and `word`, `label`,
`voice`, `split` (one entry a take). A label of -1 means "ask the teacher": the voice says a
respelling, so what is heard is not certain.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
import wave
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import scipy.signal
from words import AMBIGUOUS, KEYWORDS, RESPELLED, SYLLABLES, UNKNOWN, UNKNOWN_WORDS

RATE = 16000
DEBIAN_PACKAGES = """
espeak-ng flite festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts festvox-italp16k
festvox-itapc16k festvox-ca-ona-hts festvox-czech-dita festvox-czech-krb festvox-czech-machac
festvox-czech-ph festvox-suopuhe-lj festvox-suopuhe-mv festvox-ru
"""

# Voice files of espeak-ng; the two common accents more often.
ACCENTS = (
    *("gmw/en-US",) * 3,
    *("gmw/en",) * 2,
    "gmw/en-GB-x-rp",
    "gmw/en-GB-scotland",
    "gmw/en-GB-x-gbclan",
    "gmw/en-GB-x-gbcwmd",
    "gmw/en-029",
    "gmw/en-US-nyc",
)
# Croaks, robots and sound effects that no one would call a person.
NOT_SPEECH = ("croak", "demonic", "robosoft", "unirobot", "anikarobot", "fast")
TEST_VARIANTS = (
    "m3",
    "m7",
    "f2",
    "f5",
    "klatt4",
    "Annie",
    "benjamin",
    "belinda",
    "steph2",
    "Michael",
    "grandma",
    "victor",
    "Mario",
    "linda",
    "whisperf",
)


@dataclass
class Takes:
    """Takes of one engine, growing."""

    audio: list[np.ndarray] = field(default_factory=list)
    rows: list[tuple[str, int, str, str]] = field(default_factory=list)

    def add(self, audio: np.ndarray, rate: int, word: str, label: int, voice: str, split: str) -> None:
        """Resamples, trims and keeps a take, unless it is empty or longer than a second and a half."""
        trimmed = trim(to_rate(audio, rate))
        if 0.08 * RATE < len(trimmed) < 1.5 * RATE:
            self.audio.append(trimmed)
            self.rows.append((word, label, voice, split))

    def save(self, path: Path) -> None:
        """Writes the .npz under a temporary name, then gives it its own."""
        word, label, voice, split = (np.array(column) for column in zip(*self.rows, strict=True))
        offsets = np.cumsum([0, *map(len, self.audio)])
        part = path.with_suffix(".part.npz")
        audio = np.concatenate(self.audio)
        np.savez(part, audio=audio, offsets=offsets, word=word, label=label, voice=voice, split=split)
        part.replace(path)


def to_rate(audio: np.ndarray, rate: int) -> np.ndarray:
    """Any sample rate to 16 kHz, in ±1."""
    scaled = np.asarray(audio, np.float32) / 32768
    if rate == RATE:
        return scaled
    divisor = int(np.gcd(rate, RATE))
    return scipy.signal.resample_poly(scaled, RATE // divisor, rate // divisor).astype(np.float32)


def trim(audio: np.ndarray) -> np.ndarray:
    """Cuts what is 38 dB below the loudest 10 ms off both ends, normalises, and makes it int16."""
    blocks = audio[: len(audio) // 160 * 160].reshape(-1, 160)
    power = (blocks**2).mean(axis=1)
    if not len(power) or power.max() < 1e-9:
        return np.zeros(0, np.int16)
    loud = np.flatnonzero(power > power.max() * 10**-3.8)
    cut = audio[max(loud[0] - 2, 0) * 160 : (loud[-1] + 3) * 160]
    return np.round(cut / np.abs(cut).max() * 30000).astype(np.int16)


def label_of(word: str) -> int:
    """UNKNOWN, or -1 where that is not certain."""
    return -1 if word in AMBIGUOUS else UNKNOWN


class Espeak:
    """libespeak-ng in this process: a word costs milliseconds, where a process each costs far more."""

    _CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    RATE, PITCH, RANGE = 1, 3, 4

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self.rate = self._library.espeak_Initialize(2, 0, None, 0)
        self._chunks: list[np.ndarray] = []
        self._callback = self._CALLBACK(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)

    def _receive(self, samples, count: int, _events) -> int:
        if samples and count > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def say(self, text: str, voice: str, pitch: int, spread: int, speed: int) -> np.ndarray | None:
        """int16 at `self.rate`, or None if espeak-ng has no such voice."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            return None
        for parameter, value in ((self.RATE, speed), (self.PITCH, pitch), (self.RANGE, spread)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._chunks = []
        data = text.encode() + b"\0"
        self._library.espeak_Synth(data, ctypes.c_size_t(len(data)), 0, 1, 0, 1, None, None)
        self._library.espeak_Synchronize()
        return np.concatenate(self._chunks) if self._chunks else None


def espeak_variants() -> list[str]:
    """Names of the installed variants that sound like people."""
    listing = subprocess.run(
        ["espeak-ng", "--voices=variant"], capture_output=True, text=True, check=True
    ).stdout
    files = [line.split("!v/")[1].split("   ")[0].split(" (")[0].strip() for line in listing.splitlines()[1:]]
    return sorted(name for name in files if not name.lower().startswith(NOT_SPEECH))


def espeak_languages() -> list[str]:
    """Voice files of all languages but English."""
    listing = subprocess.run(["espeak-ng", "--voices"], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listing.splitlines()[1:]]
    files = {field for row in rows for field in row[3:] if "/" in field}
    return sorted(
        file for file in files if not file.startswith(("gmw/en", "mb/", "zle/be"))
    )  # Debian's be lacks its dictionary


def synthesise_espeak(rng: np.random.Generator, per_keyword: int, per_word: int, foreign: int) -> Takes:
    """Every word with random accents, variants, pitches and speeds; then other languages' readings."""
    espeak, takes, variants = Espeak(), Takes(), espeak_variants()
    wanted = [(word, label) for label, word in enumerate(KEYWORDS) for _ in range(per_keyword)]
    wanted += [(word, label_of(word)) for word in UNKNOWN_WORDS for _ in range(per_word)]
    for word, label in wanted:
        accent, variant = rng.choice(ACCENTS), rng.choice(variants)
        voice = f"{accent}+{variant}"
        audio = espeak.say(word, voice, *random_prosody(rng))
        if audio is not None:
            split = "test" if variant in TEST_VARIANTS else "train"
            takes.add(audio, espeak.rate, word, label, f"espeak-ng {voice}", split)
    languages = espeak_languages()
    training_variants = [variant for variant in variants if variant not in TEST_VARIANTS]
    for _ in range(foreign):
        voice = f"{rng.choice(languages)}+{rng.choice(training_variants)}"
        keyword = rng.random() < 0.6
        word = str(rng.choice(KEYWORDS if keyword else UNKNOWN_WORDS))
        audio = espeak.say(word, voice, *random_prosody(rng))
        if audio is not None:
            takes.add(audio, espeak.rate, word, -1, f"espeak-ng {voice}", "train")
    return takes


def random_prosody(rng: np.random.Generator) -> tuple[int, int, int]:
    """Pitch, pitch range and speed (words a minute) for espeak-ng."""
    return int(rng.integers(10, 95)), int(rng.integers(10, 90)), int(rng.integers(90, 230))


FESTIVAL_ENGLISH = ("kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts")
FESTIVAL_FOREIGN = {
    "lp_diphone": ("italian", "ISO-8859-15"),
    "pc_diphone": ("italian", "ISO-8859-15"),
    "hy_fi_mv_diphone": ("finnish", "ISO-8859-15"),
    "suo_fi_lj_diphone": ("finnish", "ISO-8859-15"),
    "czech_dita": ("czech", "ISO-8859-2"),
    "czech_krb": ("czech", "ISO-8859-2"),
    "czech_machac": ("czech", "ISO-8859-2"),
    "czech_ph": ("czech", "ISO-8859-2"),
    "upc_ca_ona_hts": ("catalan", "ISO-8859-15"),
    "msu_ru_nsh_clunits": ("russian", "UTF-8"),
}


def festival_script(voice: str, items: list[tuple[str, float, int, int]], folder: Path) -> str:
    """Scheme that says each (text, stretch, mean pitch, pitch spread) into folder/<index>.wav."""
    lines = [f"(voice_{voice})"]
    for index, (text, stretch, mean, spread) in enumerate(items):
        lines.append(f"(Parameter.set 'Duration_Stretch {stretch:.2f})")
        lines.append(
            "(if (boundp 'int_lr_params) (set! int_lr_params"
            f" '((target_f0_mean {mean}) (target_f0_std {spread}) (model_f0_mean 170) (model_f0_std 34))))"
        )
        lines.append(
            f'(unwind-protect (utt.save.wave (utt.synth (Utterance Text "{text}"))'
            f' "{folder / str(index)}.wav" \'riff) nil)'
        )
    return "\n".join(lines) + "\n"


def festival_batch(voice: str, items: list[tuple[str, float, int, int]], encoding: str) -> list:
    """(samples, rate) or None for each item: a batch a process, since a bad word may end one."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        script = folder / "script.scm"
        script.write_bytes(festival_script(voice, items, folder).encode(encoding, errors="ignore"))
        subprocess.run(["festival", "-b", str(script)], capture_output=True, check=False, timeout=1200)
        return [read_wav(folder / f"{index}.wav") for index in range(len(items))]


def read_wav(path: Path) -> tuple[np.ndarray, int] | None:
    """int16 samples and rate of a mono file; None if it is not there or empty."""
    if not path.exists():
        return None
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return (samples, file.getframerate()) if len(samples) else None


def synthesise_festival(
    rng: np.random.Generator, per_keyword: int, unknown: int, foreign_per_keyword: int, foreign_unknown: int
) -> Takes:
    """English voices say the words; voices of other languages say respellings and words of their own."""
    jobs: list[tuple[str, str, list[tuple[str, int, str]]]] = []
    for voice in FESTIVAL_ENGLISH:
        texts = [(w, label, w) for label, w in enumerate(KEYWORDS) for _ in range(per_keyword)]
        texts += [(w, label_of(w), w) for w in map(str, rng.choice(UNKNOWN_WORDS, unknown))]
        jobs.append((voice, "UTF-8", texts))
    for voice, (language, encoding) in FESTIVAL_FOREIGN.items():
        spellings = [words for name, words in RESPELLED.items() if name.startswith(language)]
        texts = [
            (text, -1, word)
            for spelling in spellings
            for text, word in zip(spelling, KEYWORDS, strict=True)
            for _ in range(foreign_per_keyword // len(spellings))
        ]
        own = rng.choice(SYLLABLES[language], foreign_unknown)
        jobs.append((voice, encoding, texts + [(str(text), -1, str(text)) for text in own]))

    takes = Takes()
    for voice, encoding, texts in jobs:
        items = [
            (t, rng.uniform(0.7, 1.6), int(rng.integers(90, 230)), int(rng.integers(5, 40)))
            for t, _, _ in texts
        ]
        for start in range(0, len(items), 100):
            results = festival_batch(voice, items[start : start + 100], encoding)
            for result, (_, label, word) in zip(results, texts[start : start + 100], strict=True):
                if result is not None:
                    takes.add(*result, word, label, f"festival {voice}", "train")
        print(f"  festival {voice}: {len(takes.rows)} takes so far", flush=True)
    return takes


FLITE_VOICES = ("awb", "rms", "slt", "kal16", "kal")


def synthesise_flite(rng: np.random.Generator, per_keyword: int, unknown: int) -> Takes:
    """The test engine: nothing that it says is trained on."""
    wanted = [
        (voice, word, label)
        for voice in FLITE_VOICES
        for label, word in enumerate(KEYWORDS)
        for _ in range(per_keyword)
    ]
    wanted += [
        (v, w, label_of(w)) for v in FLITE_VOICES for w in map(str, rng.choice(UNKNOWN_WORDS, unknown))
    ]
    settings = [(rng.uniform(0.75, 1.5), rng.uniform(0.8, 1.25)) for _ in wanted]
    takes = Takes()
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(2) as pool:

        def say(index: int) -> tuple[np.ndarray, int] | None:
            (voice, word, _), (stretch, shift) = wanted[index], settings[index]
            path = Path(temporary) / f"{index}.wav"
            options = ["--setf", f"duration_stretch={stretch:.2f}", "--setf", f"f0_shift={shift:.2f}"]
            subprocess.run(["flite", "-voice", voice, *options, "-t", word, "-o", str(path)], check=True)
            return read_wav(path)

        for (voice, word, label), result in zip(wanted, pool.map(say, range(len(wanted))), strict=True):
            if result is not None:
                takes.add(*result, word, label, f"flite {voice}", "test")
    return takes


def require_engines() -> None:
    """Raises SystemExit naming the Debian packages if an engine is missing."""
    if missing := [engine for engine in ("espeak-ng", "festival", "flite") if not shutil.which(engine)]:
        raise SystemExit(f"{', '.join(missing)} missing; apt-get install {' '.join(DEBIAN_PACKAGES.split())}")


def synthesise(folder: Path, seed: int = 1) -> None:
    """Writes takes_<engine>.npz into `folder`, skipping those that are there."""
    require_engines()
    folder.mkdir(parents=True, exist_ok=True)
    engines = {
        "flite": lambda rng: synthesise_flite(rng, 24, 120),
        "espeak": lambda rng: synthesise_espeak(rng, 1500, 40, 8000),
        "festival": lambda rng: synthesise_festival(rng, 120, 1500, 40, 200),
    }
    for number, (name, make) in enumerate(engines.items()):
        path = folder / f"takes_{name}.npz"
        if not path.exists():
            takes = make(np.random.default_rng((seed, number)))
            takes.save(path)
            print(f"{path.name}: {len(takes.rows)} takes", flush=True)
