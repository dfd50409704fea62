"""What is kept free for variables and code when memories are chosen, against what the linker then needs."""

from pathlib import Path

import pytest

from mcu_deploy.build import build
from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.writer import write_model
from mcu_deploy.pipeline.generate import generate, project_reserves, reserves
from mcu_deploy.pipeline.options import GenerateOptions
from mcu_deploy.pipeline.progress import Progress

DTCM_BYTES = 512 * 1024


def _relu6(folder: Path, elements: int) -> str:
    builder = GraphBuilder("wide", 0)
    made = builder.operator("RELU6", [builder.input((1, elements), 0.05, -128)], scale=0.05, zero_point=-128)
    path = folder / "wide.tflite"
    path.write_bytes(write_model(builder.build([made])))
    return str(path)


@pytest.mark.parametrize("name", ["kws-demo"])
def test_the_reserves_cover_what_the_firmware_needs(name: str, tmp_path: Path) -> None:
    project = generate(GenerateOptions(model=name, output_dir=tmp_path / "project"), Progress(None))
    assert project.frontend is not None
    memory = build(project.folder, "target").memory
    assert memory is not None
    kept = reserves(project.frontend)
    assert kept["data"] - 2048 < memory.data_bytes <= kept["data"]
    assert kept["code"] - 16 * 1024 < memory.code_bytes <= kept["code"]


def test_the_reserves_cover_a_stream_too(tmp_path: Path) -> None:
    options = GenerateOptions(model="kws-demo", output_dir=tmp_path / "project", stream=True)
    project = generate(options, Progress(None))
    memory = build(project.folder, "target").memory
    assert memory is not None
    kept = project_reserves(project)
    assert kept["data"] - 2048 < memory.data_bytes <= kept["data"]
    assert kept["code"] - 16 * 1024 < memory.code_bytes <= kept["code"]
    assert 500 < memory.sets["stream"].bytes < 2048


def test_the_reserves_cover_a_uart_too(tmp_path: Path) -> None:
    options = GenerateOptions(model="kws-demo", output_dir=tmp_path / "project", transport="uart")
    project = generate(options, Progress(None))
    memory = build(project.folder, "target").memory
    assert memory is not None
    kept = project_reserves(project)
    assert kept["data"] - 2048 < memory.data_bytes <= kept["data"]
    assert kept["code"] - 16 * 1024 < memory.code_bytes <= kept["code"]


def test_an_arena_that_leaves_no_room_for_variables_takes_the_next_memory(tmp_path: Path) -> None:
    model = _relu6(tmp_path, 506_000)  # in and out in one place: DTCM less the stacks has 506,880
    project = generate(GenerateOptions(model=model, output_dir=tmp_path / "project"), Progress(None))
    memory = build(project.folder, "target").memory
    assert memory is not None
    assert project.plan.arena_bytes < DTCM_BYTES
    script = (project.folder / "generated" / "firmware.ld").read_text()
    assert "md_isram" in script.split(".arena", 1)[1][:300]
