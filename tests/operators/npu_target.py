"""Cases on the NPU: Vela compiles their model for ethos-u55-128, the driver runs it on the functional model.

What Vela leaves to the CPU is performed by our kernels, as in a deployment; such cases do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from firmware import Runs, TargetRun, Unit, run_on_host

from mcu_deploy.boards.reader import load_board
from mcu_deploy.codegen.npu import npu_sources
from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.graph.writer import write_model
from mcu_deploy.npu.target import make_target
from mcu_deploy.npu.vela import compile_model, memory_ports, vela_options
from mcu_deploy.plan.compiled import make_compiled_plan
from mcu_deploy.plan.operators.types import ETHOS_U

CONFIGURATION = "ethos-u55-128"

# What Vela's streams may differ by from TFLM's arithmetic, by kind and element type: docs/npu.md says why.
# RELU with a scale of its own is a convolution whose multiplier Vela computes in float32.
DIFFERENCES: Mapping[tuple[str, DataType], int] = {
    ("RELU", DataType.INT8): 1,
    ("RELU_N1_TO_1", DataType.INT8): 1,
    ("SUM", DataType.INT8): 1,
    ("MUL", DataType.INT16): 1,
    ("ELU", DataType.INT8): 1,
    ("LEAKY_RELU", DataType.INT8): 1,
    ("LEAKY_RELU", DataType.INT16): 1,
    ("SOFTMAX", DataType.INT16): 1,
}


@dataclass(frozen=True)
class NpuResult:
    """The runs, whose tensors are those that are seen between the NPU's steps; and the NPU's operators."""

    runs: list[TargetRun]
    operators: frozenset[int]


def run_on_npu(graph: Graph, runs: Runs) -> NpuResult:
    """Compiles a model with Vela and runs it on this computer, with sanitizers."""
    options = vela_options(load_board("corstone-300").npu, CONFIGURATION, None, None, "performance", None)
    made = compile_model(write_model(graph), options)
    target = make_target(
        options, "auto", memory_ports(options.memory_mode), replace(made, estimate=None), graph
    )
    plan = make_compiled_plan(graph, target.compiled)
    on_npu = [step for step in plan.steps if step.implementation == ETHOS_U]
    extra = npu_sources(target, None) if on_npu else []
    (results,) = run_on_host([Unit(target.compiled.graph, plan, runs)], extra)
    return NpuResult(results, frozenset(one for step in on_npu for one in step.operators))
