"""Reading back what Vela made of a model, in the numbering of the original.

Vela's file has tensors and operators of its own. Where a tensor is one of the original's (same name, type,
quantisation and number of elements, each name only once) it gets the original's index, so that it can be
compared with the reference; the others are numbered behind the original's.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mcu_deploy.errors import McuDeployError, ModelError
from mcu_deploy.graph.checks import check
from mcu_deploy.graph.ir import DataType, Graph, Operator, Tensor
from mcu_deploy.graph.reader import NPU_OPERATOR, parse_compiled
from mcu_deploy.graph.text import printable
from mcu_deploy.plan.memory import align

# The order of the inputs of an ``ethos-u`` operator; the network's own tensors follow.
STREAM, CONSTANTS, SCRATCH, FAST_SCRATCH, FIRST_INPUT = range(5)

_ALIGNMENT = 16
MAX_ARENA_BYTES = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Compiled:
    """A model as Vela left it.

    Attributes:
        graph: tensors: the original's, then those that only Vela's file has; operators: Vela's, in their
            order; inputs and outputs: the original's.
        original_tensors: how many of the tensors are the original's.
        offsets: where in the arena Vela wants each activation, in bytes.
        scratch_bytes: of the arena that the NPU uses, from its start: region 1 of a command stream.
        fast_bytes: of the memory of region 2; 0 where that is the arena too.
    """

    graph: Graph
    original_tensors: int
    offsets: Mapping[int, int]
    scratch_bytes: int
    fast_bytes: int

    @property
    def cpu_operators(self) -> tuple[str, ...]:
        """Kinds of the operators that Vela left to the CPU."""
        return tuple(op.kind for op in self.graph.operators if op.kind != NPU_OPERATOR)


def read_compiled(data: bytes, original: Graph) -> Compiled:
    """Reads a file of Vela's.

    Args:
        data: the file.
        original: what it was made from.

    Raises:
        ModelError: the CPU's part of it cannot be deployed.
        McuDeployError: it is not what Vela makes.
    """
    if any(operator.kind == "VAR_HANDLE" for operator in original.operators):
        raise ModelError(
            "the model keeps state in resource variables, which is not supported together with an NPU",
            "deploy for the CPU: --npu none",
        )
    graph, placement = parse_compiled(data, original.name)
    offsets = _offsets(placement, len(graph.tensors))
    numbers = _numbers(graph, original)
    scratch, fast = _scratch(graph)
    tensors = list(original.tensors)
    for tensor in graph.tensors:
        if numbers[tensor.index] >= len(original.tensors):
            tensors.append(replace(tensor, index=numbers[tensor.index]))
    compiled = Graph(
        name=original.name,
        tensors=tuple(tensors),
        operators=tuple(_renumbered(operator, numbers) for operator in graph.operators),
        inputs=original.inputs,
        outputs=original.outputs,
        sha256=original.sha256,
    )
    activations = _activations(compiled)
    places = {numbers[index]: offset for index, offset in enumerate(offsets) if numbers[index] in activations}
    places |= _further_places(compiled, activations, places, align(scratch) + align(fast))
    _check_places(compiled, places)
    _check_cpu_part(compiled)
    return Compiled(compiled, len(original.tensors), places, scratch, fast)


def _unexpected(what: str) -> McuDeployError:
    return McuDeployError(
        f"Vela's result is not as expected: {what}",
        "use another version of ethos-u-vela, or deploy for the CPU: --npu none",
    )


def _offsets(data: bytes, tensors: int) -> list[int]:
    """``OfflineMemoryAllocation``: version, subgraphs, tensors, then an offset for each; -1 for none."""
    if len(data) < 12 + 4 * tensors:
        raise _unexpected("it does not say where the tensors lie")
    version, subgraphs, count = struct.unpack_from("<3i", data)
    if (version, subgraphs, count) != (0, 1, tensors):
        raise _unexpected(f"it places {count} tensors of {tensors} (version {version})")
    return list(struct.unpack_from(f"<{tensors}i", data, 12))


def _numbers(graph: Graph, original: Graph) -> list[int]:
    """For each of Vela's tensors its index in the common numbering."""
    if len(graph.inputs) != len(original.inputs) or len(graph.outputs) != len(original.outputs):
        raise _unexpected("it has other inputs or outputs than the model")
    ours, theirs = _by_name(original), _by_name(graph)
    common = {
        theirs[name].index: ours[name].index
        for name in theirs.keys() & ours.keys()
        if _same(theirs[name], ours[name])
    }
    for pairs in (
        zip(graph.inputs, original.inputs, strict=True),
        zip(graph.outputs, original.outputs, strict=True),
    ):
        for their, our in pairs:
            if graph.tensors[their].bytes != original.tensors[our].bytes:
                raise _unexpected("an input or output has another size than the model's")
            common = {key: value for key, value in common.items() if value != our} | {their: our}
    numbers, following = [], len(original.tensors)
    for tensor in graph.tensors:
        numbers.append(common.get(tensor.index, following))
        following += tensor.index not in common
    return numbers


def _by_name(graph: Graph) -> dict[str, Tensor]:
    """The activations whose name no other tensor has."""
    counts = Counter(tensor.name for tensor in graph.tensors)
    return {
        tensor.name: tensor for tensor in graph.tensors if counts[tensor.name] == 1 and tensor.data is None
    }


def _same(a: Tensor, b: Tensor) -> bool:
    if a.dtype is not b.dtype or a.elements != b.elements or a.quantization is None or b.quantization is None:
        return False
    return np.array_equal(a.quantization.scale, b.quantization.scale) and np.array_equal(
        a.quantization.zero_point, b.quantization.zero_point
    )


def _renumbered(operator: Operator, numbers: list[int]) -> Operator:
    def renumber(indices: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(numbers[index] if index >= 0 else -1 for index in indices)

    return replace(
        operator,
        inputs=renumber(operator.inputs),
        outputs=renumber(operator.outputs),
        intermediates=renumber(operator.intermediates),
    )


def _scratch(graph: Graph) -> tuple[int, int]:
    """Bytes of the arena, and of the fast memory, that the NPU uses; common to all its operators."""
    sizes = set()
    for operator in graph.operators:
        if operator.kind != NPU_OPERATOR:
            continue
        if len(operator.inputs) <= FIRST_INPUT or min(operator.inputs) < 0 or not operator.outputs:
            raise _unexpected(f"an NPU operator has {len(operator.inputs)} inputs")
        stream, constants, scratch, fast = (graph.tensors[index] for index in operator.inputs[:FIRST_INPUT])
        if stream.data is None or scratch.data is not None or fast.data is not None:
            raise _unexpected("an NPU operator lacks its command stream or has constant scratch memory")
        if (constants.data is None) != (constants.bytes == 0) or {stream.dtype, constants.dtype} != {
            DataType.UINT8
        }:
            raise _unexpected("an NPU operator's constants are not bytes")
        sizes.add((scratch.bytes, 0 if fast.index == scratch.index else fast.bytes))
    if len(sizes) > 1:
        raise _unexpected("its NPU operators use scratch memories of several sizes")
    return sizes.pop() if sizes else (0, 0)


def network_inputs(operator: Operator) -> tuple[int, ...]:
    """The activations that an operator of a compiled graph reads."""
    return operator.inputs[FIRST_INPUT:] if operator.kind == NPU_OPERATOR else operator.inputs


def _activations(graph: Graph) -> set[int]:
    used = {*graph.inputs, *graph.outputs}
    for operator in graph.operators:
        used |= {*network_inputs(operator), *operator.outputs}
    return {index for index in used if index >= 0 and graph.tensors[index].data is None}


def _further_places(
    graph: Graph, activations: set[int], places: Mapping[int, int], least: int
) -> dict[int, int]:
    """Places behind all others for what Vela gives none: state of the CPU's operators, and unread inputs."""
    unread = set(graph.inputs).difference(*map(network_inputs, graph.operators))
    end = max([least, *(align(offset + graph.tensors[index].bytes) for index, offset in places.items())])
    result = {}
    for index in sorted(activations):
        if (graph.tensors[index].is_variable or index in unread) and places.get(index, -1) < 0:
            result[index] = end
            end += align(graph.tensors[index].bytes)
    return result


def _check_places(graph: Graph, places: Mapping[int, int]) -> None:
    """Every activation is made, has a place, and lies aligned in an arena that can exist."""
    made = {*graph.inputs, *(tensor.index for tensor in graph.tensors if tensor.is_variable)}
    for operator in graph.operators:
        wanted = {index for index in network_inputs(operator) if index >= 0}
        missing = [index for index in sorted(wanted - made) if graph.tensors[index].data is None]
        if missing:
            raise _unexpected(f"nothing makes {printable(graph.tensors[missing[0]].name)} before it is read")
        made |= set(operator.outputs)
    if not set(graph.outputs) <= made:
        raise _unexpected("nothing makes one of the outputs")
    for index in _activations(graph):
        offset = places.get(index, -1)
        if offset < 0 or offset % _ALIGNMENT or offset + graph.tensors[index].bytes > MAX_ARENA_BYTES:
            raise _unexpected(f"{printable(graph.tensors[index].name)} lies at offset {offset} of the arena")


def _check_cpu_part(graph: Graph) -> None:
    """What Vela left to the CPU needs our kernels; what it took does not."""
    check(replace(graph, operators=tuple(op for op in graph.operators if op.kind != NPU_OPERATOR)))
