"""Writes the bundled recordings: held-out voices, a word a second, in a room with a little noise.

Which take and which room is settled by a rule and a seed, before any model is asked: the first take
of the word by that voice, and the clip number as seed. Left out are three words that flite says so
that MicroNet Large mostly hears none of it: slt's "off" and "stop", awb's "down".
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from augment import CLIP, Augmenter, TakeSet, load_takes
from words import KEYWORDS

# File name, voice (as a take names it, up to a variant of espeak-ng), words.
RECORDINGS = (
    ("down_kal", "flite kal16", ("down",)),
    ("yes_awb", "flite awb", ("yes",)),
    ("left_right_slt", "flite slt", ("left", "right")),
    ("go_stop_awb", "flite awb", ("go", "stop")),
    ("on_off_awb", "flite awb", ("on", "off")),
    ("up_down_annie", "espeak-ng gmw/en-US+Annie", ("up", "down")),
    ("no_yes_kal", "flite kal", ("no", "yes")),
    ("down_go_left_no_off_on_right_stop_up_yes_rms", "flite rms", KEYWORDS),
)
SEED = 21


def first_take(takes: TakeSet, voice: str, word: str) -> int:
    """The first held-out take of a keyword by a voice."""
    found = (takes.voice == voice) & (takes.label == KEYWORDS.index(word)) & (takes.split == "test")
    return int(np.flatnonzero(found)[0])


def write_recordings(takes_folder: Path, out: Path) -> None:
    """Writes 16 kHz mono 16-bit files into `out`."""
    takes = load_takes(takes_folder)
    augmenter = Augmenter(takes, "test")
    out.mkdir(parents=True, exist_ok=True)
    for number, (name, voice, words) in enumerate(RECORDINGS):
        clips = [
            augmenter.test_clip(first_take(takes, voice, word), (SEED, number, i), noisy=True)
            for i, word in enumerate(words)
        ]
        with wave.open(str(out / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, CLIP, 0, "NONE", ""))
            file.writeframes(np.concatenate(clips).astype("<i2").tobytes())
