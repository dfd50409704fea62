"""The benchmark's table of goals: which figures it takes, and what it calls met."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import instructions
import pytest
from goals import Goal, goals
from measured import Layer, Measured, Memory

BASELINE = tomllib.loads(instructions.BASELINE.read_text(encoding="utf-8"))


def layer(operator: str, channels: int, macs: int, count: int) -> Layer:
    return Layer(0, (operator,), channels, "md_kernel", macs, count, 2 * count)


LAYERS = (
    layer("CONV_2D 3x3", 1, 1000, 400),
    layer("DEPTHWISE_CONV_2D 3x3", 8, 1000, 650),
    layer("DEPTHWISE_CONV_2D 3x3", 8, 1000, 900),
    layer("CONV_2D 1x1", 8, 3000, 5000),
    layer("CONV_2D 1x1", 8, 1000, 1000),
)


def measured(name: str, share: float, board: str = "corstone-300", optimise: str = "balanced") -> Measured:
    count = round(share * BASELINE["models"][name]["instructions"])
    ram = round(share * BASELINE["models"][name].get("ram_bytes", 0))
    memory = Memory(0, round(10_000 * share) + 4000, {"md_kernels": 3000}, ram - 1000, 500, ram)
    return Measured(name, board, optimise, 7000, count, 2 * count, LAYERS, memory)


ALL = [
    measured("kws-micronet-l", 0.8),
    measured("kws-micronet-m", 0.4),
    measured("ad-micronet-s", 0.4),
    measured("kws-micronet-m", 0.5, optimise="ram"),
    measured("kws-micronet-m", 9.0, board="mps2-an386"),
]


def by_name(found: list[Goal]) -> dict[str, tuple[float | None, str]]:
    rounded = {goal.what: None if goal.figure is None else round(goal.figure, 3) for goal in found}
    return {goal.what: (rounded[goal.what], goal.verdict) for goal in found}


def test_goals() -> None:
    assert by_name(goals(ALL, BASELINE)) == {
        "instructions, geometric mean of the three": (0.504, "met"),
        "instructions, worst of the three": (0.8, "not met"),
        "depthwise 3x3, instructions a MAC, worst layer": (0.9, "met"),
        "first convolution of ad-micronet-s, instructions a MAC": (0.4, "aim met"),
        "flash without model, without front end, largest": (12000, "met"),
        "RAM in all, kws-micronet-m": (42944, "met"),
        "RAM in all, kws-micronet-m, --optimise ram: ratio": (0.5, "met"),
        "RAM in all, ad-micronet-s, --optimise ram: ratio": (None, "not measured"),
        "1x1 on mps2-an386, instructions a MAC, worst model": (1.5, "met"),
        "1x1 on mps2-an500, instructions a MAC, worst model": (None, "not measured"),
    }


def test_the_three_count_together_only() -> None:
    found = by_name(goals(ALL[1:], BASELINE))
    assert found["instructions, geometric mean of the three"] == (None, "not measured")
    assert found["RAM in all, kws-micronet-m"] == (42944, "met")


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [(0.45, "aim met"), (0.46, "met"), (0.6, "met"), (0.601, "not met"), (None, "not measured")],
)
def test_verdicts(figure: float | None, verdict: str) -> None:
    assert Goal("what", "1", figure, 0.6, 0.45).verdict == verdict


def test_tables() -> None:
    text = instructions.report([replace(ALL[1], versions={"gcc": "gcc 12"}), ALL[4]], True, True)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert ["0", "DEPTHWISE_CONV_2D 3x3", "8", "md_kernel", "1,000", "650", "0.0 %", "0.650", "1,300"] in rows
    helium = next(row for row in rows if row[:3] == ["kws-micronet-m", "corstone-300", "balanced"])
    assert helium[4:8] == ["2,852,290", "407.470", "0.40", "5,704,580"]
    row = ["kws-micronet-m", "corstone-300", "DEPTHWISE_CONV_2D 3x3", "2", "2,000", "1,550", "0.1 %", "0.775"]
    assert [*row, "1.550"] in rows
    other = next(row for row in rows if row[:2] == ["kws-micronet-m", "mps2-an386"])
    assert other[6] == "-"
    assert "gcc 12" in text and "QEMU" not in text


def test_operators_of_fused_steps_are_one_kind() -> None:
    fused = Layer(0, ("CONV_2D 3x3", "DEPTHWISE_CONV_2D 3x3"), 8, "", 1, 7, 7)
    assert fused.label == "CONV_2D 3x3 + DEPTHWISE_CONV_2D 3x3"
    assert replace(ALL[0], layers=(fused, *LAYERS)).kinds() == {
        "CONV_2D + DEPTHWISE_CONV_2D": 7,
        "CONV_2D": 6400,
        "DEPTHWISE_CONV_2D": 1550,
    }
