"""How large an arena TFLite Micro needs, before it has said so itself."""

from __future__ import annotations

from mcu_deploy.graph.ir import Graph
from mcu_deploy.npu.compiled import Compiled
from mcu_deploy.plan.memory import Buffer, align, arena_size, greedy_by_size

# What TFLite Micro 2026 keeps at the arena's end on a 32-bit core, measured and rounded up: its own
# objects, a node with its parameters and the kernel's data, a tensor.
_BASE_BYTES = 2048
_OPERATOR_BYTES = 192
_TENSOR_BYTES = 32
_CHANNEL_BYTES = 8  # a multiplier and a shift for each output channel
_ROOM = 16  # a sixteenth more


def estimate_arena(graph: Graph, compiled: Compiled | None = None) -> int:
    """Bytes that should do; the first run tells how many it takes.

    Args:
        graph: the model's.
        compiled: what Vela made of it, where the model runs so.

    Returns:
        A multiple of 16: activations by TFLite Micro's own way of planning (greedy by size), the scratch
        memory of CMSIS-NN's convolutions, what the interpreter keeps for itself, and behind that the NPU's
        fast memory.
    """
    ran = graph if compiled is None else compiled.graph
    kept = _BASE_BYTES + _OPERATOR_BYTES * len(ran.operators) + _TENSOR_BYTES * len(ran.tensors)
    kept += sum(_CHANNEL_BYTES * _channels(ran, operator.inputs) for operator in ran.operators)
    kept += sum(align(tensor.bytes) for tensor in ran.tensors if tensor.is_variable)
    if compiled is None:
        moving = _activations(ran)
    else:
        ends = [offset + ran.tensors[index].bytes for index, offset in compiled.offsets.items()]
        # The interpreter makes room for the fast memory, too, although the NPU gets another.
        moving = max(map(align, (compiled.scratch_bytes, compiled.fast_bytes, *ends)))
    total = moving + kept
    fast = align(compiled.fast_bytes) if compiled else 0
    return align(total + total // _ROOM) + fast


def _activations(graph: Graph) -> int:
    """What is alive at the same time, placed greedily."""
    last = len(graph.operators)
    spans: dict[int, list[int]] = {index: [-1, -1] for index in graph.inputs}
    for operator in graph.operators:
        for index in (*operator.inputs, *operator.outputs):
            tensor = graph.tensors[index] if index >= 0 else None
            if tensor is not None and tensor.data is None and not tensor.is_variable:
                spans.setdefault(index, [operator.index, operator.index])[1] = operator.index
    for index in graph.outputs:
        if index in spans:
            spans[index][1] = last
    buffers = [Buffer(graph.tensors[index].bytes, first, end) for index, (first, end) in spans.items()]
    buffers += [
        Buffer(size, operator.index, operator.index)
        for operator in graph.operators
        if (size := _scratch(graph, operator.kind, operator.inputs)) > 0
    ]
    return arena_size(buffers, greedy_by_size(buffers)) if buffers else 0


def _channels(graph: Graph, inputs: tuple[int, ...]) -> int:
    """Output channels of an operator with weights: the scales of its second input."""
    if len(inputs) < 2 or inputs[1] < 0:
        return 0
    quantization = graph.tensors[inputs[1]].quantization
    return quantization.scale.size if quantization is not None else 0


def _scratch(graph: Graph, kind: str, inputs: tuple[int, ...]) -> int:
    """What CMSIS-NN asks for at most: a few unfolded windows of a convolution; sums of each channel."""
    if kind not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "AVERAGE_POOL_2D"):
        return 0
    if kind == "AVERAGE_POOL_2D":
        return 4 * graph.tensors[inputs[0]].shape[-1]
    weights = graph.tensors[inputs[1]]
    if kind == "FULLY_CONNECTED":
        return 4 * weights.shape[0]
    if kind == "DEPTHWISE_CONV_2D":
        return 4 * weights.elements
    return 4 * (weights.elements // weights.shape[0]) * 2
