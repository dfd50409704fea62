"""Which operators run together, a few rows at a time: the choice that needs the least memory.

A chain is a run of steps that each feed only the next. It is cut into segments; tensors at the cuts are in
memory as a whole, of those inside of a segment only some rows. First the lowest peak of memory that any cuts
give; then the cuts that reach it and cost least; then more rows a call where that costs less and fits.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from mcu_deploy.graph.ir import Graph
from mcu_deploy.plan.lifetimes import lifetimes, overlaps
from mcu_deploy.plan.memory import align
from mcu_deploy.plan.rows import Flow, RowWindow, feeds, flow, least_stripes, row_window
from mcu_deploy.plan.types import Constant, Stage, Step, View

# The longest segment that is tried, so that planning takes no longer than the square of the model's size.
LONGEST = 12


@dataclass(frozen=True, eq=False)
class Segment:
    """Steps that run together, or one that runs alone.

    Attributes:
        first: the first one's position.
        windows: of the steps.
        stripes: output rows of a call at most; () of a step alone.
        flow: what that takes; None of a step alone.
        scratch: bytes of scratch memory.
        peak: bytes of all that is alive while it runs.
    """

    first: int
    windows: tuple[RowWindow, ...]
    stripes: tuple[int, ...]
    flow: Flow | None
    scratch: int
    peak: int

    @property
    def cost(self) -> int:
        """Instructions that it takes more than its steps one by one, by estimate."""
        return 0 if self.flow is None else self.flow.cost


class Chains:
    """The steps of a graph, and what is alive when."""

    def __init__(
        self,
        graph: Graph,
        steps: Sequence[Step],
        views: Mapping[int, View],
        state: Collection[int],
    ) -> None:
        lives = lifetimes(graph, [(step.inputs, step.outputs) for step in steps], views, state)
        self.steps = steps
        self.windows = [row_window(graph, step) for step in steps]
        self.sizes = {tensor: align(graph.tensors[tensor].bytes) for tensor in lives}
        self.lives = lives
        pairs = overlaps(steps, views, lives)
        self.together = [
            [(pair, before) for pair, before in pairs.items() if lives[pair[0]][0] == i]
            for i in range(len(steps))
        ]
        seen = {view.tensor for view in views.values()} | views.keys() | {*graph.inputs, *graph.outputs}
        readers = [tensor for step in steps for tensor in step.inputs]
        self.joined = [
            one is not None
            and other is not None
            and feeds(one, other)
            and steps[i].outputs == steps[i + 1].inputs
            and readers.count(steps[i].outputs[0]) == 1
            and steps[i].outputs[0] not in seen
            for i, (one, other) in enumerate(itertools.pairwise(self.windows))
        ]

    def runs(self) -> list[range]:
        """The positions of each longest chain; steps in none are alone."""
        cuts = [i + 1 for i, joined in enumerate(self.joined) if not joined]
        return [range(*ends) for ends in zip([0, *cuts], [*cuts, len(self.steps)], strict=True)]

    def segment(self, first: int, last: int, stripes: Sequence[int] | None = None) -> Segment:
        """The steps from ``first`` to ``last``; without ``stripes`` as few rows a call as can be."""
        steps = self.steps[first : last + 1]
        kernels = align(max(step.scratch_bytes for step in steps))
        inside = {step.outputs[0] for step in steps[:-1]}
        alive = sum(
            self.sizes[tensor]
            for tensor, (start, end) in self.lives.items()
            if start <= last and first <= end and tensor not in inside
        )
        if first == last:
            shared = max((self._shared(pair, before) for pair, before in self.together[first]), default=0)
            return Segment(first, (), (), None, steps[0].scratch_bytes, alive + kernels - shared)
        windows = tuple(window for window in self.windows[first : last + 1] if window is not None)
        chosen = tuple(stripes or least_stripes(windows))
        found = flow(windows, chosen)
        scratch = sum(_buffers(windows, found)) + kernels
        read, made = steps[0].inputs[0], steps[-1].outputs[0]
        alone = {read, made} <= self.sizes.keys()
        shared = self._shared((made, read), found.distance) if alone and self.lives[read][1] == first else 0
        return Segment(first, windows, chosen, found, scratch, alive + scratch - shared)

    def _shared(self, pair: tuple[int, int], before: int) -> int:
        """Bytes that a step's output may have in common with an input before which it begins."""
        made, read = (self.sizes[tensor] for tensor in pair)
        return made + read - max(made, align(before) + read)

    def merged(self, segment: Segment, index: int) -> Step:
        """A segment as the step at ``index`` of a plan."""
        steps = self.steps[segment.first : segment.first + max(len(segment.windows), 1)]
        if segment.flow is None:
            return replace(_renamed(steps[0], f"step{index}"), index=index)
        named = [_renamed(step, f"step{index}_{k}") for k, step in enumerate(steps)]
        stages = _stages(segment, segment.flow, named)
        rows = ", ".join(str(capacity) for capacity in segment.flow.capacities[:-1])
        return Step(
            index=index,
            operators=tuple(operator for step in named for operator in step.operators),
            kind=f"{named[0].kind} to {named[-1].kind}",
            kernel="md_rows_run",
            implementation=named[-1].implementation,
            reason=f"{len(named)} operators a few rows at a time; rows kept between them: {rows}",
            inputs=named[0].inputs,
            outputs=named[-1].outputs,
            arguments=named[0].arguments,
            constants=tuple(constant for step in named for constant in step.constants),
            scratch_bytes=segment.scratch,
            macs=sum(step.macs for step in named),
            overlaps={named[0].inputs[0]: segment.flow.distance},
            completed=tuple(tensor for step in named for tensor in step.completed),
            stages=stages,
            stage_scratch=sum(_buffers(segment.windows, segment.flow)),
        )


def _buffers(windows: Sequence[RowWindow], found: Flow) -> list[int]:
    """Bytes of each buffer between two operators."""
    return [
        align(capacity * window.output_row)
        for window, capacity in zip(windows[:-1], found.capacities[:-1], strict=True)
    ]


def run_by_rows(
    graph: Graph, steps: Sequence[Step], views: Mapping[int, View], state: Collection[int]
) -> list[Step]:
    """The steps with those merged that are better run together.

    Args:
        graph: what they were made from.
        steps: in execution order.
        views: the tensors that lie in others.
        state: the tensors that are always alive.
    """
    chains = Chains(graph, steps, views, state)
    alone = [chains.segment(i, i) for i in range(len(steps))]
    fixed = max((alone[run.start].peak for run in chains.runs() if len(run) == 1), default=0)
    runs = []
    for run in chains.runs():
        made = {(i, i): alone[i] for i in run}
        if any(alone[i].peak > fixed for i in run):
            pairs = itertools.combinations(run, 2)
            made |= {(i, k): chains.segment(i, k) for i, k in pairs if k - i < LONGEST}
        runs.append((run, made))
    peak = max((_lowest_peak(run, made) for run, made in runs), default=0)
    merged: list[Step] = []
    for run, made in runs:
        for segment in _cheapest(run, made, peak):
            merged.append(chains.merged(_with_more_rows(chains, segment, peak), len(merged)))
    return merged


def _lowest_peak(run: range, segments: Mapping[tuple[int, int], Segment]) -> int:
    best = {run.start: 0}
    for end in run:
        options = [max(best[i], segments[i, end].peak) for i in run if (i, end) in segments]
        best[end + 1] = min(options)
    return best[run.stop]


def _cheapest(run: range, segments: Mapping[tuple[int, int], Segment], peak: int) -> list[Segment]:
    """The cuts that cost least without going above a peak."""
    best: dict[int, tuple[int, list[Segment]]] = {run.start: (0, [])}
    for end in run:
        options = [
            (best[i][0] + segments[i, end].cost, [*best[i][1], segments[i, end]])
            for i in run
            if i in best and (i, end) in segments and segments[i, end].peak <= peak
        ]
        if options:
            best[end + 1] = min(options, key=lambda option: option[0])
    return best[run.stop][1]


def _with_more_rows(chains: Chains, segment: Segment, peak: int) -> Segment:
    """More rows a call, one operator after another, where that saves most for its memory and still fits."""
    last = segment.first + len(segment.windows) - 1
    while segment.flow is not None:
        tried = [
            chains.segment(segment.first, last, [*segment.stripes[:i], more, *segment.stripes[i + 1 :]])
            for i, window in enumerate(segment.windows)
            for more in {segment.stripes[i] + -(-segment.stripes[i] // 4), 2 * segment.stripes[i]}
            if more <= window.output_height
        ]
        better = [one for one in tried if one.cost < segment.cost and one.peak <= peak]
        if not better:
            break
        current = segment
        segment = min(
            better, key=lambda one: (one.cost - current.cost) / max(one.scratch - current.scratch, 1)
        )
    return segment


def _stages(segment: Segment, found: Flow, steps: Sequence[Step]) -> tuple[Stage, ...]:
    buffers = _buffers(segment.windows, found)
    return tuple(
        Stage(
            step,
            {
                "capacity": found.capacities[k],
                "stripe": segment.stripes[k],
                "input_height": window.input_height,
                "output_height": window.output_height,
                "input_row": window.input_row,
                "output_row": window.output_row,
                "reach": window.reach,
                "stride": window.stride,
                "pad": window.pad,
            },
            window.patches,
            found.made[k] * window.output_row,
            sum(buffers[:k]) if k < len(buffers) else -1,
        )
        for k, (step, window) in enumerate(zip(steps, segment.windows, strict=True))
    )


def _renamed(step: Step, prefix: str) -> Step:
    """A step whose constants are named after another place in the plan."""
    old = f"step{step.index}_"
    names = {one.name: f"{prefix}_{one.name.removeprefix(old)}" for one in step.constants}
    return replace(
        step,
        arguments=tuple(names.get(one, one) if isinstance(one, str) else one for one in step.arguments),
        parameters={
            field: names.get(value, value) if isinstance(value, str) else value
            for field, value in step.parameters.items()
        },
        constants=tuple(Constant(names[one.name], one.values, one.origin) for one in step.constants),
    )
