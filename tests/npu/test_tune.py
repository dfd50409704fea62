"""``tune`` as a user calls it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import npu_models
import pytest
from command import assert_refused, mcu_deploy

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.writer import write_model
from mcu_deploy.npu import vela
from mcu_deploy.npu.vela import CONFIGURATIONS, VelaOptions
from mcu_deploy.pipeline.tuning import TuneOptions, tune

FIGURES = (
    "estimated_cycles",
    "estimated_seconds",
    "estimated_sram_bytes",
    "estimated_flash_bytes",
    "estimated_dram_bytes",
    "estimated_sram_traffic_bytes",
    "estimated_flash_traffic_bytes",
    "estimated_dram_traffic_bytes",
    "estimated_bytes_per_second",
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "mixed.tflite"
    path.write_bytes(write_model(npu_models.mixed()))
    return path


def test_every_configuration_by_default(model: Path) -> None:
    result = mcu_deploy("tune", model, "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document["schema"] == "mcu-deploy/tune/1"
    results = document["results"]
    assert [entry["configuration"] for entry in results] == list(CONFIGURATIONS)
    for entry in results:
        assert entry["error"] is None
        assert all(entry[figure] >= 0 for figure in FIGURES)
        assert entry["estimated_seconds"] == entry["estimated_cycles"] / entry["clock_hz"]
        moved = sum(entry[f"estimated_{memory}_traffic_bytes"] for memory in ("sram", "flash", "dram"))
        assert moved == pytest.approx(entry["estimated_bytes_per_second"] * entry["estimated_seconds"])
    fewest = min(len(entry["cpu_operators"]) for entry in results)
    best = [entry for entry in results if len(entry["cpu_operators"]) == fewest]
    assert document["fastest"] == min(best, key=lambda entry: entry["estimated_seconds"])["configuration"]
    assert document["smallest"] == min(best, key=lambda entry: entry["estimated_sram_bytes"])["configuration"]


def test_the_table_says_that_it_is_an_estimate(model: Path) -> None:
    result = mcu_deploy("tune", model, "--accelerators", "ethos-u65-256, ethos-u55-32,ethos-u55-32")
    assert result.code == 0, result.err
    assert result.err == ""  # the bar is for terminals
    rows = [line.split()[0] for line in result.out.splitlines() if line.startswith("ethos-")]
    assert rows == ["ethos-u65-256", "ethos-u55-32"]
    assert "AVERAGE_POOL_2D" in result.out
    assert "fastest" in result.out
    assert "estimates" in result.out
    assert "nothing was run" in result.out


def test_the_result_does_not_depend_on_how_many_run_at_a_time(model: Path) -> None:
    options = ("--accelerators", "ethos-u55-32,ethos-u55-64,ethos-u65-512", "--json")
    assert mcu_deploy("tune", model, *options, "--jobs", 1).out == mcu_deploy("tune", model, *options).out


def test_a_configuration_that_fails_is_told_and_the_others_stand(tmp_path: Path) -> None:
    model = tmp_path / "mixed.tflite"
    model.write_bytes(write_model(npu_models.mixed()))
    options = ("--accelerators", "ethos-u55-32,ethos-u65-256", "--npu-system-config", "Ethos_U65_High_End")
    result = mcu_deploy("tune", model, *options, "--npu-memory-mode", "Dedicated_Sram", "--json")
    assert result.code == 0, result.err
    first, second = json.loads(result.out)["results"]
    assert second["error"] is None
    assert first["error"] is None or (first["estimated_cycles"] is None and "Vela" in first["error"])


def test_an_interruption_stops_vela(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that runs at the time, and not only what has not begun."""
    command = vela._command

    def slow(options: VelaOptions) -> list[str]:
        if options.configuration == "ethos-u55-32":
            return command(options)
        return [sys.executable, "-c", "import time; time.sleep(250)"]

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(vela, "_command", slow)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        tune(TuneOptions(str(model), ("ethos-u55-32", "ethos-u55-64", "ethos-u55-128"), jobs=2), interrupt)
    assert time.monotonic() - start < 200


def test_a_picture(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    output = tmp_path / "tune.png"
    result = mcu_deploy("tune", model, "--accelerators", "ethos-u55-32,ethos-u55-64", "-o", output)
    assert result.code == 0, result.err
    assert output.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--accelerators", "ethos-u55-33"), ("ethos-u55-33", "did you mean 'ethos-u55-32'")),
        (("--accelerators", "ethos-u55-32,,"), ("--accelerators",)),
        (("--accelerators", ""), ("--accelerators",)),
        (("--jobs", "0"), ("--jobs",)),
        (("--npu-system-config", "nothing"), ("--npu-system-config",)),
        (("--board", "corstone"), ("corstone-3",)),
        (("-o", "picture.jpg"), (".png",)),
    ],
)
def test_refused(options: tuple[str, ...], words: tuple[str, ...], model: Path, tmp_path: Path) -> None:
    assert_refused(mcu_deploy("tune", model, *options, cwd=tmp_path), 2, *words)
    assert list(tmp_path.iterdir()) == [model]


def test_a_model_that_no_configuration_can_take(tmp_path: Path) -> None:
    builder = GraphBuilder("custom", 1)
    graph = builder.build([builder.operator("CUSTOM:mine", [builder.input((1, 4))], shape=(1, 4))])
    path = tmp_path / "custom.tflite"
    path.write_bytes(write_model(graph))
    assert_refused(
        mcu_deploy("tune", path, "--accelerators", "ethos-u55-32"), 2, "CUSTOM:mine", "not supported"
    )
    path.write_bytes(b"no model")
    assert_refused(mcu_deploy("tune", path), 2, "is not a TFLite model")
