"""Every way in which a command can fail, as one of our errors."""

from __future__ import annotations

import os

import click

from mcu_deploy.errors import InterruptedRunError, McuDeployError

_DEBUG_VARIABLE = "MCU_DEPLOY_DEBUG"


def as_error(error: BaseException) -> McuDeployError:
    """What to tell of an exception: one line and a way out.

    Raises:
        BaseException: ``error`` itself, where it is a bug of ours and the user wants the traceback, or
            where the reader of our output went away, so that there is nobody to tell.
    """
    if isinstance(error, McuDeployError):
        return error
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return InterruptedRunError("interrupted")
    if isinstance(error, BrokenPipeError):
        raise error
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return McuDeployError(f"{error.strerror or error}{where}", "check space and permissions")
    if isinstance(error, MemoryError):
        return McuDeployError("this computer's memory does not suffice", "give fewer inputs at once")
    if os.environ.get(_DEBUG_VARIABLE):
        raise error
    return McuDeployError(
        f"internal error: {type(error).__name__}: {str(error)[:300]}",
        f"this is a bug of mcu-deploy; {_DEBUG_VARIABLE}=1 shows the traceback to report",
    )
