"""What the operators that can be deployed must be, a module for each family of them."""

from __future__ import annotations

from collections.abc import Mapping

from mcu_deploy.graph.rules import (
    activation,
    conversion,
    convolution,
    elementwise,
    lstm,
    movement,
    pooling,
    recurrent,
    reduction,
    resize,
    variables,
)
from mcu_deploy.graph.rules.types import OperatorRule, ShapeRule

_FAMILIES = (
    activation,
    conversion,
    convolution,
    elementwise,
    lstm,
    movement,
    pooling,
    recurrent,
    reduction,
    resize,
    variables,
)

RULES: Mapping[str, OperatorRule] = {
    kind: rule for family in _FAMILIES for kind, rule in family.RULES.items()
}
SHAPES: Mapping[str, ShapeRule] = {kind: rule for family in _FAMILIES for kind, rule in family.SHAPES.items()}
