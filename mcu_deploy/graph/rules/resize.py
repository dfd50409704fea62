"""RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.ir import DataType
from mcu_deploy.graph.rules import moves
from mcu_deploy.graph.rules.movement import data, moved_unchanged, operand
from mcu_deploy.graph.rules.types import (
    Inputs,
    OperatorRule,
    Options,
    Problem,
    Shape,
    ShapeRule,
    Site,
    given,
    single,
)

# Positions are int32 in steps of 1/1024.
MAX_SIZE = 2**20
_STEPS = 1024


def _resized(inputs: Inputs, options: Options) -> Shape:
    del options
    image = given(inputs, 0, 4)
    sizes = moves.values(inputs, 1, "size")
    if len(sizes) != 2 or min(sizes) < 1 or max(*sizes, *image.shape[1:3]) > MAX_SIZE:
        raise ModelError(
            f"resizes {image.shape[1:3]} to {sizes}, where 2 sizes up to {MAX_SIZE} are supported"
        )
    return image.shape[0], sizes[0], sizes[1], image.shape[3]


def nearest(source: int, result: int, options: Options) -> list[int]:
    """For each position of the result along an axis, that of the source: TFLite's formula, in float32."""
    align = bool(options["align_corners"])
    offset = np.float32(0.5 if options["half_pixel_centers"] else 0.0)
    if align and result > 1:
        scale = np.float32(source - 1) / np.float32(result - 1)
    else:
        scale = np.float32(source) / np.float32(result)
    positions = (np.arange(result).astype(np.float32) + offset) * scale
    # Halves away from zero; adding a half to a float32 in float64 is exact.
    rounded = np.floor(positions.astype(np.float64) + (0.5 if align else 0.0))
    return [int(value) for value in np.minimum(rounded, source - 1)]


def between(source: int, result: int, options: Options) -> list[tuple[int, int, int]]:
    """For each position of the result along an axis, the two of the source, and how near it is to the second.

    TFLite's formula in integers, in steps of 1/1024. The distance is outside of 0 to 1023 only where both
    positions are the same.

    Raises:
        ModelError: rounding the scale takes positions out of the source.
    """
    align = bool(options["align_corners"]) and result > 1
    whole, parts = (source - 1, result - 1) if align else (source, result)
    scale = (_STEPS * whole + parts // 2) // parts
    found = []
    for position in range(result):
        at = position * scale
        if options["half_pixel_centers"]:
            at += scale // 2 - _STEPS // 2
        first = max(at, 0) // _STEPS
        if first >= source:
            raise ModelError(
                f"resizing {source} positions to {result} takes position {first}, as TFLM does it"
            )
        second = min(max(at + _STEPS - 1, 0) // _STEPS, source - 1)
        found.append((first, second, at - first * _STEPS))
    return found


def _inside(site: Site) -> Iterator[Problem]:
    """As TFLM has it; and that no position is outside."""
    options, output = site.operator.options, site.outputs[0]
    if options["half_pixel_centers"] and options["align_corners"]:
        reason = "has both half_pixel_centers and align_corners"
        yield Problem(output, reason, "export the model with one of them")
        return
    for axis in (1, 2):
        try:
            between(site.input(0).shape[axis], output.shape[axis], options)
        except ModelError as error:
            yield Problem(output, error.message, "use a smaller factor, or RESIZE_NEAREST_NEIGHBOR")


_NEAREST = (DataType.INT8, DataType.INT16, DataType.FLOAT32)
_INT8 = (DataType.INT8,)
_SIZE = operand("size")

RULES: Mapping[str, OperatorRule] = {
    "RESIZE_BILINEAR": OperatorRule(
        (data("input", _INT8, 4, 4), _SIZE), (data("output", _INT8, 4, 4),), (moved_unchanged, _inside)
    ),
    "RESIZE_NEAREST_NEIGHBOR": OperatorRule(
        (data("input", _NEAREST, 4, 4), _SIZE), (data("output", _NEAREST, 4, 4),), (moved_unchanged,)
    ),
}

SHAPES: Mapping[str, ShapeRule] = dict.fromkeys(RULES, single(_resized))
