"""What needs no step because its result lies in memory that is there already.

Two ways: an operator's outputs lie in its input (RESHAPE, a SLICE that is one run of bytes), or its inputs
are made in their places in its output (CONCATENATION, PACK).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.plan.kernels import JOINS, VIEWS
from mcu_deploy.plan.lifetimes import lifetimes
from mcu_deploy.plan.memory import Buffer, peak
from mcu_deploy.plan.types import View

VIEW_REASON = "the same bytes under another name"
NAME_REASON = "nothing to compute: it names or initialises state"
JOIN_REASON = "its inputs are made in their places"


class Joining(Enum):
    """Where inputs are made in their places in an output: what is joined early must be kept as a whole."""

    NEVER = "never"
    FREE = "where that does not raise the peak of memory"
    ALWAYS = "wherever it can be"


@dataclass(frozen=True)
class Places:
    """Where tensors lie that have no memory of their own.

    Attributes:
        views: in which tensor that has, and where.
        removed: by operator index, why it needs no step.
        joined: the outputs of operators whose inputs are made in their places.
    """

    views: dict[int, View] = field(default_factory=dict)
    removed: dict[int, str] = field(default_factory=dict)
    joined: frozenset[int] = frozenset()

    def place(self, tensor: int) -> View:
        """Where a tensor lies, in itself if need be."""
        return self.views.get(tensor, View(tensor))


def operator_views(graph: Graph, operator: Operator) -> tuple[View, ...] | None:
    """Where the outputs of an operator lie that needs no step, or None."""
    rule = VIEWS.get(operator.kind)
    return None if rule is None else rule(graph, operator)


def add_views(views: dict[int, View], operator: Operator, found: Sequence[View]) -> None:
    """Adds an operator's views, as views of tensors that have memory of their own."""
    for tensor, view in zip(operator.outputs, found, strict=True):
        root = views.get(view.tensor, View(view.tensor))
        views[tensor] = View(root.tensor, root.offset + view.offset)


def find_places(graph: Graph, operators: Sequence[Operator], joining: Joining = Joining.FREE) -> Places:
    """Which operators need no step, and where their tensors lie."""
    places = Places()
    for operator in operators:
        found = operator_views(graph, operator)
        if found is not None:
            add_views(places.views, operator, found)
            places.removed[operator.index] = VIEW_REASON if found else NAME_REASON
    least = _peak(graph, operators, places)
    for operator in operators:
        rule = JOINS.get(operator.kind)
        if rule is None or operator.index in places.removed or joining is Joining.NEVER:
            continue
        offsets = rule(graph, operator)
        tried = None if offsets is None else _join(graph, operators, places, operator, offsets)
        if tried is None:
            continue
        reached = _peak(graph, operators, tried)
        if reached <= least or joining is Joining.ALWAYS:
            places, least = tried, reached
    return places


def _join(
    graph: Graph,
    operators: Sequence[Operator],
    places: Places,
    operator: Operator,
    offsets: Sequence[int],
) -> Places | None:
    """The places with the inputs of an operator in its output, or None where one must lie elsewhere.

    An input can lie there if a step makes it, or it is joined itself, and nothing has a say in its place yet.
    """
    made = {tensor for one in operators if one.index not in places.removed for tensor in one.outputs}
    whole = operator.outputs[0]
    moved: dict[int, int] = {}
    for tensor, offset in zip(operator.inputs, offsets, strict=True):
        root = places.place(tensor)
        fits = root.offset == 0 and graph.tensors[root.tensor].bytes == graph.tensors[tensor].bytes
        if not fits or root.tensor in moved or root.tensor not in made | places.joined:
            return None
        moved[root.tensor] = offset
    views = {
        tensor: View(whole, moved[view.tensor] + view.offset) if view.tensor in moved else view
        for tensor, view in places.views.items()
    }
    views |= {root: View(whole, offset) for root, offset in moved.items()}
    removed = {**places.removed, operator.index: JOIN_REASON}
    return Places(views, removed, places.joined | {whole})


def completed_tensors(operators: Sequence[Operator], places: Places) -> Mapping[int, tuple[int, ...]]:
    """By the operator after whose step they are whole, the tensors that no step makes but several."""
    made: dict[int, int] = {}
    found: dict[int, tuple[int, ...]] = {}
    for operator in operators:
        if operator.index not in places.removed:
            made |= dict.fromkeys(operator.outputs, operator.index)
            continue
        last = max((made[tensor] for tensor in operator.inputs if tensor in made), default=-1)
        made |= dict.fromkeys(operator.outputs, last)
        if operator.outputs and operator.outputs[0] in places.joined:
            found[last] = (*found.get(last, ()), operator.outputs[0])
    return found


def _peak(graph: Graph, operators: Sequence[Operator], places: Places) -> int:
    """The most bytes of tensors that are alive during one operator, without scratch memory and state."""
    calls = [(one.inputs, one.outputs) for one in operators if one.index not in places.removed]
    lives = lifetimes(graph, calls, places.views)
    return peak([Buffer(graph.tensors[tensor].bytes, *life) for tensor, life in lives.items()])
