"""AVERAGE_POOL_2D, MAX_POOL_2D."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mcu_deploy.graph.ir import DataType, Graph, Operator
from mcu_deploy.plan.operators.overlap import windows
from mcu_deploy.plan.operators.types import HELIUM, Kernel, Lowered, fused_activation, integer, portable
from mcu_deploy.plan.operators.window import Window, window


def _window(graph: Graph, operator: Operator) -> Window:
    return window(graph, operator, (integer(operator, "filter_height"), integer(operator, "filter_width")))


HELIUM_POSITIONS = 5700  # MD_HELIUM_POOL_POSITIONS


def lower_pool(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """An AVERAGE_POOL_2D or MAX_POOL_2D for ``md_average_pool_s8``, ``md_max_pool_s8``, or those of int16."""
    del prefix
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    sliding = _window(graph, operator)
    low, high = fused_activation(operator, result)
    return Lowered(
        {
            **sliding.parameters(),
            "batches": source.shape[0],
            "channels": source.shape[3],
            "activation_min": low,
            "activation_max": high,
        }
    )


def _int16(graph: Graph, operator: Operator) -> str | None:
    return "int16 activations" if graph.tensors[operator.inputs[0]].dtype is DataType.INT16 else None


def _small(graph: Graph, operator: Operator) -> str | None:
    """Whether the kernels for Helium can perform a pooling."""
    source = graph.tensors[operator.inputs[0]]
    size = (integer(operator, "filter_height"), integer(operator, "filter_width"))
    positions = min(size[0], source.shape[1]) * min(size[1], source.shape[2])
    if source.dtype is not DataType.INT8 or positions > HELIUM_POSITIONS:
        return None
    return "16 channels at a time"


def _pool(name: str) -> tuple[Kernel, ...]:
    headers = ("md_requantize.h", "md_window.h")
    overlap = windows(_window)
    plain = portable(f"md_{name}", "any window", lower_pool, headers, family="md_pool", overlap=overlap)
    helium = replace(
        plain,
        implementation=HELIUM,
        function=f"md_helium_{name}_s8",
        header="md_helium_pool_s8.h",
        headers=(plain.header, *plain.headers),
        sources=("helium/md_helium_pool_s8.c", *plain.sources),
        reason=_small,
    )
    return (
        helium,
        portable(f"md_{name}", _int16, lower_pool, headers, family="md_pool", types="s16", overlap=overlap),
        plain,
    )


KERNELS: Mapping[str, tuple[Kernel, ...]] = {
    "AVERAGE_POOL_2D": _pool("average_pool"),
    "MAX_POOL_2D": _pool("max_pool"),
}
