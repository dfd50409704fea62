"""``generate``: a model file to a project folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from mcu_deploy import __version__
from mcu_deploy.boards.layout import place
from mcu_deploy.boards.reader import board_table, parse_board
from mcu_deploy.boards.types import NPU_PARTS, UART, Board, Layout
from mcu_deploy.codegen.app import app_sources
from mcu_deploy.codegen.cmake import cmake_files
from mcu_deploy.codegen.model import model_sources
from mcu_deploy.codegen.npu import MODEL_WORKSPACE_BYTES, npu_sources
from mcu_deploy.codegen.platform import platform_sources
from mcu_deploy.codegen.project import SourceSet
from mcu_deploy.codegen.stream import smoother_ram_bytes, stream_ram_bytes, stream_sources
from mcu_deploy.codegen.tflm import tflm_sources
from mcu_deploy.errors import InputError, MemoryOverflowError, ModelError, UsageError
from mcu_deploy.frontend import FrontendSpec, load_spec, spec_table, stages
from mcu_deploy.frontend.cmsis import ensure_cmsis_dsp
from mcu_deploy.frontend.codegen import frontend_ram_bytes, frontend_sources, frontend_table_bytes
from mcu_deploy.graph.checks import findings, rejected
from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.graph.reader import parse_model, parse_with_defects, read_model_bytes
from mcu_deploy.graph.text import printable
from mcu_deploy.npu.strides import model_for_vela
from mcu_deploy.npu.target import NpuTarget, make_target
from mcu_deploy.npu.vela import compile_model, memory_ports, vela_options
from mcu_deploy.pipeline.folder import write_project
from mcu_deploy.pipeline.memory import largest_tensors, memory_findings
from mcu_deploy.pipeline.options import GenerateOptions, check_npu_options, check_runtime_options
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.pipeline.project import (
    MODEL_FILE,
    NPU_FILE,
    NPU_MESSAGES_FILE,
    PROJECT_SCHEMA,
    Project,
    plan_for,
)
from mcu_deploy.plan.memory import align
from mcu_deploy.plan.types import DEFAULT_OPTIMISE, Optimise
from mcu_deploy.registry.cards import ModelCard, card_by_hash
from mcu_deploy.registry.locate import resolve_model
from mcu_deploy.tflm.plan import TFLM

APP_DATA_RESERVE = 2048
APP_CODE_RESERVE = 16 * 1024
APP_PIECE_BYTES = 2 * 256  # of each channel: what md_main.c reads of a recording at a time
FRONTEND_CODE_RESERVE = 8 * 1024
STREAM_CODE_RESERVE = 2 * 1024
UART_CODE_RESERVE = 2 * 1024
UART_DATA_RESERVE = 1024
NPU_DRIVER_CODE_RESERVE = 4 * 1024
TFLM_CODE_RESERVE = 192 * 1024
TFLM_DATA_RESERVE = 4 * 1024
NPU_MODEL_CODE_RESERVE = 64 * 1024
NPU_MODEL_DATA_RESERVE = 16 * 1024

OUTPUT_ROOT = Path("mcu-deploy-out")


@dataclass(frozen=True, eq=False)
class Prepared:
    """A project that is decided on and not yet written.

    Attributes:
        project: what will be in the folder.
        board_table: the board as its file has it.
        layout: where in the board's memories everything will lie.
        force: replace another or an edited project.
    """

    project: Project
    board_table: Mapping[str, Any]
    layout: Layout
    force: bool


def generate(options: GenerateOptions, progress: Progress) -> Project:
    """Reads, checks, plans and writes the project; leaves an identical one alone.

    Raises:
        McuDeployError: the model is rejected, something does not fit, or the folder cannot be used.
    """
    prepared = prepare(options, progress)
    write(prepared, progress)
    return prepared.project


def prepare(options: GenerateOptions, progress: Progress) -> Prepared:
    """Everything about the project that can be refused, without writing anything.

    Raises:
        McuDeployError: the model is rejected, or something does not fit.
    """
    check_runtime_options(options)
    check_npu_options(options)
    table = board_table(options.board)
    board = parse_board(table, options.board)
    if options.runtime == TFLM and board.core is None:
        raise InputError(f"{board.name} has no core to build TFLite Micro for", "choose another --board")
    with progress.step("read and check the model"):
        path = resolve_model(options.model)
        data = read_model_bytes(path)
        ours = options.npu == "none" and options.runtime != TFLM
        graph = _deployable(data, path.stem, board) if ours else parse_model(data, path.stem)
        card = card_by_hash(graph.sha256)
        frontend = choose_frontend(options.frontend, card, graph)
        if options.stream and frontend is None:
            raise UsageError("--stream needs a front end", "choose one with --frontend NAME|FILE")
    npu = _compile(options, board, data, graph, progress)
    with progress.step("plan"):
        optimise = Optimise(options.optimise or DEFAULT_OPTIMISE)
        plan = plan_for(options.runtime, graph, board, npu, optimise, options.tflm_arena)
    name = card.name if card else _slug(graph.name)
    project = Project(
        folder=options.output_dir or OUTPUT_ROOT / _folder_name(name, options, board),
        name=name,
        model=data,
        graph=graph,
        plan=plan,
        board=board,
        npu=npu,
        runtime=options.runtime,
        optimise=optimise,
        frontend=frontend,
        labels=card.labels if card else (),
        stream=options.stream,
        transport=_transport(options, board),
    )
    try:
        layout = place(
            _reachable(board, npu), _constant_bytes(project), plan.arena_bytes, project_reserves(project)
        )
    except MemoryOverflowError as error:
        details = (*error.details, *largest_tensors(project.planned, plan))
        raise MemoryOverflowError(error.message, error.hint, details=details) from None
    _check_folder(project.folder)
    return Prepared(project, table, layout, options.force)


def write(prepared: Prepared, progress: Progress) -> None:
    """Writes the project's folder; leaves an identical one alone.

    Raises:
        McuDeployError: the folder cannot be used or written, or CMSIS-DSP's sources could not be had.
    """
    project = prepared.project
    with progress.step("generate"):
        source_sets = _source_sets(project, progress)
        files = _files(project, source_sets, prepared.layout)
        files[PurePosixPath(MODEL_FILE)] = project.model
        if project.npu is not None:
            files[PurePosixPath(NPU_FILE)] = project.npu.made
            files[PurePosixPath(NPU_MESSAGES_FILE)] = project.npu.messages.encode()
        written = write_project(project.folder, _state(prepared), files, prepared.force)
    progress.note(f"{'wrote' if written else 'unchanged:'} {project.folder}")


def _transport(options: GenerateOptions, board: Board) -> str:
    """How the board gets inputs.

    Raises:
        InputError: by a UART that it does not have.
    """
    transport = options.transport or board.transport
    if transport == UART and board.uart is None:
        raise InputError(f"{board.name} has no UART", "add a table [uart] to its file: docs/boards.md")
    return transport


def _deployable(data: bytes, name: str, board: Board) -> Graph:
    """The graph, which our kernels can perform.

    Raises:
        ModelError: it is damaged, or with all that stands in the way, the board's memories among it.
    """
    graph, defects = parse_with_defects(data, name)
    found = findings(graph, defects)
    if found:
        raise rejected(graph, [*found, *memory_findings(graph, board)])
    return graph


def _compile(
    options: GenerateOptions, board: Board, model: bytes, graph: Graph, progress: Progress
) -> NpuTarget | None:
    if options.npu == "none":
        return None
    for_vela = vela_options(
        board.npu,
        options.npu,
        options.npu_system_config,
        options.npu_memory_mode,
        options.npu_optimise or "performance",
        options.npu_arena_cache,
    )
    with progress.step(f"compile for {options.npu} with Vela"):
        result = compile_model(model_for_vela(model, graph), for_vela)
        ports = memory_ports(for_vela.memory_mode)
        return make_target(for_vela, options.npu_model or "auto", ports, result, graph)


def _reachable(board: Board, npu: NpuTarget | None) -> Board:
    """The board with what the NPU works on in memories that it reaches.

    Raises:
        InputError: there are none.
    """
    if npu is None or board.npu is None or board.core is None:
        return board
    placement = dict(board.placement)
    for part in NPU_PARTS:
        placement[part] = tuple(name for name in board.placement[part] if name in board.npu.memories)
        if not placement[part]:
            raise InputError(
                f"{board.name}: the NPU reaches none of the memories for the {part} "
                f"({', '.join(board.placement[part])}), only {', '.join(board.npu.memories) or 'none'}",
                "add a memory to [placement], or to [npu] memories, in the board's file",
            )
    return replace(board, placement=placement)


def _check_folder(folder: Path) -> None:
    """CMake and the linker give some characters of a path a meaning of their own."""
    bad = sorted(set(str(folder.resolve())) & set(';$"\\\n'))
    if bad:
        raise InputError(
            f"the output folder {printable(str(folder), 200)} has the character {bad[0]!r} in its path",
            "choose another by --output-dir; CMake cannot build there",
        )


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


def reserves(frontend: FrontendSpec | None) -> dict[str, int]:
    """Bytes of variables and code to keep free when memories are chosen: a little more than are needed.

    What they are is known when the firmware is linked; the tests hold the reserves against that.
    """
    data, code = APP_DATA_RESERVE, APP_CODE_RESERVE
    if frontend is not None:
        data += frontend_ram_bytes(frontend) + APP_PIECE_BYTES * frontend.channels
        code += FRONTEND_CODE_RESERVE + frontend_table_bytes(frontend)
    return {"data": data, "code": code}


def project_reserves(project: Project) -> dict[str, int]:
    """The same for all that is in a project."""
    needed = reserves(project.frontend)
    if project.stream and project.frontend is not None:
        needed["data"] += stream_ram_bytes(project.frontend) + smoother_ram_bytes(project.stream_outputs)
        needed["code"] += STREAM_CODE_RESERVE
    if project.transport == UART:
        needed["code"] += UART_CODE_RESERVE
        needed["data"] += UART_DATA_RESERVE
    if project.runtime == TFLM:
        needed["code"] += TFLM_CODE_RESERVE
        needed["data"] += TFLM_DATA_RESERVE
    if project.npu is not None and project.uses_npu:
        needed["code"] += NPU_DRIVER_CODE_RESERVE
        if project.npu.modelled and project.npu.model != "off":
            needed["code"] += NPU_MODEL_CODE_RESERVE
            needed["data"] += NPU_MODEL_DATA_RESERVE + MODEL_WORKSPACE_BYTES
    return needed


def _constant_bytes(project: Project) -> int:
    """All constants with the alignment of each, and at most 4 bytes a parameter of each step.

    For an interpreter, the file that it reads.
    """
    if project.runtime == TFLM:
        return len(project.file)
    calls = [call for step in project.plan.steps for call in step.calls]
    parameters = 4 * sum(len(call.parameters) for call in calls)
    return sum(align(constant.values.nbytes) for constant in project.plan.constants) + parameters


def _folder_name(model: str, options: GenerateOptions, board: Board) -> str:
    npu = "" if options.npu == "none" else f"-{options.npu}"
    runtime = f"-{TFLM}" if options.runtime == TFLM else ""
    optimise = f"-{options.optimise}" if options.optimise not in (None, DEFAULT_OPTIMISE.value) else ""
    transport = f"-{options.transport}" if options.transport not in (None, board.transport) else ""
    stream = "-stream" if options.stream else ""
    return f"{model}-{board.name}{npu}{runtime}{optimise}{stream}{transport}"


def _slug(name: str) -> str:
    """A file's stem as a folder name; it may hold anything."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name)[:64].strip("._-") or "model"


def _source_sets(project: Project, progress: Progress) -> list[SourceSet]:
    graph, frontend, npu = project.graph, project.frontend, project.npu
    source_sets = [
        *_model_sources(project),
        *platform_sources(project.board, project.uses_npu, project.transport),
        app_sources(
            frontend is not None,
            project.stream_outputs if project.stream else None,
            project.uses_npu,
            project.runtime == TFLM,
        ),
    ]
    if npu is not None and project.uses_npu:
        source_sets += npu_sources(npu, project.board.npu)
    if project.stream:
        source_sets.append(stream_sources(project.stream_outputs))
    if frontend is not None:
        quantization = graph.tensors[graph.inputs[0]].quantization
        if quantization is None:
            raise ModelError("the model's input has no quantisation", "convert the model to full int8")
        cmsis = ensure_cmsis_dsp(progress.note)
        source_sets += frontend_sources(
            frontend, float(quantization.scale[0]), int(quantization.zero_point[0]), cmsis
        )
    return source_sets


def _model_sources(project: Project) -> tuple[SourceSet, ...]:
    if project.runtime != TFLM:
        return model_sources(project.planned, project.plan)
    compiled = project.npu.compiled if project.npu else None
    return tflm_sources(project.graph, project.plan, project.file, compiled, project.uses_npu)


def _files(project: Project, source_sets: list[SourceSet], layout: Layout) -> dict[PurePosixPath, bytes]:
    files: dict[PurePosixPath, bytes] = {}
    for source_set in source_sets:
        files.update(source_set.files)
    level = {Optimise.SIZE: "-Os", Optimise.SPEED: "-O3"}.get(project.optimise, "-O2")
    files.update(cmake_files(project.name, source_sets, project.board, layout, level))
    return files


def _state(prepared: Prepared) -> dict[str, Any]:
    """``deployment.json``: what was deployed, and what was decided and why."""
    project = prepared.project
    graph, plan, frontend = project.graph, project.plan, project.frontend
    return {
        "schema": PROJECT_SCHEMA,
        "mcu_deploy": __version__,
        "identity": {
            "model_sha256": graph.sha256,
            "board": prepared.board_table,
            "npu": project.npu.identity() if project.npu else None,
            "runtime": project.runtime,
            "optimise": project.optimise.value,
            "frontend": {"name": frontend.name, "table": spec_table(frontend)} if frontend else None,
            "stream": project.stream,
            "transport": project.transport,
        },
        "model": {
            "name": project.name,
            "file": MODEL_FILE,
            "macs": plan.macs,
            "labels": list(project.labels),
        },
        "inputs": [_tensor(graph, index) for index in graph.inputs],
        "outputs": [_tensor(graph, index) for index in graph.outputs],
        "npu": project.npu.state() if project.npu else None,
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
                "constant_bytes": step.constant_bytes,
                "scratch_bytes": step.scratch_bytes,
            }
            for step in plan.steps
        ],
        "removed": {str(index): reason for index, reason in plan.removed.items()},
        "memory": {
            "arena_bytes": plan.arena_bytes,
            "arena_least": plan.arena_least,
            "allocations": [asdict(allocation) for allocation in plan.allocations],
            "regions": {part: asdict(memory) for part, memory in prepared.layout.regions.items()},
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
