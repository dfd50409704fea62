"""Options that several commands have."""

from __future__ import annotations

import math
from typing import Any

import click

JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


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
