"""Models whose state lies in resource variables, as Google's streaming keyword spotters have it.

``write_model`` has no place for them: the values of the file are put together here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType, Graph, Operator
from mcu_deploy.graph.schema import default_options
from mcu_deploy.graph.writer import encode, model_values

Array = npt.NDArray[np.generic]


class VariableBuilder(GraphBuilder):
    """A builder of models with resource variables. ``handle`` tensors are int32 until ``file`` is called."""

    def __init__(self, name: str, seed: int = 0) -> None:
        super().__init__(name, seed)
        self.handles: dict[int, str] = {}

    def add(self, kind: str, inputs: tuple[int, ...], outputs: tuple[int, ...], **options: Any) -> None:
        """An operator whose outputs are there already."""
        options = {**default_options(kind), **options}
        self.operators.append(Operator(len(self.operators), kind, inputs, outputs, options))

    def call_once(self, subgraph: int = 1) -> None:
        """Has the state initialised by another subgraph, at the first inference."""
        self.add("CALL_ONCE", (), (), init_subgraph_index=subgraph)

    def handle(self, variable: str) -> int:
        """A handle of a variable."""
        index = self.tensor((1,), dtype=DataType.INT32, name=f"handle of {variable}")
        self.handles[index] = variable
        self.add("VAR_HANDLE", (), (index,), shared_name=variable)
        return index

    def read(self, handle: int, shape: tuple[int, ...], like: int) -> int:
        """The value of a variable, of the type of tensor ``like``."""
        index = self.tensor(shape, self.tensors[like].quantization, dtype=self.tensors[like].dtype)
        self.add("READ_VARIABLE", (handle,), (index,))
        return index

    def assign(self, handle: int, value: int) -> None:
        """Gives a variable a new value."""
        self.add("ASSIGN_VARIABLE", (handle, value), ())

    def values(self, outputs: list[int], initial: dict[str, Array] | None = None) -> dict[str, Any]:
        """The ``Model`` table; ``initial`` goes into a second subgraph, which assigns the variables once."""
        graph = Graph(
            self.name, tuple(self.tensors), tuple(self.operators), tuple(self.inputs), tuple(outputs)
        )
        values = model_values(graph)
        _set_types(values["subgraphs"][0], self.handles)
        if initial is not None:
            init = VariableBuilder("init")
            for variable, array in initial.items():
                init.assign(init.handle(variable), init.constant(array, 0.05, name=variable))
            self._append(values, init)
        return values

    def file(self, outputs: list[int], initial: dict[str, Array] | None = None) -> bytes:
        """The bytes of the model."""
        return encode(self.values(outputs, initial))

    def _append(self, values: dict[str, Any], init: VariableBuilder) -> None:
        more = model_values(Graph("init", tuple(init.tensors), tuple(init.operators), (), ()))
        (subgraph,) = more["subgraphs"]
        _set_types(subgraph, init.handles)
        codes, buffers = len(values["operator_codes"]), len(values["buffers"])
        for operator in subgraph["operators"]:
            operator["opcode_index"] += codes
        for tensor in subgraph["tensors"]:
            tensor["buffer"] += buffers if tensor["buffer"] else 0
        values["operator_codes"] += more["operator_codes"]
        values["buffers"] += more["buffers"]
        values["subgraphs"].append(subgraph)


def _set_types(subgraph: dict[str, Any], handles: dict[int, str]) -> None:
    for index in handles:
        subgraph["tensors"][index]["type"] = "RESOURCE"
