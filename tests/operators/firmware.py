"""Programs of one or several generated models, for this computer and for boards that QEMU simulates."""

from __future__ import annotations

import functools
import os
import re
import struct
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from mcu_deploy.boards.layout import place
from mcu_deploy.boards.reader import load_board
from mcu_deploy.boards.types import Board
from mcu_deploy.codegen.cmake import cmake_files
from mcu_deploy.codegen.model import MODEL_SOURCE, model_sources
from mcu_deploy.codegen.platform import platform_sources
from mcu_deploy.codegen.project import SourceSet
from mcu_deploy.graph.ir import Graph
from mcu_deploy.plan.types import Plan
from mcu_deploy.simulate import qemu

Array = npt.NDArray[np.generic]
Runs = Sequence[Sequence[Array]]

OUTPUT_STEP = 0xFFFFFFFF
# The generated project's, and what it leaves to its user: sanitizers find what a comparison may not,
# reads outside of a tensor, overflows that wrap alike.
OPTIONS = ("-std=c11", "-ffp-contract=off", "-g", "-Wall", "-Wextra", "-Wconversion", "-Werror")
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
# The models are tables and calls: nothing to optimise, and most of what is compiled.
MODEL_OPTIONS = ("-O0",)
SOURCE_OPTIONS = ("-O1",)
PROGRAM_SECONDS = 600
MODELS_A_FILE = 10
_MODEL_NAMES = re.compile(
    r"\b(arena|made|step\d+\w*|md_model_(?:inputs|input_count|outputs|output_count|prepare|reset|invoke))\b"
)
_HERE = Path(__file__).parent


@dataclass(frozen=True, eq=False)
class Unit:
    """A model in a program: what it is planned from and as, and the inputs of its runs."""

    graph: Graph
    plan: Plan
    runs: Runs


@dataclass(frozen=True)
class TargetRun:
    """What a target computed from one set of inputs: every observed tensor, and the model's outputs."""

    tensors: Mapping[int, bytes]
    outputs: tuple[bytes, ...]


def run_on_host(units: Sequence[Unit], extra: Sequence[SourceSet] = ()) -> list[list[TargetRun]]:
    """All runs of all models, in one program with sanitizers.

    Args:
        units: the models.
        extra: the NPU's driver and model, for plans with steps for it.
    """
    with tempfile.TemporaryDirectory(prefix="mcu-deploy-test-") as name:
        folder = Path(name)
        platform = [one for one in platform_sources(load_board("host")) if one.only_for == "host"]
        objects = _compile_all(units, [*platform, *extra], folder, ("gcc", *SANITIZE), bool(extra))
        subprocess.run(["gcc", *SANITIZE, *objects, "-o", folder / "program"], check=True, timeout=300)
        return _run((str(folder / "program"),), folder, units)


def run_on_qemu(units: Sequence[Unit], board_name: str = "corstone-300") -> list[list[TargetRun]]:
    """All runs of all models, in one image and one start of QEMU; models and arenas lie in large memory."""
    with tempfile.TemporaryDirectory(prefix="mcu-deploy-test-") as name:
        folder = Path(name)
        board = _roomy_board(board_name)
        assert board.core is not None
        sets = [one for one in platform_sources(board) if one.only_for == "target"]
        compiler = (
            "arm-none-eabi-gcc",
            "-ffunction-sections",
            "-fdata-sections",
            *board.core.compiler_options,
        )
        objects = _compile_all(units, sets, folder, compiler, False)
        script = folder / "firmware.ld"
        script.write_bytes(cmake_files("operators", sets, board, place(board, 16, 16))[_LINKER_SCRIPT])
        link = [*compiler, "-nostartfiles", "--specs=nano.specs", f"-T{script}", "-Wl,--gc-sections"]
        subprocess.run([*link, *objects, "-o", folder / "firmware.elf"], check=True, timeout=300)
        simulator = next(one for one in board.simulators if one.name == "qemu")
        return _run(qemu.command(simulator, folder / "firmware.elf"), folder, units)


_LARGE_MEMORIES = {"corstone-300": "ddr", "mps2-an386": "psram"}
_LINKER_SCRIPT = PurePosixPath("generated/firmware.ld")


@functools.cache
def _roomy_board(name: str) -> Board:
    board = load_board(name)
    memory = _LARGE_MEMORIES[name]
    return replace(board, placement={**board.placement, "model": (memory,), "arena": (memory,)})


def _compile_all(
    units: Sequence[Unit],
    sets: Sequence[SourceSet],
    folder: Path,
    compiler: tuple[str, ...],
    with_npu: bool,
) -> list[Path]:
    """Everything that the program is made of, each model with names of its own; gives the objects."""
    models = [model_sources(unit.graph, unit.plan) for unit in units]
    shared = {path: data for one in models for kernels in one[1:] for path, data in kernels.files.items()}
    everything = [*sets, *(one for parts in models for one in parts)]
    _write(folder, {path: data for one in everything for path, data in one.files.items()})
    texts = [parts[0].files[MODEL_SOURCE].decode() for parts in models]
    sources = [
        *(folder / path for one in sets for path in one.sources),
        folder / "models.c",
        _HERE / "driver.c",
    ]
    sources += [folder / path for path in sorted(shared) if path.suffix == ".c"]
    (folder / "models.c").write_text(_table(texts))
    jobs: list[tuple[Path, tuple[str, ...]]] = [(source, SOURCE_OPTIONS) for source in sources]
    for first in range(0, len(texts), MODELS_A_FILE):
        path = folder / f"models_{first}.c"
        part = enumerate(texts[first : first + MODELS_A_FILE], first)
        path.write_text("\n".join(_renamed(text, number) for number, text in part))
        jobs.append((path, MODEL_OPTIONS))
    dirs = {path for one in everything for path in one.include_dirs}
    command = [*compiler, *OPTIONS, f"-I{_HERE}", *(f"-I{folder / path}" for path in sorted(dirs))]
    if with_npu:
        command.append("-DDRIVER_WITH_NPU")

    def compile_one(job: tuple[int, tuple[Path, tuple[str, ...]]]) -> Path:
        number, (source, options) = job
        result = folder / f"{number}_{source.stem}.o"
        subprocess.run([*command, *options, "-c", source, "-o", result], check=True, timeout=300)
        return result

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, enumerate(jobs)))


def _renamed(text: str, number: int) -> str:
    """A generated model whose names no other model has; several fit into a file, which compiles faster."""
    return _MODEL_NAMES.sub(rf"\1_{number}", text)


def _write(folder: Path, files: Mapping[PurePosixPath, bytes]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def _table(models: Sequence[str]) -> str:
    """``models.c``: what driver.h declares."""
    prepared = ["void md_model_prepare(void)" in text for text in models]
    lines = ['#include "driver.h"', "", "#include <stddef.h>", ""]
    rows = []
    for number, prepare in enumerate(prepared):
        lines += [
            f"extern const uint32_t md_model_input_count_{number}, md_model_output_count_{number};",
            f"extern const md_tensor_t md_model_inputs_{number}[], md_model_outputs_{number}[];",
            f"void md_model_prepare_{number}(void);",
            f"void md_model_reset_{number}(void);",
            f"void md_model_invoke_{number}(md_model_observer_t observer, void *context);",
        ]
        values = (
            f"&md_model_input_count_{number}",
            f"md_model_inputs_{number}",
            f"&md_model_output_count_{number}",
            f"md_model_outputs_{number}",
            f"md_model_prepare_{number}" if prepare else "NULL",
            f"md_model_reset_{number}",
            f"md_model_invoke_{number}",
        )
        rows.append(f"    {{{', '.join(values)}}},")
    lines += [f"const uint32_t driver_model_count = {len(models)};"]
    lines += ["const driver_model_t driver_models[] = {", *rows, "};", ""]
    return "\n".join(lines)


def _run(command: Sequence[str], folder: Path, units: Sequence[Unit]) -> list[list[TargetRun]]:
    with (folder / "in.bin").open("wb") as file:
        for unit in units:
            file.write(struct.pack("<I", len(unit.runs)))
            file.writelines(values.tobytes() for run in unit.runs for values in run)
    result = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=PROGRAM_SECONDS,
        check=False,
    )
    error = result.stderr.decode(errors="replace")[-4000:]
    assert result.returncode == 0, f"the program ended with {result.returncode}\n{error}"
    return _parse((folder / "out.bin").read_bytes(), units)


def _parse(data: bytes, units: Sequence[Unit]) -> list[list[TargetRun]]:
    position = 0

    def run_of(unit: Unit) -> TargetRun:
        nonlocal position
        tensors: dict[int, bytes] = {}
        outputs: list[bytes] = []
        while len(outputs) < len(unit.graph.outputs):
            step, tensor, size = struct.unpack_from("<III", data, position)
            value = data[position + 12 : position + 12 + size]
            position += 12 + size
            if step == OUTPUT_STEP:
                outputs.append(value)
            else:
                tensors[tensor] = tensors.get(tensor, b"") + value  # one may come in pieces
        return TargetRun(tensors, tuple(outputs))

    results = [[run_of(unit) for _ in unit.runs] for unit in units]
    assert position == len(data), "the program wrote more than it should"
    return results
