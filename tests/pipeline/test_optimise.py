"""What ``--optimise`` changes in a project, and that it is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mcu_deploy.cli.inspect import inspect
from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.writer import write_model
from mcu_deploy.pipeline.deploy import deploy
from mcu_deploy.pipeline.generate import prepare, write
from mcu_deploy.pipeline.options import DeployOptions, GenerateOptions, RunOptions
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.pipeline.project import load_project
from mcu_deploy.plan.types import Optimise
from mcu_deploy.verify.document import empty_document

LEVELS = {"balanced": "-O2", "speed": "-O3", "ram": "-O2", "size": "-Os"}


@pytest.fixture
def model(tmp_path: Path) -> str:
    builder = GraphBuilder("small", 3)
    x = builder.conv_2d(builder.input((1, 40, 16, 1)), 16, (3, 3))
    x = builder.depthwise_conv_2d(x, 1, (3, 3))
    x = builder.conv_2d(x, 8, (1, 1))
    path = tmp_path / "small.tflite"
    path.write_bytes(write_model(builder.build([x])))
    return str(path)


@pytest.mark.parametrize("optimise", LEVELS)
def test_a_project_keeps_what_it_strives_for(optimise: str, model: str, tmp_path: Path) -> None:
    options = GenerateOptions(model=model, optimise=optimise, output_dir=tmp_path / "project")
    prepared = prepare(options, Progress(None))
    write(prepared, Progress(None))
    folder = prepared.project.folder
    assert f'"{LEVELS[optimise]} -g"' in (folder / "CMakeLists.txt").read_text(encoding="utf-8")
    again = load_project(folder)
    assert again.optimise is Optimise(optimise)
    assert again.plan.allocations == prepared.project.plan.allocations
    state = json.loads((folder / "deployment.json").read_text(encoding="utf-8"))
    assert state["identity"]["optimise"] == optimise
    assert state["memory"]["arena_least"] is again.plan.arena_least


def test_projects_of_one_model_have_folders_of_their_own(model: str) -> None:
    folders = [
        prepare(GenerateOptions(model=model, optimise=one), Progress(None)).project.folder.name
        for one in (None, *LEVELS)
    ]
    assert folders == [
        "small-corstone-300",
        "small-corstone-300",
        "small-corstone-300-speed",
        "small-corstone-300-ram",
        "small-corstone-300-size",
    ]


@pytest.mark.qemu
@pytest.mark.parametrize("optimise", ["speed", "ram", "size"])
def test_the_bits_are_the_same(optimise: str, tmp_path: Path) -> None:
    """With the front end, which is compiled alike."""
    generating = GenerateOptions(model="kws-demo", optimise=optimise, output_dir=tmp_path / "project")
    recording = Path(__file__).parents[2] / "models/kws_demo/recordings/yes_awb.wav"
    document = empty_document()
    running = RunOptions(inputs=(str(recording),), pad=True, random=1, layers=True)
    deploy(DeployOptions(generating, running), Progress(None), document)
    assert (document["verdict"], document["optimise"]) == ("verified", optimise)


def test_inspect_shows_the_trade(model: str) -> None:
    def run(*options: str) -> str:
        result = CliRunner().invoke(inspect, [model, *options], standalone_mode=False)
        assert result.exception is None
        return result.output

    document = json.loads(run("--board", "host", "--optimise", "size", "--json"))
    assert (document["board"], document["optimise"]) == ("host", "size")
    choices = {choice["optimise"]: choice for choice in document["choices"]}
    assert list(choices) == [one.value for one in Optimise]
    for key in ("arena_bytes", "constant_bytes"):
        assert choices["size"][key] == document[key]
    rest = ["md_depthwise_conv2d_s8", "md_fully_connected_s8"]
    assert choices["balanced"]["kernels"] == ["md_conv2d_s8", *rest]
    assert choices["size"]["kernels"] == ["md_conv2d_s8", rest[1]]  # the depthwise one in groups
    text = run("--optimise", "ram")
    assert "on corstone-300" in text and "ram *" in text
    assert "md_helium_conv2d_s8 (helium; 3 operators a few rows at a time" in text
