"""Makes the training and test sets: augmented clips, as features, with labels and teacher logits.

Only features are kept (490 bytes a clip). Training shards hold `features` int8 (n, 49, 10) and
`label`; `logits_<n>.npy` beside each holds what the teacher says, float32 (n, 12). The test sets,
clean and noisy, hold `features`, `label` and `voice`.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from augment import Augmenter, load_takes
from features import clip_features, dequantise
from words import KEYWORDS, SILENCE, UNKNOWN

SHARD_CLIPS = 4000
FEATURE_BATCH = 32
TRAIN_SEED, TEST_SEED = 11, 12
TEST_ESPEAK_PER_LABEL, TEST_SILENCES = 150, 150

_augmenter: Augmenter


def _start_worker(folder: Path) -> None:
    global _augmenter
    _augmenter = Augmenter(load_takes(folder), "train")


def _make_shard(job: tuple[int, Path]) -> str:
    number, path = job
    pairs = [_augmenter.training_clip((TRAIN_SEED, number, i)) for i in range(SHARD_CLIPS)]
    features = batched_features([clip for clip, _ in pairs])
    save(path, features=features, label=np.array([label for _, label in pairs], np.int8))
    return path.name


def save(path: Path, **arrays: np.ndarray) -> None:
    """np.savez under a temporary name first, so that a file that is there is whole."""
    part = path.with_suffix(".part.npz")
    np.savez(part, **arrays)
    part.replace(path)


def batched_features(clips: list[np.ndarray]) -> np.ndarray:
    """Features of any number of clips."""
    batches = (np.stack(clips[i : i + FEATURE_BATCH]) for i in range(0, len(clips), FEATURE_BATCH))
    return np.concatenate([clip_features(batch) for batch in batches])


def make_training_shards(folder: Path, count: int, workers: int) -> None:
    """Writes train_000.npz ... that are not there yet."""
    jobs = [(n, folder / f"train_{n:03}.npz") for n in range(count)]
    jobs = [job for job in jobs if not job[1].exists()]
    if not jobs:
        return
    # Spawned, not forked: TensorFlow sets the processor to flush denormals, and the reference refuses that.
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, _start_worker, (folder,)) as pool:
        for done, name in enumerate(pool.imap_unordered(_make_shard, jobs), 1):
            print(f"{name} ({done} of {len(jobs)})", flush=True)


def make_test_sets(folder: Path) -> None:
    """Writes test_clean.npz and test_noisy.npz: voices that are in no training take."""
    paths = {noisy: folder / f"test_{'noisy' if noisy else 'clean'}.npz" for noisy in (False, True)}
    if all(path.exists() for path in paths.values()):
        return
    takes = load_takes(folder)
    augmenter = Augmenter(takes, "test")
    rng = np.random.default_rng(TEST_SEED)
    chosen: list[int | None] = []
    is_flite = np.char.startswith(takes.voice.astype(str), "flite")
    for label in (*range(len(KEYWORDS)), UNKNOWN):
        mine = (takes.split == "test") & (takes.label == label)
        flite, espeak = np.flatnonzero(mine & is_flite), np.flatnonzero(mine & ~is_flite)
        chosen += [*flite[:150].tolist(), *rng.choice(espeak, TEST_ESPEAK_PER_LABEL, replace=False).tolist()]
    chosen += [None] * TEST_SILENCES
    label = np.array([SILENCE if take is None else takes.label[take] for take in chosen], np.int8)
    voice = np.array(["noise" if take is None else takes.voice[take] for take in chosen])
    for noisy, path in paths.items():
        clips = [augmenter.test_clip(take, (TEST_SEED, i), noisy) for i, take in enumerate(chosen)]
        save(path, features=batched_features(clips), label=label, voice=voice)


def load_training(folder: Path, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, labels and teacher logits of the first `count` shards."""
    shards = [np.load(folder / f"train_{n:03}.npz") for n in range(count)]
    logits = [np.load(folder / f"logits_{n:03}.npy") for n in range(count)]
    features = np.concatenate([shard["features"] for shard in shards])
    return features, np.concatenate([shard["label"] for shard in shards]), np.concatenate(logits)


def batches(features: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Float network inputs of at most `size` clips."""
    for start in range(0, len(features), size):
        yield dequantise(features[start : start + size])


def label_shards(folder: Path, count: int, networks: list) -> None:
    """Writes the teacher's logits for every shard that has none: the mean of several micronet.Network."""
    import tensorflow as tf

    @tf.function(reduce_retracing=True)
    def forward(x: tf.Tensor) -> tf.Tensor:
        return tf.add_n([network(x) for network in networks]) / len(networks)

    for n in range(count):
        path = folder / f"logits_{n:03}.npy"
        if not path.exists():
            features = np.load(folder / f"train_{n:03}.npz")["features"]
            logits = np.concatenate([forward(batch).numpy() for batch in batches(features, 500)])
            part = path.with_suffix(".part.npy")
            np.save(part, logits)
            part.replace(path)
            print(path.name, flush=True)
