"""Which operators can be deployed and how, out of the tables that the checks and the planner use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mcu_deploy.graph.ir import DataType
from mcu_deploy.graph.rules import RULES
from mcu_deploy.graph.rules.types import Condition, OperatorRule, TensorRule
from mcu_deploy.graph.unsupported import WAYS_OUT
from mcu_deploy.npu.supported import NPU_KINDS
from mcu_deploy.plan.kernels import KERNELS, VIEWS

NO_STEP = "none where the bytes stay"


@dataclass(frozen=True)
class Supported:
    """An operator that can be deployed.

    Attributes:
        kind: the schema's name.
        types: element types of its activation.
        dimensions: how many its activation may have.
        constants: its operands that must be constants.
        limits: what else it must be, a sentence each.
        npu: whether Vela can place it on an Ethos-U55 or U65.
        kernels: the C functions that perform it, the first that can.
    """

    kind: str
    types: tuple[str, ...]
    dimensions: tuple[int, ...]
    constants: tuple[str, ...]
    limits: tuple[str, ...]
    npu: bool
    kernels: tuple[str, ...]


@dataclass(frozen=True)
class Unsupported:
    """An operator that TFLite Micro has, and that cannot be deployed; ``npu`` as in ``Supported``."""

    kind: str
    way_out: str
    npu: bool


# For operators that have no inputs: they only name or initialise state.
_ANYTHING = TensorRule("state", tuple(DataType))


def supported() -> list[Supported]:
    """All operators that can be deployed, by name."""
    return [_supported(kind, rule) for kind, rule in sorted(RULES.items())]


def unsupported() -> list[Unsupported]:
    """All others that TFLite Micro has, by name."""
    return [
        Unsupported(kind, way_out, kind in NPU_KINDS)
        for kind, way_out in sorted(WAYS_OUT.items())
        if kind not in RULES
    ]


def _supported(kind: str, rule: OperatorRule) -> Supported:
    inputs = rule.inputs or (_ANYTHING,)
    activation = next((one for one in inputs if one.constant is not True and not one.state), inputs[0])
    functions = [kernel.function for kernel in KERNELS.get(kind, ())]
    return Supported(
        kind,
        tuple(dtype.value for dtype in DataType if dtype in activation.dtypes),
        activation.ranks,
        tuple(one.role for one in rule.inputs if one.constant is True),
        _limits(rule.conditions),
        kind in NPU_KINDS,
        (*dict.fromkeys(functions), *((NO_STEP,) if kind in VIEWS else ())),
    )


def _limits(conditions: Sequence[Condition]) -> tuple[str, ...]:
    """What the conditions say of themselves, in the first line of their descriptions."""
    return tuple(text for text in map(_first_line, conditions) if text)


def _first_line(condition: Callable[..., object]) -> str:
    return (condition.__doc__ or "").strip().split("\n")[0]


def markdown() -> str:
    """docs/operators.md."""
    rows = [
        (
            one.kind,
            "any" if len(one.types) == len(DataType) else ", ".join(one.types),
            _span(one.dimensions),
            ", ".join(dict.fromkeys(one.constants)) or "-",
            " ".join(one.limits) or "-",
            _yes(one.npu),
            ", ".join(f"`{name}`" if name != NO_STEP else name for name in one.kernels),
        )
        for one in supported()
    ]
    header = ("operator", "element types", "dimensions", "constants", "limits", "NPU", "kernel")
    others = [(one.kind, one.way_out, _yes(one.npu)) for one in unsupported()]
    parts = [_HEAD, _table(header, rows), _BETWEEN, _table(("operator", "what to do", "NPU"), others), _TAIL]
    return "\n".join(parts)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _span(dimensions: Sequence[int]) -> str:
    least, largest = min(dimensions), max(dimensions)
    return str(least) if least == largest else f"{least} to {largest}"


_HEAD = """\
# Operators

Written by `mcu-deploy operators --markdown` from the tables that the checks and the planner use; do not
edit. `mcu-deploy inspect MODEL` says of a model what stands in its way, and what to do about it.

Every operator computes what TFLite Micro computes, bit for bit. Activations have one scale and one zero
point; int16 activations have the zero point 0, and weights of int8 (16x8). Weights may have a scale for
each output channel. The NPU column says what Vela can place on an Ethos-U55 or U65, under conditions of its
own (`vela --supported-ops-report`); what it leaves runs on the CPU by the same kernels.
"""

_BETWEEN = """\
## What is not supported

Other operators that TFLite Micro has, and the way out:
"""

_TAIL = """\
Operators that TFLite Micro has no kernel for, custom operators among them, cannot be deployed: there would
be nothing to compare with. Nor can models with several subgraphs, sparse tensors, dynamic shapes or
strings.

## How they are tested

- `tests/operators/test_<operator>.py`: cases (shapes, strides, quantisation, broadcasts, corner values),
  each on this computer with sanitizers, on QEMU's Cortex-M55, and on the NPU's model where Vela takes it,
  against TFLite Micro's interpreter; every tensor, over several runs, so that state counts. Convolutions and
  FULLY_CONNECTED also on QEMU's Cortex-M4.
- `tests/operators/test_random_graphs.py`: random graphs of 2 to 30 operators with branches, several inputs
  and outputs and random quantisation, a hundred in one program, every tensor compared. 200 in every test
  run, natively and on QEMU's Cortex-M55, half of them on its Cortex-M4; 5,000 by hand with `make test-slow`.
  A failure names its seed, is shrunk, and is written to `build/random-graphs`;
  `python tests/operators/random_graphs.py --seed N --target native` grows one graph alone.
- `tests/operators/test_found_graphs.py`: the shrunken graphs of failures that were found so.
"""
