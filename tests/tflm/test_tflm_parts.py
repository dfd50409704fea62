"""The parts of the harness that need nothing of TFLite Micro, run on this computer with sanitizers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from tflm_models import int8_graph

from mcu_deploy.boards.reader import load_board
from mcu_deploy.codegen.npu import npu_sources
from mcu_deploy.codegen.tflm import tflm_sources
from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import Graph
from mcu_deploy.graph.reader import NPU_OPERATOR, parse_model
from mcu_deploy.graph.writer import write_model
from mcu_deploy.npu.compiled import CONSTANTS, STREAM
from mcu_deploy.npu.target import NpuTarget, make_target
from mcu_deploy.npu.vela import compile_model, vela_options
from mcu_deploy.reference.tflm import run_reference
from mcu_deploy.tflm.plan import make_tflm_plan

HERE = Path(__file__).parent
TEMPLATES = HERE.parents[1] / "firmware_templates"
STRICT = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-g", "-O1")
SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
BAD_STREAM, WRONG_NPU = 3, 4  # md_npu_failure_kind_t


def run(*command: object) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_the_log_formats_as_printf_does(compiler: str, tools: None, tmp_path: Path) -> None:
    program = tmp_path / "format"
    sources = (HERE / "format_driver.cc", TEMPLATES / "tflm/md_tflm_log.cc")
    includes = (f"-I{TEMPLATES / 'tflm'}", f"-I{TEMPLATES / 'runtime'}")
    language = ("-std=c++17", "-fno-exceptions", "-fno-rtti", "-DMD_HAVE_TFLM=1")
    run(compiler, *language, *STRICT, *SANITIZED, *includes, *sources, "-o", program)
    assert run(program) == ""


@pytest.fixture(scope="module")
def caller(tools: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Graph, bytes, NpuTarget]:
    """A program that calls the driver with its functional model, and a model that Vela has compiled."""
    builder = GraphBuilder("npu", 2)
    x = builder.conv_2d(builder.input((1, 8, 8, 4)), 8, (3, 3), fused_activation_function="RELU")
    data = write_model(builder.build([x]))
    graph = parse_model(data, "npu")
    npu = load_board("corstone-300").npu
    options = vela_options(npu, "ethos-u55-128", None, None, "performance", None)
    target = make_target(options, "on", (0, 1, 1), compile_model(data, options), graph)
    folder = tmp_path_factory.mktemp("caller")
    sources = []
    includes = set()
    for source_set in npu_sources(target, None):
        for path, content in source_set.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        sources += [folder / path for path in source_set.sources if path.name != "md_npu_step.c"]
        includes |= {f"-I{folder / path}" for path in source_set.include_dirs}
    program = folder / "caller"
    driver = HERE / "ethosu_caller.c"
    run("gcc", "-std=c11", *STRICT, *SANITIZED, *sorted(includes), driver, *sources, "-o", program)
    return program, graph, data, target


def call(program: Path, folder: Path, stream: bytes, constants: bytes, arena: bytes) -> tuple[str, bytes]:
    parts = {"stream": stream, "constants": constants, "arena": arena}
    for name, data in parts.items():
        (folder / name).write_bytes(data)
    said = run(program, *(folder / name for name in parts), 0)
    return said, (folder / "arena").read_bytes()


def test_a_stream_of_vela_s_by_the_core_driver_s_interface(
    caller: tuple[Path, Graph, bytes, NpuTarget], tmp_path: Path
) -> None:
    program, graph, data, target = caller
    (operator,) = target.compiled.graph.operators
    assert operator.kind == NPU_OPERATOR
    tensors = target.compiled.graph.tensors
    stream, constants = (tensors[operator.inputs[one]].data for one in (STREAM, CONSTANTS))
    assert stream is not None
    assert constants is not None
    given = np.random.default_rng(1).integers(-128, 128, (1, 8, 8, 4), dtype=np.int8)
    arena = bytearray(target.compiled.scratch_bytes)
    offset = target.compiled.offsets[graph.inputs[0]]
    arena[offset : offset + given.size] = given.tobytes()
    said, after = call(program, tmp_path, stream.tobytes(), constants.tobytes(), bytes(arena))
    assert said.splitlines() == [
        "invoke 0",
        "failed 0 kind 0",
        "too few -1",
        "negative -1",
        "fast memory before -1",
        "no driver -1",
        "fast memory set 0",
        "the same 1",
    ]
    wanted = run_reference(data, [(given,)], all_tensors=False, timeout=60)[0].outputs[0]
    offset = target.compiled.offsets[graph.outputs[0]]
    assert after[offset : offset + wanted.size] == wanted.tobytes()


@pytest.mark.parametrize("damage", ["tag", "configuration"])
def test_a_stream_for_something_else_fails(
    damage: str, caller: tuple[Path, Graph, bytes, NpuTarget], tmp_path: Path
) -> None:
    program, _, _, target = caller
    (operator,) = target.compiled.graph.operators
    data = target.compiled.graph.tensors[operator.inputs[STREAM]].data
    assert data is not None
    stream = bytearray(data.tobytes())
    if damage == "tag":
        stream[:4] = b"COP2"
    else:
        stream[8] ^= 1  # MACs a cycle, in the word after the first action
    said, _ = call(program, tmp_path, bytes(stream), b"", bytes(64))
    kind = BAD_STREAM if damage == "tag" else WRONG_NPU
    assert said.splitlines()[:2] == ["invoke -1", f"failed 1 kind {kind}"]


def test_the_model_is_stored_as_it_is(tools: None, tmp_path: Path) -> None:
    """In the section of the model's constants, aligned."""

    graph = int8_graph()
    data = write_model(graph) + b"\xff\x80\x7f"
    for source_set in tflm_sources(graph, make_tflm_plan(graph), data, None, False):
        for path, content in source_set.files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(content)
    built = tmp_path / "model_data.o"
    includes = (f"-I{tmp_path / 'src/tflm'}", f"-I{tmp_path / 'src/runtime'}")
    source = tmp_path / "generated/model_data.c"
    run("arm-none-eabi-gcc", "-mcpu=cortex-m55", "-std=c11", *STRICT, *includes, "-c", source, "-o", built)
    with built.open("rb") as file:
        section = ELFFile(file).get_section_by_name(".model")
        assert section.data()[: len(data)] == data
        assert section["sh_addralign"] == 16
