"""Every error that reaches a user: one line, a way out, and the exit code it ends with.

Each class exists because a script calling ``mcu-deploy`` reacts differently to it; the exit codes are
part of the command line's interface.
"""

from __future__ import annotations


class McuDeployError(Exception):
    """A step failed, and there is no more precise class for how.

    Attributes:
        message: what went wrong, one line, naming the thing.
        hint: the way out, or an empty string.
        exit_code: the process' exit status.
        code: a stable word for scripts (``error.code`` in the JSON document).
    """

    exit_code = 1
    code = "failed"

    def __init__(self, message: str, hint: str = "", *, details: tuple[str, ...] = ()) -> None:
        """Make the error; ``details`` are further lines, for example one a rejected operator."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details


class InputError(McuDeployError):
    """What the user gave cannot be used: a model, a WAV, a board file, an option, a folder."""

    exit_code = 2
    code = "rejected_input"


class UsageError(InputError):
    """The command line itself is wrong: an unknown option, a value out of range."""

    code = "usage"


class ModelError(InputError):
    """The model file is damaged, or holds what cannot be deployed (``details`` lists all of it)."""

    code = "rejected_model"


class MemoryOverflowError(InputError):
    """The deployment does not fit a memory of the board; the message gives the sizes."""

    code = "does_not_fit"


class ToolMissingError(McuDeployError):
    """A compiler, simulator or package that the step needs is not there; the hint says how to get it."""

    exit_code = 4
    code = "tool_missing"


class BuildError(McuDeployError):
    """CMake or the compiler failed; ``details`` holds the first messages."""

    code = "build_failed"


class SimulationError(McuDeployError):
    """The firmware did not reach its end record: it hung, faulted, or was killed."""

    code = "simulation_failed"


class ReferenceRunError(McuDeployError):
    """The Python reference could not be computed."""

    code = "reference_failed"


class InterruptedRunError(McuDeployError):
    """The user, or the system, asked us to stop; not a failure of the deployment."""

    exit_code = 130
    code = "interrupted"


class DownloadError(McuDeployError):
    """A file could not be downloaded; trying again, or getting it by another way, may help."""

    code = "download_failed"
