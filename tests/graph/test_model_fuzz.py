"""Mutated files, from fixed seeds: each is read and checked, or refused with a ModelError, in bounded time.

Each that is read can be inspected, deployable or not. What passes must be sound enough for the steps that
follow: it is counted, planned and written again.
"""

import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import small_graph

from mcu_deploy.boards.reader import load_board
from mcu_deploy.errors import McuDeployError, ModelError
from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.checks import check
from mcu_deploy.graph.reader import parse_model
from mcu_deploy.graph.writer import encode, model_values, write_model
from mcu_deploy.pipeline.inspection import inspect_graph
from mcu_deploy.plan.types import Optimise
from mcu_deploy.reference.tflm import run_reference

HOST = load_board("host")
SLOWEST = 2.0
MEMORY = 512 * 2**20
NASTY = (0, 1, 2, 4, 0x7F, 0x80, 0xFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 0x10000, 0x7F800000, 0x80000000)

Mutation = Callable[[bytearray, np.random.Generator], None]


def flip_bytes(data: bytearray, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(1, 9))):
        data[int(rng.integers(len(data)))] = int(rng.integers(256))


def flip_bit(data: bytearray, rng: np.random.Generator) -> None:
    data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))


def replace_word(data: bytearray, rng: np.random.Generator) -> None:
    """Offsets, lengths and numbers are words: put one that is apt to break something."""
    for _ in range(int(rng.integers(1, 3))):
        place = int(rng.integers(len(data) // 4)) * 4
        small = int(rng.integers(len(data)))
        word = (*NASTY, small)[int(rng.integers(len(NASTY) + 1))]
        data[place : place + 4] = word.to_bytes(4, "little")


def splice(data: bytearray, rng: np.random.Generator) -> None:
    size = int(rng.integers(1, 200))
    source, target = (int(rng.integers(len(data) - size)) for _ in range(2))
    data[target : target + size] = data[source : source + size]


def cut_out(data: bytearray, rng: np.random.Generator) -> None:
    start = int(rng.integers(8, len(data)))
    del data[start : start + int(rng.integers(1, 64))]


def insert(data: bytearray, rng: np.random.Generator) -> None:
    start = int(rng.integers(8, len(data)))
    data[start:start] = rng.bytes(int(rng.integers(1, 64)))


def truncate(data: bytearray, rng: np.random.Generator) -> None:
    del data[int(rng.integers(len(data))) :]


MUTATIONS: tuple[Mutation, ...] = (flip_bytes, flip_bit, replace_word, splice, cut_out, insert, truncate)


def mutants(data: bytes, mutation: Mutation, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    for number in range(count):
        changed = bytearray(data)
        mutation(changed, np.random.default_rng([seed, number]))
        yield f"{mutation.__name__} {number} of seed {seed}", bytes(changed)


def survives(data: bytes) -> bool:
    """Whether the file passes; any exception but ModelError fails the test."""
    graph = None
    try:
        graph = parse_model(data, "mutant")
        check(graph)
    except ModelError as error:
        for line in (error.message, error.hint, *error.details):
            assert line.isascii() and line.isprintable()
        if graph is not None:
            assert inspect_graph(graph, HOST, Optimise.BALANCED)["problems"]
        return False
    document = inspect_graph(graph, HOST, Optimise.BALANCED)
    assert document["macs"] >= 0 and not document["problems"]
    assert write_model(parse_model(write_model(graph), "again")) == write_model(graph)
    return True


def run(data: bytes, mutation: Mutation, count: int, seed: int) -> int:
    passed = 0
    for name, changed in mutants(data, mutation, count, seed):
        start = time.perf_counter()
        try:
            passed += survives(changed)
        except Exception as error:
            error.add_note(name)
            raise
        assert time.perf_counter() - start < SLOWEST, name
    return passed


@pytest.fixture(scope="module", autouse=True)
def bounded_memory() -> Iterator[None]:
    """Fails where the tests of this module made the process grow by more than ``MEMORY``."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MEMORY


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_mutations_of_a_built_model(mutation: Mutation) -> None:
    data = write_model(small_graph())
    passed = run(data, mutation, 250, seed=2)
    # More than half of the file is weights, of which a changed bit does no harm: both ends are tested.
    assert mutation is not flip_bit or 50 < passed < 240


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_mutations_of_the_structure(mutation: Mutation) -> None:
    """A model with hardly any weights, so that nearly every mutation hits the structure."""
    builder = GraphBuilder()
    x = builder.conv_2d(builder.input((1, 2, 2, 1)), 2, (1, 1))
    x = builder.operator("RESHAPE", [x, builder.constant(np.array([1, 8], np.int32))])
    data = write_model(builder.build([builder.operator("SOFTMAX", [x], beta=1.0)]))
    assert survives(data)
    run(data, mutation, 250, seed=4)


def leaves(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) in a model's tables whose value is a number, a string or a vector."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        if isinstance(value, dict | list):
            yield from leaves(value)
        elif isinstance(value, tuple) and value and isinstance(value[0], str):
            yield from leaves(value[1])
        elif value is not None:
            yield node, key


NUMBERS = (-(2**31), -129, -2, -1, 0, 1, 2, 3, 4, 7, 16, 127, 128, 32768, 65536, 2**31 - 1)


def change_value(value: Any, rng: np.random.Generator) -> Any:
    """Another value of the same type, apt to break something."""
    number = NUMBERS[int(rng.integers(len(NUMBERS)))]
    match value:
        case bool():
            return not value
        case int():
            return number
        case float():
            return (0.0, -1.0, 1e-30, 1e30, float("nan"), float("inf"), 0.5)[int(rng.integers(7))]
        case str():
            names = ("INT8", "INT32", "FLOAT32", "SAME", "VALID", "NONE", "RELU", "RELU6", "TANH", "ADD")
            return names[int(rng.integers(len(names)))]
        case bytes():
            return rng.bytes(len(value))
    changed = list(value)
    match int(rng.integers(4)):
        case 0:
            changed.append(number)
        case 1:
            changed = changed[:-1]
        case 2:
            rng.shuffle(changed)
        case 3 if changed:
            changed[int(rng.integers(len(changed)))] = number
    return changed


def changed_models(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Files that are sound as flatbuffers, but with one to three values changed."""
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        values = model_values(small_graph())
        for container in values["subgraphs"][0]["operators"]:
            if container["builtin_options"]:
                container["builtin_options"] = (
                    container["builtin_options"][0],
                    dict(container["builtin_options"][1]),
                )
        places = list(leaves(values))
        for _ in range(int(rng.integers(1, 4))):
            container, key = places[int(rng.integers(len(places)))]
            container[key] = change_value(container[key], rng)
        try:
            yield f"values {number} of seed {seed}", encode(values)
        except (ModelError, OverflowError, TypeError):
            continue  # this value has no place in this field


def test_changed_values() -> None:
    """What the reader lets through meets the checks, and what passes them TFLM accepts."""
    encoded, passed = 0, []
    for name, data in changed_models(800, seed=6):
        encoded += 1
        try:
            ok = survives(data)
        except Exception as error:
            error.add_note(name)
            raise
        if ok:
            passed.append((name, data))
    assert encoded > 500
    assert len(passed) > 60
    source = [np.random.default_rng(7).integers(-128, 128, (1, 8, 8, 3), dtype=np.int8)]
    for name, data in passed[:: len(passed) // 10]:
        try:
            run_reference(data, [source], timeout=30)
        except McuDeployError as error:
            error.add_note(name)
            raise


@pytest.mark.parametrize("name", ["kws_micronet_m.tflite", "audio_sound_event_v1.0.2_int8.tflite"])
def test_mutations_of_real_models(model_path: Callable[[str], Path], name: str) -> None:
    data = model_path(name).read_bytes()
    for mutation in MUTATIONS:
        run(data, mutation, 10, seed=5)
