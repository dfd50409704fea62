"""``deploy``, and its steps one at a time: ``generate``, ``build``, ``run``, ``verify``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from mcu_deploy.boards.types import TRANSPORTS
from mcu_deploy.cli.failure import as_error
from mcu_deploy.cli.options import JSON_OPTION, OPTIMISE_OPTION, Seconds, json_text
from mcu_deploy.cli.report import report
from mcu_deploy.detect import SMOOTH_SECONDS, SUPPRESS_SECONDS
from mcu_deploy.errors import UsageError
from mcu_deploy.npu.target import MODEL_USE
from mcu_deploy.npu.vela import OPTIMISE
from mcu_deploy.pipeline import deploy as pipeline
from mcu_deploy.pipeline.generate import generate as generate_project
from mcu_deploy.pipeline.options import DeployOptions, GenerateOptions, RunOptions
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.verify.document import empty_document, error_entry

Command = TypeVar("Command", bound=Callable[..., Any])

DIFFERS = 3

_GENERATE_NAMES = (
    "board",
    "npu",
    "npu_system_config",
    "npu_memory_mode",
    "npu_optimise",
    "npu_arena_cache",
    "npu_model",
    "runtime",
    "optimise",
    "tflm_arena",
    "frontend",
    "output_dir",
    "stream",
    "transport",
    "force",
)


def _options(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """One decorator of several."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_GENERATE_OPTIONS = _options(
    click.option(
        "--board", default="corstone-300", show_default=True, help="A board's name, or its TOML file."
    ),
    click.option(
        "--npu",
        default="none",
        show_default=True,
        help="none, or an Ethos-U configuration: ethos-u55-128, ...",
    ),
    click.option(
        "--npu-system-config", metavar="NAME", help="Vela's system configuration. Default: the board's."
    ),
    click.option("--npu-memory-mode", metavar="NAME", help="Vela's memory mode. Default: the board's."),
    click.option(
        "--npu-optimise",
        type=click.Choice(OPTIMISE),
        help="What Vela strives for. Default: performance.",
    ),
    click.option(
        "--npu-arena-cache",
        type=click.IntRange(0, 2**31 - 1),
        metavar="BYTES",
        help="What the arena should keep to with --npu-optimise performance.",
    ),
    click.option(
        "--npu-model",
        type=click.Choice(MODEL_USE),
        help="The functional model of the NPU in the firmware: auto (the default) where no NPU answers, "
        "on always, off never.",
    ),
    click.option(
        "--runtime",
        default="aot",
        show_default=True,
        help="aot (compiled ahead of time), or tflm: TFLite Micro, as you have built it (docs/tflm.md).",
    ),
    OPTIMISE_OPTION,
    click.option(
        "--tflm-arena",
        type=click.IntRange(1, 2**31 - 16),
        metavar="BYTES",
        help="TFLite Micro's arena. Default: an estimate.",
    ),
    click.option(
        "--frontend",
        help="Audio front end: a preset's name, a TOML file, or none. Default: what the model's card says.",
    ),
    click.option(
        "--output-dir",
        type=click.Path(path_type=Path),
        help="The project folder. Default: mcu-deploy-out/<model>-<board>[-<npu>].",
    ),
    click.option(
        "--stream",
        is_flag=True,
        help="Listen to whole recordings, as to a microphone: windows that overlap, and detections.",
    ),
    click.option(
        "--transport",
        type=click.Choice(TRANSPORTS),
        help="How the firmware on the board gets its inputs: semihosting (simulators), or uart (--port). "
        "Default: the board's.",
    ),
    click.option("--force", is_flag=True, help="Replace another project, or an edited one, in the folder."),
)

_SIMULATOR_OPTION = click.option(
    "--simulator",
    help="native (built for this computer), qemu or fvp. Default: the board's first.",
)

_TIMEOUT_OPTION = click.option(
    "--timeout",
    type=Seconds(),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="Bound on the wall time of the simulator, and of the reference, for every 100 inputs or windows.",
)

_RUN_OPTIONS = _options(
    click.option(
        "--port",
        metavar="PORT",
        help="Run on the board itself, at this serial port: /dev/ttyACM0, COM3, ... (docs/serial.md).",
    ),
    click.option(
        "--baud",
        type=click.IntRange(300, 10_000_000),
        metavar="RATE",
        help="Of --port. Default: the board's, which the firmware is built for.",
    ),
    click.option(
        "--input",
        "inputs",
        multiple=True,
        metavar="FILE",
        help="A .wav (the front end runs on the MCU) or a .npy (the model's input, or float32). Repeatable.",
    ),
    click.option(
        "--random",
        type=click.IntRange(0, 100_000),
        default=0,
        metavar="N",
        help="N inputs from numpy.random.default_rng(SEED), evenly from all values that the model takes.",
    ),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of --random."),
    click.option(
        "--hop", type=Seconds(), metavar="SECONDS", help="Distance of a WAV's windows. Default: the window."
    ),
    click.option(
        "--pad", is_flag=True, help="Fill a WAV's last, shorter window with zeros instead of dropping it."
    ),
    click.option("--layers", is_flag=True, help="Compare every tensor and every front-end stage."),
    click.option(
        "--stride",
        type=Seconds(),
        metavar="SECONDS",
        help="Distance of a stream's windows, a multiple of the hop. Default: a tenth of the window.",
    ),
    click.option(
        "--threshold",
        type=float,
        metavar="SCORE",
        help="Of a stream's detections. Default: half of the highest score that the output can have.",
    ),
    click.option(
        "--smooth",
        type=Seconds(),
        metavar="SECONDS",
        help=f"Time over which a stream's scores are averaged. Default: {SMOOTH_SECONDS}.",
    ),
    click.option(
        "--suppress",
        type=Seconds(),
        metavar="SECONDS",
        help=f"Time after a detection without another. Default: {SUPPRESS_SECONDS}.",
    ),
    _TIMEOUT_OPTION,
    click.option("-v", "--verbose", is_flag=True, help="Tell the simulator's command line."),
)

_PROJECT_ARGUMENT = click.argument("project", type=click.Path(path_type=Path))


@click.command()
@click.argument("model")
@_GENERATE_OPTIONS
@_SIMULATOR_OPTION
@_RUN_OPTIONS
@click.option(
    "--fit-arena",
    is_flag=True,
    help="With --runtime tflm: run once to learn what arena is needed, then deploy with that.",
)
@JSON_OPTION
def deploy(model: str, simulator: str | None, fit_arena: bool, as_json: bool, **options: Any) -> int:
    """Generate, build, run and verify MODEL in one go: a .tflite file or a known model's name.

    Without --input and --random, one random tensor is run.
    """
    generating = {name: options.pop(name) for name in _GENERATE_NAMES}
    wanted = DeployOptions(
        GenerateOptions(model=model, **generating),
        RunOptions(simulator=simulator, stream=generating["stream"], **options),
        fit_arena,
    )
    return _documented(as_json, lambda progress, document: pipeline.deploy(wanted, progress, document))


@click.command()
@click.argument("model")
@_GENERATE_OPTIONS
def generate(model: str, **options: Any) -> None:
    """Write the firmware project for MODEL (a .tflite file or a known model's name), and print its folder."""
    click.echo(generate_project(GenerateOptions(model=model, **options), Progress(sys.stderr)).folder)


@click.command()
@_PROJECT_ARGUMENT
@_SIMULATOR_OPTION
def build(project: Path, simulator: str | None) -> None:
    """Compile PROJECT for its board, or with --simulator native for this computer."""
    click.echo(pipeline.build(project, simulator, Progress(sys.stderr)))


@click.command()
@_PROJECT_ARGUMENT
@_SIMULATOR_OPTION
@click.option(
    "--stream", is_flag=True, help="Take the recordings as streams; PROJECT must have been generated so."
)
@click.option("--dry-run", is_flag=True, help="Print the simulator's command line, and run nothing.")
@_RUN_OPTIONS
def run(project: Path, simulator: str | None, dry_run: bool, **options: Any) -> None:
    """Run the firmware of PROJECT on inputs; what it computed is kept for ``verify``."""
    if dry_run:
        click.echo(pipeline.dry_run(project, RunOptions(simulator=simulator, **options)))
        return
    count = pipeline.run(project, RunOptions(simulator=simulator, **options), Progress(sys.stderr))
    again = f"mcu-deploy verify {shlex.quote(str(project))}"
    click.echo(f"{count} input{'s' if count != 1 else ''} run; compare: {again}")


@click.command()
@_PROJECT_ARGUMENT
@_TIMEOUT_OPTION
@JSON_OPTION
def verify(project: Path, timeout: float, as_json: bool) -> int:
    """Compare PROJECT's last run with the Python reference, bit for bit."""
    return _documented(
        as_json, lambda progress, document: pipeline.verify(project, timeout, progress, document)
    )


def _documented(as_json: bool, steps: Callable[[Progress, dict[str, Any]], None]) -> int:
    """Runs steps that fill a document, and prints it, also when they fail."""
    progress = Progress(sys.stderr)
    document = empty_document()
    try:
        steps(progress, document)
    except (Exception, KeyboardInterrupt) as raised:
        error = as_error(raised)
        if as_json:
            document["error"] = error_entry(error)
            _print_json(document, progress)
        raise error from raised
    if as_json:
        _print_json(document, progress)
    else:
        click.echo(report(document))
    return DIFFERS if document["verdict"] == "differs" else 0


def _print_json(document: dict[str, Any], progress: Progress) -> None:
    document["steps"] = [{"name": name, "seconds": seconds} for name, seconds in progress.steps]
    click.echo(json_text(document))


def print_usage_failure(error: UsageError) -> None:
    """The document of a command line that was wrong before any step began."""
    _print_json(empty_document() | {"error": error_entry(error)}, Progress(None))
