"""The picture of ``tune``: estimated cycles against memory."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from mcu_deploy.pipeline.folder import write_atomically
from mcu_deploy.pipeline.frontend_plot import check_output, require_matplotlib

_PRODUCTS = ("ethos-u55", "ethos-u65", "ethos-u85")


def check_picture(output: Path) -> None:
    """Finds out early that a picture cannot be drawn, or not there.

    Raises:
        ToolMissingError: matplotlib is not installed.
        InputError: ``output`` cannot be a file.
    """
    require_matplotlib()
    check_output(output)


def plot_tuning(document: dict[str, Any], output: Path) -> None:
    """Draws a document of ``tune`` into a PNG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5.5), layout="constrained")
    axes = figure.subplots()
    results = [result for result in document["results"] if result["estimated_cycles"] is not None]
    for product in _PRODUCTS:
        points = [result for result in results if result["configuration"].startswith(product)]
        if points:
            x = [result["estimated_sram_bytes"] / 1024 for result in points]
            y = [result["estimated_cycles"] for result in points]
            axes.scatter(x, y, label=product)
            for result, left, height in zip(points, x, y, strict=True):
                axes.annotate(
                    result["configuration"].rpartition("-")[2]
                    + (" (fastest)" if result["configuration"] == document["fastest"] else ""),
                    (left, height),
                    xytext=(5, 4),
                    textcoords="offset points",
                    fontsize=8,
                )
    axes.set_yscale("log")
    axes.set_xlabel("SRAM, KiB (estimated)")
    axes.set_ylabel("cycles of the NPU (estimated)")
    axes.set_title(f"{_plain(document['model']['name'])}: estimates of Vela {document['vela']}, not measured")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend(title="MACs a cycle at the points")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    write_atomically(output, buffer.getvalue())


def _plain(name: str) -> str:
    """A file's name without what Matplotlib would read as mathematics, or cannot draw."""
    return "".join(c if c.isascii() and c.isprintable() and c != "$" else "?" for c in name)[:60]
