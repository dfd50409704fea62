"""From a checked graph to a plan: kernel selection, views, lifetimes, memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mcu_deploy.graph.ir import DataType, Graph, Operator
from mcu_deploy.graph.macs import operator_macs
from mcu_deploy.plan.chains import run_by_rows
from mcu_deploy.plan.folding import Folded, fold_padding
from mcu_deploy.plan.kernels import TARGETS
from mcu_deploy.plan.lifetimes import lifetimes, overlaps
from mcu_deploy.plan.memory import ALIGNMENT, Buffer, Placement, plan_memory
from mcu_deploy.plan.operators.types import HELIUM, PORTABLE
from mcu_deploy.plan.placing import Joining, Places, completed_tensors, find_places
from mcu_deploy.plan.selection import Choice, choose_kernels
from mcu_deploy.plan.types import DEFAULT_OPTIMISE, Allocation, Constant, Optimise, Plan, Step, View

# What ``md_rows_run`` adds to the deepest stack, a little more than was measured on a Cortex-M55 (296).
ROWS_STACK_BYTES = 304
# Bytes of the arena, and an eighth of it, for which what could be made in its place is copied.
WORTH_A_COPY = 1024


def make_plan(graph: Graph, target: str = PORTABLE, optimise: Optimise = DEFAULT_OPTIMISE) -> Plan:
    """Decides everything that is decided before C is written.

    Args:
        graph: a graph that ``graph.checks.check`` has passed.
        target: one of ``kernels.TARGETS``: what the core can run.
        optimise: what to strive for.
    """
    folded = fold_padding(graph)
    plans = [
        _planned(graph, folded, places, TARGETS[target], optimise)
        for places in _placings(graph, folded, optimise)
    ]
    joined, *copied = plans
    enough = 0 if optimise is Optimise.RAM else max(WORTH_A_COPY, joined.arena_bytes // 8)
    return next((plan for plan in copied if joined.arena_bytes - plan.arena_bytes > enough), joined)


def _placings(graph: Graph, folded: Folded, optimise: Optimise) -> list[Places]:
    """What may need no step: for speed as much as can; else then without joins, which may be smaller."""
    if optimise is Optimise.SPEED:
        return [find_places(graph, folded.operators, Joining.ALWAYS)]
    places = find_places(graph, folded.operators)
    return [places, find_places(graph, folded.operators, Joining.NEVER)] if places.joined else [places]


def _planned(
    graph: Graph, folded: Folded, places: Places, implementations: tuple[str, ...], optimise: Optimise
) -> Plan:
    completed = completed_tensors(folded.operators, places)
    performed = [one for one in folded.operators if one.index not in places.removed]
    chosen = choose_kernels(graph, performed, implementations, optimise)
    steps: list[Step] = []
    for operator in performed:
        step = make_step(graph, operator, len(steps), chosen[operator.index])
        absorbed = folded.absorbed.get(operator.index, ())
        whole = completed.get(operator.index, ())
        steps.append(replace(step, operators=(*absorbed, operator.index), completed=whole))
    plan = place_steps(graph, steps, places.views, places.removed, initial_state(graph))
    return with_less_memory(graph, plan) if optimise is Optimise.RAM else plan


def place_steps(
    graph: Graph,
    steps: Sequence[Step],
    views: Mapping[int, View],
    removed: Mapping[int, str],
    state: Mapping[int, int | Constant],
) -> Plan:
    """The plan of steps that are chosen: see ``Plan`` for the arguments."""
    allocations, found = _allocate(graph, steps, views, state)
    size = found.size + read_behind(steps)
    return Plan(tuple(steps), tuple(allocations), views, size, removed, state, found.least)


def with_less_memory(graph: Graph, plan: Plan) -> Plan:
    """The plan with chains of steps run by rows, if that saves more than the stack that they take."""
    steps = run_by_rows(graph, plan.steps, plan.views, plan.state)
    tried = place_steps(graph, steps, plan.views, plan.removed, plan.state)
    return tried if tried.arena_bytes + ROWS_STACK_BYTES < plan.arena_bytes else plan


def observable_tensors(plan: Plan) -> dict[int, View]:
    """In which tensor an observer sees which tensor of the model.

    Keys are the tensors that ``md_model_invoke`` makes, views of such tensors included; values say which of
    the tensors that its observer reports holds them, and where. Tensors that lie in the memory of a graph
    input are not among them: nothing makes them.
    """
    made = {tensor: View(tensor) for step in plan.steps for tensor in step.observed}
    return {tensor: view for tensor, view in plan.views.items() if view.tensor in made} | made


def offset_of(plan: Plan, tensor: int) -> int:
    """Where an activation tensor begins in the arena, in bytes."""
    view = plan.views.get(tensor, View(tensor))
    return next(one.offset for one in plan.allocations if one.tensor == view.tensor) + view.offset


def initial_state(graph: Graph) -> dict[int, int | Constant]:
    """The variables that operators use, and what each holds at first: see ``Plan.state``.

    Without a value of its own it is filled as by TFLM: int8 with its zero point, every other type with 0.
    """
    used = {index for operator in graph.operators for index in operator.inputs if index >= 0}
    state: dict[int, int | Constant] = {}
    for index in sorted(used):
        tensor = graph.tensors[index]
        if not tensor.is_variable:
            continue
        if tensor.initial is not None:
            state[index] = Constant(f"state{index}_initial", tensor.initial.reshape(-1), index)
            continue
        quantization = tensor.quantization if tensor.dtype is DataType.INT8 else None
        state[index] = 0 if quantization is None else int(quantization.zero_point[0]) % 256
    return state


def make_step(graph: Graph, operator: Operator, index: int, choice: Choice) -> Step:
    """One operator's step, by the kernel that was chosen."""
    macs = operator_macs(graph, operator)
    assert macs is not None
    kernel = choice.kernel
    lowered = kernel.lower(graph, operator, f"step{index}")
    arguments = lowered.arguments
    if arguments is None:
        arguments = tuple(one for one in operator.inputs if one >= 0 and graph.tensors[one].data is None)
    return Step(
        index=index,
        operators=(operator.index,),
        kind=operator.kind,
        kernel=kernel.function,
        implementation=kernel.implementation,
        reason=choice.reason,
        inputs=tuple(one for one in arguments if isinstance(one, int)),
        outputs=operator.outputs,
        arguments=arguments,
        parameters=lowered.parameters,
        constants=lowered.constants,
        scratch_bytes=lowered.scratch_bytes,
        macs=macs,
        overlaps=kernel.overlap(graph, operator) if kernel.overlap else {},
    )


def read_behind(steps: Sequence[Step]) -> int:
    """Bytes at the end of the arena that belong to nothing, but must be there.

    Kernels for Helium read whole vectors, whose lanes behind a tensor count nothing.
    """
    return ALIGNMENT if any(call.implementation == HELIUM for step in steps for call in step.calls) else 0


def _allocate(
    graph: Graph, steps: Sequence[Step], views: Mapping[int, View], state: Mapping[int, int | Constant]
) -> tuple[list[Allocation], Placement]:
    """A place for each graph input, each tensor that a step makes, the state, and each step's scratch."""
    lives = lifetimes(graph, [(step.inputs, step.outputs) for step in steps], views, state)
    needs = [
        (tensor, -1, graph.tensors[tensor].bytes, first, last) for tensor, (first, last) in lives.items()
    ]
    needs += [
        (-1, step.index, step.scratch_bytes, step.index, step.index) for step in steps if step.scratch_bytes
    ]
    number = {tensor: i for i, tensor in enumerate(lives)}
    together = {
        (number[made], number[read]): before for (made, read), before in overlaps(steps, views, lives).items()
    }
    found = plan_memory([Buffer(size, first, last) for _, _, size, first, last in needs], together)
    allocations = [
        Allocation(need[0], need[1], offset, *need[2:])
        for need, offset in zip(needs, found.offsets, strict=True)
    ]
    return allocations, found
