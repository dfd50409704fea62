"""Operators that each feed only the next, run a few rows at a time: ``md_rows.h``, repeated in Python.

Planning needs to know what C will do: how many rows of each operator's output are in memory at most. The rows
of an image that is one line (a 1-D convolution's) are its pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mcu_deploy.graph.ir import Graph
from mcu_deploy.plan.types import Step

# Estimates of what running by rows costs more, in instructions: a call, 16 moved bytes, and 16
# multiply-accumulates of a pixel that is left alone where kernels take two at a time.
_CALL = 250
_MOVED = 4
_ALONE = 2
# No tensor is made in many more calls than this: memory would hardly be less.
_CALLS = 64
_SLIDING = ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D")


@dataclass(frozen=True)
class RowWindow:
    """What an operator sees of its input's rows to make rows of its output.

    Attributes:
        input_height, output_height: rows; columns, where both are one line.
        input_row, output_row: bytes of a row.
        reach: input rows that a window spans.
        stride: input rows from one window to the next.
        pad: rows of padding above the input.
        width: output pixels of a row.
        pixel_macs: multiply-accumulates of an output pixel where kernels take two at a time, else 0.
        patches: by field of the kernel's struct, what it is in a call: a C expression of ``call``, an
            ``md_rows_call_t``.
    """

    input_height: int
    output_height: int
    input_row: int
    output_row: int
    reach: int = 1
    stride: int = 1
    pad: int = 0
    width: int = 1
    pixel_macs: int = 0
    patches: Mapping[str, str] = field(default_factory=dict)

    def first_needed(self, made: int) -> int:
        """The first input row that is still needed when ``made`` output rows are there; may be above it."""
        return made * self.stride - self.pad

    def end_needed(self, made: int, count: int) -> int:
        """The input row behind the last one that the next ``count`` output rows need."""
        return min(self.first_needed(made + count - 1) + self.reach, self.input_height)


def row_window(graph: Graph, step: Step) -> RowWindow | None:
    """How a step's kernel can make some rows of its output, or None.

    The kernels that can: those of sliding windows with an ``md_window_t`` named ``window``; those that take
    pixels as ``rows`` of a matrix; those that compute ``count`` elements, each from one.
    """
    if step.arguments != step.inputs or len(step.inputs) != 1 or len(step.outputs) != 1:
        return None
    source, result = graph.tensors[step.inputs[0]], graph.tensors[step.outputs[0]]
    if len(source.shape) != 4 or len(result.shape) != 4 or source.shape[0] != 1 or result.shape[0] != 1:
        return None
    axis, side = (2, "width") if source.shape[1] == result.shape[1] == 1 else (1, "height")
    before, after = source.shape[axis], result.shape[axis]
    sizes = (before, after, source.bytes // before, result.bytes // after)
    width = 1 if axis == 2 else result.shape[2]
    parameters = step.parameters
    pixel_macs = step.macs // (after * width) if step.kind == "CONV_2D" else 0
    if step.kind in _SLIDING and "window.filter_height" in parameters:
        if axis == 2 and parameters["window.filter_height"] != 1:
            return None  # a kernel may know beforehand how far apart in memory a window's lines are
        span, stride, dilation, pad = (
            int(parameters[f"window.{name}_{side}"]) for name in ("filter", "stride", "dilation", "pad")
        )
        patches = {
            f"window.input_{side}": "call->input_rows",
            f"window.output_{side}": "call->output_rows",
            f"window.pad_{side}": "call->above",
        }
        return RowWindow(*sizes, (span - 1) * dilation + 1, stride, pad, width, pixel_macs, patches)
    each = source.shape[:3] == result.shape[:3]
    if step.kind in _SLIDING and each and parameters.get("rows") == after * width:
        return RowWindow(*sizes, 1, 1, 0, width, pixel_macs, _scaled("rows", width))
    if each and parameters.get("count") == source.elements == result.elements:
        return RowWindow(*sizes, patches=_scaled("count", result.elements // after))
    return None


def _scaled(field: str, factor: int) -> Mapping[str, str]:
    return {field: f"(uint32_t)(call->output_rows * {factor})"}


def feeds(one: RowWindow, other: RowWindow) -> bool:
    """Whether what one makes are the rows that the other takes."""
    return (one.output_height, one.output_row) == (other.input_height, other.input_row)


def least_stripes(windows: Sequence[RowWindow]) -> tuple[int, ...]:
    """For each operator the fewest output rows a call: one, if there are not very many rows."""
    return tuple(-(-window.output_height // _CALLS) for window in windows)


@dataclass(frozen=True)
class Call:
    """One call of a kernel in a chain.

    Attributes:
        stage: the operator's position in the chain.
        made: by stage, the output rows that there were before.
        count: the output rows that it makes.
    """

    stage: int
    made: tuple[int, ...]
    count: int


def calls(windows: Sequence[RowWindow], stripes: Sequence[int]) -> Iterator[Call]:
    """The calls of ``md_rows_run``, in their order.

    Args:
        windows: of the operators of a chain.
        stripes: for each the output rows of a call at most.
    """
    last = len(windows) - 1
    made = [0] * len(windows)
    wanted = [0] * last + [windows[last].output_height]
    at = last
    while made[last] < wanted[last]:
        count = min(stripes[at], wanted[at] - made[at])
        end = windows[at].end_needed(made[at], count)
        if at > 0 and made[at - 1] < end:
            at -= 1
            wanted[at] = end
            continue
        yield Call(at, tuple(made), count)
        made[at] += count
        if at < last and made[at] == wanted[at]:
            at += 1


@dataclass(frozen=True)
class Flow:
    """What running a chain row by row takes.

    Attributes:
        capacities: for each operator the output rows that must have a place; all of them for the last.
        made: for each operator the output rows that it makes in all.
        moved: bytes of rows that are moved to the front of their buffers.
        cost: an estimate of the instructions that it takes more than running one operator after another.
        distance: how many bytes before the chain's input its output may lie, at least, if nothing else needs
            that input: behind what is written, what is still read.
    """

    capacities: tuple[int, ...]
    made: tuple[int, ...]
    moved: int
    cost: int
    distance: int


def flow(windows: Sequence[RowWindow], stripes: Sequence[int]) -> Flow:
    """Runs through a chain; see ``calls`` for the arguments."""
    made_calls = list(calls(windows, stripes))
    capacities = [1] * len(windows)
    made = [0] * len(windows)
    distance = 0
    first, last = windows[0], windows[-1]
    for call in made_calls:
        end = made[call.stage] = call.made[call.stage] + call.count
        if call.stage == len(windows) - 1:
            read = _still_read(first, call.made[0])
            distance = max(distance, end * last.output_row - read * first.input_row)
            continue
        needed = _kept(windows, call)
        capacities[call.stage] = max(capacities[call.stage], end - needed)
    capacities[-1] = last.output_height
    moved = _moved(windows, made_calls, capacities)
    alone = sum(
        windows[call.stage].pixel_macs for call in made_calls if call.count * windows[call.stage].width % 2
    )
    cost = len(made_calls) * _CALL + (moved * _MOVED + alone * _ALONE) // 16
    return Flow(tuple(capacities), tuple(made), moved, cost, distance)


def _still_read(window: RowWindow, made: int) -> int:
    """The first input row that is still needed; the input's height if none is."""
    if made == window.output_height:
        return window.input_height
    return min(max(window.first_needed(made), 0), window.input_height)


def _kept(windows: Sequence[RowWindow], call: Call) -> int:
    """The first output row of a call's stage that the next stage still needs."""
    needed = windows[call.stage + 1].first_needed(call.made[call.stage + 1])
    return min(max(needed, 0), call.made[call.stage])


def _moved(windows: Sequence[RowWindow], made_calls: Sequence[Call], capacities: Sequence[int]) -> int:
    kept = [0] * len(windows)
    moved = 0
    for call in made_calls:
        made = call.made[call.stage]
        if made + call.count - kept[call.stage] > capacities[call.stage]:
            kept[call.stage] = max(kept[call.stage], _kept(windows, call))
            moved += (made - kept[call.stage]) * windows[call.stage].output_row
    return moved
