"""From a checked graph to a plan: kernel selection, aliases, lifetimes, memory."""

from __future__ import annotations

from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.graph.macs import operator_macs
from mcu_deploy.plan import kernels
from mcu_deploy.plan.memory import Buffer, arena_size, plan_memory
from mcu_deploy.plan.types import Allocation, Plan, Step


def make_plan(graph: Graph, target: str = kernels.PORTABLE) -> Plan:
    """Decides everything that is decided before C is written.

    Args:
        graph: a graph that ``graph.checks.check`` has passed.
        target: one of ``kernels.TARGETS``: what the core can run.
    """
    implementations = kernels.TARGETS[target]
    steps: list[Step] = []
    aliases: dict[int, int] = {}
    removed: dict[int, str] = {}
    for operator in graph.operators:
        if operator.kind in kernels.ALIASES:
            source = operator.inputs[0]
            aliases[operator.outputs[0]] = aliases.get(source, source)
            removed[operator.index] = kernels.ALIASES[operator.kind]
        else:
            steps.append(make_step(graph, operator, len(steps), implementations))
    allocations = _allocate(graph, steps, aliases)
    buffers = [Buffer(one.size, one.first_step, one.last_step) for one in allocations]
    return Plan(
        tuple(steps),
        tuple(allocations),
        aliases,
        arena_size(buffers, [one.offset for one in allocations]),
        removed,
    )


def observable_tensors(plan: Plan) -> dict[int, int]:
    """Which tensor an observer sees for which tensor of the model.

    Keys are the tensors that ``md_model_invoke`` makes, aliases of such tensors included; values are the
    tensor indices that its observer reports for them. Tensors that share the memory of a graph input are not
    among them: nothing makes them.
    """
    made = {tensor: tensor for step in plan.steps for tensor in step.outputs}
    return made | {alias: root for alias, root in plan.aliases.items() if root in made}


def resolve(plan: Plan, tensor: int) -> Allocation:
    """The place of an activation tensor in the arena, through its alias."""
    root = plan.aliases.get(tensor, tensor)
    return next(one for one in plan.allocations if one.tensor == root)


def make_step(graph: Graph, operator: Operator, index: int, implementations: tuple[str, ...]) -> Step:
    """One operator's step: the first kernel of the list that can perform it."""
    macs = operator_macs(graph, operator)
    assert macs is not None
    for kernel in kernels.KERNELS[operator.kind]:
        if kernel.implementation not in implementations:
            continue
        reason = kernel.reason(graph, operator)
        if reason is None:
            continue
        lowered = kernel.lower(graph, operator, f"step{index}")
        return Step(
            index=index,
            operators=(operator.index,),
            kind=operator.kind,
            kernel=kernel.function,
            implementation=kernel.implementation,
            reason=reason,
            inputs=operator.inputs[:1],
            outputs=operator.outputs,
            parameters=lowered.parameters,
            constants=lowered.constants,
            scratch_bytes=lowered.scratch_bytes,
            macs=macs,
        )
    raise AssertionError(f"no implementation of {operator.kind} among {implementations}")


def _allocate(graph: Graph, steps: list[Step], aliases: dict[int, int]) -> list[Allocation]:
    """A place for each graph input, each tensor that a step makes, and each step's scratch memory."""
    first = dict.fromkeys(graph.inputs, -1)
    last = dict(first)
    for step in steps:
        for tensor in step.outputs:
            first[tensor] = last[tensor] = step.index
        for tensor in step.inputs:
            last[aliases.get(tensor, tensor)] = step.index
    for tensor in graph.outputs:
        last[aliases.get(tensor, tensor)] = len(steps)
    needs = [(tensor, -1, graph.tensors[tensor].bytes, first[tensor], last[tensor]) for tensor in first]
    needs += [
        (-1, step.index, step.scratch_bytes, step.index, step.index) for step in steps if step.scratch_bytes
    ]
    offsets = plan_memory([Buffer(size, start, end) for _, _, size, start, end in needs])
    return [
        Allocation(need[0], need[1], offset, *need[2:]) for need, offset in zip(needs, offsets, strict=True)
    ]
