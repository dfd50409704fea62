"""Can a graph be deployed? All that stands in the way is named at once, each with its way out.

The rules are data, one ``OperatorRule`` for each operator kind: what its tensors must be, and further
conditions as small functions. They hold what TFLM's Prepare functions demand, what the kernels rely on, and
that no accumulator overflows. What comes after the accumulator wraps, in the kernels as in TFLM: converters
give channels that never contribute scales whose multiplier shifts bits out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import isfinite

import numpy as np

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.geometry import effective_filter_size
from mcu_deploy.graph.ir import DataType, Graph, Operator, Tensor
from mcu_deploy.graph.shapes import output_shape
from mcu_deploy.graph.text import printable

# Strides and the reach of a filter: what fits 16 bits.
MAX_WINDOW = 2**15 - 1
# An accumulator: md_requantize takes all of int32 but its lowest value.
MAX_ACCUMULATOR = 2**31 - 1
# A multiplier: its left shift is at most 30, after rounding to 31 bits too.
MAX_MULTIPLIER = 2**30 - 1
# A bound of an activation in steps of the scale, before it is limited to int8: int32 with a zero point added.
MAX_STEPS = 2**31 - 512
# The sum of a window's values fits int32 with room for rounding.
MAX_POOL_POSITIONS = 2**23
# TFLM sums the exponentials of SOFTMAX with 12 integer bits.
MAX_SOFTMAX_DEPTH = 2**12 - 1

FULL_INT8 = (
    "convert the original model with TensorFlow's TFLiteConverter: optimizations=[tf.lite.Optimize.DEFAULT], "
    "a representative_dataset, target_spec.supported_ops=[tf.lite.OpsSet.TFLITE_BUILTINS_INT8], and "
    "inference_input_type=inference_output_type=tf.int8"
)
_INT8_ENDS = "convert with inference_input_type=inference_output_type=tf.int8"
_CONTROL_FLOW = "remove control flow from the model: export the unrolled computation of one inference"
_REQUANTISE = "quantise the model again, with a representative_dataset of real inputs"
_REEXPORT = "the file contradicts itself: export the model again"

_WAYS_OUT: Mapping[str, str] = {
    "CALL_ONCE": _CONTROL_FLOW,
    "DEQUANTIZE": _INT8_ENDS,
    "IF": _CONTROL_FLOW,
    "QUANTIZE": _INT8_ENDS,
    "WHILE": _CONTROL_FLOW,
}


@dataclass(frozen=True)
class Problem:
    """One thing that stands in the way.

    Attributes:
        tensor: the tensor that it is about: the first output where it is about the operator as a whole,
            None where there is none.
        reason: what is wrong, a phrase that follows the name of the tensor or operator.
        way_out: what to do about it.
    """

    tensor: Tensor | None
    reason: str
    way_out: str


@dataclass(frozen=True)
class TensorRule:
    """What an operator's input or output must be.

    Attributes:
        role: the word for it in messages.
        dtype: its element type.
        ranks: allowed numbers of dimensions.
        constant: must be a constant; else it must be computed.
        optional: may be absent.
        quantization: ``per tensor`` (one scale); ``symmetric`` (zero points 0, one scale or one for each
            index of ``channel_axis``); or ``any``, which may be none.
        channel_axis: the axis of per-channel quantisation.
    """

    role: str
    dtype: DataType
    ranks: tuple[int, ...] = (1, 2, 3, 4)
    constant: bool = False
    optional: bool = False
    quantization: str = "per tensor"
    channel_axis: int = 0


@dataclass(frozen=True)
class Site:
    """An operator with its tensors, as a condition sees it; absent inputs are None."""

    operator: Operator
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]

    @property
    def whole(self) -> Tensor | None:
        """The tensor to name where a problem is about the operator as a whole."""
        return self.outputs[0] if self.outputs else None

    def input(self, position: int) -> Tensor:
        """An input that the rule has found to be there."""
        tensor = self.inputs[position]
        assert tensor is not None
        return tensor

    def number(self, option: str) -> int:
        """An integer option."""
        value = self.operator.options[option]
        assert isinstance(value, int)
        return value


Condition = Callable[[Site], Iterator[Problem]]


@dataclass(frozen=True)
class OperatorRule:
    """What an operator of one kind must be; ``conditions`` are asked only if its tensors are right."""

    inputs: tuple[TensorRule, ...]
    outputs: tuple[TensorRule, ...]
    conditions: tuple[Condition, ...] = ()


def check(graph: Graph, rules: Mapping[str, OperatorRule] | None = None) -> None:
    """Check that every operator of the graph can be deployed.

    Args:
        graph: as ``reader`` makes it.
        rules: by operator kind; None for ``INT8_RULES``, what the aot runtime has kernels for.

    Raises:
        ModelError: it cannot. A single problem is the message, its way out the hint; of several, ``details``
            has a line for each: operator, tensor, reason, way out.
    """
    rules = INT8_RULES if rules is None else rules
    _check_arithmetic(graph)
    found = _problems(graph, rules)
    if not found:
        return
    known = all(operator.kind in rules for operator in graph.operators)
    supported = "" if known else f"supported operators: {', '.join(sorted(rules))}"
    if len(found) == 1:
        where, problem = found[0]
        hint = f"{problem.way_out}; {supported}" if supported else problem.way_out
        raise ModelError(f"{where}: {problem.reason}", hint)
    lines = tuple(f"{where}: {problem.reason}; {problem.way_out}" for where, problem in found)
    message = f"the model cannot be deployed: {len(lines)} reasons, listed in the details"
    raise ModelError(message, supported or "each line ends with a way out", details=lines)


def arithmetic(graph: Graph) -> str:
    """How the model computes: ``int8``, ``int16``, ``uint8``, ``float32``, ``dynamic range`` or ``float16``.

    ``dynamic range`` has int8 weights, ``float16`` has float16 weights, and both have float32 activations.
    A model that mixes int8 with anything else counts as int8.
    """
    used = {index for operator in graph.operators for index in (*operator.inputs, *operator.outputs)}
    tensors = [graph.tensors[index] for index in sorted(used) if index >= 0]
    activations = {tensor.dtype for tensor in tensors if tensor.data is None}
    constants = {tensor.dtype for tensor in tensors if tensor.data is not None}
    if DataType.INT8 in activations:
        return "int8"
    if DataType.FLOAT32 in activations:
        if DataType.INT8 in constants:
            return "dynamic range"
        return "float16" if DataType.FLOAT16 in constants else "float32"
    for dtype in (DataType.INT16, DataType.UINT8):
        if dtype in activations:
            return str(dtype.value)
    return "int8"


_WHOLE_MODELS: Mapping[str, str] = {
    "dynamic range": "is dynamic-range quantised: its weights are int8, but its activations are float32",
    "float16": "is a float model: its weights are float16 and its activations float32",
    "float32": "is a float model",
    "int16": "has int16 activations",
    "uint8": "is uint8 quantised, the scheme before int8",
}


def _check_arithmetic(graph: Graph) -> None:
    found = _WHOLE_MODELS.get(arithmetic(graph))
    if found:
        raise ModelError(f"the model {found}; only full int8 models can be deployed", FULL_INT8)


def _problems(graph: Graph, rules: Mapping[str, OperatorRule]) -> list[tuple[str, Problem]]:
    """Every problem with where it is; a tensor's own is told once, at the first operator that has it."""
    found = [(_where(f"the model's {end}", problem), problem) for end, problem in _end_problems(graph)]
    seen: set[tuple[int, str]] = set()
    for operator in graph.operators:
        name = f"operator {operator.index} {printable(operator.kind)[1:-1]}"
        for problem in _operator_problems(graph, operator, rules):
            if problem.tensor is None or (problem.tensor.index, problem.reason) not in seen:
                found.append((_where(name, problem), problem))
            if problem.tensor is not None:
                seen.add((problem.tensor.index, problem.reason))
    return found


def _where(name: str, problem: Problem) -> str:
    tensor = problem.tensor
    return name if tensor is None else f"{name}, tensor {tensor.index} {printable(tensor.name)}"


def _end_problems(graph: Graph) -> Iterator[tuple[str, Problem]]:
    for where, indices in (("input", graph.inputs), ("output", graph.outputs)):
        for index in indices:
            tensor = graph.tensors[index]
            if tensor.dtype is not DataType.INT8:
                yield where, Problem(tensor, f"is {tensor.dtype.value} instead of int8", _INT8_ENDS)


def _operator_problems(
    graph: Graph, operator: Operator, rules: Mapping[str, OperatorRule]
) -> Iterator[Problem]:
    inputs = tuple(graph.tensors[index] if index >= 0 else None for index in operator.inputs)
    outputs = tuple(graph.tensors[index] for index in operator.outputs)
    site = Site(operator, inputs, outputs)
    rule = rules.get(operator.kind)
    if rule is None:
        way_out = _WAYS_OUT.get(operator.kind, "replace it in the model by supported operators")
        yield Problem(site.whole, "this operator is not supported", way_out)
        return
    required = sum(not tensor.optional for tensor in rule.inputs)
    if not required <= len(inputs) <= len(rule.inputs) or len(outputs) != len(rule.outputs):
        yield Problem(site.whole, f"has {len(inputs)} inputs and {len(outputs)} outputs", _REEXPORT)
        return
    stages: tuple[Condition, ...] = (partial(_tensors_problems, rule), _shape_problems, *rule.conditions)
    for stage in stages:
        problems = list(stage(site))
        yield from problems
        if problems and stage not in rule.conditions:
            return


def _tensors_problems(rule: OperatorRule, site: Site) -> Iterator[Problem]:
    pairs = (*zip(rule.inputs, site.inputs, strict=False), *zip(rule.outputs, site.outputs, strict=True))
    for tensor_rule, tensor in pairs:
        if tensor is not None:
            yield from _tensor_problems(tensor_rule, tensor)
        elif not tensor_rule.optional:
            yield Problem(site.whole, f"its {tensor_rule.role} is missing", _REEXPORT)


def _tensor_problems(rule: TensorRule, tensor: Tensor) -> Iterator[Problem]:
    if tensor.dtype is not rule.dtype:
        reason = f"the {rule.role} is {tensor.dtype.value} instead of {rule.dtype.value}"
        yield Problem(tensor, reason, FULL_INT8)
    if len(tensor.shape) not in rule.ranks:
        ranks = " or ".join(str(rank) for rank in rule.ranks)
        reason = f"the {rule.role} has {len(tensor.shape)} dimensions instead of {ranks}"
        yield Problem(tensor, reason, "reshape it in the model")
    if rule.constant and tensor.data is None:
        yield Problem(tensor, f"the {rule.role} is not a constant", "make it a constant in the model")
    if not rule.constant and tensor.data is not None:
        reason = f"the {rule.role} is a constant, so that its result is one too"
        yield Problem(tensor, reason, "let the converter fold constants")
    if tensor.is_variable:
        yield Problem(tensor, f"the {rule.role} is state that is kept", "use a model without state")
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
        yield Problem(tensor, reason, _REQUANTISE)
    if rule.quantization == "symmetric" and quantization.zero_point.any():
        yield Problem(tensor, f"the {rule.role} has zero points other than 0", _REQUANTISE)
    if (
        rule.quantization == "symmetric"
        and quantization.per_channel
        and quantization.axis != rule.channel_axis
    ):
        reason = f"the {rule.role} is quantised along axis {quantization.axis} instead of {rule.channel_axis}"
        yield Problem(tensor, reason, _REQUANTISE)


def _shape_problems(site: Site) -> Iterator[Problem]:
    try:
        shape = output_shape(site.operator.kind, site.inputs, site.operator.options)
    except ModelError as error:
        yield Problem(site.whole, error.message, _REEXPORT)
        return
    stated = site.outputs[0].shape
    if shape is not None and shape != stated:
        reason = f"the output has the shape {stated}, but inputs and options make {shape}"
        yield Problem(site.outputs[0], reason, _REEXPORT)


def _scale(tensor: Tensor) -> float:
    assert tensor.quantization is not None
    return float(tensor.quantization.scale[0])


def _window(site: Site) -> Iterator[Problem]:
    """Strides and the filter's reach fit 16 bits."""
    options = site.operator.options
    for suffix, option, axis in (("h", "filter_height", 1), ("w", "filter_width", 2)):
        size = site.number(option) if option in options else site.input(1).shape[axis]
        dilation = f"dilation_{suffix}_factor"
        reach = effective_filter_size(size, site.number(dilation) if dilation in options else 1)
        for what, value in (("filter spans", reach), ("stride is", site.number(f"stride_{suffix}"))):
            if value > MAX_WINDOW:
                reason = f"the {what} {value}, where at most {MAX_WINDOW} is supported"
                yield Problem(site.whole, reason, "use a smaller one")


def _fused(site: Site) -> Iterator[Problem]:
    """The fused activation is a clamp whose bounds can be quantised."""
    activation = site.operator.options["fused_activation_function"]
    limits = {"NONE": 0.0, "RELU": 0.0, "RELU6": 6.0, "RELU_N1_TO_1": 1.0}
    if activation not in limits:
        reason = f"the fused activation {activation} is not supported"
        yield Problem(site.whole, reason, f"use {', '.join(limits)}, or an operator of its own")
    else:
        yield from _range(site.outputs[0], limits[str(activation)])


def _range(tensor: Tensor, limit: float) -> Iterator[Problem]:
    if limit / _scale(tensor) > MAX_STEPS:
        reason = f"its scale of {_scale(tensor):g} is too small to express {limit:g}"
        yield Problem(tensor, reason, _REQUANTISE)


def _relu6_range(site: Site) -> Iterator[Problem]:
    yield from _range(site.input(0), 6.0)


def _accumulator(channel_axis: int) -> Condition:
    """No input can make the 32-bit accumulator overflow, and each channel has a multiplier.

    |sum of (x - zero point) * weight|, in any order, is at most 255 * sum |weight|. With 256 it covers what
    our kernels do, too: the zero point's part is in the bias, and the sum of x * weight is added to that.
    """

    def condition(site: Site) -> Iterator[Problem]:
        weights, output = site.input(1), site.outputs[0]
        assert weights.data is not None and weights.quantization is not None
        axes = tuple(axis for axis in range(len(weights.shape)) if axis != channel_axis)
        bound = 256 * np.abs(weights.data, dtype=np.int16).sum(axis=axes, dtype=np.int64)
        bias = site.inputs[2] if len(site.inputs) > 2 else None
        if bias is not None and bias.data is not None:
            bound = bound + np.abs(bias.data.astype(np.int64))
        worst = int(np.argmax(bound))
        if bound[worst] > MAX_ACCUMULATOR:
            reason = f"the accumulator of output channel {worst} can overflow 32 bits"
            yield Problem(weights if bias is None else bias, reason, _REQUANTISE)
        largest = float(weights.quantization.scale.max())
        yield from _multiplier(output, _scale(site.input(0)) * largest / _scale(output))

    return condition


def _multiplier(output: Tensor, real: float) -> Iterator[Problem]:
    if real > MAX_MULTIPLIER:
        reason = f"its scale of {_scale(output):g} makes a multiplier of {real:g}, above {MAX_MULTIPLIER}"
        yield Problem(output, reason, _REQUANTISE)


def _bias_scale(site: Site) -> Iterator[Problem]:
    """As TFLM has it for per-tensor FULLY_CONNECTED: within 2 % of an output step of input * weights."""
    weights, bias = site.input(1), site.inputs[2] if len(site.inputs) > 2 else None
    if bias is None or weights.quantization is None or weights.quantization.per_channel:
        return
    scale = 0.0 if bias.quantization is None else _scale(bias)
    product = _scale(site.input(0)) * _scale(weights)
    if abs(product - scale) / _scale(site.outputs[0]) > 0.02:
        reason = f"the bias has the scale {scale:g}, but input and weights make {product:g}"
        yield Problem(bias, reason, _REQUANTISE)


def _plain_weights(site: Site) -> Iterator[Problem]:
    layout = site.operator.options["weights_format"]
    if layout != "DEFAULT":
        yield Problem(site.whole, f"has weights in the format {layout}", "export them in the DEFAULT format")


def _same_quantization(site: Site) -> Iterator[Problem]:
    """As TFLM has it for pooling."""
    source, output = site.input(0), site.outputs[0]
    assert source.quantization is not None and output.quantization is not None
    differs = abs(np.float32(_scale(source)) - np.float32(_scale(output))) > 1e-6
    if differs or source.quantization.zero_point[0] != output.quantization.zero_point[0]:
        yield Problem(output, "the output is not quantised as the input is", _REQUANTISE)


def _rescaling(site: Site) -> Iterator[Problem]:
    yield from _multiplier(site.outputs[0], _scale(site.input(0)) / _scale(site.outputs[0]))


def _pool_positions(site: Site) -> Iterator[Problem]:
    _, height, width, _ = site.input(0).shape
    positions = min(site.number("filter_height"), height) * min(site.number("filter_width"), width)
    if positions > MAX_POOL_POSITIONS:
        reason = f"the window covers {positions} inputs, where at most {MAX_POOL_POSITIONS} are supported"
        yield Problem(site.whole, reason, "use a smaller one")


def _softmax(site: Site) -> Iterator[Problem]:
    """As TFLM has it: beta * scale, in steps of 2**-26, above 1; and the output a fraction of 256."""
    source, output = site.input(0), site.outputs[0]
    beta = site.operator.options["beta"]
    assert isinstance(beta, float)
    if not isfinite(beta) or beta * _scale(source) * 2**26 <= 1:
        yield Problem(source, f"beta is {beta:g} and the scale {_scale(source):g}: too small", _REQUANTISE)
    assert output.quantization is not None
    if _scale(output) != 1 / 256 or output.quantization.zero_point[0] != -128:
        yield Problem(output, "the output does not have the scale 1/256 and zero point -128", _REQUANTISE)
    if source.shape[-1] > MAX_SOFTMAX_DEPTH:
        reason = f"is over {source.shape[-1]} values, where at most {MAX_SOFTMAX_DEPTH} are supported"
        yield Problem(source, reason, "use fewer classes")


_INPUT = TensorRule("input", DataType.INT8)
_OUTPUT = TensorRule("output", DataType.INT8)
_IMAGE = TensorRule("input", DataType.INT8, ranks=(4,))
_IMAGE_OUTPUT = TensorRule("output", DataType.INT8, ranks=(4,))
_BIAS = TensorRule("bias", DataType.INT32, (1,), constant=True, optional=True, quantization="any")
_NEW_SHAPE = TensorRule("new shape", DataType.INT32, (1,), constant=True, optional=True, quantization="any")


def _weights(rank: int, channel_axis: int) -> TensorRule:
    return TensorRule(
        "filter",
        DataType.INT8,
        ranks=(rank,),
        constant=True,
        quantization="symmetric",
        channel_axis=channel_axis,
    )


_POOL = OperatorRule((_IMAGE,), (_IMAGE_OUTPUT,), (_window, _pool_positions, _fused, _same_quantization))

INT8_RULES: Mapping[str, OperatorRule] = {
    "AVERAGE_POOL_2D": _POOL,
    "CONV_2D": OperatorRule(
        (_IMAGE, _weights(4, 0), _BIAS),
        (_IMAGE_OUTPUT,),
        (_window, _fused, _accumulator(0)),
    ),
    "DEPTHWISE_CONV_2D": OperatorRule(
        (_IMAGE, _weights(4, 3), _BIAS),
        (_IMAGE_OUTPUT,),
        (_window, _fused, _accumulator(3)),
    ),
    "FULLY_CONNECTED": OperatorRule(
        (_INPUT, _weights(2, 0), _BIAS),
        (_OUTPUT,),
        (_plain_weights, _fused, _bias_scale, _accumulator(0)),
    ),
    "MAX_POOL_2D": _POOL,
    "RELU": OperatorRule((_INPUT,), (_OUTPUT,), (_rescaling,)),
    "RELU6": OperatorRule((_INPUT,), (_OUTPUT,), (_relu6_range,)),
    "RESHAPE": OperatorRule((_INPUT, _NEW_SHAPE), (_OUTPUT,)),
    "SOFTMAX": OperatorRule((_INPUT,), (_OUTPUT,), (_softmax,)),
}
