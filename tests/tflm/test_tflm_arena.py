"""The estimate of the arena, against what TFLite Micro used on a Cortex-M55."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mcu_deploy.boards.reader import load_board
from mcu_deploy.graph.reader import parse_model
from mcu_deploy.npu.compiled import read_compiled
from mcu_deploy.npu.vela import compile_model, vela_options
from mcu_deploy.tflm.arena import estimate_arena

# arena_used_bytes on QEMU: with reference kernels, with CMSIS-NN's.
USED = {
    "kws_micronet_l.tflite": (204_004, 208_516),
    "kws_micronet_m.tflite": (100_932, 105_428),
    "ad_small_int8.tflite": (114_308, 114_340),
    "audio_sound_event_v1.0.2_int8.tflite": (174_244, 176_836),
}
USED_WITH_NPU = {
    "kws_micronet_l.tflite": 213_780,
    "kws_micronet_m.tflite": 106_916,
    "ad_small_int8.tflite": 146_404,
    "audio_sound_event_v1.0.2_int8.tflite": 221_652,
}
USED_WITH_DEDICATED_SRAM = 227_232  # of kws_micronet_m on ethos-u65-256, the dedicated memory included
MOST = 1.25  # times what is needed


@pytest.mark.parametrize("name", USED)
def test_without_npu(name: str, model_path: Callable[[str], Path]) -> None:
    estimate = estimate_arena(parse_model(model_path(name).read_bytes(), name))
    assert max(USED[name]) <= estimate <= MOST * max(USED[name])
    assert estimate % 16 == 0


@pytest.mark.parametrize("name", USED_WITH_NPU)
def test_with_npu(name: str, model_path: Callable[[str], Path]) -> None:
    estimate = with_npu(model_path(name), "ethos-u55-128", None, None)
    assert USED_WITH_NPU[name] <= estimate <= MOST * USED_WITH_NPU[name]


def test_with_dedicated_sram(model_path: Callable[[str], Path]) -> None:
    path = model_path("kws_micronet_m.tflite")
    estimate = with_npu(path, "ethos-u65-256", "Ethos_U65_High_End", "Dedicated_Sram")
    assert USED_WITH_DEDICATED_SRAM <= estimate <= MOST * USED_WITH_DEDICATED_SRAM


def with_npu(path: Path, npu: str, system_config: str | None, memory_mode: str | None) -> int:
    data = path.read_bytes()
    graph = parse_model(data, path.stem)
    board = load_board("corstone-300").npu
    options = vela_options(board, npu, system_config, memory_mode, "performance", None)
    return estimate_arena(graph, read_compiled(compile_model(data, options).model, graph))
