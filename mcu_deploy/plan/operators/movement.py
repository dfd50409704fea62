"""RESHAPE."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.plan.operators.types import Kernel, Lowered, ViewRule, portable
from mcu_deploy.plan.types import Constant, View


def lower_copy(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A copy of int8 values for ``md_lookup_s8``: the table of the identity, indexed as that wants it."""
    constant = Constant(f"{prefix}_table", np.arange(-128, 128).astype(np.int8))
    return Lowered({"table": constant.name, "count": graph.tensors[operator.inputs[0]].elements}, (constant,))


def _same_bytes(graph: Graph, operator: Operator) -> tuple[View, ...]:
    """The same bytes under another shape."""
    del graph
    return (View(operator.inputs[0]),)


KERNELS: Mapping[str, tuple[Kernel, ...]] = {
    # Only between Vela's tensors and ours: elsewhere it is a view.
    "RESHAPE": (portable("md_lookup", "copied to where Vela wants it", lower_copy),),
}

VIEWS: Mapping[str, ViewRule] = {"RESHAPE": _same_bytes}
