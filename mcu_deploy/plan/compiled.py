"""From what Vela made to a plan: NPU steps among kernel steps, in an arena that Vela laid out.

A command stream holds offsets into the arena, so every activation lies where Vela put it. Only the scratch
memory of our own kernels is placed here, in what is free while they run.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mcu_deploy.errors import McuDeployError
from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.graph.macs import operator_macs
from mcu_deploy.graph.reader import NPU_OPERATOR
from mcu_deploy.npu.compiled import Compiled, network_inputs
from mcu_deploy.plan.kernels import TARGETS
from mcu_deploy.plan.lifetimes import lifetimes
from mcu_deploy.plan.memory import align
from mcu_deploy.plan.operators.types import ETHOS_U, PORTABLE
from mcu_deploy.plan.placing import VIEW_REASON, add_views, operator_views
from mcu_deploy.plan.planner import initial_state, make_step, read_behind
from mcu_deploy.plan.selection import Choice, choose_kernels
from mcu_deploy.plan.types import DEFAULT_OPTIMISE, Allocation, Constant, Optimise, Plan, Step, View


def make_compiled_plan(
    original: Graph, compiled: Compiled, target: str = PORTABLE, optimise: Optimise = DEFAULT_OPTIMISE
) -> Plan:
    """Decides everything that is decided before C is written.

    Args:
        original: the model that was given.
        compiled: what Vela made of it.
        target: one of ``kernels.TARGETS``: what the core can run.
        optimise: what to strive for in choosing kernels.

    Returns:
        A plan whose tensors are those of ``compiled.graph`` and whose operators are the original's.
    """
    steps: list[Step] = []
    views: dict[int, View] = {}
    removed: dict[int, str] = {}
    performed: list[Operator] = []
    for operator in compiled.graph.operators:
        found = operator_views(compiled.graph, operator)
        if found is not None and _lie_there(compiled, operator, found):
            add_views(views, operator, found)
            removed |= dict.fromkeys(performed_operators(original, operator), VIEW_REASON)
        else:
            performed.append(operator)
    chosen = choose_kernels(compiled.graph, performed, (*TARGETS[target], ETHOS_U), optimise)
    for operator in performed:
        steps.append(_step(original, compiled, operator, len(steps), chosen[operator.index]))
    steps = shared_constants(steps)
    state = initial_state(compiled.graph)
    places = _places(compiled, steps, views, state)
    _check_overlaps(steps, places)
    fast_end = align(compiled.scratch_bytes) + align(compiled.fast_bytes)
    end = max(fast_end, *(one.offset + align(one.size) for one in places))
    places, end = _kernel_scratch(steps, places, end)
    return Plan(tuple(steps), tuple(places), views, end + read_behind(steps), removed, state)


def _step(original: Graph, compiled: Compiled, operator: Operator, index: int, choice: Choice) -> Step:
    performed = performed_operators(original, operator)
    step = make_step(compiled.graph, operator, index, choice)
    if operator.kind != NPU_OPERATOR:
        return replace(step, operators=performed)
    macs = [operator_macs(original, original.operators[one]) or 0 for one in performed]
    fast = align(compiled.scratch_bytes) if compiled.fast_bytes else 0
    return replace(
        step,
        operators=performed,
        inputs=network_inputs(operator),
        parameters={
            **step.parameters,
            "arena_bytes": align(compiled.scratch_bytes) + align(compiled.fast_bytes),
            "fast_offset": fast,
            "step": index,
        },
        macs=sum(macs),
    )


def performed_operators(original: Graph, operator: Operator) -> tuple[int, ...]:
    """The original's operators that one of Vela's stands for: those between its inputs and its outputs."""
    makers = {tensor: op for op in original.operators for tensor in op.outputs}
    ends = set(network_inputs(operator))
    found: set[int] = set()
    wanted = list(operator.outputs)
    while wanted:
        tensor = wanted.pop()
        maker = makers.get(tensor)
        if maker is not None and tensor not in ends and maker.index not in found:
            found.add(maker.index)
            wanted += [index for index in maker.inputs if index >= 0]
    return tuple(sorted(found))


def shared_constants(steps: list[Step]) -> list[Step]:
    """Each array once: the steps of one compilation have their weights in common."""
    seen: set[str] = set()
    result = []
    for step in steps:
        own: list[Constant] = [one for one in step.constants if one.name not in seen]
        seen |= {one.name for one in own}
        result.append(replace(step, constants=tuple(own)))
    return result


def _lie_there(compiled: Compiled, operator: Operator, views: Sequence[View]) -> bool:
    """Whether Vela put the outputs where they are views."""
    return all(
        compiled.offsets[tensor] == compiled.offsets[view.tensor] + view.offset
        for tensor, view in zip(operator.outputs, views, strict=True)
    )


def _places(
    compiled: Compiled, steps: Sequence[Step], views: Mapping[int, View], state: Mapping[int, int | Constant]
) -> list[Allocation]:
    """Each activation where Vela put it, with the steps during which it must survive."""
    alive = lifetimes(compiled.graph, [(step.inputs, step.outputs) for step in steps], views, state)
    return [
        Allocation(tensor, -1, compiled.offsets[tensor], compiled.graph.tensors[tensor].bytes, first, last)
        for tensor, (first, last) in alive.items()
    ]


def _check_overlaps(steps: list[Step], places: list[Allocation]) -> None:
    """Tensors that are alive together must not overlap, as our kernels rely on it.

    But Vela may let the NPU write over what it reads in the same step for the last time.
    """
    for one, other in itertools.combinations(places, 2):
        first, last = max(one.first_step, other.first_step), min(one.last_step, other.last_step)
        apart = one.offset + one.size <= other.offset or other.offset + other.size <= one.offset
        if apart or first > last:
            continue
        if first != last or first not in range(len(steps)) or steps[first].kind != NPU_OPERATOR:
            raise McuDeployError(
                f"Vela's result is not as expected: tensors {one.tensor} and {other.tensor} overlap",
                "choose another --npu-optimise, or deploy for the CPU: --npu none",
            )


def _kernel_scratch(steps: list[Step], places: list[Allocation], end: int) -> tuple[list[Allocation], int]:
    """The scratch memory of each kernel step, first fit among the tensors that are alive; and the end."""
    result = list(places)
    for step in steps:
        if not step.scratch_bytes:
            continue
        size, candidate = align(step.scratch_bytes), 0
        alive = [one for one in places if one.first_step <= step.index <= one.last_step]
        for one in sorted(alive, key=lambda one: one.offset):
            if candidate + size <= one.offset:
                break
            candidate = max(candidate, align(one.offset + one.size))
        result.append(Allocation(-1, step.index, candidate, step.scratch_bytes, step.index, step.index))
        end = max(end, candidate + size)
    return result, end
