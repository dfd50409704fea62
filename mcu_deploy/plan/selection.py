"""Which kernel performs which operator.

The tables of ``kernels.py`` have the fastest first. For size, an operator is given to a kernel that the
program has anyway if that takes fewer bytes of code and constants; never to a portable one where there is one
for the core, which would take many times as long.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.plan.kernels import KERNELS
from mcu_deploy.plan.operators.types import Kernel
from mcu_deploy.plan.types import DEFAULT_OPTIMISE, Optimise

# Bytes of code of a kernel's source file, about; and those that only call another's, which take next to none.
CODE_BYTES = 600
CALLERS = frozenset(
    {"dsp/md_dsp_rows_s8.c", "helium/md_helium_rows_s8.c", "portable/md_fully_connected_s8.c"}
)


@dataclass(frozen=True)
class Choice:
    """A kernel for an operator, and one phrase why."""

    kernel: Kernel
    reason: str


def choose_kernels(
    graph: Graph,
    operators: Sequence[Operator],
    implementations: Collection[str],
    optimise: Optimise = DEFAULT_OPTIMISE,
) -> dict[int, Choice]:
    """By operator index, the kernel that performs it.

    Args:
        graph: whose operators they are.
        operators: those that need a step.
        implementations: what the core can run.
        optimise: what to strive for.
    """
    options = {one.index: _options(graph, one, implementations) for one in operators}
    if optimise is not Optimise.SIZE:
        return {index: choices[0] for index, choices in options.items()}
    return _Smallest(graph, operators, options).chosen()


def _options(graph: Graph, operator: Operator, implementations: Collection[str]) -> list[Choice]:
    """The kernels that can perform an operator, the best first."""
    found = [
        Choice(kernel, reason)
        for kernel in KERNELS[operator.kind]
        if kernel.implementation in implementations and (reason := kernel.reason(graph, operator)) is not None
    ]
    assert found, f"no implementation of {operator.kind} among {implementations}"
    return found


class _Smallest:
    """Leaves out one source file after another, always the one that saves most, while it saves anything."""

    def __init__(
        self, graph: Graph, operators: Sequence[Operator], options: Mapping[int, list[Choice]]
    ) -> None:
        self.options = {
            index: [one for one in choices if one.kernel.implementation == choices[0].kernel.implementation]
            for index, choices in options.items()
        }
        self.constants = {
            (one.index, choice.kernel.function): sum(
                constant.values.nbytes for constant in choice.kernel.lower(graph, one, "size").constants
            )
            for one in operators
            for choice in self.options[one.index]
            if len(self.options[one.index]) > 1
        }

    def chosen(self) -> dict[int, Choice]:
        without: frozenset[str] = frozenset()
        best = self._assigned(without)
        assert best is not None
        while True:
            sources = sorted({source for choice in best.values() for source in choice.kernel.sources})
            tried = [
                (self._bytes(assigned), without | {source}, assigned)
                for source in sources
                if (assigned := self._assigned(without | {source})) is not None
            ]
            least = min(tried, key=lambda one: one[0], default=None)
            if least is None or least[0] >= self._bytes(best):
                return {index: self._explained(index, choice) for index, choice in best.items()}
            _, without, best = least

    def _assigned(self, without: frozenset[str]) -> dict[int, Choice] | None:
        """For each operator the kernel with the fewest bytes of constants, or None if one has no kernel."""
        found: dict[int, Choice] = {}
        for index, choices in self.options.items():
            left = [one for one in choices if without.isdisjoint(one.kernel.sources)]
            if not left:
                return None
            found[index] = min(left, key=lambda one: self.constants.get((index, one.kernel.function), 0))
        return found

    def _bytes(self, assigned: Mapping[int, Choice]) -> int:
        sources = {source for choice in assigned.values() for source in choice.kernel.sources}
        return CODE_BYTES * len(sources - CALLERS) + sum(
            self.constants.get((index, choice.kernel.function), 0) for index, choice in assigned.items()
        )

    def _explained(self, index: int, choice: Choice) -> Choice:
        fastest = self.options[index][0].kernel.function
        if choice.kernel.function == fastest:
            return choice
        return Choice(choice.kernel, f"{choice.reason}; smaller than with {fastest}")
