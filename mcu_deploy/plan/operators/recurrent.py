"""SVDF."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mcu_deploy.graph.ir import DataType, Graph, Operator
from mcu_deploy.graph.rules.recurrent import svdf_multipliers
from mcu_deploy.plan import arithmetic
from mcu_deploy.plan.operators.types import Kernel, Lowered, Reason, integer, portable, zero_point
from mcu_deploy.plan.types import Constant


def lower_svdf(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """An SVDF for ``md_svdf_s8`` or ``md_svdf_state_s16_s8``."""
    source, features, times, bias, state = (graph.tensors[index] for index in operator.inputs)
    result = graph.tensors[operator.outputs[0]]
    assert features.data is not None and times.data is not None and bias.data is not None
    rank, units = integer(operator, "rank"), bias.elements
    reals = svdf_multipliers(source, features, times, state, result)
    to_state, to_output = (arithmetic.quantize_multiplier(real) for real in reals)
    feature_sums = features.data.astype(np.int64).sum(axis=1)
    time_sums = times.data.astype(np.int64).reshape(units, -1).sum(axis=1)
    wide = bias.data.astype(np.int64) - zero_point(state) * time_sums
    constants = (
        Constant(f"{prefix}_feature_weights", features.data.reshape(-1), features.index),
        Constant(f"{prefix}_feature_bias", (-zero_point(source) * feature_sums).astype(np.int32)),
        Constant(f"{prefix}_time_weights", times.data.reshape(-1), times.index),
        Constant(f"{prefix}_bias", wide.astype(np.int32)),
    )
    return Lowered(
        {
            **{constant.name.removeprefix(f"{prefix}_"): constant.name for constant in constants},
            "batches": source.shape[0],
            "inputs": source.shape[1],
            "units": units,
            "rank": rank,
            "memory": times.shape[1],
            "feature_multiplier": to_state.significand,
            "feature_shift": to_state.shift,
            "state_zero_point": zero_point(state),
            "output_multiplier": to_output.significand,
            "output_shift": to_output.shift,
            "output_zero_point": zero_point(result),
        },
        constants,
    )


def _state_of(dtype: DataType) -> Reason:
    def reason(graph: Graph, operator: Operator) -> str | None:
        return f"{dtype.value} state" if graph.tensors[operator.inputs[4]].dtype is dtype else None

    return reason


KERNELS: Mapping[str, tuple[Kernel, ...]] = {
    "SVDF": (
        portable("md_svdf", _state_of(DataType.INT8), lower_svdf, ("md_requantize.h",)),
        portable(
            "md_svdf_state_s16",
            _state_of(DataType.INT16),
            lower_svdf,
            ("md_requantize.h",),
            family="md_svdf",
        ),
    ),
}
