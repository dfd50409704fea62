"""What Vela estimates of a model on an NPU: nothing is measured, and all is labelled so where it is shown."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

# Vela's own figures of memory are in KiB.
_KIB = 1024

# Of the summary, by our names.
COLUMNS = {
    "cycles": "cycles_total",
    "clock": "core_clock",
    "sram": "sram_memory_used",
    "dram": "dram_memory_used",
    "flash_on": "on_chip_flash_memory_used",
    "flash_off": "off_chip_flash_memory_used",
    "sram_traffic": "sram_total_bytes",
    "dram_traffic": "dram_total_bytes",
    "flash_on_traffic": "on_chip_flash_total_bytes",
    "flash_off_traffic": "off_chip_flash_total_bytes",
    "macs": "nn_macs",
}


@dataclass(frozen=True)
class Estimate:
    """What Vela estimates of one inference, and of memory; nothing here is measured.

    Attributes:
        cycles: of the NPU, memory accesses included.
        clock_hz: of the system configuration.
        sram_bytes, flash_bytes, dram_bytes: memory that the NPU's part uses.
        sram_traffic_bytes, flash_traffic_bytes, dram_traffic_bytes: moved by one inference.
        macs: multiply-accumulates that the NPU performs.
    """

    cycles: int
    clock_hz: float
    sram_bytes: int
    flash_bytes: int
    dram_bytes: int
    sram_traffic_bytes: int
    flash_traffic_bytes: int
    dram_traffic_bytes: int
    macs: int

    @property
    def seconds(self) -> float:
        """One inference at the system configuration's clock."""
        return self.cycles / self.clock_hz

    @property
    def bandwidth(self) -> float:
        """Bytes a second that one inference moves on average, from and to all memories; 0 without work."""
        moved = self.sram_traffic_bytes + self.flash_traffic_bytes + self.dram_traffic_bytes
        return moved / self.seconds if self.cycles else 0.0


def read_estimate(folder: Path) -> Estimate | None:
    """From the summary that Vela writes into its folder; None if it is not there, or not as expected."""
    for path in sorted(folder.glob("*_summary_*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        try:
            values = {name: float(rows[0][column]) for name, column in COLUMNS.items()}
        except (IndexError, KeyError, ValueError, TypeError):
            return None
        if not all(map(math.isfinite, values.values())) or values["clock"] <= 0:
            return None
        flash = values["flash_on"] + values["flash_off"]
        return Estimate(
            cycles=round(values["cycles"]),
            clock_hz=values["clock"],
            sram_bytes=round(values["sram"] * _KIB),
            flash_bytes=round(flash * _KIB),
            dram_bytes=round(values["dram"] * _KIB),
            sram_traffic_bytes=round(values["sram_traffic"]),
            flash_traffic_bytes=round(values["flash_on_traffic"] + values["flash_off_traffic"]),
            dram_traffic_bytes=round(values["dram_traffic"]),
            macs=round(values["macs"]),
        )
    return None
