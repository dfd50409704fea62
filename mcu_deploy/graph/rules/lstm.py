"""UNIDIRECTIONAL_SEQUENCE_LSTM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import log2

import numpy as np

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.ir import DataType
from mcu_deploy.graph.rules.conditions import multiplier, one_scale, scale_of, wide_multiplier
from mcu_deploy.graph.rules.types import (
    REQUANTISE,
    Inputs,
    OperatorRule,
    Options,
    Problem,
    Shape,
    ShapeRule,
    Site,
    TensorRule,
    given,
    single,
)

# Positions of the inputs; those of the gates in the order input, forget, modulation (TFLite: cell), output.
INPUT_WEIGHTS, HIDDEN_WEIGHTS, BIASES = range(1, 5), range(5, 9), range(12, 16)
HIDDEN, CELL = 18, 19
_INPUTS = 24
_FURTHER: Mapping[str, Sequence[int]] = {
    "peepholes": range(9, 12),
    "a projection": range(16, 18),
    "layer normalisation": range(20, 24),
}
# What enters a gate is Q3.12, what leaves it Q0.15.
GATE_SCALE, GATE_OUTPUT_SCALE = 2.0**-12, 2.0**-15
# Scales of the cell as powers of two: what the kernel can shift by.
_CELL_EXPONENTS = range(-24, 1)
# Accumulators: see md_requantize and md_requantize_wide.
_MAX_ACCUMULATORS = {DataType.INT8: 2**31 - 1, DataType.INT16: 2**47 - 1}


def gate_multipliers(inputs: Inputs, gate: int) -> tuple[float, float]:
    """The real multipliers of the products of a gate, with the input and with the hidden state, in doubles.

    TFLM of August 2026 still rounded the products of the scales to float32.
    """
    source, hidden = given(inputs, 0), given(inputs, HIDDEN)
    of_input, of_hidden = given(inputs, INPUT_WEIGHTS[gate]), given(inputs, HIDDEN_WEIGHTS[gate])
    return (
        scale_of(source) * scale_of(of_input) / GATE_SCALE,
        scale_of(hidden) * scale_of(of_hidden) / GATE_SCALE,
    )


def _plain(site: Site) -> Iterator[Problem]:
    """The LSTM of Keras."""
    for what, positions in _FURTHER.items():
        for position in positions:
            if site.inputs[position] is not None:
                yield Problem(site.inputs[position], f"gives the LSTM {what}", "use an LSTM without")
                break
    activation = site.operator.options["fused_activation_function"]
    if activation != "TANH":
        yield Problem(site.whole, f"its activation is {activation} instead of TANH", "use an LSTM with TANH")
    if site.operator.options["diagonal_recurrent_tensors"]:
        yield Problem(site.whole, "has diagonal recurrent weights", "use an LSTM with full matrices")


def _types(site: Site) -> Iterator[Problem]:
    """Input, hidden state and output alike; biases of the accumulator's width."""
    source = site.input(0)
    bias = DataType.INT32 if source.dtype is DataType.INT8 else DataType.INT64
    wanted = [(site.input(HIDDEN), "hidden state", source.dtype), (site.outputs[0], "output", source.dtype)]
    wanted += [(site.input(position), "bias", bias) for position in BIASES]
    for tensor, role, dtype in wanted:
        if tensor.dtype is not dtype:
            reason = f"the {role} is {tensor.dtype.value} instead of {dtype.value}"
            yield Problem(tensor, f"{reason}, with an input of {source.dtype.value}", REQUANTISE)
    for tensor, role in ((source, "input"), (site.input(HIDDEN), "hidden state")):
        assert tensor.quantization is not None
        if source.dtype is DataType.INT16 and tensor.quantization.zero_point.any():
            yield Problem(tensor, f"the {role} is int16 with a zero point other than 0", REQUANTISE)


def _accumulators(site: Site) -> Iterator[Problem]:
    source = site.input(0)
    largest = 2**8 if source.dtype is DataType.INT8 else 2**15
    for gate, position in enumerate(BIASES):
        bias = site.input(position)
        assert bias.data is not None
        # abs of the least int64 is not one.
        starts = np.abs(bias.data.astype(np.float64))
        for weights, start in (
            (site.input(INPUT_WEIGHTS[gate]), starts),
            (site.input(HIDDEN_WEIGHTS[gate]), np.zeros(bias.elements)),
        ):
            assert weights.data is not None
            sums = np.abs(weights.data, dtype=np.int16).sum(axis=1, dtype=np.int64)
            bound = largest * sums + start
            if bound.max() > _MAX_ACCUMULATORS[source.dtype]:
                reason = f"the accumulator of cell {int(np.argmax(bound))} can overflow"
                yield Problem(weights, reason, REQUANTISE)


def _multipliers(site: Site) -> Iterator[Problem]:
    check = multiplier if site.input(0).dtype is DataType.INT8 else wide_multiplier
    for gate in range(4):
        reals = gate_multipliers(site.inputs, gate)
        for position, real in zip((INPUT_WEIGHTS[gate], HIDDEN_WEIGHTS[gate]), reals, strict=True):
            yield from check(site.input(position), real)
    hidden, cell = site.input(HIDDEN), site.input(CELL)
    yield from multiplier(hidden, GATE_OUTPUT_SCALE**2 / scale_of(hidden))
    assert cell.quantization is not None
    if log2(scale_of(cell)) not in _CELL_EXPONENTS or cell.quantization.zero_point.any():
        least = _CELL_EXPONENTS[0]
        reason = f"the cell's scale is {scale_of(cell):g} instead of a power of 2 from 2**{least} to 1"
        yield Problem(cell, f"{reason}, with the zero point 0", REQUANTISE)


def _lstm(inputs: Inputs, options: Options) -> Shape:
    if len(inputs) != _INPUTS:
        raise ModelError(f"there are {len(inputs)} inputs instead of {_INPUTS}")
    source, hidden, cell = given(inputs, 0, 3), given(inputs, HIDDEN, 2), given(inputs, CELL)
    batches, cells = source.shape[1 if options["time_major"] else 0], hidden.shape[1]
    for what, positions, shape in (
        ("input weights", INPUT_WEIGHTS, (cells, source.shape[2])),
        ("recurrent weights", HIDDEN_WEIGHTS, (cells, cells)),
        ("bias", BIASES, (cells,)),
    ):
        for position in positions:
            found = given(inputs, position).shape
            if found != shape:
                raise ModelError(f"the {what} of input {position} have the shape {found} instead of {shape}")
    for what, state in (("hidden", hidden), ("cell's", cell)):
        if state.elements != batches * cells:
            raise ModelError(f"the {what} state {state.shape} does not hold {batches} x {cells} values")
    return *source.shape[:2], cells


_ACTIVATIONS = (DataType.INT8, DataType.INT16)
_WEIGHTS = TensorRule("filter", (DataType.INT8,), (2,), constant=True, quantization="symmetric")
_BIAS = TensorRule("bias", (DataType.INT32, DataType.INT64), (1,), constant=True, quantization="any")
_ABSENT = TensorRule("option", tuple(DataType), constant=None, optional=True, quantization="any")


def _rule(position: int) -> TensorRule:
    if position == 0:
        return TensorRule("input", _ACTIVATIONS, (3,))
    if position in INPUT_WEIGHTS or position in HIDDEN_WEIGHTS:
        return _WEIGHTS
    if position in BIASES:
        return _BIAS
    if position == HIDDEN:
        return TensorRule("hidden state", _ACTIVATIONS, (2,), state=True)
    if position == CELL:
        return TensorRule("cell's state", (DataType.INT16,), (1, 2), state=True)
    return _ABSENT


RULES: Mapping[str, OperatorRule] = {
    "UNIDIRECTIONAL_SEQUENCE_LSTM": OperatorRule(
        tuple(_rule(position) for position in range(_INPUTS)),
        (TensorRule("output", _ACTIVATIONS, (3,)),),
        (_plain, one_scale, _types, _accumulators, _multipliers),
    ),
}

SHAPES: Mapping[str, ShapeRule] = {"UNIDIRECTIONAL_SEQUENCE_LSTM": single(_lstm)}
