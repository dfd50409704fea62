"""GATHER."""

from __future__ import annotations

from collections.abc import Mapping

from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.graph.rules import moves
from mcu_deploy.plan.operators.copies import raw
from mcu_deploy.plan.operators.types import Kernel, Lowered, portable
from mcu_deploy.plan.types import Constant


def lower_gather(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A GATHER for ``md_gather_raw``; the tensor and the indices may each be a constant."""
    loops = moves.gather([graph.tensors[index] for index in operator.inputs], operator.options)
    constants: list[Constant] = []
    arguments: list[int | str] = []
    for role, index in zip(("input", "indices"), operator.inputs, strict=True):
        data = graph.tensors[index].data
        if data is None:
            arguments.append(index)
        else:
            constants.append(Constant(f"{prefix}_{role}", raw(data), index))
            arguments.append(constants[-1].name)
    return Lowered(
        {
            "batches": loops.batches,
            "outer": loops.outer,
            "size": loops.size,
            "indices": loops.indices,
            "row": loops.inner * graph.tensors[operator.inputs[0]].dtype.bytes,
        },
        tuple(constants),
        arguments=tuple(arguments),
    )


KERNELS: Mapping[str, tuple[Kernel, ...]] = {
    "GATHER": (portable("md_gather", "rows by their numbers", lower_gather, types="raw"),)
}
