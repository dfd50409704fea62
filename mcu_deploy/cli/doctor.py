"""``doctor``: is everything there; ``setup``: fetch what is fetched once."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from mcu_deploy.cli.options import JSON_OPTION, json_text
from mcu_deploy.cli.table import table
from mcu_deploy.frontend.cmsis import ensure_cmsis_dsp
from mcu_deploy.tools import examine

MISSING = 4


@click.command()
@JSON_OPTION
def doctor(as_json: bool) -> int:
    """Say of each tool whether it is there, its version, and how to get it.

    Ends with 4 when something that the default deployment needs is missing.
    """
    tools = examine()
    if as_json:
        click.echo(json_text([asdict(tool) for tool in tools]))
    else:
        rows = [
            [
                "ok" if tool.found else ("MISSING" if tool.required else "absent"),
                tool.name,
                tool.version or "-",
                tool.purpose if tool.found else tool.remedy,
            ]
            for tool in tools
        ]
        click.echo(table(["", "tool", "version", ""], rows))
    return MISSING if any(tool.required and not tool.found for tool in tools) else 0


@click.command()
def setup() -> None:
    """Fetch the CMSIS-DSP sources (once, by pip, verified by their hash), so that all else works offline."""
    path = ensure_cmsis_dsp(lambda text: click.echo(text, err=True))
    click.echo(f"CMSIS-DSP: {path}", file=sys.stdout)
