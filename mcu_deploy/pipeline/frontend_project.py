"""A front end as firmware without a model: what it makes is what comes out.

The model in its place has one tensor, which is input and output, and no step. So a front end can be run,
compared and measured on every board and simulator before there is a model for it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from mcu_deploy.boards.layout import place
from mcu_deploy.boards.reader import load_board
from mcu_deploy.boards.types import Board, Simulator
from mcu_deploy.build import Firmware, build
from mcu_deploy.codegen.app import app_sources
from mcu_deploy.codegen.cmake import cmake_files
from mcu_deploy.codegen.model import model_sources
from mcu_deploy.codegen.platform import platform_sources
from mcu_deploy.errors import InputError, McuDeployError, ModelError
from mcu_deploy.frontend.cmsis import ensure_cmsis_dsp
from mcu_deploy.frontend.codegen import frontend_sources
from mcu_deploy.frontend.spec import FrontendSpec, spec_table
from mcu_deploy.graph.ir import DataType, Graph, Quantization, Tensor
from mcu_deploy.pipeline.folder import exclusive, make_current
from mcu_deploy.pipeline.generate import reserves
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.plan.types import Allocation, Plan
from mcu_deploy.resources import CACHE_VARIABLE, cache_dir
from mcu_deploy.simulate import runner
from mcu_deploy.tools import command_version

BUILD_TIMEOUT = 900.0
_KEPT_PROJECTS = 64
_SCHEMA = "mcu-deploy/frontend-project/1"


@dataclass(frozen=True)
class InputQuantisation:
    """How the features become int8: ``round(feature / scale) + zero_point``."""

    scale: float
    zero_point: int


def quantisation_of(graph: Graph) -> InputQuantisation:
    """That of a model's first input.

    Raises:
        ModelError: it has none that a front end could fill.
    """
    quantisation = graph.tensors[graph.inputs[0]].quantization
    if quantisation is None or quantisation.per_channel or not quantisation.scale[0] > 0:
        raise ModelError(
            "the model's input has no quantisation by one positive scale", "convert the model to full int8"
        )
    return InputQuantisation(float(quantisation.scale[0]), int(quantisation.zero_point[0]))


@dataclass(frozen=True, eq=False)
class FrontendFirmware:
    """A front end, built.

    Attributes:
        folder: the project.
        firmware: for one of the board's simulators.
        board: the board.
        simulator: what runs ``firmware``.
    """

    folder: Path
    firmware: Firmware
    board: Board
    simulator: Simulator


def pass_through(spec: FrontendSpec, quantisation: InputQuantisation) -> tuple[Graph, Plan]:
    """The model that gives back its input, and its plan."""
    tensor = Tensor(
        index=0,
        name="features",
        shape=(1, *spec.feature_shape),
        dtype=DataType.INT8,
        quantization=Quantization(
            np.array([quantisation.scale], np.float32), np.array([quantisation.zero_point], np.int64)
        ),
    )
    size = -(-tensor.bytes // 16) * 16
    whole = Allocation(tensor=0, step=-1, offset=0, size=size, first_step=-1, last_step=0)
    graph = Graph(name=spec.name, tensors=(tensor,), operators=(), inputs=(0,), outputs=(0,))
    return graph, Plan(steps=(), allocations=(whole,), views={}, arena_bytes=size)


def project_files(
    spec: FrontendSpec, quantisation: InputQuantisation, board: Board, cmsis_dir: Path
) -> dict[PurePosixPath, bytes]:
    """Every file of the project that runs ``spec`` alone, by its path in the folder.

    Args:
        spec: the front end.
        quantisation: of the int8 tensor that it fills.
        board: the board.
        cmsis_dir: CMSIS-DSP's sources (`mcu_deploy.frontend.cmsis.ensure_cmsis_dsp`).

    Raises:
        InputError: the quantisation is no model's.
        MemoryOverflowError: the front end does not fit the board.
    """
    graph, plan = pass_through(spec, quantisation)
    source_sets = [
        *model_sources(graph, plan),
        *platform_sources(board),
        app_sources(True),
        *frontend_sources(spec, quantisation.scale, quantisation.zero_point, cmsis_dir),
    ]
    layout = place(board, 0, plan.arena_bytes, reserves(spec))
    files: dict[PurePosixPath, bytes] = {}
    for source_set in source_sets:
        files.update(source_set.files)
    return files | cmake_files(spec.name, source_sets, board, layout)


def build_frontend(
    spec: FrontendSpec,
    quantisation: InputQuantisation,
    board_name: str,
    simulator_name: str | None,
    progress: Progress,
    folder: Path | None = None,
) -> FrontendFirmware:
    """Compiles the front end for a simulator of a board, unless that was done before.

    Args:
        spec: the front end.
        quantisation: of the int8 tensor that it fills.
        board_name: the board's name, or its TOML file.
        simulator_name: ``native``, ``qemu``, ``fvp``, or None for the board's first.
        progress: gets the steps.
        folder: of the project, replaced where it differs; None for one in the cache, which is named by the
            project's contents, so that the same front end is not compiled again.

    Raises:
        InputError: no such board or simulator, or the quantisation is no model's.
        MemoryOverflowError: the front end does not fit the board.
        ToolMissingError: simulator, compiler or CMSIS-DSP are not there.
        BuildError: it did not come to a firmware.
    """
    board = load_board(board_name)
    simulator = runner.find_simulator(board, simulator_name)
    runner.require(simulator, board)
    files = project_files(spec, quantisation, board, ensure_cmsis_dsp(progress.note))
    preset = runner.preset_for(simulator)
    project = folder or cache_dir() / "frontends" / _digest(files, preset)
    try:
        project.mkdir(parents=True, exist_ok=True)
        with exclusive(project, wait=True):
            identity = {"frontend": {"name": spec.name, "table": spec_table(spec)}, "board": board.name}
            make_current(project, {"schema": _SCHEMA, "identity": identity}, files, force=True)
            with progress.step(
                f"build {spec.name} for {'this computer' if preset == 'host' else board.name}"
            ):
                firmware = _sound_build(project, preset)
        if folder is None:
            _keep_the_latest(project)
    except OSError as error:
        in_the_way = isinstance(error, FileExistsError | NotADirectoryError)
        remedy = "delete the file that stands there" if in_the_way else "free or allow the space"
        raise InputError(
            f"cannot use the folder {project}: {error.strerror or error}",
            f"{remedy}, or set {CACHE_VARIABLE} to another folder",
        ) from None
    return FrontendFirmware(project, firmware, board, simulator)


def _sound_build(project: Path, preset: str) -> Firmware:
    """Builds; from scratch where the executable is no longer what was built, which its time does not tell."""
    mark = project / "build" / f"{preset}.sha256"
    if mark.is_file():
        digest, _, name = mark.read_text(encoding="utf-8", errors="replace").strip().partition("  ")
        executable = project / name
        if not executable.is_file() or _file_digest(executable) != digest:
            shutil.rmtree(project / "build" / preset, ignore_errors=True)
    firmware = build(project, preset, BUILD_TIMEOUT)
    name = firmware.executable.relative_to(project.resolve()).as_posix()
    mark.write_text(f"{_file_digest(firmware.executable)}  {name}\n", encoding="utf-8")
    return firmware


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _keep_the_latest(used: Path) -> None:
    """Bounds the cache: the projects go that were not used for longest, unless another process has them."""
    os.utime(used)
    projects = [path for path in used.parent.iterdir() if path.is_dir()]
    for project in sorted(projects, key=lambda path: path.stat().st_mtime, reverse=True)[_KEPT_PROJECTS:]:
        with suppress(McuDeployError), exclusive(project):
            shutil.rmtree(project, ignore_errors=True)


def _digest(files: dict[PurePosixPath, bytes], preset: str) -> str:
    """Of the sources and of the compiler, whose code is measured."""
    digest = hashlib.sha256()
    compiler = command_version("cc" if preset == "host" else "arm-none-eabi-gcc")
    digest.update(f"{preset} {compiler}\n".encode())
    for path, data in sorted(files.items()):
        digest.update(f"{path} {len(data)}\n".encode() + data)
    return digest.hexdigest()[:32]
