"""Deployments for Ethos-U: every configuration that the functional model has, native and on QEMU.

    python benchmarks/npu.py [--random N] [--markdown] [--json FILE] [--configurations A,B] [MODEL...]
    python benchmarks/npu.py --configurations ethos-u55-64 kws-demo      one row

Each model is run on N random tensors natively and on one on QEMU, and on both on the recordings of
MCU_DEPLOY_AUDIO_PATH that its front end takes. Every output is compared with TFLM; one that differs is an
error. Cycles are Vela's estimates; instructions are those that QEMU takes to run the functional model, which
say nothing of an NPU.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import wave
from pathlib import Path
from typing import Any

from mcu_deploy.cli.table import table
from mcu_deploy.errors import McuDeployError
from mcu_deploy.frontend import load_spec
from mcu_deploy.npu.target import MODELLED
from mcu_deploy.npu.vela import CONFIGURATIONS
from mcu_deploy.pipeline.deploy import deploy
from mcu_deploy.pipeline.options import DeployOptions, GenerateOptions, RunOptions
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.registry.cards import ModelCard, card_by_name
from mcu_deploy.registry.locate import locate
from mcu_deploy.verify.document import empty_document

DEFAULT_MODELS = (
    "kws-demo",
    "kws-micronet-l",
    "kws-micronet-m",
    "ad-micronet-s",
    "audio-sound-event-1.0.2",
    "audio-sound-event-1.001.000",
)
MODELLED_CONFIGURATIONS = tuple(name for name in CONFIGURATIONS if name.startswith(MODELLED))


def recordings(card: ModelCard) -> tuple[str, ...]:
    """The recordings on this computer at the rate of the model's front end."""
    if not card.frontend:
        return ()
    spec = load_spec(card.frontend)
    found = []
    for folder in filter(None, os.environ.get("MCU_DEPLOY_AUDIO_PATH", "").split(os.pathsep)):
        for path in sorted(Path(folder).glob("*.wav")):
            with wave.open(str(path)) as file:
                if (file.getframerate(), file.getnchannels()) == (spec.sample_rate_hz, spec.channels):
                    found.append(str(path))
    return tuple(found)


def measure(card: ModelCard, model: Path, configuration: str, random: int, folder: Path) -> dict[str, Any]:
    """What came of one configuration."""
    generate = GenerateOptions(
        model=str(model), npu=configuration, output_dir=folder / f"{card.name}-{configuration}"
    )
    documents = {}
    for simulator, count in (("native", random), ("qemu", 1)):
        document = empty_document()
        run = RunOptions(simulator=simulator, inputs=recordings(card), random=count, pad=True, timeout=900)
        progress = Progress(sys.stderr)
        deploy(DeployOptions(generate, run), progress, document)
        document["steps"] = [{"name": name, "seconds": seconds} for name, seconds in progress.steps]
        if document["verdict"] != "verified":
            raise McuDeployError(f"{card.name}, {configuration}, {simulator}: {document['first_difference']}")
        documents[simulator] = document
    return {"model": card.name, "configuration": configuration, **documents}


def _seconds(document: dict[str, Any]) -> float:
    """Wall time of one run, the program's start and the records included."""
    total = sum(step["seconds"] for step in document["steps"] if step["name"].startswith("run on"))
    return float(total) / len(document["runs"])


def summary(results: list[dict[str, Any]], markdown: bool) -> str:
    """One line a model and configuration."""
    header = ["model", "NPU", "inputs", "estimated cycles", "native", "QEMU", "instructions", "arena",
              "flash", "constants", "driver", "functional model", "RAM"]  # fmt: skip
    rows = []
    for result in results:
        native, qemu = result["native"], result["qemu"]
        memory = qemu["memory"]
        rows.append([
            result["model"], result["configuration"], f"{len(native['runs'])} + {len(qemu['runs'])}",
            f"{qemu['npu']['estimated_cycles']:,}", f"{_seconds(native):.3f} s", f"{_seconds(qemu):.2f} s",
            f"{qemu['runs'][-1]['simulated_instructions']['inference']:,}", f"{memory['arena_bytes']:,}",
            f"{memory['flash_bytes']:,}", f"{memory['flash_constant_bytes']:,}",
            f"{memory['flash_npu_driver_bytes']:,}", f"{memory['flash_npu_model_bytes']:,}",
            f"{memory['ram_bytes']:,}",
        ])  # fmt: skip
    if markdown:
        lines = [header, ["---"] * len(header), *rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return table(header, rows, right=range(2, len(header)))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--random", type=int, default=50, metavar="N", help="random tensors, native (50)")
    parser.add_argument("--configurations", metavar="NAMES", help="comma-separated; default: all six")
    parser.add_argument("--markdown", action="store_true", help="the summary in Markdown")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all documents to FILE")
    options = parser.parse_args()
    chosen = options.configurations.split(",") if options.configurations else MODELLED_CONFIGURATIONS
    for name in chosen:
        if name not in MODELLED_CONFIGURATIONS:
            parser.error(f"{name!r} is none of {', '.join(MODELLED_CONFIGURATIONS)}")
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.models or DEFAULT_MODELS:
            card = card_by_name(name)
            path = locate(card)
            if path is None and options.models:
                sys.exit(f"{card.file} is not on this computer: mcu-deploy models fetch {card.name}")
            if path is not None:
                results += [measure(card, path, one, options.random, Path(folder)) for one in chosen]
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(summary(results, options.markdown))
    print("\nEvery output equals TFLM's. Inputs: native + QEMU. Cycles are Vela's estimates; native and")
    print("QEMU are wall time of a run; instructions are those of the core that runs the functional model.")


if __name__ == "__main__":
    try:
        main()
    except McuDeployError as error:
        sys.exit(f"error: {error.message}\n  hint: {error.hint}")
