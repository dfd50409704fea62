"""DEQUANTIZE, QUANTIZE."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mcu_deploy.graph.ir import DataType, Graph, Operator
from mcu_deploy.plan import arithmetic_activation as tables
from mcu_deploy.plan.arithmetic import effective_multiplier
from mcu_deploy.plan.operators.overlap import elementwise
from mcu_deploy.plan.operators.rescaling import lookup, rescale, rescaled
from mcu_deploy.plan.operators.types import ABBREVIATIONS, PORTABLE, Kernel, Lowered, scale, zero_point


def _types(graph: Graph, operator: Operator) -> tuple[DataType, DataType]:
    return graph.tensors[operator.inputs[0]].dtype, graph.tensors[operator.outputs[0]].dtype


def lower_float(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A QUANTIZE from float32 or DEQUANTIZE to it for ``md_convert_f32``."""
    del prefix
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    quantized = result if source.dtype is DataType.FLOAT32 else source
    return Lowered(
        {
            "count": source.elements,
            "scale": f"{float(scale(quantized)).hex()}f",
            "zero_point": zero_point(quantized),
        }
    )


def lower_requantize(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A QUANTIZE between integers for ``md_rescale``."""
    del prefix
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    multiplier = effective_multiplier(scale(source), scale(result))
    limits = np.iinfo(result.dtype.value)
    return rescaled(source, result, multiplier, (int(limits.min), int(limits.max)))


def _integers(graph: Graph, operator: Operator) -> str | None:
    return None if DataType.FLOAT32 in _types(graph, operator) else "one multiplier"


def _float(kind: str, source: DataType, result: DataType) -> Kernel:
    def reason(graph: Graph, operator: Operator) -> str | None:
        return "single precision" if _types(graph, operator) == (source, result) else None

    return Kernel(
        implementation=PORTABLE,
        function=f"md_{kind.lower()}_{ABBREVIATIONS[source]}_{ABBREVIATIONS[result]}",
        header="md_convert_f32.h",
        headers=("md_requantize.h",),
        sources=("portable/md_convert_f32.c",),
        reason=reason,
        lower=lower_float,
        struct="md_convert_f32_t",
        # C lets memory be read as one type and written as another only where one of them is char.
        overlap=elementwise if DataType.INT8 in (source, result) else None,
    )


KERNELS: Mapping[str, tuple[Kernel, ...]] = {
    "DEQUANTIZE": tuple(
        _float("DEQUANTIZE", source, DataType.FLOAT32) for source in (DataType.INT8, DataType.INT16)
    ),
    "QUANTIZE": (
        *lookup(lambda operator, source, result: tables.requantize_table(source, result)),
        *(_float("QUANTIZE", DataType.FLOAT32, result) for result in (DataType.INT8, DataType.INT16)),
        rescale(_integers, lower_requantize),
    ),
}
