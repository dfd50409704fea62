"""AVERAGE_POOL_2D, MAX_POOL_2D."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mcu_deploy.graph.ir import DataType
from mcu_deploy.graph.rules.conditions import (
    IMAGE,
    IMAGE_OUTPUT,
    fused,
    same_quantization,
    same_type,
    window,
    windows,
)
from mcu_deploy.graph.rules.types import (
    Inputs,
    OperatorRule,
    Options,
    Problem,
    Shape,
    ShapeRule,
    Site,
    given,
    number,
    single,
)

# The sum of a window's values fits int32 with room for rounding.
MAX_POOL_POSITIONS = {DataType.INT8: 2**23, DataType.INT16: 2**15}


def _pool_positions(site: Site) -> Iterator[Problem]:
    _, height, width, _ = site.input(0).shape
    positions = min(site.number("filter_height"), height) * min(site.number("filter_width"), width)
    most = MAX_POOL_POSITIONS[site.input(0).dtype]
    if positions > most:
        reason = f"the window covers {positions} inputs, where at most {most} are supported"
        yield Problem(site.whole, reason, "use a smaller one")


def _pool_2d(inputs: Inputs, options: Options) -> Shape:
    image = given(inputs, 0, 4)
    filter_height, filter_width = number(options, "filter_height"), number(options, "filter_width")
    height, width = windows(image.shape, filter_height, filter_width, options)
    return image.shape[0], height, width, image.shape[3]


_POOL = OperatorRule(
    (IMAGE,), (IMAGE_OUTPUT,), (same_type, window, _pool_positions, fused, same_quantization)
)

RULES: Mapping[str, OperatorRule] = {"AVERAGE_POOL_2D": _POOL, "MAX_POOL_2D": _POOL}

SHAPES: Mapping[str, ShapeRule] = {"AVERAGE_POOL_2D": single(_pool_2d), "MAX_POOL_2D": single(_pool_2d)}
