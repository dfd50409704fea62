"""What the user gives to run: WAV files, ``.npy`` tensors and random tensors, as runs; or streams."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mcu_deploy.detect import Smoothing
from mcu_deploy.errors import InputError, UsageError
from mcu_deploy.frontend.spec import FrontendSpec
from mcu_deploy.graph.text import one_line
from mcu_deploy.input_tensors import ModelInput, random_values, read_tensor
from mcu_deploy.wav import WavError, open_wav

MAX_BATCH_BYTES = 256 << 20


@dataclass(frozen=True, eq=False)
class InputVector:
    """One input vector of a batch.

    Attributes:
        source: where it came from: the file as the user named it, on one line, or ``random[i]``.
        start_seconds: where its window starts in a WAV; None for a tensor.
        pcm: int16 samples of one window, shape (clip_samples * channels,), or None.
        tensors: of the model's inputs, in their order, or () where ``pcm`` is given.
    """

    source: str
    start_seconds: float | None
    pcm: npt.NDArray[np.int16] | None
    tensors: tuple[npt.NDArray[np.generic], ...]


@dataclass(frozen=True, eq=False)
class Stream:
    """A WAV that the firmware listens to from end to end.

    Attributes:
        source: the file as the user named it, on one line.
        pcm: int16 samples, shape (samples * channels,).
        stride: hops between two windows.
        smoothing: how detections are made; None where there are none to make.
    """

    source: str
    pcm: npt.NDArray[np.int16]
    stride: int
    smoothing: Smoothing | None


def read_inputs(
    files: Sequence[str],
    random: int,
    seed: int,
    given: Sequence[ModelInput],
    frontend: FrontendSpec | None,
    hop_seconds: float | None,
    pad: bool,
) -> list[InputVector]:
    """Everything that one run of the firmware is to compute, in the order given.

    Args:
        files: ``.wav`` and ``.npy`` paths.
        random: how many random tensors to add.
        seed: of ``numpy.random.default_rng``.
        given: the model's inputs.
        frontend: the front end in the firmware, or None.
        hop_seconds: distance of a WAV's windows; None for the window's length.
        pad: whether a last window that is too short is filled with zeros.

    Raises:
        InputError: a file is missing, damaged, or does not fit the model or the front end.
    """
    inputs: list[InputVector] = []
    for name in files:
        path = Path(name)
        if not path.is_file():
            raise InputError(f"input {name!r} is not a file", "give a .wav or a .npy file")
        match path.suffix.lower():
            case ".wav":
                inputs += wav_windows(name, frontend, hop_seconds, pad)
            case ".npy":
                inputs.append(_npy_tensor(name, given))
            case suffix:
                raise InputError(
                    f"input {name!r} has the unknown ending {suffix!r}",
                    "give a .wav (through the front end) or a .npy (an input tensor)",
                )
    return inputs + _random_tensors(random, seed, given)


def read_stream(name: str, frontend: FrontendSpec | None, stride: int, smoothing: Smoothing | None) -> Stream:
    """A WAV of at least one window; the other arguments as in `Stream`.

    Raises:
        InputError: the file is missing, damaged, too short, or does not fit the front end.
    """
    path = Path(name)
    if not path.is_file():
        raise InputError(f"input {name!r} is not a file", "give a .wav file")
    if path.suffix.lower() != ".wav":
        raise UsageError(
            f"--stream takes recordings, {name!r} is none", "give .wav files, or leave --stream out"
        )
    frontend = _needed(name, frontend)
    pcm = _read_wav(name, frontend)
    window = window_samples(frontend)
    if len(pcm) < window:
        raise _too_short(name, len(pcm), window, frontend, "give a longer recording")
    return Stream(one_line(name), pcm.reshape(-1), stride, smoothing)


def window_samples(frontend: FrontendSpec) -> int:
    """The samples (and channel) from which a stream computes one input: no more than its frames need."""
    return frontend.clip_samples if frontend.padding else frontend.samples_of(frontend.frames)


def window_count(frontend: FrontendSpec, samples: int, stride: int) -> int:
    """Windows of a stream of so many samples (and channel), ``stride`` hops apart."""
    return max(0, (samples - window_samples(frontend)) // (stride * frontend.hop_samples) + 1)


def stream_windows(stream: Stream, frontend: FrontendSpec) -> list[InputVector]:
    """What the firmware is to compute of a stream, window by window."""
    window, hop = window_samples(frontend), stream.stride * frontend.hop_samples
    pcm = stream.pcm.reshape(-1, frontend.channels)
    starts = hop * np.arange(window_count(frontend, len(pcm), stream.stride))
    return [
        InputVector(
            stream.source,
            float(start / frontend.sample_rate_hz),
            pcm[start : start + window].reshape(-1),
            (),
        )
        for start in starts
    ]


def stride_hops(seconds: float | None, frontend: FrontendSpec) -> int:
    """The distance of a stream's windows in hops; None for the default, a tenth of the window.

    Raises:
        UsageError: it is no multiple of the hop.
    """
    if seconds is None:
        return max(1, round(frontend.frames / 10))
    hops = seconds * frontend.sample_rate_hz / frontend.hop_samples
    nearest = max(1, round(hops))
    if not math.isclose(hops, nearest, rel_tol=1e-6):
        hop = frontend.hop_samples / frontend.sample_rate_hz
        raise UsageError(
            f"--stride {seconds:g} is no multiple of the front end's hop of {hop:g} s",
            f"the nearest is --stride {nearest * hop:g}",
        )
    return nearest


def _check_batch(name: str, entries: int, entry_bytes: int, remedy: str) -> None:
    """Refuses early what would fill memory and disk."""
    if entries * entry_bytes > MAX_BATCH_BYTES:
        raise InputError(
            f"{name} makes {entries:,} inputs of {entry_bytes:,} bytes, "
            f"more than {MAX_BATCH_BYTES >> 20} MiB",
            remedy,
        )


def _random_tensors(count: int, seed: int, given: Sequence[ModelInput]) -> list[InputVector]:
    _check_batch("--random", count, sum(one.tensor.bytes for one in given), "give a smaller N")
    rng = np.random.default_rng(seed)
    return [
        InputVector(f"random[{i}]", None, None, tuple(random_values(rng, one) for one in given))
        for i in range(count)
    ]


def _npy_tensor(name: str, given: Sequence[ModelInput]) -> InputVector:
    if len(given) != 1:
        raise InputError(
            f"input {name!r}: the model has {len(given)} inputs, a .npy file holds one",
            "use --random for models with several inputs",
        )
    return InputVector(one_line(name), None, None, (read_tensor(name, given[0]),))


def wav_windows(
    name: str, frontend: FrontendSpec | None, hop_seconds: float | None, pad: bool
) -> list[InputVector]:
    """Every window of a recording.

    Args:
        name: of the ``.wav`` file.
        frontend: gives rate, channels and window.
        hop_seconds: distance of the windows; None for the window's length.
        pad: whether a last window that is too short is filled with zeros.

    Raises:
        InputError: there is no front end, or the file is damaged, of another rate, or shorter than a clip.
    """
    frontend = _needed(name, frontend)
    pcm = _read_wav(name, frontend)
    window = frontend.clip_samples
    rate = frontend.sample_rate_hz
    hop = window if hop_seconds is None else round(hop_seconds * rate)
    if hop < 1:
        raise InputError(f"--hop {hop_seconds} is shorter than one sample", "give seconds, for example 0.5")
    least = frontend.samples_of(frontend.min_frames)
    if len(pcm) < least and not pad:
        remedy = "give a longer recording, or fill it with silence by --pad"
        raise _too_short(name, len(pcm), least, frontend, remedy)
    if len(pcm) < window and not pad:
        return [InputVector(one_line(name), 0.0, pcm.reshape(-1), ())]
    last = max(len(pcm) - 1, 0) if pad else len(pcm) - window
    starts = range(0, last + 1, hop)
    _check_batch(f"input {name!r}", len(starts), 2 * window * frontend.channels, "give a longer --hop")
    windows = []
    for start in starts:
        clip = np.zeros((window, frontend.channels), dtype=np.int16)
        part = pcm[start : start + window]
        clip[: len(part)] = part
        windows.append(InputVector(one_line(name), start / rate, clip.reshape(-1), ()))
    return windows


def _needed(name: str, frontend: FrontendSpec | None) -> FrontendSpec:
    if frontend is None:
        raise InputError(
            f"input {name!r} is audio, and this deployment has no front end",
            "choose one with --frontend NAME|FILE, or give the model's input tensor as .npy",
        )
    return frontend


def _too_short(name: str, samples: int, least: int, frontend: FrontendSpec, remedy: str) -> InputError:
    rate = frontend.sample_rate_hz
    return InputError(
        f"input {name!r} is {samples / rate:.3f} s long, the front end {frontend.name} takes "
        f"{least / rate:.3f} s or more",
        remedy,
    )


def _read_wav(name: str, frontend: FrontendSpec) -> npt.NDArray[np.int16]:
    """The samples of a 16-bit PCM WAV file, shape (samples, channels)."""
    shown = shlex.quote(name) if name.isprintable() else "IN.wav"
    convert = f"convert it: sox {shown} -r {frontend.sample_rate_hz} -c {frontend.channels} -b 16 out.wav"
    try:
        wav = open_wav(Path(name))
        _check_wav(name, wav.rate, wav.channels, wav.width, frontend, convert)
        data = wav.read()
    except (WavError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"input {name!r} is not a PCM WAV file: {reason}", convert) from None
    held = len(data) // (wav.channels * wav.width)
    if wav.stated is not None and held < wav.stated:
        raise InputError(
            f"input {name!r} is cut short: it states {wav.stated} samples and holds {held}",
            "record or copy it again",
        )
    if held == 0:
        raise InputError(f"input {name!r} holds no samples", "record or copy it again")
    return np.frombuffer(data, dtype="<i2").reshape(-1, wav.channels).astype(np.int16)


def _check_wav(name: str, rate: int, channels: int, width: int, frontend: FrontendSpec, convert: str) -> None:
    if rate != frontend.sample_rate_hz:
        raise InputError(
            f"input {name!r} is sampled at {rate} Hz, the front end takes {frontend.sample_rate_hz} Hz",
            convert,
        )
    if channels != frontend.channels:
        raise InputError(
            f"input {name!r} has {channels} channels, the front end takes {frontend.channels}", convert
        )
    if width != 2:
        raise InputError(f"input {name!r} has {8 * width}-bit samples, the front end takes 16-bit", convert)
