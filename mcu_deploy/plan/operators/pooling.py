"""AVERAGE_POOL_2D, MAX_POOL_2D."""

from __future__ import annotations

from collections.abc import Mapping

from mcu_deploy.graph.ir import DataType, Graph, Operator
from mcu_deploy.plan.operators.overlap import windows
from mcu_deploy.plan.operators.types import Kernel, Lowered, fused_activation, integer, portable
from mcu_deploy.plan.operators.window import Window, window


def _window(graph: Graph, operator: Operator) -> Window:
    return window(graph, operator, (integer(operator, "filter_height"), integer(operator, "filter_width")))


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


def _pool(function: str) -> tuple[Kernel, ...]:
    headers = ("md_requantize.h", "md_window.h")
    overlap = windows(_window)
    return (
        portable(function, _int16, lower_pool, headers, family="md_pool", types="s16", overlap=overlap),
        portable(function, "any window", lower_pool, headers, family="md_pool", overlap=overlap),
    )


KERNELS: Mapping[str, tuple[Kernel, ...]] = {
    "AVERAGE_POOL_2D": _pool("md_average_pool"),
    "MAX_POOL_2D": _pool("md_max_pool"),
}
