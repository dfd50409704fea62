"""What deployments cost: simulated instructions by layer and in all, flash and RAM, against TFLM.

    python benchmarks/deployments.py [--layers] [--markdown] [--json FILE] [MODEL...]

Each model is deployed for the Corstone-300 and run on QEMU under -icount, where counts are exact and
repeatable. MODEL is a name of `mcu-deploy models list`; by default those below whose
file is on this computer. Every run is verified against the Python reference; one that differs is an error.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import tomllib
import wave
from pathlib import Path
from typing import Any

import numpy as np

from mcu_deploy.cli.table import table
from mcu_deploy.errors import McuDeployError
from mcu_deploy.frontend import FrontendSpec, load_spec
from mcu_deploy.pipeline.deploy import deploy
from mcu_deploy.pipeline.options import DeployOptions, GenerateOptions, RunOptions
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.registry.cards import ModelCard, card_by_name
from mcu_deploy.registry.locate import locate
from mcu_deploy.verify.document import empty_document

DEFAULT_MODELS = ("kws-demo", "kws-micronet-l", "kws-micronet-m", "ad-micronet-s")
BASELINE = Path(__file__).with_name("baseline_tflm.toml")


def measure(card: ModelCard, path: Path, folder: Path) -> dict[str, Any]:
    """The document of one deployment: a random tensor, and noise through the front end if it has one."""
    inputs: tuple[str, ...] = ()
    if card.frontend:
        inputs = (str(noise(load_spec(card.frontend), folder / "noise.wav")),)
    run = RunOptions(simulator="qemu", inputs=inputs, random=1, layers=False)
    generate = GenerateOptions(model=str(path), output_dir=folder / card.name)
    document = empty_document()
    deploy(DeployOptions(generate, run), Progress(sys.stderr), document)
    by_layer = empty_document()
    counting = RunOptions(simulator="qemu", random=1, count_layers=True)
    deploy(DeployOptions(generate, counting), Progress(sys.stderr), by_layer)
    for one in (document, by_layer):
        if one["verdict"] != "verified":
            raise McuDeployError(f"{card.name}: {one['verdict']}: {one['first_difference']}")
    document["layers"] = by_layer["layers"]
    return document


def noise(spec: FrontendSpec, path: Path) -> Path:
    """A clip of noise, always the same."""
    samples = np.random.default_rng(0).integers(-8192, 8192, spec.clip_samples * spec.channels).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(spec.channels)
        file.setsampwidth(2)
        file.setframerate(spec.sample_rate_hz)
        file.writeframes(samples.tobytes())
    return path


def _ratio(value: float | None, base: float | None) -> str:
    return f"{value / base:.2f}" if value is not None and base else "-"


def summary(documents: list[dict[str, Any]], markdown: bool) -> str:
    """One line a model."""
    baseline = tomllib.loads(BASELINE.read_text(encoding="utf-8"))
    header = ["model", "MACs", "inference", "a MAC", "to TFLM", "front end", "flash", "model", "code",
              "without front end", "to TFLM", "arena", "to TFLM", "RAM", "to TFLM"]  # fmt: skip
    rows = []
    for document in documents:
        name, macs = document["model"]["name"], document["model"]["macs"]
        base = baseline["models"].get(name, {})
        memory = document["memory"]
        instructions = document["runs"][-1]["simulated_instructions"]["inference"]
        frontend = document["runs"][0]["simulated_instructions"]["frontend"]
        bare = memory["flash_code_bytes"] - memory["flash_frontend_bytes"]
        rows.append([
            name, f"{macs:,}", f"{instructions:,}", f"{instructions / macs:.2f}",
            _ratio(instructions, base.get("instructions")), f"{frontend:,}" if frontend else "-",
            f"{memory['flash_bytes']:,}", f"{memory['flash_constant_bytes']:,}",
            f"{memory['flash_code_bytes']:,}", f"{bare:,}",
            _ratio(bare, baseline["flash_without_model_bytes"]), f"{memory['arena_bytes']:,}",
            _ratio(memory["arena_bytes"], base.get("arena_bytes")), f"{memory['ram_bytes']:,}",
            _ratio(memory["ram_bytes"], base.get("ram_bytes")),
        ])  # fmt: skip
    if markdown:
        lines = [header, ["---"] * len(header), *rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return table(header, rows, right=range(1, len(header)))


def layers(document: dict[str, Any]) -> str:
    """One line a step."""
    rows = [
        [
            str(layer["index"]),
            layer["kind"],
            layer["kernel"],
            f"{layer['macs']:,}",
            f"{layer['simulated_instructions']:,}",
            f"{layer['simulated_instructions'] / layer['macs']:.2f}" if layer["macs"] else "-",
        ]
        for layer in document["layers"]
    ]
    header = ["step", "operator", "kernel", "MACs", "instructions", "a MAC"]
    return f"{document['model']['name']}\n" + table(header, rows, right=(0, 3, 4, 5))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--layers", action="store_true", help="a table of the layers of each model too")
    parser.add_argument("--markdown", action="store_true", help="the summary as the README has it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all documents to FILE")
    options = parser.parse_args()
    cards = [card_by_name(name) for name in options.models or DEFAULT_MODELS]
    documents = []
    with tempfile.TemporaryDirectory() as folder:
        for card in cards:
            path = locate(card)
            if path is not None:
                documents.append(measure(card, path, Path(folder)))
            elif options.models:
                sys.exit(f"{card.file} is not on this computer: mcu-deploy models fetch {card.name}")
    if not documents:
        sys.exit("no model found: set MCU_DEPLOY_MODEL_PATH, or fetch one by mcu-deploy models fetch")
    if options.json:
        options.json.write_text(json.dumps(documents, indent=1) + "\n", encoding="utf-8")
    if options.layers:
        print("\n\n".join(layers(document) for document in documents) + "\n")
    print(summary(documents, options.markdown))
    print("\nInstructions are simulated (QEMU -icount); sizes are bytes of the linked firmware; 'to TFLM' is")
    print(f"the ratio to TFLM with CMSIS-NN ({BASELINE.name}). Versions: {documents[0]['versions']}")


if __name__ == "__main__":
    try:
        main()
    except McuDeployError as error:
        sys.exit(f"error: {error.message}\n  hint: {error.hint}")
