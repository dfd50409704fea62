"""VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE, CALL_ONCE."""

from __future__ import annotations

from collections.abc import Mapping

from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.plan.operators.types import Kernel, Lowered, ViewRule, portable
from mcu_deploy.plan.types import View


def lower_read(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A READ_VARIABLE for ``md_assign_raw``: a copy, as the variable may be assigned before its last use."""
    del prefix
    return Lowered({"bytes": graph.tensors[operator.inputs[0]].bytes})


def lower_assign(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """An ASSIGN_VARIABLE for ``md_assign_raw``."""
    del prefix
    variable, value = operator.inputs
    return Lowered({"bytes": graph.tensors[value].bytes}, arguments=(value, variable))


def _nothing(graph: Graph, operator: Operator) -> tuple[View, ...]:
    """Nothing to do: a handle is a name, and what CALL_ONCE assigns is there after a reset."""
    del graph, operator
    return ()


KERNELS: Mapping[str, tuple[Kernel, ...]] = {
    "ASSIGN_VARIABLE": (portable("md_assign", "a copy into the state", lower_assign, types="raw"),),
    "READ_VARIABLE": (portable("md_assign", "a copy of the state", lower_read, types="raw"),),
}

VIEWS: Mapping[str, ViewRule] = {"CALL_ONCE": _nothing, "VAR_HANDLE": _nothing}
