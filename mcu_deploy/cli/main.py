"""``mcu-deploy``: the command group, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import os
import signal
import sys
import types
from typing import NoReturn

import click

from mcu_deploy import __version__
from mcu_deploy.cli.catalogue import boards, models
from mcu_deploy.cli.deploy import build, deploy, generate, run, verify
from mcu_deploy.cli.doctor import doctor, setup
from mcu_deploy.cli.inspect import inspect
from mcu_deploy.errors import McuDeployError

INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mcu-deploy")
def cli() -> None:
    """Deploy int8 TFLite audio models to Cortex-M, and see MCU and Python agree bit for bit.

    Exit codes: 0 verified; 1 a step failed; 2 bad usage or rejected input; 3 ran, but differs from the
    reference; 4 a needed tool or simulator is missing; 130 interrupted.
    """


for _command in (deploy, generate, build, run, verify, inspect, boards, models, doctor, setup):
    cli.add_command(_command)


def _terminate(number: int, frame: types.FrameType | None) -> NoReturn:
    """A termination request ends like Ctrl-C: simulators are killed, temporary files removed."""
    raise KeyboardInterrupt


def main() -> NoReturn:
    """The console script: runs a command and exits with its code."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(_run())


def _run() -> int:
    try:
        result = cli.main(standalone_mode=False)
    except McuDeployError as error:
        show_error(error)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away: `mcu-deploy ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        show_error(McuDeployError(f"{error.strerror or error}{where}", "check space and permissions"))
        return 1
    except Exception as error:
        if os.environ.get("MCU_DEPLOY_DEBUG"):
            raise
        text = " ".join(str(error).split())[:300]
        show_error(
            McuDeployError(
                f"internal error: {type(error).__name__}: {text}",
                "this is a bug of mcu-deploy; MCU_DEPLOY_DEBUG=1 shows the traceback to report",
            )
        )
        return 1
    return result if isinstance(result, int) else 0


def show_error(error: McuDeployError) -> None:
    """One line for the error, one for each detail, one for the way out; to stderr."""
    click.echo(f"error: {error.message}", err=True)
    for detail in error.details:
        click.echo(f"  - {detail}", err=True)
    if error.hint:
        click.echo(f"  hint: {error.hint}", err=True)


if __name__ == "__main__":
    main()
