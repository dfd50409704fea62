"""What a project that TFLite Micro runs needs of this computer."""

from __future__ import annotations

from collections.abc import Mapping

from mcu_deploy.errors import InputError
from mcu_deploy.pipeline.project import Project
from mcu_deploy.tflm.library import find_library
from mcu_deploy.tflm.operators import registrations
from mcu_deploy.tflm.plan import TFLM
from mcu_deploy.tools import require_command


def library_variables(project: Project, preset: str) -> Mapping[str, str]:
    """What CMake is told of TFLite Micro; nothing where it does not run the model.

    Args:
        project: the project.
        preset: ``target`` or ``host``.

    Raises:
        InputError: headers or library do not fit, or the build is for this computer.
        ToolMissingError: they are not there, or the compiler is not.
    """
    if project.runtime != TFLM:
        return {}
    core = project.board.core
    if core is None or preset != "target":
        raise InputError(
            "--runtime tflm cannot run natively: the library is built for the board",
            "use another --simulator, or --runtime aot",
        )
    require_command("arm-none-eabi-g++", "TFLite Micro's harness")
    return find_library(core, registrations(project.planned), project.uses_npu).cmake_variables()
