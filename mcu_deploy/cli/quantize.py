"""``quantize``: a float model to full int8."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from mcu_deploy.cli.options import JSON_OPTION, Seconds, json_text
from mcu_deploy.cli.table import table
from mcu_deploy.errors import UsageError
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.quantize.quantize import QuantizeOptions
from mcu_deploy.quantize.quantize import quantize as run_quantize

_LISTS = ("--calibration", "--held-out")
MAX_RANDOM = 10_000


class _ListsOfFiles(click.Command):
    """A command where ``--calibration`` and ``--held-out`` take all files up to the next option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        spread: list[str] = []
        option = ""
        for argument in args:
            if argument.startswith("-"):
                option = argument if argument in _LISTS else ""
                spread.append(argument)
            elif option and spread[-1] != option:
                spread += [option, argument]
            else:
                spread.append(argument)
        return super().parse_args(ctx, spread)


@click.command(cls=_ListsOfFiles)
@click.argument("model")
@click.option(
    "--calibration",
    multiple=True,
    metavar="FILES...",
    help="Inputs that give the ranges: .wav through the front end, .npy or .npz of floats, folders of them.",
)
@click.option(
    "--held-out", multiple=True, metavar="FILES...", help="Others, to compare both models on. As above."
)
@click.option(
    "--random",
    type=click.IntRange(0, MAX_RANDOM),
    default=0,
    metavar="N",
    help="N random inputs in place of --calibration: a smoke test, which says nothing about accuracy.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the random inputs.")
@click.option(
    "--frontend", "--front-end", metavar="NAME|FILE", help="What recordings pass through; none: arrays only."
)
@click.option(
    "--input-shape",
    "input_shapes",
    multiple=True,
    metavar="1,H,W,C",
    help="Fixes the dimensions of a Keras, SavedModel or ONNX input that are not known. One for each input.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Default: MODEL_int8.tflite, here.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option(
    "--timeout",
    type=Seconds(),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="Bound on the wall time of each program that is run.",
)
@JSON_OPTION
def quantize(model: str, input_shapes: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Quantise MODEL to full int8: int8 inputs and outputs, weights per channel.

    MODEL is a float or dynamic-range .tflite, a Keras .h5, .hdf5 or .keras, an .onnx, a SavedModel folder, or
    a known model's name; it comes before --calibration. The int8 model is compared with the float one.
    """
    shapes = tuple(_shape(text) for text in input_shapes)
    document = run_quantize(QuantizeOptions(model, input_shapes=shapes, **options), Progress(sys.stderr))
    click.echo(json_text(document) if as_json else report(document))


def _shape(text: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(part) for part in text.split(","))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1 or len(shape) > 8:
        raise UsageError(f"--input-shape {text!r} is not a shape", "give sizes, for example 1,49,10,1")
    return shape


def report(document: dict[str, Any]) -> str:
    """The document as text for people."""
    parts = [_sizes(document), _figures(document), _worst(document), _npu(document["npu"])]
    if document["problems"]:
        lines = "\n".join(f"  - {line}" for line in document["problems"])
        parts.append(f"mcu-deploy cannot deploy it on the CPU yet:\n{lines}")
    if document["notes"]:
        parts.append("\n".join(f"note: {note}" for note in document["notes"]))
    return "\n\n".join(part for part in parts if part)


def _sizes(document: dict[str, Any]) -> str:
    model, int8 = document["model"], document["int8"]
    ends = [
        f"{end}: {tensor['name']} {'x'.join(map(str, tensor['shape']))} int8 {tensor['scale']:.6g} "
        f"zp {tensor['zero_point']}"
        for end in ("input", "output")
        for tensor in int8[f"{end}s"]
    ]
    sizes = (
        f"{model['name']} ({model['format']}, {model['bytes']:,} bytes; as float32 TFLite "
        f"{model['float32_bytes']:,}) -> {int8['file']}, {int8['bytes']:,} bytes"
    )
    return "\n".join([sizes, *ends])


def _figures(document: dict[str, Any]) -> str:
    rows = [
        [
            name.replace("_", "-"),
            str(document[name]["inputs"]),
            output["name"],
            _decibels(output["snr_db"]),
            f"{output['largest_error']:.3g}",
            "-" if output["top1_agreement"] is None else f"{100 * output['top1_agreement']:.1f} %",
        ]
        for name in ("calibration", "held_out")
        if document[name]
        for output in document[name]["outputs"]
    ]
    return table(
        ["on", "inputs", "output", "SNR", "largest error", "top-1 agreement"], rows, right=(1, 3, 4, 5)
    )


def _worst(document: dict[str, Any]) -> str:
    rows = [
        [str(layer["operator"]), layer["kind"], _decibels(layer["snr_db"]), layer["name"]]
        for layer in document["worst_layers"]
    ]
    text = table(["#", "worst layers", "SNR", "tensor"], rows, right=(0, 2))
    return text if rows else ""


def _npu(npu: dict[str, Any]) -> str:
    if npu["error"]:
        return f"what the {npu['configuration']} takes is not known: {npu['error']}"
    kinds: dict[str, int] = {}
    for kind in npu["cpu_operators"]:
        kinds[kind] = kinds.get(kind, 0) + 1
    left = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "none"
    return f"operators that stay off the {npu['configuration']} (Vela {npu['vela']}): {left}"


def _decibels(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} dB"
