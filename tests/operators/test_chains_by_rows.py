"""Chains of operators a few rows at a time: whatever the cuts and the rows a call, TFLM's bits."""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from differential import TARGETS, Job, Results, compare, inputs_of
from harness import target_params
from moving import integers
from references import references

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.plan.chains import Chains
from mcu_deploy.plan.planner import make_plan, place_steps
from mcu_deploy.plan.types import Optimise, Plan

RANDOM_CHAINS = 120
# How often a random chain has each kind of layer.
LAYERS = ("conv", "conv", "depthwise", "depthwise", "point", "pool", "each", "padded")
POOLS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")
Rng = np.random.Generator


def random_chain(seed: int) -> Graph:
    """Two to six operators, on int8 or int16, on images or lines."""
    builder = GraphBuilder(f"chain_{seed}", seed)
    rng = np.random.default_rng(seed)
    wide = seed % 6 == 5
    line = seed % 5 == 4
    shape = (1, *(int(rng.integers(1, most)) for most in ((2, 40, 12) if line else (18, 8, 12))))
    zero_point = 0 if wide else int(rng.integers(-128, 128))
    image = builder.input(shape, zero_point=zero_point, dtype=DataType.INT16 if wide else DataType.INT8)
    for _ in range(int(rng.integers(2, 7))):
        image = _layer(builder, rng, image)
    return builder.build([image])


def _layer(builder: GraphBuilder, rng: Rng, image: int) -> int:
    tensor = builder.tensors[image]
    kind = rng.choice(LAYERS)
    if kind == "point":
        return builder.conv_2d(image, int(rng.integers(1, 20)), (1, 1), padding="SAME")
    if kind == "each":
        return builder.operator("RELU" if tensor.dtype is DataType.INT8 else "LEAKY_RELU", [image])
    filters = (int(rng.integers(1, 6)), int(rng.integers(1, 4)))
    stride = (int(rng.integers(1, 4)), int(rng.integers(1, 3)))
    if tensor.shape[1] == 1 and rng.random() < 0.9:
        filters, stride = (1, filters[0]), (1, stride[0])
    if kind == "padded":
        image = _pad(builder, rng, image, filters)
        tensor, kind = builder.tensors[image], "conv"
    dilation = int(rng.integers(1, 3)) if stride == (1, 1) and kind != "pool" else 1
    spans = [(size - 1) * dilation + 1 for size in filters]
    fits = spans[0] <= tensor.shape[1] and spans[1] <= tensor.shape[2]
    padding = "VALID" if fits and rng.random() < 0.6 else "SAME"
    if kind == "pool":
        options = {"stride_h": stride[0], "stride_w": stride[1], "padding": padding}
        sizes = {"filter_height": filters[0], "filter_width": filters[1]}
        return builder.operator(str(rng.choice(POOLS)), [image], **sizes, **options)
    dilations = {"dilation_h_factor": dilation, "dilation_w_factor": dilation}
    if kind == "conv":
        channels = int(rng.integers(1, 20))
        return builder.conv_2d(image, channels, filters, stride=stride, padding=padding, **dilations)
    multiplier = int(rng.choice([1, 1, 2]))
    return builder.depthwise_conv_2d(image, multiplier, filters, stride=stride, padding=padding, **dilations)


def _pad(builder: GraphBuilder, rng: Rng, image: int, filters: Sequence[int]) -> int:
    """What a convolution behind it may take in, or not."""
    around = [[int(side) for side in rng.integers(0, size, 2)] for size in filters]
    return builder.operator("PAD", [image, integers(builder, [[0, 0], *around, [0, 0]])])


def by_rows(graph: Graph, target: str, choose: Callable[[range], list[tuple[int, ...]]]) -> Plan:
    """A plan with chains cut as ``choose`` says: for each segment of a chain, its rows a call."""
    plan = make_plan(graph, target)
    chains = Chains(graph, plan.steps, plan.views, plan.state)
    steps = []
    for run in chains.runs():
        first = run.start
        for stripes in choose(run):
            steps.append(chains.merged(chains.segment(first, first + len(stripes) - 1, stripes), len(steps)))
            first += len(stripes)
    return place_steps(graph, steps, plan.views, plan.removed, plan.state)


def random_rows(graph: Graph, target: str) -> Plan:
    rng = np.random.default_rng(int(graph.name.split("_")[1]))

    def choose(run: range) -> list[tuple[int, ...]]:
        inside = rng.choice([*run], int(rng.integers(0, len(run) + 1)) // 2).tolist()
        cuts = sorted({run.start, *inside, run.stop})
        return [tuple(rng.integers(1, 6, end - start).tolist()) for start, end in itertools.pairwise(cuts)]

    return by_rows(graph, target, choose)


@functools.cache
def random_jobs() -> tuple[list[Job], Results]:
    jobs = [(random_chain(seed), seed) for seed in range(RANDOM_CHAINS)]
    made = [(graph, inputs_of(graph, seed)) for graph, seed in jobs]
    return made, references(made)


@pytest.mark.parametrize("target", target_params(tuple(TARGETS)))
def test_random_chains(target: str) -> None:
    jobs, wanted = random_jobs()
    problems = compare(jobs, target, wanted, random_rows)
    assert not any(problems), {seed: problem for seed, problem in enumerate(problems) if problem}


def test_random_chains_are_as_varied_as_promised() -> None:
    steps = [step for graph, _ in random_jobs()[0] for step in random_rows(graph, "helium").steps]
    lengths = [len(step.stages) for step in steps]
    assert {0, 2, 3, 4, 5} <= {*lengths}, sorted({*lengths})
    assert sum(length > 1 for length in lengths) > RANDOM_CHAINS // 2
    kernels = {stage.step.kernel for step in steps for stage in step.stages}
    assert len(kernels) >= 9, kernels
    patched = Counter(field for step in steps for stage in step.stages for field in stage.patches)
    fields = ("window.input_height", "window.input_width", "rows", "count")
    assert all(patched[field] >= 10 for field in fields), patched


def test_the_arena_is_never_larger() -> None:
    sizes = [
        [make_plan(graph, "helium", optimise).arena_bytes for optimise in (Optimise.RAM, Optimise.SPEED)]
        for graph, _ in random_jobs()[0]
    ]
    assert all(by_rows <= whole for by_rows, whole in sizes)
    assert sum(by_rows < whole for by_rows, whole in sizes) > 2


def four_layers() -> Graph:
    """Strides, padding on both sides, and a filter that is taller than what is left."""
    builder = GraphBuilder("four", 51)
    image = builder.conv_2d(builder.input((1, 13, 5, 3)), 8, (4, 3), padding="SAME")
    image = builder.depthwise_conv_2d(image, 1, (3, 3), padding="SAME", stride=(2, 2))
    image = builder.conv_2d(image, 6, (1, 1), padding="SAME")
    return builder.build([builder.depthwise_conv_2d(image, 1, (5, 3), padding="SAME")])


def every_cut() -> list[list[int]]:
    """The lengths of the segments of four steps, for each way to cut them."""
    made = []
    for cuts in itertools.product((False, True), repeat=3):
        lengths = [1]
        for cut in cuts:
            if cut:
                lengths.append(1)
            else:
                lengths[-1] += 1
        made.append(lengths)
    return made


@pytest.mark.parametrize("target", target_params(tuple(TARGETS)))
@pytest.mark.parametrize("rows", (1, 2, 3, 7))
def test_every_cut(rows: int, target: str) -> None:
    graph = four_layers()
    runs = inputs_of(graph, 51)
    lengths = iter(every_cut())
    jobs = [(graph, runs)] * len(every_cut())
    wanted = references(jobs[:1]) * len(jobs)

    def plan(read: Graph, plan_target: str) -> Plan:
        chosen = next(lengths)
        return by_rows(read, plan_target, lambda run: [(rows,) * length for length in chosen])

    assert compare(jobs, target, wanted, plan) == [""] * len(jobs)
