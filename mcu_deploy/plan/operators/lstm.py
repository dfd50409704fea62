"""UNIDIRECTIONAL_SEQUENCE_LSTM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mcu_deploy.graph.ir import DataType, Graph, Operator, Tensor
from mcu_deploy.graph.rules.lstm import (
    BIASES,
    CELL,
    GATE_OUTPUT_SCALE,
    HIDDEN,
    HIDDEN_WEIGHTS,
    INPUT_WEIGHTS,
    gate_multipliers,
)
from mcu_deploy.plan import arithmetic
from mcu_deploy.plan.operators.types import Kernel, Lowered, Reason, portable, scale, zero_point
from mcu_deploy.plan.types import Constant

# In TFLite's order of weights and biases; names as in md_lstm_s8.h.
_GATES = ("input", "forget", "modulation", "output")


def lower_lstm(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """An LSTM for ``md_lstm_s8`` or ``md_lstm_s16``."""
    inputs = [graph.tensors[index] if index >= 0 else None for index in operator.inputs]
    parameters: dict[str, int | str] = {}
    sigmoid = Constant(f"{prefix}_sigmoid", np.array(arithmetic.sigmoid_table(), np.uint16))
    constants = [sigmoid]
    for gate, name in enumerate(_GATES):
        made, arrays = _gate(inputs, gate, f"{prefix}_{name}")
        parameters |= {f"{name}.{field}": value for field, value in made.items()}
        constants += arrays
    parameters |= {"cell.sigmoid": sigmoid.name}
    parameters |= {f"cell.{field}": value for field, value in _cell(inputs, operator).items()}
    return Lowered(parameters, tuple(constants))


def _there(inputs: Sequence[Tensor | None], position: int) -> Tensor:
    tensor = inputs[position]
    assert tensor is not None
    return tensor


def _gate(
    inputs: Sequence[Tensor | None], gate: int, prefix: str
) -> tuple[dict[str, int | str], list[Constant]]:
    """The ``md_lstm_gate_s8_t`` or ``md_lstm_gate_s16_t`` of a gate, and its arrays."""
    wide = _there(inputs, 0).dtype is DataType.INT16
    bias = _there(inputs, BIASES[gate]).data
    assert bias is not None
    starts = {"input": bias.astype(np.int64), "hidden": np.zeros(bias.size, np.int64)}
    sources = {"input": (0, INPUT_WEIGHTS), "hidden": (HIDDEN, HIDDEN_WEIGHTS)}
    parameters: dict[str, int | str] = {}
    constants: list[Constant] = []
    for (name, (source, positions)), real in zip(
        sources.items(), gate_multipliers(inputs, gate), strict=True
    ):
        weights = _there(inputs, positions[gate])
        assert weights.data is not None
        sums = weights.data.astype(np.int64).sum(axis=1)
        folded = starts[name] - zero_point(_there(inputs, source)) * sums
        constants.append(Constant(f"{prefix}_{name}_weights", weights.data.reshape(-1), weights.index))
        parameters[f"{name}_weights"] = constants[-1].name
        if not wide or name == "input":
            values = folded.astype(np.int64 if wide else np.int32)
            constants.append(Constant(f"{prefix}_{name}_bias", values))
            parameters[f"{name}_bias"] = constants[-1].name
        multiplier = arithmetic.quantize_multiplier(real)
        multiplier = arithmetic.upper_half(multiplier) if wide else multiplier
        parameters |= {f"{name}_multiplier": multiplier.significand, f"{name}_shift": multiplier.shift}
    return parameters, constants


def _cell(inputs: Sequence[Tensor | None], operator: Operator) -> dict[str, int | str]:
    """The ``md_lstm_cell_t`` but for its table."""
    source, hidden = _there(inputs, 0), _there(inputs, HIDDEN)
    cell_scale = float(scale(_there(inputs, CELL)))
    reals = {
        "forget": GATE_OUTPUT_SCALE,
        "input": GATE_OUTPUT_SCALE**2 / cell_scale,
        "output": GATE_OUTPUT_SCALE**2 / float(scale(hidden)),
    }
    parameters: dict[str, int | str] = {}
    for name, real in reals.items():
        multiplier = arithmetic.quantize_multiplier(real)
        parameters |= {f"{name}_multiplier": multiplier.significand, f"{name}_shift": multiplier.shift}
    low, high = _clip(operator, cell_scale)
    time_major = bool(operator.options["time_major"])
    steps, batches = source.shape[:2] if time_major else source.shape[1::-1]
    # The cell in units of 2**-12, times 3, to the right only if it must be.
    left = 12 + int(np.log2(cell_scale))
    return {
        **parameters,
        "batches": batches,
        "steps": steps,
        "batch_stride": 1 if time_major else steps,
        "step_stride": batches if time_major else 1,
        "inputs": source.shape[2],
        "cells": hidden.shape[1],
        "cell_min": low,
        "cell_max": high,
        "tanh_multiplier": 3 << max(left, 0),
        "tanh_round": 1 << (-left - 1) if left < 0 else 0,
        "tanh_shift": max(-left, 0),
        "output_zero_point": zero_point(hidden),
    }


def _clip(operator: Operator, cell_scale: float) -> tuple[int, int]:
    """What the option ``cell_clip`` limits the cell to."""
    clip = operator.options["cell_clip"]
    assert isinstance(clip, float)
    if not clip > 0:
        return arithmetic.INT16_MIN, arithmetic.INT16_MAX
    limit = int(min(clip / cell_scale, float(arithmetic.INT16_MAX)))
    return -limit, limit


def _activations(dtype: DataType) -> Reason:
    def reason(graph: Graph, operator: Operator) -> str | None:
        return f"{dtype.value} activations" if graph.tensors[operator.inputs[0]].dtype is dtype else None

    return reason


_HEADERS = ("md_lstm_cell.h", "md_requantize.h", "md_sigmoid_q15.h")

KERNELS: Mapping[str, tuple[Kernel, ...]] = {
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (
        portable("md_lstm", _activations(DataType.INT8), lower_lstm, _HEADERS),
        portable(
            "md_lstm",
            _activations(DataType.INT16),
            lower_lstm,
            (*_HEADERS, "md_requantize_wide.h"),
            types="s16",
        ),
    ),
}
