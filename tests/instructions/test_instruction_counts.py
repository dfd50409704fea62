"""Instructions of an inference against those stored in ``instruction_counts.toml``, which people update.

Counts are exact and repeatable, so that a small allowance is enough: it is for what does not matter. Where
there are fewer by more than that, the test warns, so that the gain is noted. New lines for the file:

    python benchmarks/instructions.py --toml
"""

from __future__ import annotations

import tomllib
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from instructions import toml_lines
from measured import Layer, Measured, Memory, Subject, measure

from mcu_deploy.registry.cards import card_by_name
from mcu_deploy.registry.locate import locate

STORED = tomllib.loads(Path(__file__).with_name("instruction_counts.toml").read_text(encoding="utf-8"))
ALLOWANCE, ALLOWANCE_OF_A_KIND = 0.01, 200
ENTRIES = [
    (model, board, optimise)
    for model, boards in STORED["counts"].items()
    for board, modes in boards.items()
    for optimise in modes
]


def changes(measured: Measured, stored: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """What takes more instructions than are stored, and what takes fewer, beyond the allowance."""
    pairs = {"in all": (measured.instructions, stored["instructions"])}
    now, then = measured.kinds(), stored["operators"]
    for kind in {**then, **now}:
        pairs[kind] = (now.get(kind, 0), then.get(kind, 0))
    more, fewer = [], []
    for what, (count, before) in pairs.items():
        allowed = max(ALLOWANCE * before, ALLOWANCE_OF_A_KIND)
        line = f"{what}: {count:,}, stored {before:,}"
        if count > before + allowed:
            more.append(line)
        elif count < before - allowed:
            fewer.append(line)
    return more, fewer


@pytest.mark.qemu
@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize(("model", "board", "optimise"), ENTRIES)
def test_no_more_instructions_than_stored(
    model: str, board: str, optimise: str, model_path: Callable[[str], Path], tmp_path: Path
) -> None:
    card = card_by_name(model)
    path = locate(card) or model_path(card.file)
    measured = measure(Subject(model, path, board, None, optimise), tmp_path, whole=False)
    compiler = measured.versions["arm-none-eabi-gcc"]
    if STORED["compiler"] not in compiler:
        pytest.skip(f"the counts are of gcc {STORED['compiler']}, not of {compiler}")
    more, fewer = changes(measured, STORED["counts"][model][board][optimise])
    assert more == []
    if fewer:
        warnings.warn(
            f"fewer instructions, {model} on {board} ({optimise}): {'; '.join(fewer)}", stacklevel=1
        )


def measured_as(instructions: int, **kinds: int) -> Measured:
    layers = tuple(Layer(0, (f"{kind} 3x3",), 8, "", 0, count, count) for kind, count in kinds.items())
    memory = Memory(0, 0, {}, 0, 0, 0)
    return Measured("model", "board", "balanced", 0, instructions, instructions, layers, memory)


def test_what_counts_as_more_and_as_fewer() -> None:
    stored = {"instructions": 100_000, "operators": {"CONV_2D": 90_000, "ADD": 10_000}}
    assert changes(measured_as(100_000, CONV_2D=90_000, ADD=10_000), stored) == ([], [])
    assert changes(measured_as(101_000, CONV_2D=90_900, ADD=10_200), stored) == ([], [])
    assert changes(measured_as(101_001, CONV_2D=90_901, ADD=10_201), stored)[0] == [
        "in all: 101,001, stored 100,000",
        "CONV_2D: 90,901, stored 90,000",
        "ADD: 10,201, stored 10,000",
    ]
    assert changes(measured_as(100_000, CONV_2D=85_000, ADD=14_000), stored) == (
        ["ADD: 14,000, stored 10,000"],
        ["CONV_2D: 85,000, stored 90,000"],
    )
    assert changes(measured_as(100_000, CONV_2D=90_000, MUL=10_000), stored) == (
        ["MUL: 10,000, stored 0"],
        ["ADD: 0, stored 10,000"],
    )


def test_the_benchmark_prints_the_lines_of_the_file() -> None:
    lines = toml_lines([measured_as(1_234_567, CONV_2D=1_200_000, ADD=30_000)])
    entry = tomllib.loads(lines)["counts"]["model"]["board"]["balanced"]
    assert entry == {"instructions": 1_234_567, "operators": {"CONV_2D": 1_200_000, "ADD": 30_000}}
