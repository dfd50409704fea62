"""Running Vela and reading what it made: options, failures, estimates; no firmware is built here."""

from __future__ import annotations

import hashlib
import struct
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import npu_models
import numpy as np
import pytest

from mcu_deploy.boards.reader import load_board
from mcu_deploy.errors import McuDeployError, ModelError, ToolMissingError, UsageError
from mcu_deploy.graph.builder import GraphBuilder, affine
from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.graph.reader import NPU_OPERATOR, parse_model
from mcu_deploy.graph.writer import write_model
from mcu_deploy.npu import vela
from mcu_deploy.npu.compiled import Compiled, read_compiled
from mcu_deploy.npu.estimate import COLUMNS, read_estimate
from mcu_deploy.npu.vela import CONFIGURATIONS, VelaOptions, compile_model, memory_ports, vela_options
from mcu_deploy.plan.compiled import make_compiled_plan
from mcu_deploy.plan.operators.types import ETHOS_U
from mcu_deploy.plan.planner import offset_of
from mcu_deploy.plan.types import View

MODELS = (npu_models.all_on_npu, npu_models.mixed, npu_models.all_on_cpu, npu_models.without_weights)


def options(
    configuration: str = "ethos-u55-128", memory_mode: str | None = None, **more: object
) -> VelaOptions:
    settings = {"system_config": None, "optimise": "performance", "arena_cache": None, **more}
    return vela_options(load_board("corstone-300").npu, configuration, memory_mode=memory_mode, **settings)  # type: ignore[arg-type]


def compiled(make: Callable[[], Graph], configuration: str = "ethos-u55-128") -> tuple[Graph, Compiled]:
    data = write_model(make())
    original = parse_model(data, "model")
    return original, read_compiled(compile_model(data, options(configuration)).model, original)


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_every_configuration_compiles(configuration: str) -> None:
    original, result = compiled(npu_models.all_on_npu, configuration)
    plan = make_compiled_plan(original, result)
    assert [step.implementation for step in plan.steps] == [ETHOS_U]
    header = struct.unpack("<4I", bytes(plan.steps[0].constants[0].values[:16]))
    assert header[0] == int.from_bytes(b"COP1", "little")
    product = ["ethos-u55", "ethos-u65", "ethos-u85"][header[2] >> 28]
    assert f"{product}-{1 << (header[2] & 15)}" == configuration
    assert plan.macs == 8 * 8 * 8 * (4 * 9 + 9)


def test_the_same_twice() -> None:
    data = write_model(npu_models.mixed())
    results = [compile_model(data, options()) for _ in range(2)]
    assert results[0] == results[1]
    assert str(Path.cwd()) not in results[0].messages
    assert "/tmp" not in results[0].messages


def test_the_estimate() -> None:
    result = compile_model(write_model(npu_models.all_on_npu()), options())
    estimate = result.estimate
    assert estimate is not None
    assert (estimate.clock_hz, estimate.dram_bytes) == (500e6, 0)
    assert estimate.cycles > 0
    assert estimate.sram_bytes >= 8 * 8 * (4 + 8)
    assert estimate.seconds == estimate.cycles / 500e6
    assert estimate.macs >= 8 * 8 * 8 * 4 * 9


@pytest.mark.parametrize(
    ("mode", "ports"),
    [("Shared_Sram", (1, 0, 0)), ("Sram_Only", (0, 0, 0)), ("Dedicated_Sram_256KB", (1, 1, 0))],
)
def test_memory_modes(mode: str, ports: tuple[int, int, int]) -> None:
    assert memory_ports(mode) == ports
    config = "Ethos_U65_High_End" if mode.startswith("Dedicated") else "Ethos_U65_Embedded"
    data = write_model(npu_models.all_on_npu())
    chosen = options("ethos-u65-256", mode, system_config=config)
    result = read_compiled(compile_model(data, chosen).model, parse_model(data, "model"))
    assert (result.fast_bytes > 0) == mode.startswith("Dedicated")
    plan = make_compiled_plan(parse_model(data, "model"), result)
    parameters = plan.steps[0].parameters
    assert parameters["arena_bytes"] == plan.arena_bytes
    assert (parameters["fast_offset"] == 0) == (not mode.startswith("Dedicated"))


def test_optimise_and_arena_cache_reach_vela(model_path: Callable[[str], Path]) -> None:
    data = model_path("kws_micronet_m.tflite").read_bytes()
    fast = compile_model(data, options()).estimate
    small = compile_model(data, options(optimise="size")).estimate
    held = compile_model(data, options(arena_cache=100_000)).estimate
    assert fast and small and held
    assert small.sram_bytes < fast.sram_bytes
    assert small.cycles > fast.cycles
    assert held.sram_bytes <= fast.sram_bytes


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"configuration": "ethos-u55-129"}, "did you mean 'ethos-u55-128'?"),
        ({"configuration": "ethos-u65"}, "did you mean 'ethos-u65-256'?"),
        ({"configuration": "gpu"}, "one of none, ethos-u55-32"),
        ({"system_config": "Ethos_U55_High"}, "did you mean 'Ethos_U55_High_End_Embedded'?"),
        ({"memory_mode": "shared_sram"}, "did you mean 'Shared_Sram'?"),
        ({"memory_mode": "--verbose-all"}, "one of Sram_Only"),
    ],
)
def test_unknown_names_are_refused(given: dict[str, str], hint: str) -> None:
    with pytest.raises(UsageError) as error:
        options(**given)  # type: ignore[arg-type]
    assert hint in error.value.hint
    assert next(iter(given.values())) in error.value.message


def test_a_board_without_npu() -> None:
    with pytest.raises(UsageError, match="no Ethos-U"):
        vela_options(None, "ethos-u55-128", None, None, "size", None)


def test_what_vela_refuses() -> None:
    with pytest.raises(ModelError) as error:
        compile_model(b"no model" * 4, options())
    assert "Vela cannot compile the model for ethos-u55-128" in error.value.message
    assert "--npu none" in error.value.hint
    assert not [line for line in error.value.details if "Traceback" in line]


def test_a_memory_mode_that_the_system_lacks() -> None:
    with pytest.raises(UsageError, match="Dedicated_Sram does not fit Ethos_U55_High_End") as error:
        compile_model(write_model(npu_models.all_on_npu()), options(memory_mode="Dedicated_Sram"))
    assert "arena_mem_area=OffChipFlash" in error.value.message
    assert "--npu-memory-mode" in error.value.hint


def test_vela_that_crashes_is_an_error() -> None:
    with pytest.raises(McuDeployError, match=r"Vela (crashed|cannot compile)"):
        compile_model(b"\0\0\0\0TFL3" + bytes(100), options())


def test_vela_that_hangs_is_stopped() -> None:
    with pytest.raises(McuDeployError, match="did not end within"):
        compile_model(write_model(npu_models.all_on_npu()), options(), timeout=0.02)


def test_vela_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = options()
    monkeypatch.setattr(vela, "package_version", lambda name: None)
    with pytest.raises(ToolMissingError) as error:
        compile_model(b"", chosen)
    assert error.value.hint == "pip install ethos-u-vela"
    monkeypatch.setitem(sys.modules, "ethosu", None)
    monkeypatch.setattr(vela.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolMissingError):
        options()


@pytest.mark.parametrize("make", MODELS)
def test_vela_s_tensors_get_the_model_s_numbers(make: Callable[[], Graph]) -> None:
    original, result = compiled(make)
    assert result.graph.inputs == original.inputs
    assert result.graph.outputs == original.outputs
    assert result.graph.tensors[: len(original.tensors)] == original.tensors
    assert [tensor.index for tensor in result.graph.tensors] == list(range(len(result.graph.tensors)))


def test_a_mixed_graph_s_plan() -> None:
    original, result = compiled(npu_models.mixed)
    plan = make_compiled_plan(original, result)
    kinds = [step.kind for step in plan.steps]
    assert kinds.count(NPU_OPERATOR) == 3
    assert kinds.count("AVERAGE_POOL_2D") == 2
    assert result.cpu_operators == ("AVERAGE_POOL_2D", "AVERAGE_POOL_2D")
    performed = sorted(index for step in plan.steps for index in step.operators)
    assert performed == list(range(len(original.operators)))
    for step in plan.steps:
        for tensor in (*step.inputs, *step.outputs):
            assert offset_of(plan, tensor) == result.offsets[tensor]
            assert tensor < len(original.tensors)


def test_the_weights_stand_once_in_a_plan() -> None:
    original, result = compiled(npu_models.mixed)
    names = [
        constant.name for step in make_compiled_plan(original, result).steps for constant in step.constants
    ]
    assert len(names) == len(set(names))
    assert len([name for name in names if name.startswith("npu_constants")]) == 1


def test_a_reshape_that_vela_leaves_and_moves_is_a_copy() -> None:
    """As Vela left it beside SOFTMAX when told to ignore both; made here from a plan's own parts."""
    builder = GraphBuilder("reshape", 1)
    source = builder.input((1, 4, 4, 1))
    x = builder.operator("RESHAPE", [source, builder.constant(np.array([1, 16], np.int32))])
    y = builder.operator("RELU", [x], scale=0.05, zero_point=-1)
    graph = builder.build([y])
    apart = Compiled(graph, len(graph.tensors), {source: 0, x: 16, y: 32}, 0, 0)
    plan = make_compiled_plan(graph, apart)
    assert [(step.kind, step.kernel) for step in plan.steps] == [
        ("RESHAPE", "md_copy_raw"),
        ("RELU", "md_lookup_s8"),
    ]
    together = replace(apart, offsets={source: 0, x: 0, y: 32})
    plan = make_compiled_plan(graph, together)
    assert ([step.kind for step in plan.steps], plan.views) == (["RELU"], {x: View(source)})
    with pytest.raises(McuDeployError, match="0 and 2 overlap"):
        make_compiled_plan(graph, replace(apart, offsets={source: 0, x: 8, y: 32}))


def test_scratch_of_our_kernels_avoids_what_is_alive() -> None:
    builder = GraphBuilder("scratch", 1)
    source = builder.input((1, 6, 6, 8))
    x = builder.conv_2d(source, 8, (3, 3))
    graph = builder.build([x])
    plan = make_compiled_plan(graph, Compiled(graph, len(graph.tensors), {source: 0, x: 512}, 0, 0))
    scratch = next(one for one in plan.allocations if one.tensor < 0)
    assert scratch.offset >= 512 + 288 or 288 <= scratch.offset <= 512 - scratch.size
    assert plan.arena_bytes >= scratch.offset + scratch.size


def test_a_compiled_model_is_refused_as_input() -> None:
    result = compile_model(write_model(npu_models.all_on_npu()), options())
    with pytest.raises(ModelError) as error:
        parse_model(result.model, "compiled")
    assert "compiled by Vela already" in error.value.message
    assert "--npu" in error.value.hint


def test_an_operator_of_the_cpu_keeps_its_intermediates() -> None:
    """They are tensors like others, which Vela numbers anew."""
    builder = GraphBuilder("rest", 1)
    x = builder.conv_2d(builder.input((1, 8, 8, 4)), 8, (3, 3))
    y = npu_models.wide_average(builder, builder.input((1, 8, 8, 4)))
    between = builder.tensor((0,), affine(0.25, 0), dtype=DataType.INT16)
    builder.operators[-1] = replace(builder.operators[-1], intermediates=(between,))
    data = write_model(builder.build([x, y]))
    result = read_compiled(compile_model(data, options()).model, parse_model(data, "model"))
    (left,) = (one for one in result.graph.operators if one.kind == "AVERAGE_POOL_2D")
    quantization = result.graph.tensors[left.intermediates[0]].quantization
    assert quantization is not None
    assert quantization.scale.tolist() == [0.25]


@pytest.mark.parametrize("figure", ["nan", "inf", "-inf", "many", ""])
def test_an_estimate_that_is_no_number_is_none(figure: str, tmp_path: Path) -> None:
    columns = COLUMNS.values()
    path = tmp_path / "model_summary_System.csv"
    path.write_text(f"{','.join(columns)}\n{','.join('1' for _ in columns)}\n")
    assert read_estimate(tmp_path) is not None
    path.write_text(f"{','.join(columns)}\n{','.join(figure for _ in columns)}\n")
    assert read_estimate(tmp_path) is None


def test_a_damaged_result_is_an_error() -> None:
    data = write_model(npu_models.mixed())
    original = parse_model(data, "model")
    made = bytearray(compile_model(data, options()).model)
    rng = np.random.default_rng(5)
    refused = 0
    for _ in range(300):
        damaged = bytearray(made)
        for position in rng.integers(0, len(made), 6):
            damaged[position] = rng.integers(0, 256)
        try:
            make_compiled_plan(original, read_compiled(bytes(damaged), original))
        except McuDeployError:
            refused += 1
    assert refused > 50


def test_what_vela_leaves_must_have_a_kernel() -> None:
    builder = GraphBuilder("custom", 1)
    graph = builder.build([builder.operator("CUSTOM:mine", [builder.input((1, 4))], shape=(1, 4))])
    data = write_model(graph)
    made = compile_model(data, options())
    with pytest.raises(ModelError, match=r"CUSTOM:mine.*not supported"):
        read_compiled(made.model, parse_model(data, "model"))


def test_the_identity_of_a_result_is_its_hash() -> None:
    """So that a project folder can tell that its file was changed."""
    data = write_model(npu_models.without_weights())
    hashes = {
        hashlib.sha256(compile_model(data, options(name)).model).hexdigest()
        for name in ("ethos-u55-32", "ethos-u55-256")
    }
    assert len(hashes) == 2
