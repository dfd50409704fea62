"""Can a graph be deployed? All that stands in the way is named at once, each with its way out.

The rules are data, one ``OperatorRule`` for each operator kind: what its tensors must be, and further
conditions as small functions. They hold what TFLM's Prepare functions demand, what the kernels rely on, and
that no accumulator overflows. What comes after the accumulator wraps, in the kernels as in TFLM: converters
give channels that never contribute scales whose multiplier shifts bits out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.findings import Finding, rejection
from mcu_deploy.graph.ir import DataType, Graph, Operator, Tensor
from mcu_deploy.graph.rules import RULES
from mcu_deploy.graph.rules.types import (
    FULL_INT8,
    QUANTIZE,
    REEXPORT,
    REQUANTISE,
    Condition,
    OperatorRule,
    Problem,
    Site,
    TensorRule,
)
from mcu_deploy.graph.shapes import output_shapes
from mcu_deploy.graph.text import printable
from mcu_deploy.graph.unsupported import way_out

_INT8_ENDS = "convert with inference_input_type=inference_output_type=tf.int8"
_END_TYPES = (DataType.INT8, DataType.INT16, DataType.INT32, DataType.FLOAT32)


def check(graph: Graph, rules: Mapping[str, OperatorRule] | None = None) -> None:
    """Check that every operator of the graph can be deployed.

    Args:
        graph: as ``reader`` makes it.
        rules: by operator kind; None for ``graph.rules``: what the aot runtime has kernels for.

    Raises:
        ModelError: it cannot. A single problem is the message, its way out the hint; of several, ``details``
            has a line for each: operator, tensor, reason, way out.
    """
    found = findings(graph, rules=rules)
    if found:
        raise rejected(graph, found, rules)


def rejected(
    graph: Graph, found: Sequence[Finding], rules: Mapping[str, OperatorRule] | None = None
) -> ModelError:
    """The error of ``check`` for what was found."""
    rules = RULES if rules is None else rules
    known = all(operator.kind in rules for operator in graph.operators)
    return rejection(found, "" if known else f"supported operators: {', '.join(sorted(rules))}")


def findings(
    graph: Graph, defects: Sequence[Finding] = (), rules: Mapping[str, OperatorRule] | None = None
) -> list[Finding]:
    """All that stands in the way of deploying a graph.

    Args:
        graph: as ``reader`` makes it.
        defects: what the reader found. Of operators that use the tensors named by them only the kind is
            asked; of a model that is not int8 at all, nothing.
        rules: as for ``check``.
    """
    rules = RULES if rules is None else rules
    whole = _WHOLE_MODELS.get(arithmetic(graph))
    if whole is None:
        unread = frozenset(one.tensor for one in defects if one.tensor >= 0)
        return [*defects, *_problems(graph, rules, unread)]
    text = f"the model {whole}; only full int8 models can be deployed"
    return [Finding(text, FULL_INT8 if arithmetic(graph) == "uint8" else QUANTIZE), *defects]


def arithmetic(graph: Graph) -> str:
    """How the model computes: ``int8``, ``int16``, ``uint8``, ``float32``, ``dynamic range`` or ``float16``.

    ``dynamic range`` has int8 weights, ``float16`` has float16 weights, and both have float32 activations.
    A model that mixes int8 with anything else counts as int8, and so does int16 with floats at its ends.
    """
    used = {index for operator in graph.operators for index in (*operator.inputs, *operator.outputs)}
    tensors = [graph.tensors[index] for index in sorted(used) if index >= 0]
    activations = {tensor.dtype for tensor in tensors if tensor.data is None}
    constants = {tensor.dtype for tensor in tensors if tensor.data is not None}
    for dtype in (DataType.INT8, DataType.INT16):
        if dtype in activations:
            return str(dtype.value)
    if DataType.FLOAT32 in activations:
        if DataType.INT8 in constants:
            return "dynamic range"
        return "float16" if DataType.FLOAT16 in constants else "float32"
    return "uint8" if DataType.UINT8 in activations else "int8"


_WHOLE_MODELS: Mapping[str, str] = {
    "dynamic range": "is dynamic-range quantised: its weights are int8, but its activations are float32",
    "float16": "is a float model: its weights are float16 and its activations float32",
    "float32": "is a float model",
    "uint8": "is uint8 quantised, the scheme before int8",
}


def _problems(graph: Graph, rules: Mapping[str, OperatorRule], unread: frozenset[int]) -> list[Finding]:
    """Every problem with where it is; a tensor's own is told once, at the first operator that has it.

    Nothing is said of the tensors in ``unread``.
    """
    found = [
        _finding(f"the model's {end}", problem)
        for end, problem in _end_problems(graph)
        if problem.tensor is None or problem.tensor.index not in unread
    ]
    seen: set[tuple[int, str]] = set()
    for operator in graph.operators:
        if operator.kind in rules and unread & {*operator.inputs, *operator.outputs}:
            continue
        name = f"operator {operator.index} {printable(operator.kind)[1:-1]}"
        for problem in operator_problems(graph, operator, rules):
            if problem.tensor is None or (problem.tensor.index, problem.reason) not in seen:
                found.append(_finding(name, problem))
            if problem.tensor is not None:
                seen.add((problem.tensor.index, problem.reason))
    return found


def _finding(name: str, problem: Problem) -> Finding:
    return Finding(f"{_where(name, problem)}: {problem.reason}", problem.way_out)


def _where(name: str, problem: Problem) -> str:
    tensor = problem.tensor
    return name if tensor is None else f"{name}, tensor {tensor.index} {printable(tensor.name)}"


def _end_problems(graph: Graph) -> Iterator[tuple[str, Problem]]:
    for where, indices in (("input", graph.inputs), ("output", graph.outputs)):
        for index in indices:
            tensor = graph.tensors[index]
            if tensor.dtype not in _END_TYPES:
                wanted = ", ".join(dtype.value for dtype in _END_TYPES)
                yield where, Problem(tensor, f"is {tensor.dtype.value} instead of {wanted}", _INT8_ENDS)


def operator_problems(
    graph: Graph, operator: Operator, rules: Mapping[str, OperatorRule]
) -> Iterator[Problem]:
    """What stands in the way of one operator, of whose graph only the tensors are regarded."""
    inputs = tuple(graph.tensors[index] if index >= 0 else None for index in operator.inputs)
    outputs = tuple(graph.tensors[index] for index in operator.outputs)
    site = Site(operator, inputs, outputs)
    rule = rules.get(operator.kind)
    if rule is None:
        yield Problem(site.whole, "this operator is not supported", way_out(operator.kind))
        return
    if not _right_counts(rule, len(inputs), len(outputs)):
        yield Problem(site.whole, f"has {len(inputs)} inputs and {len(outputs)} outputs", REEXPORT)
        return
    stages: tuple[Condition, ...] = (partial(_tensors_problems, rule), _shape_problems, *rule.conditions)
    for stage in stages:
        problems = list(stage(site))
        yield from problems
        if problems and stage not in rule.conditions:
            return


def _right_counts(rule: OperatorRule, inputs: int, outputs: int) -> bool:
    required = sum(not tensor.optional for tensor in rule.inputs)
    most = inputs if rule.more_inputs else len(rule.inputs)
    wanted = max(outputs, len(rule.outputs)) if rule.more_outputs else len(rule.outputs)
    return required <= inputs <= most and outputs == wanted


def _tensors_problems(rule: OperatorRule, site: Site) -> Iterator[Problem]:
    pairs = (
        *((rule.input(position), tensor) for position, tensor in enumerate(site.inputs)),
        *((rule.output(position), tensor) for position, tensor in enumerate(site.outputs)),
    )
    for tensor_rule, tensor in pairs:
        if tensor is not None:
            yield from _tensor_problems(tensor_rule, tensor)
        elif not tensor_rule.optional:
            yield Problem(site.whole, f"its {tensor_rule.role} is missing", REEXPORT)


def _tensor_problems(rule: TensorRule, tensor: Tensor) -> Iterator[Problem]:
    if tensor.dtype not in rule.dtypes:
        wanted = " or ".join(dtype.value for dtype in rule.dtypes)
        reason = f"the {rule.role} is {tensor.dtype.value} instead of {wanted}"
        yield Problem(tensor, reason, FULL_INT8)
    if len(tensor.shape) not in rule.ranks:
        ranks = " or ".join(str(rank) for rank in rule.ranks)
        reason = f"the {rule.role} has {len(tensor.shape)} dimensions instead of {ranks}"
        yield Problem(tensor, reason, "reshape it in the model")
    if rule.constant is True and tensor.data is None:
        yield Problem(tensor, f"the {rule.role} is not a constant", "make it a constant in the model")
    if rule.constant is False and tensor.data is not None:
        reason = f"the {rule.role} is a constant, so that its result is one too"
        yield Problem(tensor, reason, "let the converter fold constants")
    if tensor.is_variable and not rule.state:
        yield Problem(tensor, f"the {rule.role} is state that is kept", "use a model without state")
    if rule.state and not tensor.is_variable:
        yield Problem(tensor, f"the {rule.role} is not a variable", REEXPORT)
    yield from _quantization_problems(rule, tensor)


def _quantization_problems(rule: TensorRule, tensor: Tensor) -> Iterator[Problem]:
    if rule.quantization == "any":
        return
    quantization = tensor.quantization
    if quantization is None:
        yield Problem(tensor, f"the {rule.role} is not quantised", FULL_INT8)
        return
    if rule.quantization == "per tensor" and quantization.per_channel:
        reason = f"the {rule.role} is quantised per channel, which is possible for weights only"
        yield Problem(tensor, reason, REQUANTISE)
    if rule.quantization == "symmetric" and quantization.zero_point.any():
        yield Problem(tensor, f"the {rule.role} has zero points other than 0", REQUANTISE)
    if (
        rule.quantization == "symmetric"
        and quantization.per_channel
        and quantization.axis != rule.channel_axis
    ):
        reason = f"the {rule.role} is quantised along axis {quantization.axis} instead of {rule.channel_axis}"
        yield Problem(tensor, reason, REQUANTISE)


def _shape_problems(site: Site) -> Iterator[Problem]:
    try:
        shapes = output_shapes(site.operator.kind, site.inputs, site.operator.options)
    except ModelError as error:
        yield Problem(site.whole, error.message, REEXPORT)
        return
    if shapes is None:
        return
    if len(shapes) != len(site.outputs):
        reason = f"it has {len(site.outputs)} outputs, but inputs and options make {len(shapes)}"
        yield Problem(site.whole, reason, REEXPORT)
        return
    for output, shape in zip(site.outputs, shapes, strict=True):
        if shape != output.shape:
            reason = f"the output has the shape {output.shape}, but inputs and options make {shape}"
            yield Problem(output, reason, REEXPORT)
