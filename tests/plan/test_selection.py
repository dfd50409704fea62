"""Which kernel performs an operator, and what is striven for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mcu_deploy.graph.builder import GraphBuilder, OutputQuantization
from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.plan import selection
from mcu_deploy.plan.kernels import KERNELS
from mcu_deploy.plan.operators.types import HELIUM, PORTABLE, Kernel, Lowered
from mcu_deploy.plan.planner import make_plan
from mcu_deploy.plan.selection import CALLERS, CODE_BYTES, Choice, choose_kernels
from mcu_deploy.plan.types import Constant, Optimise


def graph() -> Graph:
    builder = GraphBuilder("three", 5)
    x = builder.conv_2d(builder.input((1, 8, 8, 3)), 8, (3, 3))
    x = builder.conv_2d(x, 8, (3, 3), stride=(2, 2))
    return builder.build([builder.conv_2d(x, 4, (1, 1))])


def special(saved: int) -> Kernel:
    """A kernel for windows with stride 2 alone, which saves so many bytes of constants."""
    general = next(one for one in KERNELS["CONV_2D"] if one.function == "md_conv2d_s8")

    def lower(graph: Graph, operator: Operator, prefix: str) -> Lowered:
        lowered = general.lower(graph, operator, prefix)
        total = sum(one.values.nbytes for one in lowered.constants)
        return replace(lowered, constants=(Constant("fewer", np.zeros(total - saved, np.int8)),))

    def reason(graph: Graph, operator: Operator) -> str | None:
        return "stride 2" if operator.options["stride_h"] == 2 else None

    return replace(
        general, function="md_special_s8", sources=("portable/md_special.c",), reason=reason, lower=lower
    )


def chosen(optimise: Optimise, implementations: tuple[str, ...] = (PORTABLE,)) -> list[Choice]:
    made = graph()
    found = choose_kernels(made, made.operators, implementations, optimise)
    return [found[operator.index] for operator in made.operators]


def functions(choices: list[Choice]) -> list[str]:
    return [choice.kernel.function for choice in choices]


@pytest.mark.parametrize("saved", [0, CODE_BYTES - 1, CODE_BYTES + 1])
def test_for_size_a_further_kernel_must_save_more_than_its_code(
    saved: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels = {**KERNELS, "CONV_2D": (special(saved), *KERNELS["CONV_2D"])}
    monkeypatch.setattr(selection, "KERNELS", kernels)
    rows = "md_fully_connected_s8"
    for optimise in (Optimise.BALANCED, Optimise.SPEED, Optimise.RAM):
        assert functions(chosen(optimise)) == ["md_conv2d_s8", "md_special_s8", rows]
    smallest = chosen(Optimise.SIZE)
    if saved > CODE_BYTES:
        assert functions(smallest) == ["md_conv2d_s8", "md_special_s8", rows]
    else:
        assert functions(smallest) == ["md_conv2d_s8", "md_conv2d_s8", rows]
        assert smallest[1].reason.endswith("; smaller than with md_special_s8")


def test_for_size_all_kernels_of_a_file_are_left_out_together() -> None:
    """The Helium kernels for depthwise 3x3, one of them for RELU, are in one file, beside the general one."""
    builder = GraphBuilder("depthwise", 5)
    x = builder.input((1, 8, 8, 16))
    for zero_point in (3, -128):
        x = builder.depthwise_conv_2d(x, 1, (3, 3), output=OutputQuantization(0.2, zero_point))
    made = builder.build([x])
    fast, small = (make_plan(made, HELIUM, one) for one in (Optimise.BALANCED, Optimise.SIZE))
    special = ["md_helium_depthwise_3x3_s8", "md_helium_depthwise_3x3_relu_s8"]
    assert [step.kernel for step in fast.steps] == special
    assert {step.kernel for step in small.steps} == {"md_helium_depthwise_s8"}


def test_what_only_calls_another_kernel_has_a_source() -> None:
    sources = {source for kernels in KERNELS.values() for kernel in kernels for source in kernel.sources}
    assert sources >= CALLERS


def test_for_size_the_core_is_used_all_the_same() -> None:
    implementations = {choice.kernel.implementation for choice in chosen(Optimise.SIZE, (HELIUM, PORTABLE))}
    assert implementations == {HELIUM}


def test_the_constants_of_a_plan_for_size_are_not_more() -> None:
    sizes = {one: make_plan(graph(), HELIUM, one).constant_bytes for one in Optimise}
    assert sizes[Optimise.SIZE] <= min(sizes.values())
