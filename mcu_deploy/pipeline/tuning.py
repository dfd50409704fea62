"""``tune``: what Vela estimates of a model on many configurations. Nothing is built, run or measured."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

from mcu_deploy import __version__
from mcu_deploy.boards.reader import load_board
from mcu_deploy.errors import McuDeployError
from mcu_deploy.graph.ir import Graph
from mcu_deploy.graph.macs import operator_macs
from mcu_deploy.graph.reader import parse_model, read_model_bytes
from mcu_deploy.npu.compiled import read_compiled
from mcu_deploy.npu.estimate import Estimate
from mcu_deploy.npu.strides import model_for_vela
from mcu_deploy.npu.vela import (
    CONFIGURATIONS,
    VelaOptions,
    check_configuration,
    compile_model,
    vela_options,
    vela_version,
)
from mcu_deploy.registry.cards import card_by_hash
from mcu_deploy.registry.locate import resolve_model

SCHEMA = "mcu-deploy/tune/1"
MAX_JOBS = 64


@dataclass(frozen=True)
class TuneOptions:
    """What to compare.

    Attributes:
        model: path of a ``.tflite`` file, or a known model's name.
        accelerators: configurations; () for all.
        board: gives the system configurations and the memory mode that are not given.
        system_config, memory_mode: of Vela's configuration file; None for the board's.
        optimise: ``performance`` or ``size``.
        arena_cache: bytes that the arena should keep to, or None.
        jobs: runs of Vela at a time; None for as many as there are processors.
    """

    model: str
    accelerators: tuple[str, ...] = ()
    board: str = "corstone-300"
    system_config: str | None = None
    memory_mode: str | None = None
    optimise: str = "performance"
    arena_cache: int | None = None
    jobs: int | None = None


def tune(options: TuneOptions, compiled: Callable[[int, int], None]) -> dict[str, Any]:
    """Compiles the model for each configuration.

    Args:
        options: what to compare.
        compiled: called with how many are done, and of how many, after each.

    Returns:
        The document: an entry of ``results`` a configuration, in their order; one that Vela cannot compile
        has an ``error``.

    Raises:
        McuDeployError: no configuration can be compiled, or the model or an option is refused.
    """
    board = load_board(options.board)
    names = tuple(dict.fromkeys(map(check_configuration, options.accelerators or CONFIGURATIONS)))
    path = resolve_model(options.model)
    model = read_model_bytes(path)
    graph = parse_model(model, path.stem)
    jobs = [
        vela_options(
            board.npu, name, options.system_config, options.memory_mode, options.optimise, options.arena_cache
        )
        for name in names
    ]
    results, failures = _run(model, graph, jobs, options.jobs, compiled)
    if not any(result["error"] is None for result in results):
        raise failures[0]
    card = card_by_hash(graph.sha256)
    return {
        "schema": SCHEMA,
        "mcu_deploy": __version__,
        "vela": vela_version(),
        "board": board.name,
        "optimise": options.optimise,
        "arena_cache_bytes": options.arena_cache,
        "model": {
            "name": card.name if card else graph.name,
            "sha256": graph.sha256,
            "macs": sum(operator_macs(graph, operator) or 0 for operator in graph.operators),
        },
        "results": results,
        "fastest": _best(results, "estimated_seconds"),
        "smallest": _best(results, "estimated_sram_bytes"),
    }


def _run(
    model: bytes,
    graph: Graph,
    jobs: Sequence[VelaOptions],
    limit: int | None,
    compiled: Callable[[int, int], None],
) -> tuple[list[dict[str, Any]], list[McuDeployError]]:
    """The entries in the order of ``jobs``, and the errors; a bounded number of processes at a time."""
    workers = min(limit or os.cpu_count() or 1, len(jobs), MAX_JOBS)
    found: dict[str, dict[str, Any]] = {}
    failures: list[McuDeployError] = []
    cancelled = threading.Event()
    with ThreadPoolExecutor(workers) as pool:
        futures = {pool.submit(_one, model, graph, job, cancelled): job for job in jobs}
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                job = futures[future]
                try:
                    found[job.configuration] = future.result()
                except McuDeployError as error:
                    failures.append(error)
                    found[job.configuration] = _entry(job, None, (), error.message)
                compiled(done, len(jobs))
        except BaseException:
            cancelled.set()
            pool.shutdown(cancel_futures=True)
            raise
    return [found[job.configuration] for job in jobs], failures


def _one(model: bytes, graph: Graph, job: VelaOptions, cancelled: threading.Event) -> dict[str, Any]:
    result = compile_model(model_for_vela(model, graph), job, cancelled=cancelled)
    return _entry(job, result.estimate, read_compiled(result.model, graph).cpu_operators, None)


def _entry(
    job: VelaOptions, estimate: Estimate | None, cpu_operators: Sequence[str], error: str | None
) -> dict[str, Any]:
    return {
        "configuration": job.configuration,
        "system_config": job.system_config,
        "memory_mode": job.memory_mode,
        "clock_hz": estimate.clock_hz if estimate else None,
        "estimated_cycles": estimate.cycles if estimate else None,
        "estimated_seconds": estimate.seconds if estimate else None,
        "estimated_sram_bytes": estimate.sram_bytes if estimate else None,
        "estimated_flash_bytes": estimate.flash_bytes if estimate else None,
        "estimated_dram_bytes": estimate.dram_bytes if estimate else None,
        "estimated_sram_traffic_bytes": estimate.sram_traffic_bytes if estimate else None,
        "estimated_flash_traffic_bytes": estimate.flash_traffic_bytes if estimate else None,
        "estimated_dram_traffic_bytes": estimate.dram_traffic_bytes if estimate else None,
        "estimated_bytes_per_second": estimate.bandwidth if estimate else None,
        "cpu_operators": list(cpu_operators),
        "error": error,
    }


def _best(results: Sequence[dict[str, Any]], figure: str) -> str | None:
    """The configuration with the fewest operators on the CPU, and of those with the lowest figure."""
    known = [result for result in results if result[figure] is not None]
    if not known:
        return None
    best = min(known, key=lambda result: (len(result["cpu_operators"]), result[figure]))
    return str(best["configuration"])
