"""Measures the quantised model, and writes every figure of the model card to evaluation.json.

The synthetic test sets come from voices that were in no training take. The real recordings are
Speech Commands files, one word a second, named after their words; they are measured and never
trained on. MicroNet Large's figures are of its float reconstruction, on the same features.
"""

from __future__ import annotations

import hashlib
import json
import re
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
from augment import Augmenter, load_takes
from dataset import batched_features, batches
from features import CLIP, clip_features
from micronet import Layer, Network, read_tflite
from quantise import classify, interpreter_of
from words import KEYWORDS, LABELS, UNKNOWN

AGAIN_SEED = 31
Classifier = Callable[[np.ndarray], np.ndarray]


def by_network(network: Network) -> Classifier:
    """Class numbers from a float network."""
    return lambda f: np.concatenate([network(batch).numpy() for batch in batches(f, 250)]).argmax(1)


def share(right: np.ndarray) -> dict[str, float | int]:
    """How many, and which share of them is right."""
    return {"clips": len(right), "accuracy": round(float(right.mean()), 4)}


def synthetic(path: Path, model: Path, large: Classifier, network: Classifier) -> dict:
    """Accuracy by engine, voice and class, the confusion matrix, and MicroNet Large on the same clips."""
    data = np.load(path)
    features, label = data["features"], data["label"]
    found, large_found = classify(model, features).argmax(1), large(features)
    right, large_right = found == label, large_found == label
    engine = np.array([name.split()[0] for name in data["voice"].tolist()])
    voice = np.where(engine == "flite", data["voice"], engine)  # espeak-ng's are too many to list
    keyword = label < len(KEYWORDS)
    confusion = np.zeros((len(LABELS), len(LABELS)), int)
    np.add.at(confusion, (label, found), 1)
    return {
        "all": share(right),
        "keywords": share(right[keyword]),
        "by_engine": {name: share(right[engine == name]) for name in sorted(set(engine))},
        "by_voice": {name: share(right[voice == name]) for name in sorted(set(voice))},
        "by_class": {LABELS[k]: share(right[label == k]) for k in range(len(LABELS))},
        "unknown_taken_for_a_keyword": round(float((found[label == UNKNOWN] < len(KEYWORDS)).mean()), 4),
        "confusion_rows_truth_columns_answer": confusion.tolist(),
        "float_before_quantisation": share(network(features) == label),
        "agreement_with_micronet_large": round(float((found == large_found)[keyword].mean()), 4),
        "micronet_large": {
            "all": share(large_right),
            "keywords": share(large_right[keyword]),
            "by_engine": {name: share(large_right[engine == name]) for name in sorted(set(engine))},
        },
    }


def spoken_seconds(path: Path) -> list[tuple[str, np.ndarray]]:
    """(word, int16 second) of a file whose name ends in its words, one a second."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    words = [part for part in path.stem.split("_") if part in KEYWORDS]
    samples = np.pad(samples, (0, max(len(words) * CLIP - len(samples), 0)))
    return [(word, samples[i * CLIP : (i + 1) * CLIP]) for i, word in enumerate(words)]


def recordings(paths: list[Path], model: Path, large: Classifier) -> list[dict]:
    """What the model says of every second of some recordings, and what MicroNet Large says."""
    rows = []
    for path in paths:
        for word, clip in spoken_seconds(path):
            features = clip_features(clip[None])
            scores = (classify(model, features)[0].astype(int) + 128) / 256
            best = int(scores.argmax())
            row = {"file": path.name, "word": word, "answer": LABELS[best], "right": LABELS[best] == word}
            row |= {"score": round(float(scores[best]), 3)}
            rows.append({**row, "micronet_large_answer": LABELS[int(large(features)[0])]})
    return rows


def in_noise(paths: list[Path], data: Path, model: Path, large: Classifier) -> dict:
    """The words of recordings, each recorded again 40 times as the noisy test clips are."""
    augmenter = Augmenter(load_takes(data), "test")
    words = [pair for path in paths for pair in spoken_seconds(path)]
    clips = [
        augmenter.again(clip, (AGAIN_SEED, i, k)) for i, (_, clip) in enumerate(words) for k in range(40)
    ]
    label = np.repeat([KEYWORDS.index(word) for word, _ in words], 40)
    features = batched_features(clips)
    right = classify(model, features).argmax(1) == label
    return {
        "all": share(right),
        "by_word": [[word, float(right[i * 40 :][:40].mean())] for i, (word, _) in enumerate(words)],
        "micronet_large": share(large(features) == label),
    }


def evaluate(
    model: Path, data: Path, large_path: Path, layers: list[Layer], audio: Path | None, bundled: Path
) -> dict:
    """All figures, as a JSON object.

    Args:
        model: the .tflite.
        data: folder of the test sets.
        large_path: kws_micronet_l.tflite.
        layers: the float network before quantisation.
        audio: folder of the Speech Commands files, or None.
        bundled: folder of the bundled recordings.
    """
    large = by_network(Network(read_tflite(large_path), trainable=False))
    network = by_network(Network(layers, trainable=False))
    interpreter = interpreter_of(model)
    operators = sorted({op["op_name"] for op in interpreter._get_ops_details()})
    real = sorted(audio.glob("speech_commands_*.wav")) if audio else []
    return {
        "model": {
            "file": model.name,
            "bytes": model.stat().st_size,
            "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
            "parameters": int(sum(layer.weight.size + layer.bias.size for layer in layers)),
            "operators": operators,
        },
        "labels": list(LABELS),
        "held_out_voices": {
            name: synthetic(data / f"test_{name}.npz", model, large, network) for name in ("clean", "noisy")
        },
        "real_recordings": recordings(real, model, large),
        "real_recordings_in_noise": in_noise(real, data, model, large) if real else None,
        "bundled_recordings": recordings(sorted(bundled.glob("*.wav")), model, large),
    }


def write(path: Path, figures: dict) -> None:
    """JSON, with rows of numbers on one line each."""
    text = json.dumps(figures, indent=1)
    text = re.sub(r"\[[\s\d,]+\]", lambda row: re.sub(r"\s+", " ", row[0]), text)
    path.write_text(text + "\n")
