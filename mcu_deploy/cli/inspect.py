"""``inspect``: what a model is made of, and what would run where."""

from __future__ import annotations

from typing import Any

import click

from mcu_deploy.cli.options import JSON_OPTION, OPTIMISE_OPTION, json_text
from mcu_deploy.cli.table import table
from mcu_deploy.pipeline.inspection import inspect_model
from mcu_deploy.plan.types import DEFAULT_OPTIMISE, Optimise
from mcu_deploy.registry.locate import resolve_model


@click.command()
@click.argument("model")
@click.option("--board", default="corstone-300", show_default=True, help="That it would run on.")
@OPTIMISE_OPTION
@JSON_OPTION
def inspect(model: str, board: str, optimise: str | None, as_json: bool) -> None:
    """Operators, shapes, quantisation, MACs, weights, arena, and what runs where.

    MODEL is a .tflite file or a known model's name (mcu-deploy models list).
    """
    document = inspect_model(resolve_model(model), board, Optimise(optimise or DEFAULT_OPTIMISE))
    click.echo(json_text(document) if as_json else _text(document))


def _text(document: dict[str, Any]) -> str:
    parts = [
        f"{document['name']}  sha256 {document['sha256']}"
        + (f"\nknown as {document['card']}" if document["card"] else "")
    ]
    parts.append(_tensors("input", document["inputs"]) + "\n" + _tensors("output", document["outputs"]))
    rows = [
        [
            str(operator["index"]),
            operator["kind"],
            "x".join(map(str, operator["output_shape"])),
            _count(operator["macs"]),
            f"{operator['weight_bytes']:,}",
            operator["quantisation"],
            operator["runs"],
        ]
        for operator in document["operators"]
    ]
    header = ["#", "operator", "output", "MACs", "weights", "output quantisation", "runs as"]
    parts.append(table(header, rows, right=(0, 3, 4)))
    total = f"{_count(document['macs'])} MACs, {document['weight_bytes']:,} bytes of weights and biases"
    if document["arena_bytes"] is not None:
        total += f", arena {document['arena_bytes']:,} bytes"
    parts.append(total)
    if document["choices"]:
        parts.append(_choices(document))
    if document["vela"]:
        parts.append(f"on an Ethos-U: mcu-deploy tune compares its configurations (Vela {document['vela']})")
    if document["problems"]:
        parts.append("cannot be deployed:\n" + "\n".join(f"  - {line}" for line in document["problems"]))
    return "\n\n".join(parts)


def _choices(document: dict[str, Any]) -> str:
    """What --optimise would make of it."""
    rows = [
        [
            choice["optimise"] + (" *" if choice["optimise"] == document["optimise"] else ""),
            f"{choice['arena_bytes']:,}",
            f"{choice['constant_bytes']:,}",
            str(choice["steps"]),
            str(len(choice["kernels"])),
        ]
        for choice in document["choices"]
    ]
    header = ["--optimise", "arena", "constants", "steps", "kernels"]
    return f"on {document['board']} (*: shown above)\n" + table(header, rows, right=(1, 2, 3, 4))


def _count(macs: int | None) -> str:
    """Unknown where an operator's tensors do not fit together."""
    return "-" if macs is None else f"{macs:,}"


def _tensors(role: str, tensors: list[dict[str, Any]]) -> str:
    return "\n".join(
        f"{role}: {tensor['name']} {'x'.join(map(str, tensor['shape']))} {tensor['quantisation']}"
        for tensor in tensors
    )
