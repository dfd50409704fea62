"""Options that several commands have."""

from __future__ import annotations

import json
import math
from typing import Any

import click

from mcu_deploy.plan.types import DEFAULT_OPTIMISE, Optimise

JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
OPTIMISE_OPTION = click.option(
    "--optimise",
    type=click.Choice([one.value for one in Optimise]),
    help=f"What the runtime aot strives for (docs/optimise.md). Default: {DEFAULT_OPTIMISE.value}.",
)


def json_text(document: object) -> str:
    """A document for programs. NaN and infinity have no JSON: whoever makes a document leaves them out."""
    return json.dumps(document, indent=2, allow_nan=False)


class Seconds(click.FloatRange):
    """A positive, finite time of at most a day."""

    name = "seconds"

    def __init__(self) -> None:
        super().__init__(0, 86_400, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The value in seconds."""
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):  # no comparison refuses it
            self.fail(f"{value!r} is not a number", param, ctx)
        return seconds
