"""``mcu-deploy``: the command group, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import sys

import click

from mcu_deploy import __version__
from mcu_deploy.cli.catalogue import boards, models
from mcu_deploy.cli.deploy import build, deploy, generate, print_usage_failure, run, verify
from mcu_deploy.cli.doctor import doctor, setup
from mcu_deploy.cli.failure import as_error
from mcu_deploy.cli.frontend import frontend
from mcu_deploy.cli.inspect import inspect
from mcu_deploy.cli.operators import operators
from mcu_deploy.cli.quantize import quantize
from mcu_deploy.cli.tune import tune
from mcu_deploy.errors import McuDeployError, UsageError
from mcu_deploy.graph.text import one_line

# The commands that print a document with --json, also when they fail.
_DOCUMENTED = ("mcu-deploy deploy", "mcu-deploy verify")


@click.group(no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mcu-deploy")
def cli() -> None:
    """Deploy int8 TFLite audio models to Cortex-M, and see MCU and Python agree bit for bit.

    Exit codes: 0 verified; 1 a step failed; 2 bad usage or rejected input; 3 ran, but differs from the
    reference; 4 a needed tool or simulator is missing; 130 interrupted.
    """


for _command in (
    deploy,
    generate,
    build,
    run,
    verify,
    inspect,
    operators,
    tune,
    quantize,
    frontend,
    boards,
    models,
    doctor,
    setup,
):
    cli.add_command(_command)


def run_command() -> int:
    """Runs the command in ``sys.argv``; gives its exit code."""
    try:
        result = cli.main(prog_name="mcu-deploy", standalone_mode=False)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "mcu-deploy"
        usage = UsageError(error.format_message(), f"see {command} --help")
        if command in _DOCUMENTED and "--json" in sys.argv:
            print_usage_failure(usage)
        return _fail(usage)
    except (Exception, KeyboardInterrupt) as error:
        try:
            return _fail(as_error(error))
        except BrokenPipeError:
            return 1
    return result if isinstance(result, int) else 0


def _fail(error: McuDeployError) -> int:
    """One line for the error, one for each detail, one for the way out; to stderr."""
    click.echo(f"error: {one_line(error.message)}", err=True)
    for detail in error.details:
        click.echo(f"  - {one_line(detail)}", err=True)
    if error.hint:
        click.echo(f"  hint: {one_line(error.hint)}", err=True)
    return error.exit_code
