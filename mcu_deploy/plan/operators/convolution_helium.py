"""Packing of weights for the Helium kernels of CONV_2D and FULLY_CONNECTED."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.plan.operators.filters import Filters, filter_data, fold
from mcu_deploy.plan.operators.types import Lowered, zero_point
from mcu_deploy.plan.operators.window import convolution_window
from mcu_deploy.plan.types import Constant

# These repeat md_helium_matmul_s8.h.
MATMUL_CHANNELS = 4
MATMUL_LANES = 16
CONV2D_ROWS = 2  # MD_HELIUM_CONV2D_ROWS


def _blocks(values: npt.ArrayLike, dtype: str, channels: int) -> npt.NDArray[np.int8]:
    """The bytes of one value a channel as (blocks, bytes of a block), padded with zeros."""
    array = np.asarray(values, dtype)
    padded = np.concatenate([array, np.zeros(-len(array) % channels, dtype)])
    return padded.reshape(-1, channels).view(np.int8)


def pack_matmul(filters: Filters) -> npt.NDArray[np.int8]:
    """All constants of ``md_helium_matmul_t``, block after block."""
    weights = filters.weights
    channels, depth = weights.shape
    padded = np.concatenate([weights, np.zeros((-channels % MATMUL_CHANNELS, depth), np.int8)])
    quads = padded.reshape(-1, MATMUL_CHANNELS, depth)
    chunks = [
        quads[:, :, first : first + MATMUL_LANES].reshape(len(quads), -1)
        for first in range(0, depth, MATMUL_LANES)
    ]
    parts = [
        _blocks(filters.bias, "<i4", MATMUL_CHANNELS),
        *chunks,
        _blocks([one.significand for one in filters.multipliers], "<i4", MATMUL_CHANNELS),
        _blocks([one.shift for one in filters.multipliers], "i1", MATMUL_CHANNELS),
    ]
    return np.concatenate(parts, axis=1).reshape(-1)


def matmul(prefix: str, filters: Filters, origin: int) -> tuple[dict[str, int | str], tuple[Constant, ...]]:
    """The fields of an ``md_helium_matmul_t``, and the array that it refers to."""
    constant = Constant(f"{prefix}_blocks", pack_matmul(filters), origin)
    fields: dict[str, int | str] = {
        "blocks": constant.name,
        "depth": filters.weights.shape[1],
        "channels": filters.channels,
        "left": int(any(one.shift >= 0 for one in filters.multipliers)),
        **output_fields(filters),
    }
    return {f"matmul.{name}": value for name, value in fields.items()}, (constant,)


def output_fields(filters: Filters) -> dict[str, int | str]:
    """The fields about the output that every struct has."""
    low, high = filters.activation
    return {"output_zero_point": filters.output_zero_point, "activation_min": low, "activation_max": high}


def lower_rows(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A FULLY_CONNECTED, or a CONV_2D whose windows lie in memory as rows, for ``md_helium_rows_s8``."""
    weights = filter_data(graph, operator)
    channels = weights.shape[0]
    filters = fold(graph, operator, weights.reshape(channels, -1))
    parameters, constants = matmul(prefix, filters, operator.inputs[1])
    rows = graph.tensors[operator.outputs[0]].elements // channels
    return Lowered({**parameters, "rows": rows}, constants)


def lower_convolution(graph: Graph, operator: Operator, prefix: str) -> Lowered:
    """A CONV_2D without groups for ``md_helium_conv2d_s8``."""
    source = graph.tensors[operator.inputs[0]]
    sliding = convolution_window(graph, operator)
    weights = filter_data(graph, operator)
    filters = fold(graph, operator, weights.reshape(weights.shape[0], -1))
    whole = np.pad(filters.weights, ((0, 0), (0, -filters.weights.shape[1] % MATMUL_LANES)))
    parameters, constants = matmul(prefix, replace(filters, weights=whole), operator.inputs[1])
    return Lowered(
        {
            **parameters,
            **sliding.parameters(),
            "batches": source.shape[0],
            "input_channels": source.shape[3],
            "run": sliding.filter[1] if sliding.dilation[1] == 1 else 1,
            "input_zero_point": zero_point(source),
        },
        constants,
        CONV2D_ROWS * whole.shape[1],
    )
