"""The generated model: deterministic, free of the model's names, compact, and clean under both compilers."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mcu_deploy.codegen.carray import c_initializer, c_type
from mcu_deploy.codegen.model import MODEL_SOURCE, model_sources
from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import Graph
from mcu_deploy.plan.planner import make_plan

WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Werror")
COMPILERS = {
    "gcc": ("gcc",),
    "clang": ("clang",),
    "cortex-m55": ("arm-none-eabi-gcc", "-mcpu=cortex-m55", "-mfloat-abi=hard"),
    "cortex-m4": ("arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mfloat-abi=hard"),
    "cortex-m3": ("arm-none-eabi-gcc", "-mcpu=cortex-m3"),
}


def every_kernel() -> Graph:
    builder = GraphBuilder("every", 1)
    x = builder.input((1, 8, 8, 3))
    x = builder.conv_2d(x, 8, (3, 3), fused_activation_function="RELU6")
    x = builder.depthwise_conv_2d(x, 1, (3, 3))
    window = {"filter_height": 2, "filter_width": 2, "stride_h": 2, "stride_w": 2}
    x = builder.operator("MAX_POOL_2D", [x], **window)
    x = builder.operator("AVERAGE_POOL_2D", [x], **window)
    x = builder.operator("RELU", [x])
    x = builder.operator("RESHAPE", [x], new_shape=(1, 32))
    x = builder.fully_connected(x, 5)
    return builder.build([builder.operator("SOFTMAX", [x], beta=1.0)])


def model_c(graph: Graph) -> str:
    model, *_ = model_sources(graph, make_plan(graph))
    return model.files[MODEL_SOURCE].decode("ascii")


def write(graph: Graph, folder: Path) -> tuple[list[Path], list[str]]:
    sets = model_sources(graph, make_plan(graph))
    for source_set in sets:
        for path, content in source_set.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    sources = [folder / path for source_set in sets for path in source_set.sources]
    return sources, [f"-I{folder / path}" for source_set in sets for path in source_set.include_dirs]


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("level", ["-O0", "-O2", "-Os"])
def test_no_compiler_warns(compiler: str, level: str, tmp_path: Path) -> None:
    command = COMPILERS[compiler]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    sources, includes = write(every_kernel(), tmp_path)
    subprocess.run(
        [*command, "-std=c11", level, *WARNINGS, *includes, "-c", *sources],
        cwd=tmp_path,
        check=True,
        timeout=120,
    )


def test_the_same_model_gives_the_same_bytes() -> None:
    one, two = (model_sources(graph, make_plan(graph)) for graph in (every_kernel(), every_kernel()))
    assert one == two


def test_names_of_the_model_do_not_reach_c() -> None:
    graph = every_kernel()
    hostile = 'x"; */ #include "/etc/passwd" \n../??/'
    renamed = replace(
        graph,
        name=hostile,
        description=hostile,
        tensors=tuple(replace(tensor, name=hostile) for tensor in graph.tensors),
    )
    assert model_c(renamed) == model_c(graph)


def test_only_the_kernels_that_are_used_are_brought() -> None:
    builder = GraphBuilder("small", 1)
    graph = builder.build([builder.operator("RELU", [builder.input((1, 8))])])
    _, kernels = model_sources(graph, make_plan(graph))
    assert [path.name for path in kernels.sources] == ["md_lookup_s8.c"]
    assert sorted(path.name for path in kernels.files) == ["md_lookup_s8.c", "md_lookup_s8.h"]


def test_a_model_without_steps_compiles(tmp_path: Path) -> None:
    builder = GraphBuilder("none", 1)
    values = builder.input((1, 12), 0.1, 0)
    graph = builder.build([builder.operator("RESHAPE", [values], new_shape=(3, 4))])
    assert [one.name for one in model_sources(graph, make_plan(graph))] == ["md_model"]
    sources, includes = write(graph, tmp_path)
    subprocess.run(["gcc", "-std=c11", *WARNINGS, *includes, "-c", *sources], cwd=tmp_path, check=True)


def test_a_large_model_is_written_fast_and_compactly() -> None:
    builder = GraphBuilder("large", 1)
    graph = builder.build([builder.fully_connected(builder.input((1, 1024)), 1024)])
    plan = make_plan(graph)
    start = time.perf_counter()
    model, *_ = model_sources(graph, plan)
    assert time.perf_counter() - start < 3.0
    assert len(model.files[MODEL_SOURCE]) < 6 * 1024 * 1024
    assert max(map(len, model.files[MODEL_SOURCE].splitlines())) <= 130


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32])
def test_initializers_hold_every_value(dtype: type[np.integer]) -> None:
    limits = np.iinfo(dtype)
    values = np.array([limits.min, limits.max, 0, *range(100)], dtype)
    text = c_initializer(values)
    assert [int(number) for number in re.findall(r"-?\d+", text)] == values.tolist()
    assert c_type(values) == f"{np.dtype(dtype).name}_t"
