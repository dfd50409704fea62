"""What is computed over the frames of a clip, in float32: as ``md_clip_steps.c``, in the same order.

Features are arrays (frames, channels * coefficients), channel by channel, as the C code keeps them.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from mcu_deploy.frontend.spec import FrontendSpec
from mcu_deploy.frontend.tables import Float32, delta_weights, resize_tables

Int8 = npt.NDArray[np.int8]
_Quantised = TypeVar("_Quantised", np.int8, np.int16)

_HALF = np.float32(0.5)


def prepared(spec: FrontendSpec, features: Float32) -> Float32:
    """The model's input before quantisation, (input_frames, input_coefficients * input_maps).

    Args:
        spec: a front end with clip steps.
        features: of at least one frame; zeros follow where they are fewer than ``frames``.
    """
    rows = normalised(spec, features)
    if spec.deltas:
        orders = [rows]
        for _ in range(spec.deltas):
            orders.append(_slopes(orders[-1], delta_weights(spec)))
        # Of each order the frames that the last has.
        trims = [(len(order) - len(orders[-1])) // 2 for order in orders]
        orders = [order[trim : len(order) - trim] for order, trim in zip(orders, trims, strict=True)]
        maps = np.concatenate([_by_channel(spec, order) for order in orders], axis=1)
    elif spec.resize != "none":
        maps = _resized(spec, _by_channel(spec, rows))
    else:
        maps = _by_channel(spec, rows)
    full = np.zeros((spec.input_frames, *maps.shape[1:]), np.float32)
    full[: len(maps)] = maps
    return full.transpose(0, 2, 1).reshape(spec.input_frames, -1)


def normalised(spec: FrontendSpec, features: Float32) -> Float32:
    """The clip's normalisation; sums go from the first frame to the last."""
    count = np.float32(len(features))
    scaled: Float32
    match spec.normalization:
        case "mean":
            return features - _sum(features) / count
        case "min-max":
            lowest = features.min()
            spread = features.max() - lowest
            scaled = (features - lowest) / spread if spread > 0 else np.zeros_like(features)
            return scaled
        case "standard":
            elements = np.float32(features.size)
            difference = features - _sum(_sum(features.T)) / elements
            square = difference * difference
            deviation = np.sqrt(_sum(_sum(square.T)) / elements) + np.float32(spec.normalization_epsilon)
            alike = bool((features == features.flat[0]).all())
            return np.zeros_like(features) if alike else difference / deviation
    return features


def laid_out(spec: FrontendSpec, rows: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Prepared frames, (input_frames, input_coefficients * input_maps), in the shape of the model's input."""
    shaped = rows.reshape(spec.input_frames, spec.input_coefficients, spec.input_maps)
    if spec.layout == "coefficients-first":
        shaped = shaped.transpose(1, 0, 2)
    return np.ascontiguousarray(shaped).reshape(spec.feature_shape)


def quantise(features: Float32, scale: float, zero_point: int) -> Int8:
    """Features to the model's int8 input, as TFLite's QUANTIZE: halves away from zero, then limited.

    Args:
        features: any shape, float32, no NaN.
        scale: of the input tensor, a positive normal float32.
        zero_point: of the input tensor, -128 to 127.
    """
    return quantise_to(np.int8, features, scale, zero_point)


def quantise_to(
    dtype: type[_Quantised], features: Float32, scale: float, zero_point: int
) -> npt.NDArray[_Quantised]:
    """The same to int8 or int16."""
    limits = np.iinfo(dtype)
    low, high = np.float32(limits.min - zero_point), np.float32(limits.max - zero_point)
    with np.errstate(over="ignore"):  # an infinite quotient is limited like any other
        value = np.clip(features / np.float32(scale), low, high)
    rounded = value.astype(np.int32)  # towards zero
    rest = value - rounded.astype(np.float32)
    rounded += rest >= _HALF
    rounded -= rest <= -_HALF
    result: npt.NDArray[_Quantised] = (rounded + zero_point).astype(dtype)
    return result


def _sum(rows: Float32) -> Float32:
    """Row by row from zero on, as the C code adds; NumPy's own sum adds in pairs."""
    start = np.zeros((1, *rows.shape[1:]), np.float32)
    result: Float32 = np.add.accumulate(np.concatenate([start, rows]), axis=0, dtype=np.float32)[-1]
    return result


def _by_channel(spec: FrontendSpec, rows: Float32) -> Float32:
    return rows.reshape(len(rows), spec.channels, spec.coefficients)


def _slopes(rows: Float32, weights: Float32) -> Float32:
    """The regression over time of the frames that have all neighbours."""
    reach = len(weights)
    count = len(rows) - 2 * reach
    slopes = np.zeros((count, rows.shape[1]), np.float32)
    for n, weight in enumerate(weights, start=1):
        slopes += weight * (rows[reach + n :][:count] - rows[reach - n :][:count])
    return slopes


def _resized(spec: FrontendSpec, rows: Float32) -> Float32:
    """Between the neighbouring coefficients, then between the neighbouring frames."""
    frame, coefficient = resize_tables(spec)
    low, high = rows[..., coefficient.low], rows[..., coefficient.high]
    across = low + (high - low) * coefficient.weight
    low, high = across[frame.low], across[frame.high]
    result: Float32 = low + (high - low) * frame.weight[:, np.newaxis, np.newaxis]
    return result
