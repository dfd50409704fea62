"""Operator cases, declared once and run on every target against TFLM.

A test file declares its cases as data in a ``Suite``. All cases of a file become one model with an input for
each case, which takes the real path (written as a file, read, planned, generated, compiled, run), so that the
reference, the compiler and the target start once for a file and not once for a case.
"""

from __future__ import annotations

import functools
import struct
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mcu_deploy.codegen.model import model_sources
from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.checks import check
from mcu_deploy.graph.ir import Graph
from mcu_deploy.graph.reader import parse_model
from mcu_deploy.graph.writer import write_model
from mcu_deploy.plan.planner import make_plan, observable_tensors
from mcu_deploy.plan.types import View
from mcu_deploy.reference.tflm import ReferenceRun, run_reference

Array = npt.NDArray[np.generic]
Build = Callable[[GraphBuilder], int]

# They find what a comparison may not: reads outside of a tensor, overflows that wrap alike.
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Werror")
OUTPUT_STEP = 0xFFFFFFFF


@dataclass(frozen=True)
class TargetRun:
    """What a target computed from one set of inputs: every observed tensor, and the model's outputs."""

    tensors: Mapping[int, bytes]
    outputs: tuple[bytes, ...]


@dataclass(frozen=True)
class Case:
    """One use of an operator: ``build`` adds it to a builder and returns the tensor that it makes."""

    name: str
    build: Build


@dataclass(frozen=True)
class Suite:
    """The cases of a file, with the seed of their weights and inputs."""

    cases: tuple[Case, ...]
    seed: int

    def check(self, name: str, target: str) -> None:
        """Compares every tensor of a case, in every run, with TFLM's."""
        _, owned = _model(self)
        _, references = _reference(self)
        results = _results(self, target)
        observed = _observed(self)
        for number, (reference, result) in enumerate(zip(references, results, strict=True)):
            for tensor in owned[name]:
                wanted = reference.tensors[tensor]
                view = observed[tensor]
                data = result.tensors[view.tensor][view.offset : view.offset + wanted.nbytes]
                assert_same(number, tensor, wanted, data)


def tie_biases(multiplier: float, count: int) -> npt.NDArray[np.int32]:
    """Biases that ``multiplier`` takes to the middle between two int8 values, or next to it.

    Most errors in the last bits of a multiplier cannot be seen in an int8; here they decide how it rounds.
    """
    middles = np.arange(count) % 127 - 63 + 0.5
    near = np.round(middles / multiplier) + np.arange(count) % 5 - 2
    assert np.abs(near).max() < 2**31 - 2**16
    return near.astype(np.int32)


def assert_same(run: int, tensor: int, wanted: Array, data: bytes) -> None:
    """Compares one tensor of one run with the reference's."""
    expected = wanted.reshape(-1)
    got = np.frombuffer(data, expected.dtype)
    assert got.shape == expected.shape
    different = np.flatnonzero(expected != got)
    assert not different.size, (
        f"run {run}, tensor {tensor}: {different.size} of {got.size} differ, first [{different[0]}]: "
        f"{got[different[0]]} instead of {expected[different[0]]}"
    )


def corner_inputs(graph: Graph, rng: np.random.Generator) -> list[list[Array]]:
    """Runs: random values, all least, all largest, all at the zero point, and only the extremes."""

    def fill(make: Callable[[tuple[int, ...], int], Array]) -> list[Array]:
        made = []
        for index in graph.inputs:
            tensor = graph.tensors[index]
            assert tensor.quantization is not None
            made.append(make(tensor.shape, int(tensor.quantization.zero_point[0])).astype(np.int8))
        return made

    return [
        fill(lambda shape, zero: rng.integers(-128, 128, shape)),
        fill(lambda shape, zero: np.full(shape, -128)),
        fill(lambda shape, zero: np.full(shape, 127)),
        fill(lambda shape, zero: np.full(shape, zero)),
        fill(lambda shape, zero: rng.choice(np.array([-128, 127]), shape)),
        fill(lambda shape, zero: rng.integers(-128, 128, shape)),
    ]


def run_on_host(graph: Graph, runs: Sequence[Sequence[Array]]) -> list[TargetRun]:
    """Generates the model's C, compiles it for the host with sanitizers, and runs it."""
    with tempfile.TemporaryDirectory(prefix="mcu-deploy-test-") as name:
        folder = Path(name)
        program = compile_for_host(graph, folder)
        (folder / "inputs").write_bytes(b"".join(values.tobytes() for run in runs for values in run))
        result = subprocess.run(
            [program, folder / "inputs", folder / "outputs"], capture_output=True, timeout=120, check=False
        )
        assert result.returncode == 0, result.stderr.decode(errors="replace")[-4000:]
        return _parse(graph, (folder / "outputs").read_bytes())


def compile_for_host(graph: Graph, folder: Path) -> Path:
    """Writes the generated sources into ``folder`` and compiles them; gives the program."""
    sets = model_sources(graph, make_plan(graph))
    for source_set in sets:
        for path, content in source_set.files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    program = folder / "program"
    sources = [folder / path for source_set in sets for path in source_set.sources]
    includes = [f"-I{folder / path}" for source_set in sets for path in source_set.include_dirs]
    command = ["gcc", "-std=c11", "-O1", "-g", *WARNINGS, *SANITIZE, *includes]
    subprocess.run(
        [*command, *sources, Path(__file__).with_name("driver.c"), "-o", program], check=True, timeout=300
    )
    return program


def _parse(graph: Graph, data: bytes) -> list[TargetRun]:
    runs: list[TargetRun] = []
    tensors: dict[int, bytes] = {}
    outputs: list[bytes] = []
    position = 0
    while position < len(data):
        step, tensor, size = struct.unpack_from("=III", data, position)
        value = data[position + 12 : position + 12 + size]
        position += 12 + size
        if step != OUTPUT_STEP:
            tensors[tensor] = value
            continue
        outputs.append(value)
        if len(outputs) == len(graph.outputs):
            runs.append(TargetRun(tensors, tuple(outputs)))
            tensors, outputs = {}, []
    return runs


TARGETS: Mapping[str, Callable[[Graph, Sequence[Sequence[Array]]], list[TargetRun]]] = {
    "host": run_on_host,
}


def parametrize(suite: Suite) -> pytest.MarkDecorator:
    """Each case on each target: the arguments ``case`` and ``target`` of a test."""
    names = [case.name for case in suite.cases]
    assert len(set(names)) == len(names), "two cases have the same name"
    values = [pytest.param(name, target, id=f"{name}-{target}") for target in TARGETS for name in names]
    return pytest.mark.parametrize(("case", "target"), values)


@functools.cache
def _model(suite: Suite) -> tuple[Graph, Mapping[str, tuple[int, ...]]]:
    """The model of all cases, which passes the checks, and the tensors that each case made."""
    builder = GraphBuilder("cases", suite.seed)
    owned: dict[str, tuple[int, ...]] = {}
    outputs = []
    for case in suite.cases:
        first = len(builder.operators)
        outputs.append(case.build(builder))
        owned[case.name] = tuple(tensor for one in builder.operators[first:] for tensor in one.outputs)
    graph = parse_model(write_model(builder.build(outputs)), "cases")
    check(graph)
    return graph, owned


@functools.cache
def _observed(suite: Suite) -> Mapping[int, View]:
    return observable_tensors(make_plan(_model(suite)[0]))


@functools.cache
def _reference(suite: Suite) -> tuple[list[list[Array]], list[ReferenceRun]]:
    graph, _ = _model(suite)
    runs = corner_inputs(graph, np.random.default_rng(suite.seed))
    return runs, run_reference(write_model(graph), runs, all_tensors=True)


@functools.cache
def _results(suite: Suite, target: str) -> list[TargetRun]:
    graph, _ = _model(suite)
    runs, _ = _reference(suite)
    return TARGETS[target](graph, runs)
