"""Operators that only move data: what their tensors must be, and the shapes that they make.

They move bytes, whatever these stand for, so most have no demands on quantisation; nor has TFLM.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mcu_deploy.graph.ir import DataType, Quantization, Tensor
from mcu_deploy.graph.rules import movement_shapes
from mcu_deploy.graph.rules.types import (
    REEXPORT,
    REQUANTISE,
    Condition,
    OperatorRule,
    Problem,
    ShapeRule,
    Site,
    TensorRule,
)

# Offsets are int32.
MAX_BYTES = 2**31 - 1
MAX_RANK = movement_shapes.MAX_RANK
# TFLM has arrays for so many.
MAX_CONCATENATED = 10

_INT8, _INT16, _INT32, _INT64 = DataType.INT8, DataType.INT16, DataType.INT32, DataType.INT64
_FLOAT32, _BOOL = DataType.FLOAT32, DataType.BOOL
_ANY = tuple(DataType)


def operand(role: str, dtypes: tuple[DataType, ...] = (_INT32,), scalar: bool = False) -> TensorRule:
    """A constant that says how data is moved: a vector, or perhaps a scalar."""
    ranks = (0, 1) if scalar else (1,)
    return TensorRule(role, dtypes, ranks, constant=True, quantization="any")


def data(
    role: str, dtypes: tuple[DataType, ...], most: int, least: int = 0, constant: bool | None = False
) -> TensorRule:
    """What is moved: of one of some element types, with ``least`` to ``most`` dimensions."""
    return TensorRule(role, dtypes, tuple(range(least, most + 1)), constant=constant, quantization="any")


def moved_unchanged(site: Site) -> Iterator[Problem]:
    """Outputs have the element type of the inputs; activations are quantised per tensor; offsets fit."""
    moved = [one for one in site.inputs if one is not None and one.data is None]
    reference = site.input(1 if site.operator.kind == "SPLIT" else 0)
    if site.operator.kind == "GATHER":
        moved = [one for one in moved if one is not site.inputs[1]]
    for tensor in (*moved, *site.outputs):
        if tensor.dtype is not reference.dtype:
            reason = f"is {tensor.dtype.value}, but the input {reference.dtype.value}"
            yield Problem(tensor, reason, REEXPORT)
        if tensor.quantization is not None and tensor.quantization.per_channel:
            reason = "is quantised per channel, which is possible for weights only"
            yield Problem(tensor, reason, REQUANTISE)
        if tensor.bytes > MAX_BYTES:
            yield Problem(tensor, f"takes {tensor.bytes} bytes, more than fit 31 bits", "make it smaller")


def _same_grid(one: Quantization | None, other: Quantization | None) -> bool:
    """Whether two tensors are quantised alike; not being quantised is as the scale 0."""

    def numbers(quantization: Quantization | None) -> tuple[float, int]:
        if quantization is None:
            return 0.0, 0
        return float(quantization.scale[0]), int(quantization.zero_point[0])

    return numbers(one) == numbers(other)


def _concatenation(site: Site) -> Iterator[Problem]:
    """As TFLM has it: no rescaling, no activation, and not too many."""
    output = site.outputs[0]
    activation = site.operator.options["fused_activation_function"]
    if activation != "NONE":
        way_out = "use an operator of its own for it"
        yield Problem(output, f"the fused activation {activation} is not supported", way_out)
    if len(site.inputs) > MAX_CONCATENATED:
        reason = f"joins {len(site.inputs)} tensors, where TFLM can do {MAX_CONCATENATED}"
        yield Problem(output, reason, "join them in several operators")
    for position in range(len(site.inputs)):
        source = site.input(position)
        if source.dtype is not output.dtype:
            yield Problem(source, f"is {source.dtype.value} instead of {output.dtype.value}", REEXPORT)
        if output.dtype is _INT8 and not _same_grid(source.quantization, output.quantization):
            yield Problem(source, "is not quantised as the output of the CONCATENATION is", REQUANTISE)
        if output.dtype is _INT16:
            yield from _symmetric(source)
    if output.dtype is _INT16:
        yield from _symmetric(output)


def _symmetric(tensor: Tensor) -> Iterator[Problem]:
    if tensor.quantization is not None and tensor.quantization.zero_point.any():
        yield Problem(tensor, "is int16 with a zero point other than 0", REQUANTISE)


def _same_types(site: Site) -> Iterator[Problem]:
    for position in range(len(site.inputs)):
        source = site.input(position)
        if source.dtype is not site.outputs[0].dtype:
            yield Problem(source, f"is {source.dtype.value}, but the output is not", REEXPORT)


def _pad_value(site: Site) -> Iterator[Problem]:
    """The value of a PADV2 is quantised as the output is."""
    if len(site.inputs) < 3:
        return
    value, output = site.input(2), site.outputs[0]
    if value.dtype is not output.dtype or value.elements != 1:
        yield Problem(value, f"the padding value is not one {output.dtype.value}", REEXPORT)
    elif output.dtype is _INT8 and not _same_grid(value.quantization, output.quantization):
        yield Problem(value, "the padding value is not quantised as the output is", REQUANTISE)


def _rule(
    dtypes: tuple[DataType, ...],
    most: int,
    *operands: TensorRule,
    least: int = 0,
    conditions: tuple[Condition, ...] = (),
) -> OperatorRule:
    """One tensor and constants that say how it is moved."""
    return OperatorRule(
        (data("input", dtypes, most, least), *operands),
        (data("output", dtypes, MAX_RANK),),
        (moved_unchanged, *conditions),
    )


def _joining(dtypes: tuple[DataType, ...], most: int, *conditions: Condition) -> OperatorRule:
    source = data("input", dtypes, most, constant=None)
    return OperatorRule(
        (source,), (data("output", dtypes, MAX_RANK),), (moved_unchanged, *conditions), more_inputs=True
    )


_PLAIN = (_INT8, _INT16, _INT32, _FLOAT32)
_TWO = (_INT8, _FLOAT32)
_JOINED = (*_PLAIN, _INT64)
_SLICED = (*_PLAIN, _BOOL)
_AXIS = operand("axis", scalar=True)
_PADDING = TensorRule("padding", (_INT32,), (2,), constant=True, quantization="any")
_NEW_SHAPE = TensorRule("new shape", (_INT32,), (1,), constant=True, optional=True, quantization="any")
_PAD_VALUE = data("padding value", _PLAIN, 1, constant=True)
_OUTPUT_PART = data("output", _PLAIN, MAX_RANK)
_BLOCKS = (operand("block shape"), TensorRule("margin", (_INT32,), (2,), constant=True, quantization="any"))

# The element types and numbers of dimensions are those of TFLM's kernels.
RULES: Mapping[str, OperatorRule] = {
    "BATCH_TO_SPACE_ND": _rule(_TWO, 4, *_BLOCKS, least=3),
    "CONCATENATION": _joining((*_JOINED, _BOOL), 6, _concatenation),
    "EXPAND_DIMS": _rule((_INT8, _INT16, _FLOAT32), 5, _AXIS),
    "GATHER": OperatorRule(
        (
            data("input", _TWO, MAX_RANK, 1, constant=None),
            data("indices", (_INT32,), MAX_RANK, constant=None),
        ),
        (data("output", _TWO, MAX_RANK),),
        (moved_unchanged,),
    ),
    "PACK": _joining(_JOINED, 5, _same_types),
    "PAD": _rule(_PLAIN, 5, _PADDING),
    "PADV2": _rule(_PLAIN, 5, _PADDING, _PAD_VALUE, conditions=(_pad_value,)),
    "RESHAPE": _rule(_ANY, MAX_RANK, _NEW_SHAPE),
    "SLICE": _rule(_SLICED, 5, operand("begin", (_INT32, _INT64)), operand("size", (_INT32, _INT64))),
    "SPACE_TO_BATCH_ND": _rule(_TWO, 4, *_BLOCKS, least=3),
    "SPLIT": OperatorRule(
        (_AXIS, data("input", _PLAIN, 6, 1)), (_OUTPUT_PART,), (moved_unchanged,), more_outputs=True
    ),
    "SPLIT_V": OperatorRule(
        (data("input", _PLAIN, 6, 1), operand("list of sizes"), _AXIS),
        (_OUTPUT_PART,),
        (moved_unchanged,),
        more_outputs=True,
    ),
    "SQUEEZE": _rule(_ANY, MAX_RANK),
    "STRIDED_SLICE": _rule(_SLICED, 4, operand("begin"), operand("end"), operand("strides"), least=1),
    "TRANSPOSE": _rule((_INT8, _INT16, _FLOAT32), 5, operand("permutation"), least=1),
    "UNPACK": OperatorRule(
        (data("input", _PLAIN, 6, 1),), (_OUTPUT_PART,), (moved_unchanged,), more_outputs=True
    ),
}

SHAPES: Mapping[str, ShapeRule] = movement_shapes.SHAPES
