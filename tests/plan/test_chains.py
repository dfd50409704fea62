"""The choice of what runs a few rows at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import Graph
from mcu_deploy.graph.reader import read_model
from mcu_deploy.plan.operators.types import HELIUM, PORTABLE
from mcu_deploy.plan.planner import make_plan, observable_tensors
from mcu_deploy.plan.types import Optimise

# What was reached, and a little more.
ARENAS = {"kws_micronet_l": 48_000, "kws_micronet_m": 29_000, "ad_small_int8": 41_000}
Layer = Callable[[GraphBuilder, int], int]


def wide(builder: GraphBuilder, image: int) -> int:
    return builder.conv_2d(image, 32, (3, 3), padding="SAME")


def halved(builder: GraphBuilder, image: int) -> int:
    return builder.depthwise_conv_2d(image, 1, (3, 3), padding="SAME", stride=(2, 2))


def narrow(builder: GraphBuilder, image: int) -> int:
    return builder.conv_2d(image, 4, (1, 1), padding="SAME")


def graph_of(*layers: Layer, batches: int = 1) -> Graph:
    builder = GraphBuilder("layers", 52)
    image = builder.input((batches, 16, 8, 4))
    for layer in layers:
        image = layer(builder, image)
    return builder.build([image])


def lengths(graph: Graph, optimise: Optimise = Optimise.RAM) -> list[int]:
    return [len(step.stages) for step in make_plan(graph, HELIUM, optimise).steps]


def test_what_is_between_two_layers_is_a_few_rows() -> None:
    graph = graph_of(wide, halved)
    whole, rows = (make_plan(graph, HELIUM, one) for one in (Optimise.SPEED, Optimise.RAM))
    (step,) = rows.steps
    assert [stage.step.kind for stage in step.stages] == ["CONV_2D", "DEPTHWISE_CONV_2D"]
    assert step.kind == "CONV_2D to DEPTHWISE_CONV_2D" and step.operators == (0, 1)
    assert step.macs == whole.macs and step.constant_bytes == whole.constant_bytes
    between = graph.tensors[graph.operators[0].outputs[0]]
    assert whole.arena_bytes - rows.arena_bytes > between.bytes // 2
    assert {*observable_tensors(rows)} == {*graph.outputs}
    names = [one.name for one in rows.constants]
    assert len({*names}) == len(names) and all(name.startswith("step0_") for name in names)


@pytest.mark.parametrize("optimise", [Optimise.BALANCED, Optimise.SPEED, Optimise.SIZE])
def test_only_for_less_memory(optimise: Optimise) -> None:
    assert lengths(graph_of(wide, halved), optimise) == [0, 0]


def test_no_more_than_lowers_the_peak() -> None:
    """Of four layers the small ones behind run one by one."""
    assert lengths(graph_of(wide, narrow, narrow, narrow)) == [2, 0, 0]
    assert lengths(graph_of(narrow, narrow)) == [0, 0]


def test_the_pixels_of_a_line_are_rows() -> None:
    builder = GraphBuilder("line", 52)
    image = builder.input((1, 1, 400, 2))
    for channels in (16, 24):
        image = builder.conv_2d(image, channels, (1, 5), padding="SAME")
        sizes = {"filter_height": 1, "filter_width": 4, "stride_h": 1, "stride_w": 4}
        image = builder.operator("MAX_POOL_2D", [image], padding="VALID", **sizes)
    graph = builder.build([image])
    assert lengths(graph) == [4]
    sizes = {one: make_plan(graph, HELIUM, one).arena_bytes for one in (Optimise.RAM, Optimise.SPEED)}
    assert sizes[Optimise.RAM] < sizes[Optimise.SPEED] / 3


def test_windows_of_several_lines_over_one_are_left_alone() -> None:
    builder = GraphBuilder("lines", 52)
    image = builder.conv_2d(builder.input((1, 1, 400, 2)), 16, (3, 5), padding="SAME")
    image = builder.conv_2d(image, 16, (1, 3), padding="SAME", stride=(1, 4))
    assert lengths(builder.build([image])) == [0, 0]


def test_a_block_within_a_residual() -> None:
    """What is added at the end stays in memory; what is between is three rows."""
    builder = GraphBuilder("residual", 52)
    image = builder.conv_2d(builder.input((1, 16, 8, 4)), 8, (3, 3), padding="SAME")
    made = builder.conv_2d(image, 48, (1, 1), padding="SAME")
    made = builder.depthwise_conv_2d(made, 1, (3, 3), padding="SAME")
    made = builder.conv_2d(made, 8, (1, 1), padding="SAME")
    graph = builder.build([builder.operator("ADD", [image, made], scale=0.1, zero_point=0)])
    assert lengths(graph) == [0, 3, 0]


def test_batches_are_left_alone() -> None:
    assert lengths(graph_of(wide, halved, batches=2)) == [0, 0]


def test_what_others_read_is_kept() -> None:
    builder = GraphBuilder("read", 52)
    middle = wide(builder, builder.input((1, 16, 8, 4)))
    one = halved(builder, middle)
    assert lengths(builder.build([one, builder.operator("RELU", [middle])])) == [0, 0, 0]
    graph = graph_of(wide, halved)
    middle = graph.operators[0].outputs[0]
    assert lengths(replace(graph, outputs=(middle, *graph.outputs))) == [0, 0]


def test_views_are_kept() -> None:
    builder = GraphBuilder("viewed", 52)
    middle = wide(builder, builder.input((1, 16, 8, 4)))
    shaped = builder.operator("RESHAPE", [middle], new_shape=(1, 8, 16, 32))
    assert lengths(builder.build([halved(builder, shaped)])) == [0, 0]


@pytest.mark.parametrize("target", [PORTABLE, HELIUM])
@pytest.mark.parametrize("name", ARENAS)
def test_published_models(name: str, target: str, model_path: Callable[[str], Path]) -> None:
    graph = read_model(model_path(f"{name}.tflite"))
    assert make_plan(graph, target, Optimise.RAM).arena_bytes <= ARENAS[name]
