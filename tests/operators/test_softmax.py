"""SOFTMAX. Seed 25."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from harness import Build, Case, Suite, parametrize, run_on_host

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType
from mcu_deploy.graph.writer import write_model
from mcu_deploy.reference.tflm import run_reference


def softmax(shape: tuple[int, ...], scale: float, beta: float = 1.0) -> Build:
    def build(builder: GraphBuilder) -> int:
        return builder.operator("SOFTMAX", [builder.input(shape, scale, 3)], beta=beta)

    return build


def wide(shape: tuple[int, ...], scale: float, beta: float = 1.0) -> Build:
    """int16 to int16."""

    def build(builder: GraphBuilder) -> int:
        values = builder.input(shape, scale, 0, dtype=DataType.INT16)
        return builder.operator("SOFTMAX", [values], scale=2.0**-15, zero_point=0, beta=beta)

    return build


def widening(shape: tuple[int, ...], scale: float, beta: float = 1.0) -> Build:
    """int8 to int16."""

    def build(builder: GraphBuilder) -> int:
        values = builder.input(shape, scale, 3)
        return builder.operator(
            "SOFTMAX", [values], dtype=DataType.INT16, scale=2.0**-16, zero_point=-32768, beta=beta
        )

    return build


SUITE = Suite(
    (
        *(Case(f"depth {depth}", softmax((1, depth), 0.1)) for depth in (1, 2, 3, 12, 100, 500)),
        *(
            Case(f"scale {scale} beta {beta}", softmax((4, 20), scale, beta))
            for scale in (1e-4, 0.003, 0.02, 0.0625, 0.1, 0.37, 1.0, 4.0, 31.0, 33.0, 1000.0)
            for beta in (1.0, 0.5, 3.7)
        ),
        Case("many rows", softmax((3, 5, 7), 0.2)),
        Case("an image", softmax((1, 2, 3, 4), 0.2)),
        Case("one dimension", softmax((9,), 0.2)),
        Case("steepest that TFLite accepts", softmax((2, 5), 40.0, 2.0)),
        *(Case(f"int16, depth {depth}", wide((1, depth), 0.0003)) for depth in (1, 2, 3, 12, 100, 5000)),
        *(
            Case(f"int16, scale {scale} beta {beta}", wide((4, 20), scale, beta))
            for scale in (1e-9, 1e-5, 1 / 32768, 0.0007, 0.01, 0.3, 4.9)
            for beta in (1.0, 0.37)
        ),
        Case("int16, many rows", wide((3, 50, 7), 0.0002)),
        *(Case(f"to int16, depth {depth}", widening((1, depth), 0.1)) for depth in (1, 2, 3, 12, 500, 4095)),
        *(
            Case(f"to int16, scale {scale}", widening((4, 20), scale))
            for scale in (1e-4, 0.003, 0.02, 0.1, 1.0, 4.0, 33.0)
        ),
        Case("to int16, many rows", widening((3, 50, 7), 0.02)),
    ),
    seed=25,
)


@parametrize(SUITE)
def test_softmax(case: str, target: str) -> None:
    SUITE.check(case, target)


def test_every_difference_of_two_inputs() -> None:
    """All entries of the table, and with them all polynomials and factors of the exponential."""
    builder = GraphBuilder("pairs", 1)
    graph = builder.build([softmax((256, 2), 0.043)(builder)])
    values = np.stack([np.full(256, 127), np.arange(-128, 128)], axis=1).astype(np.int8)
    (reference,) = run_reference(write_model(graph), [[values]])
    (result,) = run_on_host(graph, [[values]])
    assert reference.outputs[0].tobytes() == result.outputs[0]


@pytest.mark.parametrize(
    ("build", "dtype"),
    [
        (softmax((20_000, 4), 0.031), np.int8),
        (widening((20_000, 4), 0.031), np.int8),
        (wide((20_000, 4), 0.0001), np.int16),
    ],
    ids=("int8", "int8 to int16", "int16"),
)
def test_many_rows(build: Build, dtype: type[np.signedinteger[Any]]) -> None:
    """So many that the last bits of reciprocal and exponentials decide how some results round."""
    builder = GraphBuilder("rows", 1)
    graph = builder.build([build(builder)])
    limits = np.iinfo(dtype)
    values = np.random.default_rng(25).integers(limits.min, limits.max + 1, (20_000, 4), dtype=dtype)
    (reference,) = run_reference(write_model(graph), [[values]])
    (result,) = run_on_host(graph, [[values]])
    assert reference.outputs[0].tobytes() == result.outputs[0]


def test_equal_elements_share_down_to_nothing() -> None:
    """From 512 equal elements on TFLM refuses to go on; the shares are less than half of 1/256."""
    builder = GraphBuilder("many", 1)
    graph = builder.build([softmax((1, 2000), 0.1)(builder)])
    (result,) = run_on_host(graph, [[np.zeros((1, 2000), np.int8)]])
    assert set(np.frombuffer(result.outputs[0], np.int8).tolist()) == {-128}
