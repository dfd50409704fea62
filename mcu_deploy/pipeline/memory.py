"""What of a model takes the memory that a board lacks."""

from __future__ import annotations

from collections.abc import Sequence

from mcu_deploy.boards.layout import format_bytes
from mcu_deploy.boards.types import Board
from mcu_deploy.graph.findings import Finding
from mcu_deploy.graph.ir import Graph, Operator, Tensor
from mcu_deploy.graph.text import printable
from mcu_deploy.plan.types import Plan

_LARGER_BOARD = "use a smaller model or a board with more memory"
_SHOWN = 3


def memory_findings(graph: Graph, board: Board) -> list[Finding]:
    """What fits no memory of the board, whatever the plan will be; for models of which there is none.

    Args:
        graph: whose tensors may be placeholders.
        board: the board; nothing is too large for one without a core.
    """
    if board.core is None:
        return []
    found = []
    constants = _used_constants(graph)
    total = sum(tensor.bytes for tensor in constants)
    room = _largest(board, "model")
    if total > room:
        largest = max(constants, key=lambda tensor: tensor.bytes)
        text = (
            f"{_label(largest)}: the constants take {format_bytes(total)}, this one "
            f"{format_bytes(largest.bytes)}; the largest memory for them has {format_bytes(room)}"
        )
        found.append(Finding(text, _LARGER_BOARD))
    room = _largest(board, "arena")
    for operator in graph.operators:
        activations = _activations(graph, operator)
        total = sum(tensor.bytes for tensor in activations)
        if total > room:
            largest = max(activations, key=lambda tensor: tensor.bytes)
            text = (
                f"operator {operator.index} {printable(operator.kind)[1:-1]}, {_label(largest)}: its inputs "
                f"and outputs take {format_bytes(total)}; the largest memory for the arena has "
                f"{format_bytes(room)}"
            )
            found.append(Finding(text, _LARGER_BOARD))
    return found


def largest_tensors(graph: Graph, plan: Plan) -> tuple[str, ...]:
    """The largest constants and activations of a plan, a line each."""
    constants = sorted(_used_constants(graph), key=lambda tensor: -tensor.bytes)[:_SHOWN]
    places = sorted((one for one in plan.allocations if one.tensor >= 0), key=lambda one: -one.size)[:_SHOWN]
    return (
        *(f"{_label(one)}: a constant of {format_bytes(one.bytes)}; make it smaller" for one in constants),
        *(
            f"{_label(graph.tensors[one.tensor])}: an activation of {format_bytes(one.size)}; make it smaller"
            for one in places
        ),
    )


def _used_constants(graph: Graph) -> Sequence[Tensor]:
    used = {index for operator in graph.operators for index in operator.inputs if index >= 0}
    return [graph.tensors[index] for index in sorted(used) if graph.tensors[index].data is not None]


def _activations(graph: Graph, operator: Operator) -> Sequence[Tensor]:
    used = {index for index in (*operator.inputs, *operator.outputs) if index >= 0}
    return [graph.tensors[index] for index in sorted(used) if graph.tensors[index].data is None]


def _largest(board: Board, part: str) -> int:
    return max(board.memory(name).size for name in board.placement[part])


def _label(tensor: Tensor) -> str:
    return f"tensor {tensor.index} {printable(tensor.name)}"
