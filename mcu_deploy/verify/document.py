"""The document that a deployment comes to (``deployment.schema.json``)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mcu_deploy import __version__
from mcu_deploy.build import MemoryUse
from mcu_deploy.errors import McuDeployError
from mcu_deploy.inputs import InputVector
from mcu_deploy.npu.target import NpuTarget
from mcu_deploy.plan.operators.types import ETHOS_U
from mcu_deploy.plan.types import Plan
from mcu_deploy.simulate.npu_counts import NpuCounts
from mcu_deploy.simulate.records import Run, RunRecord
from mcu_deploy.verify.runs import RunVerdict

SCHEMA = "mcu-deploy/deployment/1"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the document."""
    text = Path(__file__).with_name("deployment.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def empty_document() -> dict[str, Any]:
    """A document of which nothing is known yet."""
    return {
        "schema": SCHEMA,
        "mcu_deploy": __version__,
        "verdict": "failed",
        "model": None,
        "board": None,
        "simulator": None,
        "npu": None,
        "runtime": None,
        "optimise": None,
        "frontend": None,
        "arithmetic": None,
        "output_dir": None,
        "elf": None,
        "elf_sha256": None,
        "versions": {},
        "memory": None,
        "steps": [],
        "layers": [],
        "runs": [],
        "stream": None,
        "detections": [],
        "first_difference": None,
        "error": None,
    }


def error_entry(error: McuDeployError) -> dict[str, Any]:
    """What stands under ``error``."""
    return {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "details": list(error.details),
    }


def npu_entry(npu: NpuTarget, plan: Plan) -> dict[str, Any]:
    """What stands under ``npu`` before a run; what is called estimated, is Vela's of the NPU's part."""
    estimate, steps = npu.estimate, [step for step in plan.steps if step.implementation == ETHOS_U]
    streams = sum(int(step.parameters["stream_bytes"]) for step in steps)
    return {
        "configuration": npu.options.configuration,
        "system_config": npu.options.system_config,
        "memory_mode": npu.options.memory_mode,
        "optimise": npu.options.optimise,
        "arena_cache_bytes": npu.options.arena_cache,
        "model": npu.model,
        "vela": npu.version,
        "npu_steps": len(steps),
        "npu_macs": sum(step.macs for step in steps),
        "cpu_operators": list(npu.compiled.cpu_operators),
        "estimated_cycles": estimate.cycles if estimate else None,
        "estimated_seconds": estimate.seconds if estimate else None,
        "clock_hz": estimate.clock_hz if estimate else None,
        "memory": {
            "estimated_sram_bytes": estimate.sram_bytes if estimate else None,
            "estimated_flash_bytes": estimate.flash_bytes if estimate else None,
            "estimated_dram_bytes": estimate.dram_bytes if estimate else None,
            "estimated_sram_traffic_bytes": estimate.sram_traffic_bytes if estimate else None,
            "estimated_flash_traffic_bytes": estimate.flash_traffic_bytes if estimate else None,
            "estimated_dram_traffic_bytes": estimate.dram_traffic_bytes if estimate else None,
            "command_stream_bytes": streams,
            "constant_bytes": sum(step.constant_bytes for step in steps) - streams,
            "arena_bytes": npu.compiled.scratch_bytes + npu.compiled.fast_bytes,
        },
        "counted": None,
    }


def counted_entry(counts: NpuCounts | None) -> dict[str, Any] | None:
    """What stands under ``counted`` of ``npu``: an inference, as the functional model counts it."""
    if counts is None:
        return None
    return {
        "macs": counts.macs,
        "operations": counts.operations,
        "dma_bytes": counts.dma_bytes,
        "bytes_read": {
            "stream": counts.stream_read,
            "constants": counts.constants_read,
            "arena": counts.arena_read,
        },
        "bytes_written": {"arena": counts.arena_written},
    }


def memory_entry(plan: Plan, use: MemoryUse | None, record: RunRecord | None) -> dict[str, Any]:
    """What stands under ``memory``.

    Args:
        plan: gives the arena.
        use: of the target build; None for a native one, whose sizes mean nothing for a target.
        record: gives the stack's high-water mark, and what TFLite Micro uses of its arena.
    """
    stack = record.stack_used if record is not None and record.stack_bytes else None
    entry: dict[str, Any] = dict.fromkeys(
        (
            "flash_bytes",
            "flash_code_bytes",
            "flash_frontend_bytes",
            "flash_npu_driver_bytes",
            "flash_npu_model_bytes",
            "flash_constant_bytes",
            "ram_bytes",
            "stack_reserved_bytes",
        )
    )
    used = record.runs[0].arena_used if record is not None else None
    entry |= {"arena_bytes": plan.arena_bytes, "arena_used_bytes": used, "stack_bytes": stack}
    if use is not None:
        frontend = [use.sets[name].bytes for name in ("frontend", "cmsis_dsp", "stream") if name in use.sets]
        entry |= {
            "flash_bytes": use.flash_bytes,
            "flash_code_bytes": use.code_bytes,
            "flash_frontend_bytes": sum(frontend),
            "flash_npu_driver_bytes": use.sets["npu_driver"].bytes if "npu_driver" in use.sets else 0,
            "flash_npu_model_bytes": use.sets["npu_model"].bytes if "npu_model" in use.sets else 0,
            "flash_constant_bytes": use.model_bytes,
            "ram_bytes": None if stack is None else use.data_bytes + use.arena_bytes + stack,
            "stack_reserved_bytes": use.stack_bytes,
        }
    return entry


def run_entry(vector: InputVector, verdict: RunVerdict, run: Run, labels: Sequence[str]) -> dict[str, Any]:
    """One entry of ``runs``."""
    best = max(range(len(verdict.scores)), key=verdict.scores.__getitem__)
    return {
        "input": vector.source,
        "start_seconds": vector.start_seconds,
        "label": labels[best] if len(labels) == len(verdict.scores) else None,
        "scores": list(verdict.scores),
        "features_bit_exact": verdict.features_bit_exact,
        "features_max_error": verdict.features_max_error,
        "layers_bit_exact": verdict.layers_bit_exact,
        "outputs_bit_exact": verdict.outputs_bit_exact,
        "simulated_instructions": {
            "frontend": (run.frontend_instructions or None) if vector.pcm is not None else None,
            "inference": run.inference_instructions or None,
        },
    }


def layer_entries(plan: Plan, first_run: Run) -> list[dict[str, Any]]:
    """What stands under ``layers``; a step's instructions are those up to its last tensor."""
    counts: dict[int, int] = {}
    for count in first_run.steps:
        counts[count.step] = counts.get(count.step, 0) + count.instructions
    return [
        {
            "index": step.index,
            "operators": list(step.operators),
            "not_compared": [one for call in step.calls for one in call.operators[:-1]],
            "kind": step.kind,
            "kernel": step.kernel,
            "macs": step.macs,
            "simulated_instructions": counts.get(step.index) or None,
        }
        for step in plan.steps
    ]


def difference_entry(inputs: Sequence[InputVector], verdicts: Sequence[RunVerdict]) -> dict[str, Any] | None:
    """What stands under ``first_difference``: that of the first run that differs."""
    for number, (vector, verdict) in enumerate(zip(inputs, verdicts, strict=True)):
        if verdict.difference is not None:
            return {"run": number, "input": vector.source} | asdict(verdict.difference)
    return None
