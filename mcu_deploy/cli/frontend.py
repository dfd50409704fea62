"""``frontend``: list and show front ends, and see whether C, Python and the definition agree."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from mcu_deploy import __version__
from mcu_deploy.cli import frontend_report as report
from mcu_deploy.cli.options import JSON_OPTION, Seconds, json_text
from mcu_deploy.frontend import load_spec, preset_names
from mcu_deploy.frontend.keys import KEYS
from mcu_deploy.frontend.spec import FrontendSpec
from mcu_deploy.pipeline import frontend_check as checking
from mcu_deploy.pipeline import frontend_plot as plotting
from mcu_deploy.pipeline import frontend_precision as comparing
from mcu_deploy.pipeline.frontend_describe import constants, description, summary
from mcu_deploy.pipeline.frontend_precision import PrecisionOptions
from mcu_deploy.pipeline.frontend_project import InputQuantisation
from mcu_deploy.pipeline.frontend_variants import model_quantisation, own_quantisation, variants
from mcu_deploy.pipeline.progress import Progress

DIFFERS = 3

_NAME_ARGUMENT = click.argument("name", metavar="NAME|FILE")
_INPUT_HELP = "A .wav at the front end's rate; every window of it. Repeatable."
_TIMEOUT_OPTION = click.option(
    "--timeout",
    type=Seconds(),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="Bound on the wall time of the simulator.",
)
_BOARD_OPTION = click.option(
    "--board", default="corstone-300", show_default=True, help="A board's name, or its TOML file."
)
_SIMULATOR_OPTION = click.option(
    "--simulator", help="native (built for this computer), qemu or fvp. Default: the board's first."
)
_MODEL_OPTION = click.option(
    "--model", help="Quantise as this model's input: a .tflite file or a known model's name."
)
_HOP_OPTION = click.option(
    "--hop", type=Seconds(), metavar="SECONDS", help="Distance of a WAV's windows. Default: the window."
)
_PAD_OPTION = click.option(
    "--pad", is_flag=True, help="Fill a WAV's last, shorter window with zeros instead of dropping it."
)


@click.group(no_args_is_help=False)
def frontend() -> None:
    """Front ends: what turns audio into a model's input.

    NAME is a preset, FILE a TOML file of the same keys.
    """


@frontend.command("list")
@JSON_OPTION
def list_frontends(as_json: bool) -> None:
    """The presets, a line each."""
    documents = [summary(load_spec(name)) for name in preset_names()]
    click.echo(json_text(documents) if as_json else report.listing(documents))


@frontend.command("show")
@_NAME_ARGUMENT
@click.option("--tables", is_flag=True, help="Print window, mel filters and DCT too (with --json always).")
@JSON_OPTION
def show_frontend(name: str, tables: bool, as_json: bool) -> None:
    """One front end: every key with its meaning, what follows from them, stages, flash and RAM."""
    spec = load_spec(name)
    document = description(spec)
    if as_json or tables:
        document["tables"] = constants(spec)
    click.echo(json_text(document) if as_json else report.described(document))


@frontend.command("check")
@_NAME_ARGUMENT
@click.option("--input", "inputs", multiple=True, metavar="WAV", help=_INPUT_HELP)
@click.option(
    "--precision",
    "precisions",
    multiple=True,
    type=click.Choice(KEYS["precision"].choices),
    help="In place of the front end's own. Repeatable.",
)
@click.option(
    "--arithmetic",
    "arithmetics",
    multiple=True,
    type=click.Choice(KEYS["arithmetic"].choices),
    help="In place of the front end's own. Repeatable.",
)
@_MODEL_OPTION
@_BOARD_OPTION
@_SIMULATOR_OPTION
@_HOP_OPTION
@_PAD_OPTION
@_TIMEOUT_OPTION
@JSON_OPTION
def check_frontend(
    name: str,
    inputs: tuple[str, ...],
    precisions: tuple[str, ...],
    arithmetics: tuple[str, ...],
    model: str | None,
    as_json: bool,
    **running: Any,
) -> int:
    """Run the C code on a simulator and compare every stage, bit for bit, with Python, and both with float64.

    Without --input: silence, a full-scale square wave, noise and a chirp. Ends with 3 where bits differ;
    those of the arithmetic cmsis-helium are not promised and only measured.
    """
    progress = Progress(sys.stderr)
    spec = load_spec(name)
    wanted = variants(spec, precisions, arithmetics)
    quantisation = _quantisation(spec, name, model)
    options = checking.CheckOptions(inputs=inputs, **running)
    checks = []
    for variant in wanted:
        checks.append(checking.check_frontend(variant, quantisation, options, progress))
        if not as_json:
            click.echo(report.checked(checks[-1]) + ("\n" if len(checks) < len(wanted) else ""))
    if as_json:
        document = {"schema": checking.SCHEMA, "mcu_deploy": __version__, "checks": checks}
        click.echo(json_text(document))
    return DIFFERS if any(check["verdict"] == "differs" for check in checks) else 0


@frontend.command("plot")
@_NAME_ARGUMENT
@click.option("--input", "inputs", multiple=True, required=True, metavar="WAV", help=_INPUT_HELP)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="OUT.png", help="The picture."
)
@click.option(
    "--precision",
    type=click.Choice(KEYS["precision"].choices),
    help="In place of the front end's own.",
)
@click.option(
    "--arithmetic",
    type=click.Choice(KEYS["arithmetic"].choices),
    help="In place of the front end's own.",
)
@_MODEL_OPTION
@_BOARD_OPTION
@_SIMULATOR_OPTION
@_HOP_OPTION
@_PAD_OPTION
@_TIMEOUT_OPTION
def plot_frontend(
    name: str,
    inputs: tuple[str, ...],
    output: Path,
    precision: str | None,
    arithmetic: str | None,
    model: str | None,
    **running: Any,
) -> int:
    """Draw the features from Python and from the MCU side by side, and their difference, into a PNG.

    Ends with 3 where bits differ, as check does. Needs matplotlib: pip install "mcu-deploy[plot]".
    """
    spec = load_spec(name)
    (variant,) = variants(spec, [precision] if precision else (), [arithmetic] if arithmetic else ())
    options = checking.CheckOptions(inputs=inputs, **running)
    quantisation = _quantisation(spec, name, model)
    verdict = plotting.plot_frontend(variant, quantisation, options, output, Progress(sys.stderr))
    click.echo(output)
    return DIFFERS if verdict == "differs" else 0


@frontend.command("precision")
@click.argument("model")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="WAV|FOLDER",
    help="Recordings, also folder/<label>/*.wav. Repeatable. Default: those that come with the model.",
)
@click.option(
    "--labels", type=click.Path(path_type=Path), metavar="CSV", help="Lines file,label: what is heard."
)
@click.option(
    "--frontend", "wanted", metavar="NAME|FILE", help="In place of the one that the model's card names."
)
@_TIMEOUT_OPTION
@JSON_OPTION
def compare_precisions(
    model: str,
    inputs: tuple[str, ...],
    labels: Path | None,
    wanted: str | None,
    timeout: float,
    as_json: bool,
) -> None:
    """What MODEL loses when its features are computed in q31 or q15 in place of float32.

    MODEL is a .tflite file or a known model's name. It runs on TFLM's own interpreter. Labels come from the
    CSV file, else from the folder's name, else from the words of the file's name, one a window.
    """
    options = PrecisionOptions(model, wanted, inputs, labels, timeout)
    document = comparing.compare_precisions(options, Progress(sys.stderr))
    click.echo(json_text(document) if as_json else report.precisions(document))


def _quantisation(spec: FrontendSpec, name: str, model: str | None) -> InputQuantisation:
    return model_quantisation(model, name) if model else own_quantisation(spec)
