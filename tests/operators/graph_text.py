"""Graphs as text: lines for people, and lines of Python that build them again."""

from __future__ import annotations

from mcu_deploy.graph.ir import Graph, Operator, Quantization, Tensor
from mcu_deploy.graph.schema import default_options


def as_text(graph: Graph) -> str:
    """A line for each operator."""
    lines = [f"{graph.name}: {len(graph.operators)} operators"]
    lines += [f"  input  {_name(graph.tensors[index])}" for index in graph.inputs]
    for operator in graph.operators:
        made = ", ".join(_name(graph.tensors[index]) for index in operator.outputs)
        read = ", ".join("-" if index < 0 else _short(graph.tensors[index]) for index in operator.inputs)
        lines.append(f"  {operator.index:2} {operator.kind}({read}) -> {made} {_options(operator)}".rstrip())
    return "\n".join([*lines, f"  outputs {graph.outputs}"])


def snippet(graph: Graph) -> str:
    """The graph as calls of ``GraphBuilder``."""
    lines = [f'builder = GraphBuilder("{graph.name}")']
    makers = {operator.outputs[0]: operator for operator in graph.operators}
    made = {index for operator in graph.operators for index in operator.outputs}
    for tensor in graph.tensors:
        if tensor.index in makers:
            lines += _operator_lines(graph, makers[tensor.index])
        elif tensor.index not in made:
            lines.append(f"t{tensor.index} = {_tensor_call(tensor)}")
        if tensor.index in graph.inputs:
            lines.append(f"builder.inputs.append(t{tensor.index})")
    outputs = ", ".join(f"t{index}" for index in graph.outputs)
    return "\n".join([*lines, f"graph = builder.build([{outputs}])", ""])


def _name(tensor: Tensor) -> str:
    q = tensor.quantization
    scales = (
        "" if q is None else f" {float(q.scale[0]):g}{'...' if q.per_channel else ''} @ {q.zero_point[0]}"
    )
    return f"t{tensor.index} {tensor.dtype.value}{list(tensor.shape)}{scales}"


def _short(tensor: Tensor) -> str:
    if tensor.data is not None and tensor.elements <= 16 and tensor.quantization is None:
        return str(tensor.data.tolist())
    kind = "constant " if tensor.data is not None else "variable " if tensor.is_variable else ""
    return f"{kind}{_name(tensor)}" if kind else f"t{tensor.index}"


def _options(operator: Operator) -> str:
    described = default_options(operator.kind)
    changed = {name: value for name, value in operator.options.items() if value != described.get(name)}
    return " ".join(f"{name}={value}" for name, value in changed.items())


def _quantization(quantization: Quantization | None) -> str:
    if quantization is None:
        return "None"
    zeros = set(quantization.zero_point.tolist())
    zero = zeros.pop() if len(zeros) == 1 else quantization.zero_point.tolist()
    scale = quantization.scale.tolist()
    return f"affine({scale[0] if len(scale) == 1 else scale!r}, {zero}, {quantization.axis})"


def _tensor_call(tensor: Tensor) -> str:
    dtype = f"DataType.{tensor.dtype.name}"
    quantization = _quantization(tensor.quantization)
    if tensor.data is not None:
        values = f"np.array({tensor.data.reshape(-1).tolist()}, np.{tensor.dtype.value})"
        data = f"{values}.reshape({tensor.shape})"
        return f"builder.tensor({tensor.shape}, {quantization}, dtype={dtype}, data={data})"
    if tensor.is_variable:
        assert tensor.quantization is not None
        scale, zero = tensor.quantization.scale[0], tensor.quantization.zero_point[0]
        return f"builder.variable({tensor.shape}, {float(scale)!r}, {zero}, dtype={dtype})"
    return f"builder.tensor({tensor.shape}, {quantization}, dtype={dtype})"


def _operator_lines(graph: Graph, operator: Operator) -> list[str]:
    first = graph.tensors[operator.outputs[0]]
    names = ", ".join(f"t{index}" for index in operator.outputs)
    inputs = ", ".join("-1" if index < 0 else f"t{index}" for index in operator.inputs)
    described = default_options(operator.kind)
    options = "".join(
        f", {name}={value!r}" for name, value in operator.options.items() if value != described.get(name)
    )
    shapes = [graph.tensors[index].shape for index in operator.outputs]
    return [
        f"{names}, = builder.operator_with_outputs(\n"
        f"    {operator.kind!r}, [{inputs}], shapes={shapes}, dtype=DataType.{first.dtype.name},\n"
        f"    quantization={_quantization(first.quantization)}, version={operator.version}{options},\n"
        ")"
    ]
