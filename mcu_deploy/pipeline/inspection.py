"""``inspect``: a model's operators as data, deployable or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mcu_deploy.boards.reader import load_board
from mcu_deploy.boards.types import Board
from mcu_deploy.graph.checks import findings, rejected
from mcu_deploy.graph.ir import Graph, Operator, Tensor
from mcu_deploy.graph.macs import operator_macs
from mcu_deploy.graph.reader import parse_with_defects, read_model_bytes
from mcu_deploy.graph.text import printable
from mcu_deploy.npu.vela import PACKAGE as VELA_PACKAGE
from mcu_deploy.plan.kernels import target_of
from mcu_deploy.plan.planner import make_plan
from mcu_deploy.plan.types import Optimise, Plan
from mcu_deploy.registry.cards import card_by_hash
from mcu_deploy.tools import package_version


def inspect_model(path: Path, board: str, optimise: Optimise) -> dict[str, Any]:
    """Everything that can be said of a model without building it.

    Args:
        path: of the model.
        board: that it would run on, a name or a TOML file.
        optimise: what its deployment would strive for.

    Raises:
        InputError: there is no such board.
        ModelError: the file is damaged, or has tensors that cannot be read; then with all that stands in the
            way. What merely cannot be deployed is listed under ``problems``.
    """
    graph, defects = parse_with_defects(read_model_bytes(path), path.stem)
    if defects:
        raise rejected(graph, findings(graph, defects))
    return inspect_graph(graph, load_board(board), optimise)


def inspect_graph(graph: Graph, board: Board, optimise: Optimise) -> dict[str, Any]:
    """As ``inspect_model``, of a model that has been read."""
    card = card_by_hash(graph.sha256)
    problems = [f"{one.text}; {one.way_out}" for one in findings(graph)]
    plans = {} if problems else {one: make_plan(graph, target_of(board.core), one) for one in Optimise}
    plan = plans.get(optimise)
    operators = [_operator(graph, operator, plan) for operator in graph.operators]
    return {
        "name": graph.name,
        "sha256": graph.sha256,
        "card": card.name if card else None,
        "board": board.name,
        "optimise": optimise.value,
        "inputs": [_tensor(graph.tensors[index]) for index in graph.inputs],
        "outputs": [_tensor(graph.tensors[index]) for index in graph.outputs],
        "operators": operators,
        "macs": _total([operator["macs"] for operator in operators]),
        "weight_bytes": sum(operator["weight_bytes"] for operator in operators),
        "arena_bytes": plan.arena_bytes if plan else None,
        "constant_bytes": plan.constant_bytes if plan else None,
        "choices": [_choice(one, made) for one, made in plans.items()],
        "problems": problems,
        "vela": package_version(VELA_PACKAGE),
    }


def _total(macs: list[int | None]) -> int | None:
    """The sum, which is unknown where a part is."""
    known = [one for one in macs if one is not None]
    return sum(known) if len(known) == len(macs) else None


def _choice(optimise: Optimise, plan: Plan) -> dict[str, Any]:
    """What a deployment that strives for something comes to."""
    return {
        "optimise": optimise.value,
        "arena_bytes": plan.arena_bytes,
        "arena_least": plan.arena_least,
        "constant_bytes": plan.constant_bytes,
        "steps": len(plan.steps),
        "kernels": sorted({one.kernel for step in plan.steps for one in (step, *step.calls)}),
    }


def _operator(graph: Graph, operator: Operator, plan: Plan | None) -> dict[str, Any]:
    output = graph.tensors[operator.outputs[0]] if operator.outputs else None
    return {
        "index": operator.index,
        "kind": printable(operator.kind)[1:-1],
        "output_shape": list(output.shape) if output else [],
        "quantisation": _quantisation(output) if output else "",
        "macs": operator_macs(graph, operator),
        "weight_bytes": sum(
            graph.tensors[index].bytes
            for index in operator.inputs
            if index >= 0 and graph.tensors[index].data is not None
        ),
        "runs": _runs(operator, plan),
    }


def _runs(operator: Operator, plan: Plan | None) -> str:
    if plan is None:
        return "-"
    if operator.index in plan.removed:
        return plan.removed[operator.index]
    step = next(step for step in plan.steps if operator.index in step.operators)
    call = next(call for call in step.calls if operator.index in call.operators)
    return f"{call.kernel} ({call.implementation}; {step.reason})"


def _tensor(tensor: Tensor) -> dict[str, Any]:
    return {
        "tensor": tensor.index,
        "name": printable(tensor.name),
        "shape": list(tensor.shape),
        "dtype": tensor.dtype.value,
        "quantisation": _quantisation(tensor),
    }


def _quantisation(tensor: Tensor) -> str:
    quantization = tensor.quantization
    if quantization is None:
        return tensor.dtype.value
    if quantization.per_channel:
        return f"{tensor.dtype.value}, {quantization.scale.size} scales"
    return f"{tensor.dtype.value} {float(quantization.scale[0]):.6g} zp {int(quantization.zero_point[0])}"
