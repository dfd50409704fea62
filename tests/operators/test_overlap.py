"""Outputs that lie in the memory of an input: exactly as far before it as each kernel says. Seed 71.

Each case is planned with one input at the stated distance behind the output, to the byte, and once more a
little nearer: the first must have TFLM's bits, and the second must not, or the test would find nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import firmware
import numpy as np
import pytest
from elementwise_cases import binary
from firmware import Runs, TargetRun, Unit
from harness import DSP_TARGETS, TARGETS, assert_same, corner_inputs, target_params
from references import references

from mcu_deploy.graph.builder import GraphBuilder, OutputQuantization
from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.plan.kernels import KERNELS
from mcu_deploy.plan.operators.types import DSP, HELIUM, PORTABLE
from mcu_deploy.plan.planner import make_plan
from mcu_deploy.plan.types import Allocation, Plan, Step
from mcu_deploy.reference.tflm import ReferenceRun

S8, S16, S32, F32 = DataType.INT8, DataType.INT16, DataType.INT32, DataType.FLOAT32
PLAN_TARGETS = {
    "host": PORTABLE,
    "host-helium": HELIUM,
    "qemu": HELIUM,
    "host-dsp": DSP,
    "cortex-m4": DSP,
}
BOARDS = {"qemu": "corstone-300", "cortex-m4": "mps2-an386"}


@dataclass(frozen=True)
class Case:
    """One operator over the inputs of a model.

    Attributes:
        name: of the case.
        build: adds it to a builder and gives its output.
        loose: by how many bytes at most its kernel's statement may be larger than it need be; None: by any
            number, as where the output shrinks, or Helium reads a row at once.
    """

    name: str
    build: Callable[[GraphBuilder], int]
    loose: int | None = 0


def image(builder: GraphBuilder, shape: Sequence[int], dtype: DataType = S8) -> int:
    return builder.input(shape, 0.05, 0 if dtype is S16 else 3, dtype=dtype)


def convolution(
    name: str,
    shape: tuple[int, ...],
    channels: int,
    window: tuple[int, int],
    *,
    depthwise: bool = False,
    dtype: DataType = S8,
    loose: int | None = 0,
    **options: object,
) -> Case:
    def build(builder: GraphBuilder) -> int:
        source = image(builder, shape, dtype)
        if depthwise:
            return builder.depthwise_conv_2d(source, channels, window, **options)  # type: ignore[arg-type]
        return builder.conv_2d(source, channels, window, **options)  # type: ignore[arg-type]

    return Case(f"{name} {shape} {channels} {window} {dtype.value} {options or ''}", build, loose)


def dense(rows: int, depth: int, units: int, dtype: DataType = S8, loose: int | None = 8) -> Case:
    def build(builder: GraphBuilder) -> int:
        return builder.fully_connected(image(builder, (rows, depth), dtype), units)

    return Case(f"FULLY_CONNECTED {rows} {depth} {units} {dtype.value}", build, loose)


def pool(kind: str, shape: tuple[int, ...], size: int, stride: int, padding: str, dtype: DataType) -> Case:
    def build(builder: GraphBuilder) -> int:
        sizes = {"filter_height": size, "filter_width": size, "stride_h": stride, "stride_w": stride}
        return builder.operator(kind, [image(builder, shape, dtype)], padding=padding, **sizes)

    return Case(f"{kind} {shape} {size} {stride} {padding} {dtype.value}", build)


def pair(
    kind: str, dtype: DataType, first: tuple[int, ...] = (3, 5, 7), second: tuple[int, ...] = ()
) -> Case:
    def build(builder: GraphBuilder) -> int:
        inputs = []
        for shape in (first, second or first):
            if dtype is S32:
                inputs.append(builder.tensor(shape, dtype=dtype))
                builder.inputs.append(inputs[-1])
            else:
                inputs.append(image(builder, shape, dtype))
        return builder.operator(kind, inputs)

    return Case(f"{kind} {dtype.value} {first} {second}", build)


def single(
    kind: str,
    source: DataType,
    result: DataType | None = None,
    scale: float | None = 0.07,
    zero_point: int = 0,
    loose: int | None = 0,
    **options: float,
) -> Case:
    def build(builder: GraphBuilder) -> int:
        values = image(builder, (6, 37), source)
        if result is F32:
            return builder.operator_with_outputs(kind, [values], dtype=F32)[0]
        return builder.operator(kind, [values], dtype=result, scale=scale, zero_point=zero_point, **options)

    return Case(f"{kind} {source.value} {result.value if result else ''}", build, loose)


def prelu(dtype: DataType) -> Case:
    def build(builder: GraphBuilder) -> int:
        alpha = builder.constant(builder.rng.integers(-128, 128, (1, 1, 7)).astype(np.int8), 0.01)
        return builder.operator("PRELU", [image(builder, (3, 5, 7), dtype), alpha], scale=0.05)

    return Case(f"PRELU {dtype.value}", build)


# Channels that are odd, fill vectors, and do not; windows that begin before the input, and skip.
CASES: tuple[Case, ...] = (
    convolution("rows", (2, 5, 3, 7), 13, (1, 1), loose=None),
    convolution("rows", (1, 6, 4, 33), 8, (1, 1), loose=None),
    convolution("rows", (1, 4, 4, 16), 32, (1, 1), loose=None),
    convolution("rows", (1, 4, 4, 32), 32, (1, 1), loose=8),
    convolution("rows", (3, 2, 2, 5), 9, (2, 2), padding="VALID", loose=None),
    convolution("window", (1, 9, 7, 1), 5, (3, 3)),
    convolution("window", (2, 7, 5, 3), 4, (3, 2), padding="VALID"),
    convolution("window", (2, 8, 9, 16), 16, (3, 3), loose=None, stride=(2, 2)),
    convolution("window", (1, 8, 9, 3), 24, (2, 4), stride=(2, 1), padding="VALID"),
    convolution("window", (1, 12, 9, 5), 6, (3, 3), dilation_h_factor=3, dilation_w_factor=2),
    convolution("window", (1, 6, 5, 12), 8, (1, 1), loose=None, stride=(2, 2)),
    convolution("depthwise", (2, 7, 5, 16), 1, (3, 3), depthwise=True),
    convolution("depthwise", (1, 9, 6, 20), 1, (3, 3), depthwise=True, stride=(2, 2)),
    convolution("depthwise", (1, 6, 7, 5), 1, (4, 2), depthwise=True, padding="VALID"),
    convolution("depthwise", (1, 9, 9, 37), 1, (3, 3), depthwise=True, dilation_h_factor=2),
    convolution("depthwise", (1, 9, 6, 20), 1, (3, 3), depthwise=True, output=OutputQuantization(0.05, -128)),
    convolution("groups", (1, 5, 6, 3), 4, (3, 3), depthwise=True, loose=24),
    convolution("wide", (1, 5, 6, 3), 4, (3, 3), dtype=S16, loose=2),
    convolution("wide", (1, 5, 6, 3), 1, (3, 3), dtype=S16, depthwise=True, stride=(2, 1), loose=6),
    dense(7, 20, 30),
    dense(8, 40, 12, loose=None),
    dense(5, 20, 30, S16, 2),
    *(
        pool(kind, shape, size, stride, padding, dtype)
        for kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D")
        for dtype in (S8, S16)
        for shape, size, stride, padding in (
            ((2, 7, 5, 18), 3, 1, "SAME"),
            ((1, 8, 6, 5), 2, 2, "VALID"),
            ((1, 9, 7, 16), 3, 2, "SAME"),
        )
    ),
    *(
        pair(kind, dtype)
        for kind in ("ADD", "SUB", "MUL", "SQUARED_DIFFERENCE", "MAXIMUM", "MINIMUM")
        for dtype in (S8, S16, S32)
    ),
    # What no linear function makes, see test_add.py.
    *(Case(f"{kind} halves", binary(kind, ((4, 20), (4, 20)))) for kind in ("ADD", "SUB")),
    pair("MUL", S8, (1, 5, 3, 8), (1, 1, 1, 8)),
    pair("ADD", S8, (1, 1, 1, 18), (1, 5, 3, 18)),
    pair("ADD", S8, (2, 3, 4, 5), (2, 1, 4, 1)),
    prelu(S8),
    prelu(S16),
    single("RELU", S8),
    single("LOGISTIC", S8, scale=1 / 256, zero_point=-128),
    single("ABS", S16),
    single("LOGISTIC", S16, scale=2.0**-15),
    single("TANH", S16, scale=2.0**-15),
    single("SOFTMAX", S8, scale=None, beta=1.0),
    single("SOFTMAX", S8, S16, scale=2.0**-16, zero_point=-32768, beta=1.0),
    single("SOFTMAX", S16, scale=2.0**-15, beta=1.0),
    single("L2_NORMALIZATION", S8, scale=1 / 128),
    single("QUANTIZE", S8, S16),
    single("QUANTIZE", S16, S8, loose=None),
    single("QUANTIZE", S16, S16),
    single("QUANTIZE", S8, S32),
    single("QUANTIZE", S32, S8, loose=None),
    single("QUANTIZE", F32, S8, loose=None),
    single("DEQUANTIZE", S8, F32),
)


@dataclass(frozen=True, eq=False)
class Placed:
    """A case with one input at a distance behind its output."""

    name: str
    unit: Unit
    before: int
    exact: bool


def placed(graph: Graph, plan: Plan, source: int, before: int) -> Plan:
    """The plan with the output that many bytes before an input, and all else behind both."""
    (step,) = plan.steps
    (output,) = step.outputs
    places = {output: max(0, -before), source: max(0, before)}
    end = 16 + max(offset + graph.tensors[tensor].bytes for tensor, offset in places.items())
    allocations: list[Allocation] = []
    for one in plan.allocations:
        offset = places.get(one.tensor)
        if offset is None:
            offset = -(-end // 16) * 16
            end = offset + one.size
        allocations.append(replace(one, offset=offset))
    return replace(plan, allocations=tuple(allocations), arena_bytes=end + 16)


def loosely_stated(step: Step, distance: int) -> bool:
    """Where kernels have statements larger than they need be.

    The DSP kernels, and the poolings on Helium, read whole units before they write, so that outputs that
    shrink could begin behind their inputs; and the second pixel of a DSP depthwise unit has channels left
    to read.
    """
    whole = step.implementation == DSP or (step.kernel.startswith("md_helium") and "_pool_" in step.kernel)
    return (whole and distance == 0) or step.kernel == "md_dsp_depthwise_s8"


@functools.cache
def graphs() -> list[Graph]:
    made = []
    for number, case in enumerate(CASES):
        builder = GraphBuilder(f"case{number}", 71 + number)
        made.append(builder.build([case.build(builder)]))
    return made


@functools.cache
def inputs() -> list[Runs]:
    """Two runs of random values."""
    found: list[Runs] = []
    for graph in graphs():
        runs = corner_inputs(graph, np.random.default_rng(71))
        found.append([runs[0], runs[5]])
    return found


@functools.cache
def wanted() -> list[list[ReferenceRun]]:
    found = []
    for case, one in zip(CASES, references(list(zip(graphs(), inputs(), strict=True))), strict=True):
        assert not isinstance(one, str), f"{case.name}: {one}"
        found.append(one)
    return found


def units(plan_target: str) -> dict[int, list[Placed]]:
    """For each case, each input that may be overlapped: at the distance, and nearer."""
    found: dict[int, list[Placed]] = {}
    for number, (case, graph, runs) in enumerate(zip(CASES, graphs(), inputs(), strict=True)):
        plan = make_plan(graph, plan_target)
        for source, before in plan.steps[0].overlaps.items():
            distances = [before]
            if case.loose is not None and not loosely_stated(plan.steps[0], before):
                distances.append(before - case.loose - graph.tensors[source].dtype.bytes)
            for distance in distances:
                unit = Unit(graph, placed(graph, plan, source, distance), runs)
                name = f"{case.name}, input {source}, {distance} bytes"
                found.setdefault(number, []).append(Placed(name, unit, distance, distance == before))
    return found


def difference(wanted: Sequence[ReferenceRun], results: Sequence[TargetRun]) -> str:
    try:
        for number, (reference, result) in enumerate(zip(wanted, results, strict=True)):
            assert_same(number, -1, reference.outputs[0], result.outputs[0])
    except AssertionError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("target", target_params((*TARGETS, *DSP_TARGETS)))
def test_an_output_may_overlap_an_input_so_far_and_no_farther(target: str) -> None:
    cases = units(PLAN_TARGETS[target])
    flat = [(number, one) for number, some in cases.items() for one in some]
    models = [one.unit for _, one in flat]
    if target in BOARDS:
        results = firmware.run_on_qemu(models, BOARDS[target])
    else:
        results = firmware.run_on_host(models)
    wrong = []
    for (number, one), got in zip(flat, results, strict=True):
        found = difference(wanted()[number], got)
        if one.exact and found:
            wrong.append(f"{one.name}: {found}")
        # The plain C for Helium's constants may read more at once than Helium does.
        if not one.exact and not found and target != "host-helium":
            wrong.append(f"{one.name}: nearer than stated, and nothing differs")
    assert not wrong, "\n".join(wrong)


def test_every_kernel_that_may_overlap_has_a_case() -> None:
    stated = {
        (kernel.implementation, kernel.function)
        for kernels in KERNELS.values()
        for kernel in kernels
        if kernel.overlap is not None
    }
    tried = {
        (step.implementation, step.kernel)
        for target in (PORTABLE, HELIUM, DSP)
        for graph in graphs()
        for step in make_plan(graph, target).steps
        if step.overlaps
    }
    assert tried == stated


def test_an_input_that_is_broadcast_is_left_alone() -> None:
    overlaps: Mapping[int, int] = (
        make_plan(graphs()[[case.name for case in CASES].index("MUL int8 (1, 5, 3, 8) (1, 1, 1, 8)")])
        .steps[0]
        .overlaps
    )
    assert list(overlaps) == [0]
