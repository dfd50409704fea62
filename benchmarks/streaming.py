"""What streaming costs: RAM of each preset, simulated instructions of a window in a stream and as a clip.

    python benchmarks/streaming.py [--markdown] [PRESET...]

A firmware with the preset's front end and a trivial model hears a few windows of noise on QEMU's
Corstone-300, a tenth of a window apart, and gets the first of them as a clip. Both are verified against
the Python reference; a difference is an error.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import wave
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from mcu_deploy.cli.table import table
from mcu_deploy.codegen.stream import smoother_ram_bytes, stream_ram_bytes
from mcu_deploy.errors import McuDeployError
from mcu_deploy.frontend import FrontendSpec, load_spec, preset_names
from mcu_deploy.frontend.codegen import frontend_ram_bytes
from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.writer import write_model
from mcu_deploy.inputs import stride_hops, window_samples
from mcu_deploy.pipeline.deploy import deploy
from mcu_deploy.pipeline.options import DeployOptions, GenerateOptions, RunOptions
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.verify.document import empty_document

WINDOWS = 4


def measure(spec: FrontendSpec, folder: Path) -> tuple[int, int]:
    """Instructions of the front end: of a stream's windows (the median but for the first), and of a clip."""
    model = _trivial_model(spec, folder / f"{spec.name}.tflite")
    step = stride_hops(None, spec) * spec.hop_samples
    long = _noise(spec, folder / f"{spec.name}.wav", window_samples(spec) + (WINDOWS - 1) * step)
    short = _noise(spec, folder / f"{spec.name}-clip.wav", window_samples(spec))
    generate = GenerateOptions(
        model=str(model), frontend=spec.name, output_dir=folder / spec.name, stream=True
    )
    heard = _frontend_counts(generate, RunOptions(simulator="qemu", inputs=(str(long),), stream=True))
    alone = _frontend_counts(generate, RunOptions(simulator="qemu", inputs=(str(short),)))
    return round(median(heard[1:])), alone[0]


def _frontend_counts(generate: GenerateOptions, run: RunOptions) -> list[int]:
    document: dict[str, Any] = empty_document()
    deploy(DeployOptions(generate, run), Progress(sys.stderr), document)
    if document["verdict"] != "verified":
        raise McuDeployError(f"{generate.frontend}: {document['verdict']}: {document['first_difference']}")
    return [run["simulated_instructions"]["frontend"] for run in document["runs"]]


def _trivial_model(spec: FrontendSpec, path: Path) -> Path:
    """Takes the features; gives their highest."""
    height, width, maps = (*spec.feature_shape, 1)[:3]
    builder = GraphBuilder(spec.name, seed=0)
    x = builder.input((1, height, width, maps), scale=0.1, zero_point=0)
    pool = {"filter_height": height, "filter_width": width, "stride_h": height, "stride_w": width}
    made = builder.operator("MAX_POOL_2D", [x], **pool, padding="VALID")
    path.write_bytes(write_model(builder.build([made])))
    return path


def _noise(spec: FrontendSpec, path: Path, samples: int) -> Path:
    """Always the same."""
    values = np.random.default_rng(0).integers(-8192, 8192, samples * spec.channels).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(spec.channels)
        file.setsampwidth(2)
        file.setframerate(spec.sample_rate_hz)
        file.writeframes(values.tobytes())
    return path


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("presets", nargs="*", metavar="PRESET")
    parser.add_argument("--markdown", action="store_true", help="the table as docs/streaming.md has it")
    options = parser.parse_args()
    header = ["preset", "stride", "front end, RAM", "stream, RAM", "window in a stream", "as a clip", "ratio"]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.presets or preset_names():
            spec = load_spec(name)
            window, clip = measure(spec, Path(folder))
            stride = stride_hops(None, spec)
            rows.append([
                name, f"{stride} hops, {stride * spec.hop_samples / spec.sample_rate_hz:.3g} s",
                f"{frontend_ram_bytes(spec):,}", f"{stream_ram_bytes(spec):,}", f"{window:,}", f"{clip:,}",
                f"{window / clip:.2f}",
            ])  # fmt: skip
    if options.markdown:
        print("\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *rows]))
    else:
        print(table(header, rows, right=range(2, len(header))))
    smoother = smoother_ram_bytes(12)
    print(
        f"\nRAM in bytes; a smoother of 12 outputs takes {smoother:,} more. The other columns are simulated"
    )
    print("instructions of the front end (QEMU -icount).")


if __name__ == "__main__":
    try:
        main()
    except McuDeployError as error:
        sys.exit(f"error: {error.message}\n  hint: {error.hint}")
