"""``generate``: a model file to a project folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from mcu_deploy import __version__
from mcu_deploy.boards.layout import place
from mcu_deploy.boards.reader import board_table, parse_board
from mcu_deploy.boards.types import Board, Layout
from mcu_deploy.codegen.app import app_sources
from mcu_deploy.codegen.cmake import cmake_files
from mcu_deploy.codegen.model import model_sources
from mcu_deploy.codegen.platform import platform_sources
from mcu_deploy.codegen.project import SourceSet
from mcu_deploy.errors import InputError, ModelError
from mcu_deploy.frontend.cmsis import ensure_cmsis_dsp
from mcu_deploy.frontend.codegen import frontend_sources
from mcu_deploy.frontend.spec import FrontendSpec, load_spec, stages
from mcu_deploy.graph.checks import check
from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.graph.reader import read_model
from mcu_deploy.graph.text import printable
from mcu_deploy.pipeline.folder import write_project
from mcu_deploy.pipeline.options import GenerateOptions
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.pipeline.project import MODEL_FILE, PROJECT_SCHEMA, Project
from mcu_deploy.plan.planner import make_plan
from mcu_deploy.plan.types import Plan
from mcu_deploy.registry.cards import ModelCard, card_by_hash

OUTPUT_ROOT = Path("mcu-deploy-out")


def generate(options: GenerateOptions, progress: Progress) -> Project:
    """Reads, checks, plans and writes the project; leaves an identical one alone.

    Raises:
        McuDeployError: the model is rejected, something does not fit, or the folder cannot be used.
    """
    _refuse_what_is_to_come(options)
    table = board_table(options.board)
    board = parse_board(table, options.board)
    with progress.step("read and check the model"):
        path = Path(options.model)
        graph = read_model(path)
        check(graph)
        card = card_by_hash(graph.sha256)
        frontend = choose_frontend(options.frontend, card, graph)
    with progress.step("plan"):
        plan = make_plan(graph)
        layout = place(board, _constant_bytes(plan), plan.arena_bytes)
    name = card.name if card else _slug(graph.name)
    folder = options.output_dir or OUTPUT_ROOT / f"{name}-{board.name}"
    with progress.step("generate"):
        source_sets = _source_sets(graph, plan, board, frontend, progress)
        files = _files(name, source_sets, board, layout)
        files[PurePosixPath(MODEL_FILE)] = path.read_bytes()
        identity = {
            "model_sha256": graph.sha256,
            "board": table,
            "npu": options.npu,
            "runtime": options.runtime,
            "frontend": {"name": frontend.name, "table": _table(frontend)} if frontend else None,
        }
        labels = card.labels if card else ()
        state = _state(identity, name, labels, graph, plan, layout, frontend)
        written = write_project(folder, state, files, options.force)
    progress.note(f"{'wrote' if written else 'unchanged:'} {folder}")
    return Project(folder, name, graph, plan, board, options.npu, options.runtime, frontend, labels)


def _refuse_what_is_to_come(options: GenerateOptions) -> None:
    if options.npu != "none":
        raise InputError(f"--npu {options.npu} is not in this version", "deploy for the CPU: --npu none")
    if options.runtime != "aot":
        raise InputError(f"--runtime {options.runtime} is not in this version", "use --runtime aot")


def choose_frontend(wanted: str | None, card: ModelCard | None, graph: Graph) -> FrontendSpec | None:
    """The front end that was asked for, else the card's; its features must be the model's input.

    Raises:
        InputError: there is no such front end, or its features do not fit the model's input.
    """
    name = wanted if wanted is not None else (card.frontend if card else None)
    if name is None or name == "none":
        return None
    spec = load_spec(name)
    inputs = [graph.tensors[index] for index in graph.inputs]
    if (
        len(inputs) != 1
        or inputs[0].dtype is not DataType.INT8
        or inputs[0].elements != np.prod(spec.feature_shape)
    ):
        shapes = ", ".join(f"{tensor.dtype.value}{tensor.shape}" for tensor in inputs)
        raise InputError(
            f"the front end {spec.name} makes int8{spec.feature_shape}, the model takes {shapes}",
            "choose the front end that the model was trained with, or --frontend none to give tensors",
        )
    return spec


def _constant_bytes(plan: Plan) -> int:
    """All constants with the alignment of each."""
    sizes = [constant.values.nbytes for step in plan.steps for constant in step.constants]
    return sum(-(-size // 16) * 16 for size in sizes)


def _slug(name: str) -> str:
    """A file's stem as a folder name; it may hold anything."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name)[:64].strip("._-") or "model"


def _source_sets(
    graph: Graph, plan: Plan, board: Board, frontend: FrontendSpec | None, progress: Progress
) -> list[SourceSet]:
    source_sets = [*model_sources(graph, plan), *platform_sources(board), app_sources(frontend is not None)]
    if frontend is not None:
        quantization = graph.tensors[graph.inputs[0]].quantization
        if quantization is None:
            raise ModelError("the model's input has no quantisation", "convert the model to full int8")
        cmsis = ensure_cmsis_dsp(progress.note)
        source_sets += frontend_sources(
            frontend, float(quantization.scale[0]), int(quantization.zero_point[0]), cmsis
        )
    return source_sets


def _files(
    name: str, source_sets: list[SourceSet], board: Board, layout: Layout
) -> dict[PurePosixPath, bytes]:
    files: dict[PurePosixPath, bytes] = {}
    for source_set in source_sets:
        files.update(source_set.files)
    files.update(cmake_files(name, source_sets, board, layout))
    return files


def _table(frontend: FrontendSpec) -> dict[str, Any]:
    table = asdict(frontend)
    del table["name"]
    return table


def _state(
    identity: Mapping[str, Any],
    name: str,
    labels: tuple[str, ...],
    graph: Graph,
    plan: Plan,
    layout: Layout,
    frontend: FrontendSpec | None,
) -> dict[str, Any]:
    """``deployment.json``: what was deployed, and what was decided and why."""
    return {
        "schema": PROJECT_SCHEMA,
        "mcu_deploy": __version__,
        "identity": identity,
        "model": {"name": name, "file": MODEL_FILE, "macs": plan.macs, "labels": list(labels)},
        "inputs": [_tensor(graph, index) for index in graph.inputs],
        "outputs": [_tensor(graph, index) for index in graph.outputs],
        "frontend": {"stages": [asdict(stage) for stage in stages(frontend)]} if frontend else None,
        "steps": [
            {
                "index": step.index,
                "operators": list(step.operators),
                "kind": step.kind,
                "kernel": step.kernel,
                "reason": step.reason,
                "inputs": list(step.inputs),
                "outputs": list(step.outputs),
                "macs": step.macs,
                "constant_bytes": sum(constant.values.nbytes for constant in step.constants),
                "scratch_bytes": step.scratch_bytes,
            }
            for step in plan.steps
        ],
        "removed": {str(index): reason for index, reason in plan.removed.items()},
        "memory": {
            "arena_bytes": plan.arena_bytes,
            "allocations": [asdict(allocation) for allocation in plan.allocations],
            "regions": {part: asdict(memory) for part, memory in layout.regions.items()},
        },
    }


def _tensor(graph: Graph, index: int) -> dict[str, Any]:
    tensor = graph.tensors[index]
    quantization = tensor.quantization
    return {
        "tensor": index,
        "name": printable(tensor.name),
        "shape": list(tensor.shape),
        "dtype": tensor.dtype.value,
        "scale": float(quantization.scale[0]) if quantization else None,
        "zero_point": int(quantization.zero_point[0]) if quantization else None,
    }
