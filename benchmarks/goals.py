"""What the kernels are to reach, against TFLite Micro with CMSIS-NN, and whether they do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from measured import Layer, Measured

HELIUM = "corstone-300"
DSP = ("mps2-an386", "mps2-an500")
DEFAULT, LEAST_RAM = "balanced", "ram"
DEPTHWISE, POINTWISE = "DEPTHWISE_CONV_2D 3x3", "CONV_2D 1x1"
SMALL_KEYWORDS, ANOMALIES = "kws-micronet-m", "ad-micronet-s"


@dataclass(frozen=True)
class Goal:
    """One line of the table.

    Attributes:
        what: is to be reached.
        baseline: the same of TFLite Micro with CMSIS-NN, as text.
        figure: ours; None if it was not measured.
        most: what it may be at most.
        aim: what would be good, or None.
        digits: of the figures, after the point.
    """

    what: str
    baseline: str
    figure: float | None
    most: float
    aim: float | None = None
    digits: int = 2

    @property
    def verdict(self) -> str:
        """Whether it is reached."""
        if self.figure is None:
            return "not measured"
        if self.aim is not None and self.figure <= self.aim:
            return "aim met"
        return "met" if self.figure <= self.most else "not met"

    @property
    def cells(self) -> list[str]:
        """For a table."""
        values = [self.figure, self.most, self.aim]
        return [
            self.what,
            self.baseline,
            *("-" if value is None else f"{value:,.{self.digits}f}" for value in values),
            self.verdict,
        ]


def goals(measured: Sequence[Measured], baseline: Mapping[str, Any]) -> list[Goal]:
    """The table.

    Args:
        measured: figures of any models and boards; those of the baseline's models count.
        baseline: the contents of ``baseline_tflm.toml``.
    """
    models: Mapping[str, Mapping[str, int]] = baseline["models"]
    mine = {(one.name, one.optimise): one for one in measured if one.board == HELIUM and one.name in models}
    default = {name: one for (name, optimise), one in mine.items() if optimise == DEFAULT}
    ratios = [one.instructions / models[name]["instructions"] for name, one in default.items()]
    complete = len(default) == len(models)
    first = next((layer for layer in _layers(default, ANOMALIES) if layer.channels == 1), None)
    depthwise = [layer.rate for name in default for layer in _layers(default, name) if _is(layer, DEPTHWISE)]
    flash = [one.memory.code for one in default.values()]
    return [
        Goal(
            "instructions, geometric mean of the three",
            "1",
            math.prod(ratios) ** (1 / len(ratios)) if complete else None,
            0.60,
            0.45,
        ),
        Goal("instructions, worst of the three", "1", max(ratios) if complete else None, 0.70, 0.55),
        Goal(
            "depthwise 3x3, instructions a MAC, worst layer",
            "2.1 to 2.3",
            max(depthwise) if complete and depthwise else None,
            1.0,
            0.7,
        ),
        Goal(
            f"first convolution of {ANOMALIES}, instructions a MAC",
            "2.28",
            first.rate if first else None,
            0.8,
            0.5,
        ),
        Goal(
            "flash without model, without front end, largest",
            f"{baseline['flash']['without_model_bytes']:,}",
            max(flash) if complete else None,
            16_000,
            10_000,
            0,
        ),
        Goal(
            f"RAM in all, {SMALL_KEYWORDS}",
            f"{models[SMALL_KEYWORDS]['ram_bytes']:,}",
            default[SMALL_KEYWORDS].memory.ram if SMALL_KEYWORDS in default else None,
            92_000,
            digits=0,
        ),
        *(_least_ram(mine.get((name, LEAST_RAM)), name, models) for name in (SMALL_KEYWORDS, ANOMALIES)),
        *(_pointwise(board, measured, models) for board in DSP),
    ]


def _least_ram(measured: Measured | None, name: str, models: Mapping[str, Mapping[str, int]]) -> Goal:
    base = models[name]["ram_bytes"]
    ratio = measured.memory.ram / base if measured else None
    return Goal(f"RAM in all, {name}, --optimise {LEAST_RAM}: ratio", f"1 ({base:,})", ratio, 0.6, 0.4)


def _pointwise(board: str, measured: Sequence[Measured], models: Iterable[str]) -> Goal:
    """All 1x1 convolutions of a model together; that of the worst model."""
    rates = []
    for one in measured:
        if one.board == board and one.optimise == DEFAULT and one.name in models:
            layers = [layer for layer in one.layers if _is(layer, POINTWISE)]
            macs = sum(layer.macs for layer in layers)
            if macs:
                rates.append(sum(layer.instructions for layer in layers) / macs)
    return Goal(f"1x1 on {board}, instructions a MAC, worst model", "-", max(rates, default=None), 1.6)


def _layers(measured: Mapping[str, Measured], name: str) -> tuple[Layer, ...]:
    return measured[name].layers if name in measured else ()


def _is(layer: Layer, operator: str) -> bool:
    return layer.operators == (operator,)
