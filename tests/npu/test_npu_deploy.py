"""``deploy --npu`` as a user calls it: natively and on QEMU, where the model stands for the NPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import npu_models
import pytest
from command import assert_refused, contents, mcu_deploy

from mcu_deploy.build import build
from mcu_deploy.errors import MemoryOverflowError
from mcu_deploy.graph.ir import Graph
from mcu_deploy.graph.writer import write_model
from mcu_deploy.pipeline.generate import generate, project_reserves
from mcu_deploy.pipeline.options import GenerateOptions
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.pipeline.project import load_project
from mcu_deploy.simulate import runner
from mcu_deploy.simulate.npu_failures import NpuFailureError
from mcu_deploy.simulate.records import TensorInput

File = Callable[[str], Path]
CONFIGURATIONS = (
    "ethos-u55-32",
    "ethos-u55-64",
    "ethos-u55-128",
    "ethos-u55-256",
    "ethos-u65-256",
    "ethos-u65-512",
)
REAL_MODELS = (
    "kws_micronet_l.tflite",
    "kws_micronet_m.tflite",
    "ad_small_int8.tflite",
    "audio_sound_event_v1.0.2_int8.tflite",
    "audio_sound_event_v1.001.000_int8.tflite",
)
KIB = 1024


def write(graph: Graph, folder: Path) -> Path:
    path = folder / f"{graph.name}.tflite"
    path.write_bytes(write_model(graph))
    return path


@pytest.mark.qemu
@pytest.mark.parametrize("simulator", ["native", "qemu"])
def test_the_bundled_model(simulator: str, tools: None, tmp_path: Path) -> None:
    recording = Path(__file__).parents[2] / "models/kws_demo/recordings/yes_awb.wav"
    options = ("--npu", "ethos-u55-128", "--simulator", simulator, "--input", recording, "--layers", "--json")
    result = mcu_deploy("deploy", "kws-demo", *options, cwd=tmp_path)
    assert result.code == 0, result.err
    document = result.document
    assert document["verdict"] == "verified"
    assert document["runs"][0]["label"] == "yes"
    assert document["runs"][0]["features_bit_exact"] is True
    npu = document["npu"]
    assert (npu["configuration"], npu["cpu_operators"], npu["npu_steps"]) == ("ethos-u55-128", [], 1)
    assert npu["npu_macs"] == document["model"]["macs"]
    assert 200_000 < npu["estimated_cycles"] < 500_000
    assert npu["memory"]["constant_bytes"] > 80_000
    counted = npu["counted"]
    assert 0.9 * npu["npu_macs"] < counted["macs"] <= npu["npu_macs"]  # the model's, without those of padding
    assert counted["operations"] > 10
    assert counted["bytes_read"]["stream"] <= npu["memory"]["command_stream_bytes"]
    assert counted["bytes_read"]["constants"] > 80_000
    assert min(counted["bytes_read"]["arena"], counted["bytes_written"]["arena"]) > 100_000
    text = mcu_deploy("verify", tmp_path / "mcu-deploy-out/kws-demo-corstone-300-ethos-u55-128").out
    assert f"an inference, counted by the functional model: {counted['macs']:,} MACs" in text
    assert "left to the CPU: nothing" in text
    assert [layer["kernel"] for layer in document["layers"]] == ["md_npu_step"]
    assert [path.name for path in (tmp_path / "mcu-deploy-out").iterdir()] == [
        "kws-demo-corstone-300-ethos-u55-128"
    ]


@pytest.mark.qemu
@pytest.mark.parametrize("simulator", ["native", "qemu"])
@pytest.mark.parametrize("configuration", ["ethos-u55-32", "ethos-u65-512"])
def test_a_mixed_graph(configuration: str, simulator: str, tools: None, tmp_path: Path) -> None:
    model = write(npu_models.mixed(), tmp_path)
    options = ("--npu", configuration, "--simulator", simulator, "--random", 5, "--layers", "--json")
    result = mcu_deploy("deploy", model, *options, "--output-dir", tmp_path / "project")
    assert result.code == 0, result.err
    document = result.document
    assert document["verdict"] == "verified"
    assert document["npu"]["cpu_operators"] == ["AVERAGE_POOL_2D", "AVERAGE_POOL_2D"]
    assert document["npu"]["npu_steps"] == 3
    assert document["npu"]["counted"]["macs"] > 0
    assert all(run["layers_bit_exact"] for run in document["runs"])
    assert sum(layer["macs"] for layer in document["layers"]) == document["model"]["macs"]


def test_tensors_that_cannot_be_told_apart_are_not_compared(tools: None, tmp_path: Path) -> None:
    """Two of one name: Vela's file does not say which is which."""
    graph = npu_models.mixed()
    first, second = (graph.operators[index].outputs[0] for index in (0, 1))
    tensors = list(graph.tensors)
    tensors[second] = replace(tensors[second], name=tensors[first].name)
    model = write(replace(graph, tensors=tuple(tensors)), tmp_path)
    options = ("--npu", "ethos-u55-128", "--simulator", "native", "--layers", "--json")
    result = mcu_deploy("deploy", model, *options, "--output-dir", tmp_path / "project")
    assert result.code == 0, result.err
    assert result.document["runs"][0]["layers_bit_exact"] is True
    plan = load_project(tmp_path / "project").plan
    made = {index for step in plan.steps for index in step.outputs}
    assert {index for index in made if index >= len(tensors)}
    assert first not in made
    assert second not in made


def test_a_model_that_vela_leaves_to_the_cpu(tools: None, tmp_path: Path) -> None:
    model = write(npu_models.all_on_cpu(), tmp_path)
    options = ("--npu", "ethos-u55-128", "--simulator", "native", "--output-dir", tmp_path / "project")
    result = mcu_deploy("deploy", model, *options)
    assert result.code == 0, result.err
    assert "nothing runs on the ethos-u55-128" in result.out
    assert mcu_deploy("verify", tmp_path / "project", "--json").document["npu"]["counted"] is None
    assert not (tmp_path / "project" / "src" / "npu").exists()


@pytest.mark.parametrize("make", [npu_models.without_weights, npu_models.all_on_npu])
@pytest.mark.parametrize("mode", ["Shared_Sram", "Sram_Only", "Dedicated_Sram_256KB"])
def test_memory_modes_run(make: Callable[[], Graph], mode: str, tools: None, tmp_path: Path) -> None:
    config = "Ethos_U65_High_End" if mode.startswith("Dedicated") else "Ethos_U65_Embedded"
    options = ("--npu", "ethos-u65-256", "--npu-memory-mode", mode, "--npu-system-config", config)
    run = ("--simulator", "native", "--random", 3, "--json", "--output-dir", tmp_path / "project")
    result = mcu_deploy("deploy", write(make(), tmp_path), *options, *run)
    assert result.code == 0, result.err
    assert result.document["npu"]["memory_mode"] == mode


def test_a_second_deployment_changes_nothing_and_another_npu_is_another_project(
    tools: None, tmp_path: Path
) -> None:
    model, folder = write(npu_models.all_on_npu(), tmp_path), tmp_path / "project"
    options = ("--npu", "ethos-u55-64", "--output-dir", folder)
    assert mcu_deploy("generate", model, *options).code == 0
    before = contents(folder)
    again = mcu_deploy("generate", model, *options)
    assert "unchanged" in again.err
    assert contents(folder) == before
    for other in (("--npu", "ethos-u55-32"), ("--npu", "ethos-u55-64", "--npu-optimise", "size"), ()):
        result = mcu_deploy("generate", model, "--output-dir", folder, *other)
        assert_refused(result, 2, "another deployment", "npu")
    (folder / "model" / "model_vela.tflite").write_bytes(b"changed")
    assert_refused(mcu_deploy("run", folder, "--simulator", "native"), 2, "damaged", "--force")


def test_without_a_model_the_driver_is_small_and_says_that_nothing_answers(
    tools: None, tmp_path: Path
) -> None:
    options = GenerateOptions(
        model=str(write(npu_models.all_on_npu(), tmp_path)),
        npu="ethos-u55-128",
        npu_model="off",
        output_dir=tmp_path / "project",
    )
    project = generate(options, Progress(None))
    firmware = build(project.folder, "target")
    assert firmware.memory is not None
    assert "npu_model" not in firmware.memory.sets
    assert firmware.memory.sets["npu_driver"].bytes < 6 * KIB
    simulator = runner.find_simulator(project.board, "qemu")
    inputs = [TensorInput(bytes(8 * 8 * 4))]
    with pytest.raises(NpuFailureError, match="no NPU answers") as error:
        runner.run(firmware, project.board, simulator, inputs, tmp_path / "run")
    assert "--npu-model auto" in error.value.hint


def test_the_reserves_cover_driver_and_model(tools: None, tmp_path: Path) -> None:
    model = str(write(npu_models.all_on_npu(), tmp_path))
    options = GenerateOptions(model=model, npu="ethos-u65-512", output_dir=tmp_path / "project")
    project = generate(options, Progress(None))
    memory = build(project.folder, "target").memory
    assert memory is not None
    kept = project_reserves(project)
    assert memory.data_bytes <= kept["data"]
    assert memory.code_bytes <= kept["code"]
    assert memory.sets["npu_model"].bytes < 64 * KIB


def test_the_stream_must_be_for_the_npu_that_is_there(tools: None, tmp_path: Path) -> None:
    model, folder = write(npu_models.all_on_npu(), tmp_path), tmp_path / "project"
    assert mcu_deploy("generate", model, "--npu", "ethos-u55-128", "--output-dir", folder).code == 0
    config = folder / "generated" / "npu_config.h"
    config.write_text(config.read_text().replace("MODEL_MACS 128u", "MODEL_MACS 256u"))
    result = mcu_deploy("run", folder, "--simulator", "native")
    found, hint = "but the NPU is ethos-u55-256 with 48 KiB", "--npu ethos-u55-256"
    assert_refused(result, 1, "was compiled for ethos-u55-128", found, hint)


def test_a_stream_that_leaves_its_memory_is_stopped(tools: None, tmp_path: Path) -> None:
    model, folder = write(npu_models.all_on_npu(), tmp_path), tmp_path / "project"
    assert mcu_deploy("generate", model, "--npu", "ethos-u55-128", "--output-dir", folder).code == 0
    source = folder / "generated" / "model.c"
    text = source.read_text()
    start = text.index(".arena_bytes = ")
    end = text.index(",", start)
    source.write_text(text[:start] + ".arena_bytes = 16" + text[end:])
    result = mcu_deploy("run", folder, "--simulator", "native")
    assert_refused(result, 1, "the NPU stopped in step 0", "access outside of stream, constants and arena")


def test_u85_is_compiled_and_built_but_not_run(tools: None, tmp_path: Path) -> None:
    model, folder = write(npu_models.all_on_npu(), tmp_path), tmp_path / "project"
    assert mcu_deploy("generate", model, "--npu", "ethos-u85-256", "--output-dir", folder).code == 0
    assert mcu_deploy("build", folder).code == 0
    for simulator in ("native", "qemu"):
        result = mcu_deploy("run", folder, "--simulator", simulator)
        assert_refused(result, 2, "functional model of Ethos-U55 and U65 only")
    result = mcu_deploy("generate", model, "--npu", "ethos-u85-256", "--npu-model", "on")
    assert_refused(result, 2, "no functional model of ethos-u85")


def test_refused_options(tmp_path: Path) -> None:
    model = write(npu_models.all_on_npu(), tmp_path)
    for options, words in (
        (("--npu", "ethos-u55-129"), ("did you mean 'ethos-u55-128'?",)),
        (("--npu", "ethos-u55-128", "--npu-system-config", "Ethos_U55"), ("Ethos_U55_Deep_Embedded",)),
        (("--npu", "ethos-u55-128", "--npu-memory-mode", "x;y"), ("Shared_Sram",)),
        (("--npu", "ethos-u55-128", "--npu-optimise", "speed"), ("performance",)),
        (("--npu", "ethos-u55-128", "--npu-arena-cache", "-1"), ("--npu-arena-cache",)),
        (("--npu-model", "on"), ("--npu-model is for an NPU only",)),
    ):
        result = mcu_deploy("deploy", model, *options, cwd=tmp_path)
        assert_refused(result, 2, *words)
    result = mcu_deploy("deploy", model, "--npu", "ethos-u55-128", "--npu-model", "off", cwd=tmp_path)
    assert_refused(result, 2, "qemu has no NPU")
    assert [path.name for path in tmp_path.iterdir()] == [model.name]


BOARD = """
name = "small"
description = "A board whose NPU reaches little"
soc = "sse-300"
[memories.flash]
origin = 0x01000000
size = "64 KiB"
[placement]
code = ["itcm"]
data = ["dtcm"]
stack = ["dtcm"]
model = ["itcm", "flash"]
arena = ["dtcm"]
[npu]
memories = ["flash"]
[stack]
size = "8 KiB"
[simulators.qemu]
machine = "mps3-an547"
icount_shift = 10
"""


def test_what_the_npu_works_on_lies_where_it_reaches(tmp_path: Path) -> None:
    model, board = write(npu_models.all_on_npu(), tmp_path), tmp_path / "small.toml"
    board.write_text(BOARD)
    options = ("--board", board, "--npu", "ethos-u55-128")
    result = mcu_deploy("generate", model, *options, cwd=tmp_path)
    assert_refused(result, 2, "none of the memories for the arena (dtcm), only flash")
    board.write_text(BOARD.replace('arena = ["dtcm"]', 'arena = ["dtcm", "isram"]'))
    assert_refused(
        mcu_deploy("generate", model, *options, cwd=tmp_path), 2, "none of the memories for the arena"
    )
    board.write_text(
        BOARD.replace('arena = ["dtcm"]', 'arena = ["dtcm", "isram"]').replace(
            '["flash"]\n[stack]', '["isram"]\n[stack]'
        )
    )
    assert_refused(
        mcu_deploy("generate", model, *options, cwd=tmp_path), 2, "none of the memories for the model"
    )
    board.write_text(BOARD.replace("[npu]\nmemories", "[npu]\nmemries"))
    assert_refused(mcu_deploy("generate", model, *options, cwd=tmp_path), 2, "unknown key 'memries'")


def test_what_does_not_fit_the_reachable_memories(tmp_path: Path) -> None:
    board = tmp_path / "small.toml"
    both = BOARD.replace('["dtcm"]\n[npu]', '["dtcm", "isram"]\n[npu]')
    board.write_text(both.replace('memories = ["flash"]', 'memories = ["flash", "isram"]'))
    options = GenerateOptions(
        model="kws-demo", board=str(board), npu="ethos-u55-128", output_dir=tmp_path / "project"
    )
    with pytest.raises(MemoryOverflowError, match=r"the model's constants.*flash has 65536 free"):
        generate(options, Progress(None))


def test_placement_obeys_the_npu_s_reach(tools: None, tmp_path: Path) -> None:
    model = str(write(npu_models.all_on_npu(), tmp_path))
    options = GenerateOptions(model=model, npu="ethos-u55-128", output_dir=tmp_path / "project")
    generate(options, Progress(None))
    script = (tmp_path / "project" / "generated" / "firmware.ld").read_text()
    arena = script.partition(".arena (NOLOAD)")[2]
    assert "> md_isram" in arena[:200]


def test_the_sanitizers_find_nothing(tools: None, tmp_path: Path) -> None:
    model, folder = write(npu_models.mixed(), tmp_path), tmp_path / "project"
    options = ("--npu", "ethos-u65-512", "--simulator", "native", "--random", 3, "--output-dir", folder)
    assert mcu_deploy("deploy", model, *options).code == 0
    firmware = build(folder, "sanitize")
    project = load_project(folder)
    given = [TensorInput(bytes(range(256)))]
    native = runner.find_simulator(project.board, "native")
    record = runner.run(firmware, project.board, native, given, tmp_path / "run")
    assert len(record.runs) == 1


@pytest.mark.parametrize("simulator", ["native", "qemu"])
def test_the_functional_model_always(simulator: str, tools: None, tmp_path: Path) -> None:
    model, folder = write(npu_models.all_on_npu(), tmp_path), tmp_path / "project"
    options = ("--npu", "ethos-u55-256", "--npu-model", "on", "--simulator", simulator)
    assert mcu_deploy("deploy", model, *options, "--output-dir", folder).code == 0
    verified = mcu_deploy("verify", folder, "--json")
    assert verified.code == 0
    assert verified.document["npu"]["model"] == "on"


@pytest.mark.qemu
def test_the_npu_s_interrupt_reaches_the_driver(tools: None, tmp_path: Path) -> None:
    """QEMU has no NPU to raise it: it is made pending by the core, before each run. Elsewhere it faults."""
    model, folder = write(npu_models.mixed(), tmp_path), tmp_path / "project"
    assert mcu_deploy("generate", model, "--npu", "ethos-u55-128", "--output-dir", folder).code == 0
    driver = folder / "src" / "npu" / "driver" / "md_npu_step.c"
    original = driver.read_text()
    for interrupt, code in ((56, 0), (57, 1)):
        driver.write_text(
            original
            + "\nvoid md_npu_clean_cache(const void *data, uint32_t bytes) {\n"
            + "    (void)data;\n    (void)bytes;\n"
            + f"    *(volatile uint32_t *)0xE000E104u = 1u << {interrupt - 32};\n"
            + f"    *(volatile uint32_t *)0xE000E204u = 1u << {interrupt - 32};\n}}\n"
        )
        result = mcu_deploy("run", folder, "--simulator", "qemu")
        assert result.code == code, result.err
    assert "faulted" in result.err


def test_a_stream(tools: None, tmp_path: Path) -> None:
    recording = Path(__file__).parents[2] / "models/kws_demo/recordings/up_down_annie.wav"
    options = ("--npu", "ethos-u55-128", "--stream", "--input", recording, "--simulator", "native", "--json")
    folder = tmp_path / "project"
    result = mcu_deploy("deploy", "kws-demo", *options, "--output-dir", folder)
    assert result.code == 0, result.err
    assert result.document["verdict"] == "verified"
    assert len(result.document["runs"]) > 5
    assert f"{result.document['npu']['counted']['macs']:,} MACs" in mcu_deploy("verify", folder).out


def assert_verified(model: Path, configuration: str, simulator: str, count: int, folder: Path) -> None:
    options = ("--npu", configuration, "--simulator", simulator, "--random", count, "--json")
    result = mcu_deploy("deploy", model, *options, "--output-dir", folder)
    assert result.code == 0, result.err + result.out[-2000:]
    document = result.document
    assert document["verdict"] == "verified"
    assert document["npu"]["configuration"] == configuration


@pytest.mark.parametrize("name", REAL_MODELS)
@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_real_models(configuration: str, name: str, model_path: File, tools: None, tmp_path: Path) -> None:
    """On 10 random inputs; benchmarks/npu.py has 50, recordings, and QEMU for all of them."""
    assert_verified(model_path(name), configuration, "native", 10, tmp_path / "project")


@pytest.mark.qemu
@pytest.mark.parametrize("name", REAL_MODELS)
def test_real_models_on_qemu(name: str, model_path: File, tools: None, tmp_path: Path) -> None:
    configuration = CONFIGURATIONS[REAL_MODELS.index(name)]
    assert_verified(model_path(name), configuration, "qemu", 1, tmp_path / "project")
