"""The plan of a model that TFLite Micro runs: a step for each operator; the arena is its own affair."""

from __future__ import annotations

from mcu_deploy.errors import InputError
from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.graph.macs import operator_macs
from mcu_deploy.graph.reader import NPU_OPERATOR
from mcu_deploy.npu.compiled import STREAM, Compiled, network_inputs
from mcu_deploy.plan.compiled import performed_operators, shared_constants
from mcu_deploy.plan.memory import align
from mcu_deploy.plan.operators.types import ETHOS_U
from mcu_deploy.plan.types import Constant, Plan, Step
from mcu_deploy.tflm.arena import estimate_arena
from mcu_deploy.tflm.operators import registrations

TFLM = "tflm"
_REASON = "TFLite Micro's kernel"


def make_tflm_plan(graph: Graph, compiled: Compiled | None = None, arena_bytes: int | None = None) -> Plan:
    """What the firmware will do, as far as it is known before it runs.

    Args:
        graph: the model's.
        compiled: what Vela made of it, or None.
        arena_bytes: size of the arena, with the NPU's fast memory at its end; or None for an estimate.

    Raises:
        ModelError: TFLite Micro lacks an operator.
        InputError: the arena is too small for the NPU's fast memory alone.
    """
    ran = graph if compiled is None else compiled.graph
    registrations(ran)
    steps = shared_constants([_step(graph, compiled, operator) for operator in ran.operators])
    if arena_bytes is None:
        arena_bytes = estimate_arena(graph, compiled)
    fast = align(compiled.fast_bytes) if compiled else 0
    if arena_bytes <= fast:
        raise InputError(
            f"an arena of {arena_bytes} bytes has no room but for the NPU's fast memory ({fast} bytes)",
            "give more by --tflm-arena",
        )
    return Plan(tuple(steps), (), {}, align(arena_bytes))


def _step(original: Graph, compiled: Compiled | None, operator: Operator) -> Step:
    ran = original if compiled is None else compiled.graph
    on_npu = operator.kind == NPU_OPERATOR
    operators = (operator.index,) if compiled is None else performed_operators(original, operator)
    macs = [operator_macs(original, original.operators[index]) or 0 for index in operators]
    used = [ran.tensors[index] for index in operator.inputs if index >= 0]
    stream = ran.tensors[operator.inputs[STREAM]].bytes if on_npu else 0
    return Step(
        index=operator.index,
        operators=operators,
        kind=operator.kind,
        kernel=TFLM,
        implementation=ETHOS_U if on_npu else TFLM,
        reason=_REASON,
        inputs=tuple(
            index for index in network_inputs(operator) if index >= 0 and ran.tensors[index].data is None
        ),
        outputs=operator.outputs,
        arguments=(),
        parameters={"stream_bytes": stream} if on_npu else {},
        constants=tuple(
            Constant(f"tensor{tensor.index}", tensor.data.reshape(-1), tensor.index)
            for tensor in used
            if tensor.data is not None
        ),
        macs=sum(macs),
    )
