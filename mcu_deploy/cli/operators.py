"""``operators``: which can be deployed, and what to do about the others."""

from __future__ import annotations

from dataclasses import asdict

import click

from mcu_deploy.cli.options import JSON_OPTION, json_text
from mcu_deploy.cli.table import table
from mcu_deploy.errors import UsageError
from mcu_deploy.pipeline import operators as catalogue


@click.command()
@JSON_OPTION
@click.option("--markdown", is_flag=True, help="Print docs/operators.md.")
def operators(as_json: bool, markdown: bool) -> None:
    """The operators that can be deployed, and the way out for those that cannot."""
    if as_json and markdown:
        raise UsageError("--json and --markdown exclude each other", "give one of them")
    supported, unsupported = catalogue.supported(), catalogue.unsupported()
    if markdown:
        click.echo(catalogue.markdown(), nl=False)
    elif as_json:
        document = {
            "supported": [asdict(one) for one in supported],
            "unsupported": [asdict(one) for one in unsupported],
        }
        click.echo(json_text(document))
    else:
        rows = [
            [one.kind, ", ".join(one.types), "NPU" if one.npu else "", ", ".join(one.kernels)]
            for one in supported
        ]
        click.echo(table(["operator", "element types", "", "kernel"], rows))
        click.echo("\nnot supported:\n")
        click.echo(table(["operator", "what to do"], [[one.kind, one.way_out] for one in unsupported]))
