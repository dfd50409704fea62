"""``tune``: a model on many configurations of the NPU, as Vela estimates them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from mcu_deploy.cli.options import JSON_OPTION
from mcu_deploy.cli.table import table
from mcu_deploy.errors import UsageError
from mcu_deploy.npu.vela import OPTIMISE
from mcu_deploy.pipeline.tuning import MAX_JOBS, TuneOptions
from mcu_deploy.pipeline.tuning import tune as compare
from mcu_deploy.pipeline.tuning_plot import check_picture, plot_tuning


@click.command()
@click.argument("model")
@click.option(
    "--accelerators",
    metavar="NAMES",
    help="Configurations, comma-separated: ethos-u55-128,ethos-u65-256. Default: all.",
)
@click.option(
    "--board", default="corstone-300", show_default=True, help="Gives system configurations and memory mode."
)
@click.option("--npu-system-config", "system_config", metavar="NAME", help="Vela's system configuration.")
@click.option("--npu-memory-mode", "memory_mode", metavar="NAME", help="Vela's memory mode.")
@click.option(
    "--npu-optimise", "optimise", type=click.Choice(OPTIMISE), default="performance", show_default=True
)
@click.option(
    "--npu-arena-cache",
    "arena_cache",
    type=click.IntRange(0, 2**31 - 1),
    metavar="BYTES",
    help="What the arena should keep to with --npu-optimise performance.",
)
@click.option(
    "--jobs", type=click.IntRange(1, MAX_JOBS), metavar="N", help="Runs at a time. Default: the processors."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="PNG",
    help='Draw cycles against memory; needs matplotlib: pip install "mcu-deploy[plot]".',
)
@JSON_OPTION
def tune(model: str, accelerators: str | None, output: Path | None, as_json: bool, **options: Any) -> None:
    """Compile MODEL for many configurations of the NPU, and compare what Vela estimates of them.

    MODEL is a .tflite file or a known model's name. Nothing is built or run: every figure is an estimate.
    """
    names = tuple(name.strip() for name in accelerators.split(",")) if accelerators is not None else ()
    if accelerators is not None and not all(names):
        raise UsageError("--accelerators has an empty name", "separate configurations by single commas")
    if output is not None:
        check_picture(output)
    document = compare(TuneOptions(model, names, **options), _show_progress)
    if output is not None:
        plot_tuning(document, output)
    click.echo(json.dumps(document, indent=2) if as_json else _text(document))


def _show_progress(done: int, total: int) -> None:
    """A bar on a terminal, else nothing."""
    if sys.stderr.isatty():
        bar = "#" * (20 * done // total)
        sys.stderr.write(f"\r[{bar:<20}] {done} of {total}" + ("\r\033[K" if done == total else ""))
        sys.stderr.flush()


def _text(document: dict[str, Any]) -> str:
    header = ["configuration", "cycles", "time", "clock", "SRAM", "flash", "DRAM", "moved", "bandwidth",
              "on the CPU", ""]  # fmt: skip
    rows = [_row(result, document) for result in document["results"]]
    lines = [
        f"{document['model']['name']}: {document['model']['macs']:,} MACs, Vela {document['vela']}, "
        f"{document['results'][0]['memory_mode']}, optimised for {document['optimise']}",
        "",
        table(header, rows, right=range(1, 9)),
        "",
        "all figures are Vela's estimates of the NPU's part of one inference; nothing was run",
    ]
    failed = [result for result in document["results"] if result["error"]]
    lines += [f"{result['configuration']}: {result['error']}" for result in failed]
    return "\n".join(lines)


def _row(result: dict[str, Any], document: dict[str, Any]) -> list[str]:
    if result["estimated_cycles"] is None:
        return [result["configuration"], *["-"] * 8, "-", "failed" if result["error"] else "no estimate"]
    moved = sum(result[f"estimated_{memory}_traffic_bytes"] for memory in ("sram", "flash", "dram"))
    marks = [word for word in ("fastest", "smallest") if document[word] == result["configuration"]]
    return [
        result["configuration"],
        f"{result['estimated_cycles']:,}",
        f"{result['estimated_seconds'] * 1e3:.3f} ms",
        f"{result['clock_hz'] / 1e6:g} MHz",
        *(f"{result[f'estimated_{memory}_bytes']:,}" for memory in ("sram", "flash", "dram")),
        f"{moved:,}",
        f"{result['estimated_bytes_per_second'] / 1e6:,.0f} MB/s",
        ", ".join(dict.fromkeys(result["cpu_operators"])) or "-",
        ", ".join(marks),
    ]
