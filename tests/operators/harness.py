"""Operator cases, declared once and run on every target against TFLM.

A test file declares its cases as data in a ``Suite``. All cases of a file become one model with an input for
each case, which takes the real path (written as a file, read, planned, generated, compiled, run), so that the
reference, the compiler and the target start once for a file and not once for a case.

Targets: ``host``, with sanitizers; ``host-helium``, the same with constants packed for Helium; ``qemu``, a
Cortex-M55 with Helium; ``npu``, Vela and the NPU's functional model. Operators with kernels for the DSP
extension also have ``host-dsp`` and ``cortex-m4``, a core with that extension on QEMU.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import firmware
import npu_target
import numpy as np
import numpy.typing as npt
import pytest
from firmware import TargetRun, Unit
from npu_target import NpuResult

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.checks import check
from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.graph.reader import parse_model
from mcu_deploy.graph.writer import write_model
from mcu_deploy.plan.operators.types import DSP, HELIUM
from mcu_deploy.plan.planner import make_plan, observable_tensors
from mcu_deploy.plan.types import View
from mcu_deploy.reference.tflm import ReferenceRun, run_reference

Array = npt.NDArray[np.generic]
# Adds an operator, or several, and gives what the case makes: one tensor or several.
Build = Callable[[GraphBuilder], int | Sequence[int]]
Run = Callable[[Graph, Sequence[Sequence[Array]]], list[TargetRun]]

NPU = "npu"


@dataclass(frozen=True)
class Case:
    """One use of an operator.

    Attributes:
        name: of the case.
        build: adds it to a builder and returns the tensors that it makes.
        limits: the least and the largest value of its integer inputs, where not any may be given (indices).
        not_on: targets that cannot run it, each with the reason.
    """

    name: str
    build: Build
    limits: tuple[int, int] | None = None
    not_on: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Suite:
    """The cases of a file, with the seed of their weights and inputs."""

    cases: tuple[Case, ...]
    seed: int

    def check(self, name: str, target: str) -> None:
        """Compares every tensor of a case that the target shows, in every run, with TFLM's."""
        model = _model(self, target)
        owned = model.owned[name]
        if target == NPU:
            _check_on_npu(self, model, owned)
            return
        results = _results(self, target)
        observed = _observed(self, target)
        for number, (reference, result) in enumerate(zip(_reference(self, target), results, strict=True)):
            for tensor in owned.tensors & observed.keys():
                wanted = reference.tensors[tensor]
                view = observed[tensor]
                data = result.tensors[view.tensor][view.offset : view.offset + wanted.nbytes]
                assert_same(number, tensor, wanted, data)
            _check_outputs(number, model, owned, reference, result)


@dataclass(frozen=True)
class Owned:
    """What a case has in the model of its suite: operators, the tensors that they make, places of outputs."""

    operators: frozenset[int]
    tensors: frozenset[int]
    outputs: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Model:
    """The model of a suite's cases, and the runs that it gets."""

    graph: Graph
    owned: Mapping[str, Owned]
    runs: list[list[Array]]


def tie_biases(multiplier: float, count: int) -> npt.NDArray[np.int32]:
    """Biases that ``multiplier`` takes to the middle between two int8 values, or next to it.

    Most errors in the last bits of a multiplier cannot be seen in an int8; here they decide how it rounds.
    """
    middles = np.arange(count) % 127 - 63 + 0.5
    near = np.round(middles / multiplier) + np.arange(count) % 5 - 2
    assert np.abs(near).max() < 2**31 - 2**16
    return near.astype(np.int32)


def assert_same(run: int, tensor: int, wanted: Array, data: bytes, largest: int = 0) -> None:
    """Compares one tensor of one run with the reference's; ``largest``: the difference that is right."""
    expected = wanted.reshape(-1)
    got = np.frombuffer(data, expected.dtype)
    assert got.shape == expected.shape
    if expected.dtype.kind == "f":
        bits = f"u{expected.itemsize}"
        different = np.flatnonzero(expected.view(bits) != got.view(bits))
    else:
        different = np.flatnonzero(np.abs(expected.astype(np.int64) - got.astype(np.int64)) > largest)
    assert not different.size, (
        f"run {run}, tensor {tensor}: {different.size} of {got.size} differ, first [{different[0]}]: "
        f"{got[different[0]]} instead of {expected[different[0]]}"
    )


def corner_inputs(
    graph: Graph, rng: np.random.Generator, limits: Mapping[int, tuple[int, int]] | None = None
) -> list[list[Array]]:
    """Runs: random values, all least, all largest, all at the zero point, only the extremes, random again.

    Args:
        graph: whose inputs they are, of any element type; what is not quantised has its zero point at 0.
        rng: of the random values.
        limits: by input tensor, where not every value of the type may be given.
    """

    def fill(make: Callable[[tuple[int, ...], float, float, float], Array]) -> list[Array]:
        made = []
        for index in graph.inputs:
            tensor = graph.tensors[index]
            zero = 0 if tensor.quantization is None else int(tensor.quantization.zero_point[0])
            least, largest = (limits or {}).get(index) or _range(tensor.dtype)
            values = make(tensor.shape, least, largest, min(max(zero, least), largest))
            made.append(np.asarray(values).astype(tensor.dtype.numpy))
        return made

    def random(shape: tuple[int, ...], least: float, largest: float, zero: float) -> Array:
        if isinstance(least, float):
            return rng.normal(0, rng.choice([0.1, 3.0, 40.0]), shape)
        return rng.integers(least, int(largest) + 1, shape)

    return [
        fill(random),
        fill(lambda shape, least, largest, zero: np.full(shape, least)),
        fill(lambda shape, least, largest, zero: np.full(shape, largest)),
        fill(lambda shape, least, largest, zero: np.full(shape, zero)),
        fill(lambda shape, least, largest, zero: rng.choice(np.array([least, largest]), shape)),
        fill(random),
    ]


def _range(dtype: DataType) -> tuple[float, float]:
    """Of floating point: far beyond what a quantised model is given."""
    if dtype.numpy.kind == "f":
        return -1e6, 1e6
    if dtype is DataType.BOOL:
        return 0, 1
    limits = np.iinfo(dtype.value)
    return int(limits.min), int(limits.max)


def run_on_host(graph: Graph, runs: Sequence[Sequence[Array]]) -> list[TargetRun]:
    """Generates the model's C, compiles it for the host with sanitizers, and runs it."""
    return firmware.run_on_host([Unit(graph, make_plan(graph), runs)])[0]


def run_on_qemu(graph: Graph, runs: Sequence[Sequence[Array]]) -> list[TargetRun]:
    """The same on QEMU's Cortex-M55, by the kernels for Helium where there are any."""
    return firmware.run_on_qemu([Unit(graph, make_plan(graph, HELIUM), runs)])[0]


def run_helium_on_host(graph: Graph, runs: Sequence[Sequence[Array]]) -> list[TargetRun]:
    """The plain C that stands for the kernels for Helium where a project is built for the computer."""
    return firmware.run_on_host([Unit(graph, make_plan(graph, HELIUM), runs)])[0]


def run_dsp_on_host(graph: Graph, runs: Sequence[Sequence[Array]]) -> list[TargetRun]:
    """The plain C that stands for the kernels with the DSP extension."""
    return firmware.run_on_host([Unit(graph, make_plan(graph, DSP), runs)])[0]


def run_on_cortex_m4(graph: Graph, runs: Sequence[Sequence[Array]]) -> list[TargetRun]:
    """QEMU's Cortex-M4, by the kernels with the DSP extension where there are any."""
    return firmware.run_on_qemu([Unit(graph, make_plan(graph, DSP), runs)], "mps2-an386")[0]


# Those that show every tensor.
TARGETS: Mapping[str, Run] = {"host": run_on_host, "qemu": run_on_qemu, "host-helium": run_helium_on_host}
DSP_TARGETS: Mapping[str, Run] = {"host-dsp": run_dsp_on_host, "cortex-m4": run_on_cortex_m4}
_RUNS = {**TARGETS, **DSP_TARGETS}
_MARKS = {"qemu": [pytest.mark.qemu], "cortex-m4": [pytest.mark.qemu]}


def target_params(targets: Sequence[str] = tuple(TARGETS)) -> list[object]:
    """Targets as parameters of a test, with the marker of QEMU."""
    return [pytest.param(target, id=target, marks=_MARKS.get(target, [])) for target in targets]


def parametrize(suite: Suite, targets: Sequence[str] = (*TARGETS, NPU)) -> pytest.MarkDecorator:
    """Each case on each target that can run it: the arguments ``case`` and ``target`` of a test."""
    names = [case.name for case in suite.cases]
    assert len(set(names)) == len(names), "two cases have the same name"
    values = [
        pytest.param(case.name, target, id=f"{case.name}-{target}", marks=_MARKS.get(target, []))
        for target in targets
        for case in suite.cases
        if target not in case.not_on
    ]
    return pytest.mark.parametrize(("case", "target"), values)


def _check_outputs(
    number: int,
    model: Model,
    owned: Owned,
    reference: ReferenceRun,
    result: TargetRun,
    largest: int = 0,
) -> None:
    for position in owned.outputs:
        tensor = model.graph.outputs[position]
        assert_same(number, tensor, reference.outputs[position], result.outputs[position], largest)


def _check_on_npu(suite: Suite, model: Model, owned: Owned) -> None:
    """The outputs only: what the NPU keeps to itself is its own.

    What Vela leaves to the CPU runs there and is compared as well; docs/operators.md says what that is, and
    is tested against Vela's report.
    """
    result = _npu_result(suite)
    operators = [model.graph.operators[index] for index in sorted(owned.operators)]
    kinds = {(one.kind, model.graph.tensors[one.outputs[0]].dtype) for one in operators if one.outputs}
    largest = max(npu_target.DIFFERENCES.get(kind, 0) for kind in kinds)
    for number, (reference, run) in enumerate(zip(_reference(suite, NPU), result.runs, strict=True)):
        _check_outputs(number, model, owned, reference, run, largest)


def _model(suite: Suite, target: str) -> Model:
    """The model of all cases that the target can run, which passes the checks."""
    return _made(suite, tuple(case for case in suite.cases if target not in case.not_on))


@functools.cache
def _made(suite: Suite, cases: tuple[Case, ...]) -> Model:
    builder = GraphBuilder("cases", suite.seed)
    owned: dict[str, Owned] = {}
    limits: dict[int, tuple[int, int]] = {}
    outputs: list[int] = []
    for case in cases:
        operators, inputs, before = len(builder.operators), len(builder.inputs), len(outputs)
        made = case.build(builder)
        outputs += [made] if isinstance(made, int) else made
        own = builder.operators[operators:]
        owned[case.name] = Owned(
            frozenset(one.index for one in own),
            frozenset(tensor for one in own for tensor in one.outputs),
            tuple(range(before, len(outputs))),
        )
        if case.limits is not None:
            limits |= dict.fromkeys(builder.inputs[inputs:], case.limits)
    graph = parse_model(write_model(builder.build(outputs)), "cases")
    try:
        check(graph)
    except ModelError as error:
        pytest.fail("\n".join([f"{error.message}; {error.hint}", *error.details]))
    return Model(graph, owned, corner_inputs(graph, np.random.default_rng(suite.seed), limits))


@functools.cache
def _observed_of(model: Model) -> Mapping[int, View]:
    return observable_tensors(make_plan(model.graph))


def _observed(suite: Suite, target: str) -> Mapping[int, View]:
    return _observed_of(_model(suite, target))


@functools.cache
def _reference_of(model: Model) -> list[ReferenceRun]:
    return run_reference(write_model(model.graph), model.runs, all_tensors=True)


def _reference(suite: Suite, target: str) -> list[ReferenceRun]:
    return _reference_of(_model(suite, target))


@functools.cache
def _results(suite: Suite, target: str) -> list[TargetRun]:
    model = _model(suite, target)
    return _RUNS[target](model.graph, model.runs)


@functools.cache
def _npu_result(suite: Suite) -> NpuResult:
    model = _model(suite, NPU)
    return npu_target.run_on_npu(model.graph, model.runs)
