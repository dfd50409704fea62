"""Resource variables: state that VAR_HANDLE names and that READ_VARIABLE and ASSIGN_VARIABLE use.

In a file a variable is a name, and tensors of the type RESOURCE are handles of it; its first value may come
from another subgraph, which CALL_ONCE runs at the first inference. In a ``Graph`` the variable is the tensor
of its first handle: with the shape and type of what it holds, ``is_variable``, and ``initial``. VAR_HANDLE
and CALL_ONCE keep their places among the operators, without inputs and outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.ir import Graph, Operator, Tensor
from mcu_deploy.graph.text import printable

_WAY_OUT = "export one inference with its state in variables, which constants initialise"
_USERS = ("READ_VARIABLE", "ASSIGN_VARIABLE")

_Name = tuple[str, str]


def resolve_variables(graph: Graph, handles: frozenset[int], subgraphs: Mapping[int, Graph]) -> Graph:
    """The graph with its variables as tensors.

    Args:
        graph: as in the file.
        handles: its tensors of the type RESOURCE, whatever type they have in ``graph``.
        subgraphs: by their index, those that its CALL_ONCE operators run.

    Raises:
        ModelError: handles are used as nothing but handles are, or the state cannot be known.
    """
    if not handles and not subgraphs:
        return graph
    variables = _Variables(graph, handles)
    for operator in graph.operators:
        if operator.kind == "CALL_ONCE":
            if variables.values:
                raise ModelError("the model uses variables before it initialises them", _WAY_OUT)
            index = operator.options["init_subgraph_index"]
            assert isinstance(index, int)
            variables.initialise(subgraphs[index])
        elif operator.kind in _USERS:
            variables.use(operator)
    return variables.resolved()


@dataclass
class _Variables:
    """What is known of the variables of a graph, by their names."""

    graph: Graph
    handles: frozenset[int]
    names: dict[int, _Name] = field(default_factory=dict)
    first: dict[_Name, int] = field(default_factory=dict)
    values: dict[_Name, Tensor] = field(default_factory=dict)
    assigned: dict[_Name, Tensor] = field(default_factory=dict)
    initial: dict[_Name, npt.NDArray[np.generic]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = _names(self.graph, self.handles)
        for index, name in self.names.items():
            self.first.setdefault(name, index)

    def use(self, operator: Operator) -> None:
        """A value that is read from or assigned to a variable."""
        reads = operator.kind == "READ_VARIABLE"
        if (len(operator.inputs), len(operator.outputs)) != ((1, 1) if reads else (2, 0)):
            raise ModelError(
                f"operator {operator.index} {operator.kind} has too many or too few tensors", _WAY_OUT
            )
        name = self.names.get(operator.inputs[0])
        value = self.graph.tensors[operator.outputs[0] if reads else operator.inputs[1]]
        if name is None or value.index in self.handles:
            raise ModelError(
                f"operator {operator.index} {operator.kind} has no handle of a variable", _WAY_OUT
            )
        self._same(name, value)
        if not reads:
            self.assigned.setdefault(name, value)

    def initialise(self, subgraph: Graph) -> None:
        """The values that another subgraph assigns: constants."""
        names = _names(subgraph, frozenset(range(len(subgraph.tensors))))
        for operator in subgraph.operators:
            if operator.kind == "VAR_HANDLE":
                continue
            name = names.get(operator.inputs[0]) if operator.inputs else None
            if operator.kind != "ASSIGN_VARIABLE" or name is None or len(operator.inputs) != 2:
                kind = printable(operator.kind)[1:-1]
                raise ModelError(f"the model computes its first state, by {kind}", _WAY_OUT)
            value = subgraph.tensors[operator.inputs[1]]
            if value.data is None:
                raise ModelError("the model's first state is not constant", _WAY_OUT)
            self.initial[name] = value.data
            self.assigned.setdefault(name, value)

    def _same(self, name: _Name, value: Tensor) -> None:
        known = self.values.setdefault(name, value)
        if (known.shape, known.dtype) != (value.shape, value.dtype):
            kinds = " and ".join(f"{one.dtype.value} {one.shape}" for one in (known, value))
            reason = f"the variable {printable(name[1])} is {kinds}"
            raise ModelError(reason, "the file contradicts itself: export the model again")

    def resolved(self) -> Graph:
        tensors = list(self.graph.tensors)
        for name, index in self.first.items():
            if name not in self.values:
                continue
            if name not in self.assigned:
                raise ModelError(f"the variable {printable(name[1])} is never assigned", _WAY_OUT)
            value, initial = self.values[name], self.initial.get(name)
            if initial is not None and (initial.shape, initial.dtype) != (value.shape, value.dtype.numpy):
                raise ModelError(f"the first value of {printable(name[1])} does not fit its use", _WAY_OUT)
            tensors[index] = replace(
                value,
                index=index,
                name=name[1],
                data=None,
                is_variable=True,
                initial=initial,
                quantization=self.assigned[name].quantization,
            )
        operators = tuple(self._operator(operator) for operator in self.graph.operators)
        return replace(self.graph, tensors=tuple(tensors), operators=operators)

    def _operator(self, operator: Operator) -> Operator:
        if operator.kind == "VAR_HANDLE":
            return replace(operator, outputs=())
        if operator.kind in _USERS:
            return replace(
                operator, inputs=(self.first[self.names[operator.inputs[0]]], *operator.inputs[1:])
            )
        if self.handles.intersection((*operator.inputs, *operator.outputs)):
            kind = printable(operator.kind)[1:-1]
            raise ModelError(f"operator {operator.index} {kind} uses a handle of a variable", _WAY_OUT)
        return operator


def _names(graph: Graph, handles: frozenset[int]) -> dict[int, _Name]:
    """By tensor, the variable that it is a handle of."""
    names = {}
    for operator in graph.operators:
        if operator.kind == "VAR_HANDLE":
            if operator.inputs or len(operator.outputs) != 1 or operator.outputs[0] not in handles:
                raise ModelError(f"operator {operator.index} VAR_HANDLE makes no handle", _WAY_OUT)
            options = operator.options
            names[operator.outputs[0]] = (str(options["container"]), str(options["shared_name"]))
    if handles.intersection((*graph.inputs, *graph.outputs)):
        raise ModelError("the model has handles of variables as inputs or outputs", _WAY_OUT)
    return names
