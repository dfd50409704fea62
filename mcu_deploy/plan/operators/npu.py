"""The ``ethos-u`` operators of Vela."""

from __future__ import annotations

from collections.abc import Mapping

from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.graph.reader import NPU_OPERATOR
from mcu_deploy.plan.operators.types import ETHOS_U, Kernel, Lowered, always
from mcu_deploy.plan.types import Constant


def lower_npu(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """An ``ethos-u`` operator for ``md_npu_step``: its command stream, and the constants that it refers to.

    The constants are those of the whole model and have one name in all steps.
    """
    stream, weights = (graph.tensors[index].data for index in operator.inputs[:2])
    assert stream is not None  # ``npu.compiled`` has checked it
    arrays = [Constant(f"{prefix}_stream", stream.reshape(-1))]
    if weights is not None:
        arrays.append(Constant(f"npu_constants{operator.inputs[1]}", weights.reshape(-1)))
    return Lowered(
        {
            "stream": arrays[0].name,
            "stream_bytes": stream.size,
            "constants": "NULL" if weights is None else arrays[1].name,
            "constants_bytes": 0 if weights is None else weights.size,
        },
        tuple(arrays),
    )


_NPU = Kernel(
    implementation=ETHOS_U,
    function="md_npu_step",
    header="md_npu_step.h",
    headers=(),
    sources=(),
    reason=always("compiled by Vela into a command stream"),
    lower=lower_npu,
    struct="md_npu_step_t",
)

KERNELS: Mapping[str, tuple[Kernel, ...]] = {NPU_OPERATOR: (_NPU,)}
