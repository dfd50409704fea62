"""What stands in the way of a model, gathered from everything that looks at it, as one error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mcu_deploy.errors import ModelError


@dataclass(frozen=True)
class Finding:
    """One thing that stands in the way.

    Attributes:
        text: what is wrong and where, a line that names the tensor.
        way_out: what to do about it.
        tensor: the index of a tensor that could not be read, -1 where it is not about one.
    """

    text: str
    way_out: str
    tensor: int = -1


def rejection(findings: Sequence[Finding], hint: str = "") -> ModelError:
    """The error for one or more findings.

    A single one is the message and its way out the hint; of several, ``details`` has a line for each.

    Args:
        findings: at least one.
        hint: what serves for all of them.
    """
    if len(findings) == 1:
        (only,) = findings
        return ModelError(only.text, f"{only.way_out}; {hint}" if hint else only.way_out)
    lines = tuple(f"{one.text}; {one.way_out}" for one in findings)
    message = f"the model cannot be deployed: {len(lines)} reasons, listed in the details"
    return ModelError(message, hint or "each line ends with a way out", details=lines)
