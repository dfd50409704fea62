"""Makes the demo model from nothing: takes, clips, teacher's labels, training, quantisation, figures.

    python models/kws_demo/training/run.py

Every step leaves files in the data folder (`.cache/kws_demo`, or --data, or $KWS_DEMO_DATA) and is
skipped where they are there, so a run that was stopped goes on where it was. The results go to
models/kws_demo. The teachers, kws_micronet_l.tflite and kws_micronet_m.tflite of Arm's ML-zoo, are
looked for in the folders of $MCU_DEPLOY_MODEL_PATH and must have the hashes below; the Speech Commands
files to measure with are looked for in $MCU_DEPLOY_AUDIO_PATH, and left out if there are none.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
sys.path[:0] = [str(HERE), str(REPOSITORY)]

TEACHER_SHA1 = {
    "kws_micronet_l.tflite": "5ac522fadfc7d07e96e72e38c55650514ecef750",
    "kws_micronet_m.tflite": "fd03a6b24548ea99cf487dbd682937df5718cef1",
}
SHARDS = 70
PRUNING_CLIPS, REPRESENTATIVE_CLIPS = 3000, 400


def find_teacher(name: str) -> Path:
    """The file on the model path, verified; SystemExit if there is none."""
    for folder in os.environ.get("MCU_DEPLOY_MODEL_PATH", "").split(os.pathsep):
        path = Path(folder or ".") / name
        if path.is_file() and hashlib.sha1(path.read_bytes()).hexdigest() == TEACHER_SHA1[name]:
            return path
    raise SystemExit(f"{name} (sha1 {TEACHER_SHA1[name]}) is in no folder of MCU_DEPLOY_MODEL_PATH")


def make_data(data: Path, shards: int) -> None:
    """Takes, test sets and training shards: the steps that must not load TensorFlow."""
    import dataset
    import synthesise

    synthesise.synthesise(data)
    dataset.make_test_sets(data)
    dataset.make_training_shards(data, shards, workers=os.cpu_count() or 1)


def make_float_model(data: Path, shards: int) -> Path:
    """The trained network, as an .npz."""
    import dataset
    import train
    from features import dequantise
    from micronet import Network, read_tflite
    from prune import prune

    path = data / "trained.npz"
    if path.exists():
        return path
    large, medium = (read_tflite(find_teacher(name)) for name in TEACHER_SHA1)
    dataset.label_shards(data, shards, [Network(net, trainable=False) for net in (large, medium)])
    features, labels, logits = dataset.load_training(data, shards)
    start = prune(medium, train.WIDTHS, dequantise(features[:PRUNING_CLIPS]))
    train.save_layers(path, train.train(start, features, labels, logits, train.Recipe(), data))
    return path


def make_model(data: Path, trained: Path, out: Path) -> list:
    """Writes the .tflite, checked; gives the float layers that it was made from."""
    import dataset
    import quantise
    import train

    features, _, _ = dataset.load_training(data, 1)
    layers = train.favour_keywords(train.load_layers(trained), train.UNKNOWN_BIAS_SHIFT)
    model = quantise.convert(layers, features[:REPRESENTATIVE_CLIPS])
    quantise.check(model)
    out.write_bytes(model)
    return layers


def main() -> None:
    """Runs every step whose results are missing, then quantises and measures."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    default = os.environ.get("KWS_DEMO_DATA", REPOSITORY / ".cache" / "kws_demo")
    parser.add_argument("--data", type=Path, default=Path(default), help="folder for everything in between")
    parser.add_argument("--out", type=Path, default=HERE.parent, help="folder for the model and its figures")
    parser.add_argument("--shards", type=int, default=SHARDS, help="training shards of 4000 clips")
    options = parser.parse_args()
    for name in TEACHER_SHA1:
        find_teacher(name)  # fail now rather than in half an hour
    make_data(options.data, options.shards)

    import card
    import evaluate
    import recordings

    trained = make_float_model(options.data, options.shards)
    options.out.mkdir(parents=True, exist_ok=True)
    model = options.out / "kws_demo.tflite"
    layers = make_model(options.data, trained, model)
    recordings.write_recordings(options.data, options.out / "recordings")
    audio = os.environ.get("MCU_DEPLOY_AUDIO_PATH")
    figures = evaluate.evaluate(
        model,
        options.data,
        find_teacher("kws_micronet_l.tflite"),
        layers,
        Path(audio) if audio else None,
        options.out / "recordings",
    )
    evaluate.write(options.out / "evaluation.json", figures)
    if (options.out / "MODEL_CARD.md").exists():
        card.update(options.out / "MODEL_CARD.md", figures)
    accuracy = figures["held_out_voices"]["clean"]["all"]["accuracy"]
    print(f"{model}: {figures['model']['bytes']} bytes, {accuracy:.1%} of held-out voices' clean clips right")


if __name__ == "__main__":
    main()
