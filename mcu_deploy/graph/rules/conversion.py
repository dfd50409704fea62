"""DEQUANTIZE, QUANTIZE."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mcu_deploy.graph.ir import DataType
from mcu_deploy.graph.rules.conditions import ACTIVATIONS, multiplier, scale_of
from mcu_deploy.graph.rules.types import (
    FULL_INT8,
    REQUANTISE,
    OperatorRule,
    Problem,
    ShapeRule,
    Site,
    TensorRule,
    same_shape,
)

_RANKS = (0, 1, 2, 3, 4, 5, 6)
# What TFLM makes of what.
_MADE: Mapping[DataType, tuple[DataType, ...]] = {
    DataType.FLOAT32: ACTIVATIONS,
    DataType.INT8: (*ACTIVATIONS, DataType.INT32),
    DataType.INT16: (*ACTIVATIONS, DataType.INT32),
    DataType.INT32: ACTIVATIONS,
}


def _quantize(site: Site) -> Iterator[Problem]:
    """Makes int8 or int16, or of these int32; the ratio of the scales can be expressed."""
    source, output = site.input(0), site.outputs[0]
    if output.dtype not in _MADE[source.dtype]:
        reason = f"makes {output.dtype.value} of {source.dtype.value}, which TFLM cannot"
        yield Problem(site.whole, reason, FULL_INT8)
    if source.dtype is DataType.FLOAT32:
        return
    if source.quantization is None:
        yield Problem(source, "the input is not quantised", FULL_INT8)
    elif source.quantization.per_channel:
        reason = "the input is quantised per channel, which is possible for weights only"
        yield Problem(source, reason, REQUANTISE)
    else:
        yield from multiplier(output, scale_of(source) / scale_of(output))


RULES: Mapping[str, OperatorRule] = {
    "DEQUANTIZE": OperatorRule(
        (TensorRule("input", ACTIVATIONS, _RANKS),),
        (TensorRule("output", (DataType.FLOAT32,), _RANKS, quantization="any"),),
    ),
    "QUANTIZE": OperatorRule(
        (TensorRule("input", tuple(_MADE), _RANKS, quantization="any"),),
        (TensorRule("output", (*ACTIVATIONS, DataType.INT32), _RANKS),),
        (_quantize,),
    ),
}

SHAPES: Mapping[str, ShapeRule] = dict.fromkeys(RULES, same_shape)
