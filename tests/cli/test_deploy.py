"""Deployments of a small model from end to end, with nothing replaced: compiler, QEMU, TFLM."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from command import FRONTEND, chirp, contents, listing, mcu_deploy, write_wav

from mcu_deploy.build import build
from mcu_deploy.pipeline.options import RunOptions
from mcu_deploy.pipeline.project import load_project
from mcu_deploy.pipeline.run import collect_inputs, run_batch
from mcu_deploy.reference.tflm import run_reference
from mcu_deploy.simulate.runner import find_simulator

# In the Helium kernels' order of a layer's constants: what the first block begins with.
FIRST_WEIGHT = 0

pytestmark = pytest.mark.qemu


@pytest.mark.parametrize("simulator", ["qemu", "native"])
def test_a_recording_and_tensors_are_verified(
    simulator: str, built: Path, keyword_model: Path, recording: Path, tensors: tuple[Path, Path]
) -> None:
    """One batch of everything; also the document, field by field where it is the interface."""
    inputs = ("--input", recording, "--input", tensors[0], "--input", tensors[1], "--random", 2, "--seed", 7)
    options = ("--simulator", simulator, "--hop", 0.5, "--pad", "--layers", "--json")
    result = mcu_deploy("deploy", keyword_model, *FRONTEND, "--output-dir", built, *inputs, *options)
    assert result.code == 0, result.err
    document = result.document
    assert document["verdict"] == "verified"
    assert document["error"] is None
    assert document["first_difference"] is None
    assert (document["board"], document["simulator"]) == ("corstone-300", simulator)
    assert (document["npu"], document["runtime"], document["frontend"]) == (None, "aot", "micronet-kws")
    assert document["optimise"] == "balanced"
    assert document["model"]["macs"] > 1000
    runs = document["runs"]
    assert [run["start_seconds"] for run in runs] == [0.0, 0.5, 1.0, 1.5, 2.0, None, None, None, None]
    sources = [*[str(recording)] * 5, str(tensors[0]), str(tensors[1]), "random[0]", "random[1]"]
    assert [run["input"] for run in runs] == sources
    assert runs[5]["scores"] == runs[6]["scores"]  # int8 and float32 hold the same tensor
    for run in runs:
        assert run["label"] is None
        assert run["outputs_bit_exact"] is True
        assert run["layers_bit_exact"] is True
        assert run["features_bit_exact"] is (True if run["start_seconds"] is not None else None)
        counts = run["simulated_instructions"]
        assert (counts["inference"] is not None) == (simulator == "qemu")
        assert (counts["frontend"] is not None) == (simulator == "qemu" and run["start_seconds"] is not None)
    memory = document["memory"]
    assert memory["arena_bytes"] > 0
    if simulator == "qemu":
        assert memory["flash_bytes"] == memory["flash_code_bytes"] + memory["flash_constant_bytes"]
        assert 0 < memory["stack_bytes"] < memory["stack_reserved_bytes"]
        assert memory["ram_bytes"] > memory["arena_bytes"] + memory["stack_bytes"]
    assert [step["name"] for step in document["steps"]][-1] == "compare with the Python reference"
    assert "compare with the Python reference" in result.err


def test_a_second_deployment_builds_nothing(built: Path, keyword_model: Path, tmp_path: Path) -> None:
    def times() -> dict[Path, int]:
        logs = list((built / "build").rglob(".ninja_log"))
        made = [*(built / "build").rglob("*.o*"), built / "build/target/firmware.elf"]
        return {path: path.stat().st_mtime_ns for path in logs + made}

    assert mcu_deploy("build", built).code == 0
    before = times()
    assert len(before) > 10
    wav = write_wav(tmp_path / "new.wav", chirp(1.0, seed=9).tobytes())
    result = mcu_deploy("deploy", keyword_model, *FRONTEND, "--output-dir", built, "--input", wav)
    assert result.code == 0, result.err
    assert "VERIFIED" in result.out
    assert times() == before


def test_two_generations_give_the_same_files_and_the_same_elf(
    built: Path, keyword_model: Path, tmp_path: Path
) -> None:
    assert mcu_deploy("build", built).code == 0
    other = tmp_path / "elsewhere" / "other name"
    assert mcu_deploy("generate", keyword_model, *FRONTEND, "--output-dir", other).code == 0
    result = mcu_deploy("build", other)
    assert result.code == 0, result.err
    assert result.out.strip() == str(other / "build/target/firmware.elf")
    assert (other / "build/target/firmware.elf").read_bytes() == (
        built / "build/target/firmware.elf"
    ).read_bytes()
    generated = [name for name in contents(other) if not name.startswith("build/")]
    assert {name: (built / name).read_bytes() for name in generated} == {
        name: (other / name).read_bytes() for name in generated
    }
    assert str(tmp_path).encode() not in b"".join((other / name).read_bytes() for name in generated)


def test_the_steps_one_at_a_time(built: Path, recording: Path) -> None:
    """The project's folder carries the state; what ``run`` was told, ``verify`` knows."""
    result = mcu_deploy("run", built, "--input", recording, "--layers", "--simulator", "native")
    assert result.code == 0, result.err
    assert result.out.startswith("2 inputs run")
    document = mcu_deploy("verify", built, "--json").document
    assert document["verdict"] == "verified"
    assert document["simulator"] == "native"
    assert [run["layers_bit_exact"] for run in document["runs"]] == [True, True]
    text = mcu_deploy("verify", built)
    assert text.code == 0
    assert text.out.splitlines()[-1].startswith("VERIFIED: ")


def test_without_a_simulator_named_the_steps_take_the_boards_first(built: Path) -> None:
    assert mcu_deploy("run", built, "--random", 1).code == 0
    document = mcu_deploy("verify", built, "--json").document
    assert (document["verdict"], document["simulator"]) == ("verified", "qemu")


def test_a_firmware_that_was_built_after_the_run_is_not_called_verified(project: Path) -> None:
    """Neither is one that was only edited: what ran is still there, and is what is judged."""
    assert mcu_deploy("run", project, "--random", 1, "--simulator", "native").code == 0
    source = project / "generated" / "model.c"
    text = source.read_text(encoding="utf-8")
    source.write_text(text + "int changed(void);\nint changed(void) {\n    return 1;\n}\n", encoding="utf-8")
    assert mcu_deploy("verify", project).code == 0
    _edit(source, "step0_blocks", FIRST_WEIGHT, "1")
    assert mcu_deploy("build", project, "--simulator", "native").code == 0
    result = mcu_deploy("verify", project)
    assert result.code == 2
    assert "was built again after its last run" in result.err


def test_the_sanitizers_find_nothing_and_change_nothing(built: Path, recording: Path) -> None:
    options = RunOptions(simulator="native", inputs=(str(recording),), random=3, hop=0.3, layers=True)
    project = load_project(built)
    inputs = collect_inputs(project, options)
    records = []
    for preset in ("host", "sanitize"):
        run_batch(project, build(built, preset), find_simulator(project.board, "native"), inputs, options)
        records.append((built / "run" / "records.bin").read_bytes())
        assert (built / "run" / "stderr.txt").read_bytes() == b""
    symbols = (built / "build/sanitize/firmware").read_bytes()
    assert b"__asan_init" in symbols and b"__ubsan_handle" in symbols
    assert records[0] == records[1]


def _edit(path: Path, array: str, position: int, change: str) -> None:
    """Replaces one element of a C array."""
    text = path.read_text(encoding="utf-8")
    start = text.index("{", text.index(f"{array}[")) + 1
    elements = list(re.finditer(r"[^\s,{}]+", text[start : text.index("}", start)]))
    found = elements[position]
    assert found.group() != change
    path.write_text(text[: start + found.start()] + change + text[start + found.end() :], encoding="utf-8")


@pytest.mark.parametrize("simulator", ["qemu", "native"])
def test_a_corrupt_weight_is_found_and_named(simulator: str, project: Path) -> None:
    _edit(project / "generated" / "model.c", "step0_blocks", FIRST_WEIGHT, "1")
    assert mcu_deploy("run", project, "--simulator", simulator, "--random", 3, "--layers").code == 0
    result = mcu_deploy("verify", project, "--json")
    assert result.code == 3, result.err
    document = result.document
    assert document["verdict"] == "differs"
    assert document["error"] is None
    assert document["runs"][0]["layers_bit_exact"] is False
    difference = document["first_difference"]
    graph = load_project(project).graph
    tensor = graph.operators[0].outputs[0]
    assert (difference["stage"], difference["run"]) == ("model.tensor", 0)
    assert difference["name"].startswith(f"{tensor} ")
    assert difference["index"][3] == 0  # the first weight is one of output channel 0
    values = np.random.default_rng(0).integers(-128, 128, size=(1, 49, 10, 1)).astype(np.int8)
    reference = run_reference((project / "model/model.tflite").read_bytes(), [[values]], all_tensors=True)
    wanted = int(reference[0].tensors[tensor][tuple(difference["index"])])
    assert difference["expected_hex"] == f"0x{wanted & 255:02x}"
    assert difference["expected"] == str(wanted)
    assert (
        difference["actual_hex"] == f"0x{int(difference['actual']) & 255:02x}" != difference["expected_hex"]
    )
    text = mcu_deploy("verify", project)
    assert text.code == 3
    assert "first difference: random[0], model.tensor" in text.out
    assert text.out.splitlines()[-1].startswith("DIFFERS: ")


def test_a_corrupt_window_is_found_and_named(project: Path, recording: Path) -> None:
    _edit(project / "generated" / "frontend_tables.c", "md_frontend_window", 321, "0x1p-17f")
    run = mcu_deploy("run", project, "--simulator", "native", "--input", recording, "--layers")
    assert run.code == 0, run.err
    result = mcu_deploy("verify", project, "--json")
    assert result.code == 3, result.err
    difference = result.document["first_difference"]
    assert (difference["stage"], difference["name"]) == ("frontend", "windowed")
    assert difference["index"] == [0, 321]
    sample = int(chirp(2.5)[321])
    assert difference["actual_hex"] == f"0x{np.float32(sample * 2.0**-17).view(np.uint32):08x}"
    assert float(difference["expected"]) == pytest.approx(4 * float(difference["actual"]), rel=1e-3)
    assert result.document["runs"][0]["features_bit_exact"] is False


def test_an_edited_project_is_not_deployed_over(project: Path, keyword_model: Path) -> None:
    """Nor discarded: without --force the edit stays."""
    notes = project / "notes.txt"
    notes.write_text("mine")
    model_c = project / "generated" / "model.c"
    edited = model_c.read_text() + "/* mine */\n"
    model_c.write_text(edited)
    options = ("generate", keyword_model, *FRONTEND, "--output-dir", project)
    result = mcu_deploy(*options)
    assert result.code == 2
    assert "generated/model.c" in result.err and "--force" in result.err
    assert model_c.read_text() == edited
    assert mcu_deploy(*options, "--force").code == 0
    assert "mine" not in model_c.read_text()
    assert notes.read_text() == "mine"  # which was never generated
    assert [name for name in listing(project) if name.startswith(".mcu-deploy")] == []
    notes.unlink()


def test_inspect_of_a_hostile_name_stays_on_its_line(keyword_model: Path) -> None:
    text = mcu_deploy("inspect", keyword_model)
    assert text.code == 0
    assert 'input: "features \\"*\\/ ../\\n" 1x49x10x1' in text.out
    document = json.loads(mcu_deploy("inspect", keyword_model, "--json").out)
    assert [operator["kind"] for operator in document["operators"]][-2:] == ["FULLY_CONNECTED", "SOFTMAX"]
    assert document["problems"] == []
    assert document["macs"] == sum(operator["macs"] for operator in document["operators"])


def test_a_front_end_without_promised_bits_is_measured_and_the_model_still_judged(
    keyword_model: Path, recording: Path, tools: None, tmp_path: Path
) -> None:
    """CMSIS-DSP's Helium code has other bits; the reference takes the input that the target made."""
    spec = tmp_path / "own.toml"
    spec.write_text('preset = "micronet-kws"\narithmetic = "cmsis-helium"\n', encoding="utf-8")
    options = (
        "--frontend",
        spec,
        "--output-dir",
        tmp_path / "out",
        "--input",
        recording,
        "--layers",
        "--json",
    )
    result = mcu_deploy("deploy", keyword_model, *options)
    assert result.code == 0, result.err
    assert result.document["verdict"] == "verified"
    for run in result.document["runs"]:
        assert (run["features_bit_exact"], run["layers_bit_exact"], run["outputs_bit_exact"]) == (
            False,
            True,
            True,
        )
        assert 0 < run["features_max_error"] < 0.05
    native = mcu_deploy("deploy", keyword_model, *options[:-1], "--simulator", "native")
    assert native.code == 0 and "a build for this computer has no Helium" in native.out.splitlines()[-1]
