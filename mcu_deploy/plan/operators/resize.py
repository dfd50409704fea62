"""RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.graph.rules.resize import between, nearest
from mcu_deploy.graph.rules.types import Options
from mcu_deploy.plan.operators.types import Kernel, Lowered, portable
from mcu_deploy.plan.types import Constant

# As nearest and between are.
Positions = Callable[[int, int, Options], object]


def _lowered(
    graph: Graph,
    operator: Operator,
    prefix: str,
    positions: Callable[[int, int, Options], object],
    depth: str,
) -> Lowered:
    """Sizes, and a table of positions for each axis; ``depth`` is the field for the size of a pixel."""
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    tables = [
        np.array(positions(source.shape[axis], result.shape[axis], operator.options), np.int32).reshape(-1)
        for axis in (1, 2)
    ]
    rows, columns = Constant(f"{prefix}_rows", tables[0]), Constant(f"{prefix}_columns", tables[1])
    return Lowered(
        {
            "rows": rows.name,
            "columns": columns.name,
            "batches": source.shape[0],
            "input_height": source.shape[1],
            "input_width": source.shape[2],
            "output_height": result.shape[1],
            "output_width": result.shape[2],
            depth: source.shape[3] * source.dtype.bytes,
        },
        (rows, columns),
        arguments=operator.inputs[:1],
    )


def lower_nearest(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A RESIZE_NEAREST_NEIGHBOR for ``md_resize_nearest_raw``."""
    return _lowered(graph, operator, prefix, nearest, "pixel_bytes")


def lower_bilinear(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A RESIZE_BILINEAR for ``md_resize_bilinear_s8``."""
    return _lowered(graph, operator, prefix, between, "channels")


KERNELS: Mapping[str, tuple[Kernel, ...]] = {
    "RESIZE_BILINEAR": (portable("md_resize_bilinear", "positions from tables", lower_bilinear),),
    "RESIZE_NEAREST_NEIGHBOR": (
        portable("md_resize_nearest", "positions from tables", lower_nearest, types="raw"),
    ),
}
