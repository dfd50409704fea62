"""What shapes an operator's outputs have: implied by its inputs and options, whatever the file states."""

from __future__ import annotations

from mcu_deploy.graph.rules import SHAPES
from mcu_deploy.graph.rules.types import Inputs, Options, Shape


def output_shapes(kind: str, inputs: Inputs, options: Options) -> tuple[Shape, ...] | None:
    """The shapes of the outputs of an operator, or None for a kind that is not described here.

    Args:
        kind: the schema's name of the operator.
        inputs: its input tensors, None for an absent optional one.
        options: its options by their schema names.

    Raises:
        ModelError: inputs and options do not fit together; the message is a phrase that says how.
    """
    rule = SHAPES.get(kind)
    return None if rule is None else rule(inputs, options)
