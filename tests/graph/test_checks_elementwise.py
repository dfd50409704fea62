"""What element-wise operators and reductions must be, and whether TFLM refuses the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mcu_deploy.errors import ModelError, ReferenceRunError
from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.checks import check, operator_problems
from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.graph.rules import RULES
from mcu_deploy.graph.writer import write_model
from mcu_deploy.reference.tflm import run_reference

INT8, INT16, INT32 = DataType.INT8, DataType.INT16, DataType.INT32
Add = Callable[[GraphBuilder], int]


def binary(
    kind: str,
    first: tuple[float, int] = (0.1, 0),
    second: tuple[float, int] = (0.1, 0),
    output: tuple[float, int] = (0.1, 0),
    dtypes: tuple[DataType, DataType] = (INT8, INT8),
    shape: tuple[int, ...] = (2, 3),
    **options: str,
) -> Add:
    def add(builder: GraphBuilder) -> int:
        pairs = zip((first, second), dtypes, strict=True)
        inputs = [builder.input((2, 3), *quantised, dtype=dtype) for quantised, dtype in pairs]
        scale, zero_point = output
        return builder.operator(kind, inputs, shape=shape, scale=scale, zero_point=zero_point, **options)

    return add


def plain(kind: str, **options: str) -> Add:
    """An operator on int32 without scales."""

    def add(builder: GraphBuilder) -> int:
        inputs = [builder.tensor((2, 3), dtype=INT32) for _ in range(2)]
        builder.inputs += inputs
        return builder.operator(kind, inputs, **options)

    return add


def of_constants(builder: GraphBuilder) -> int:
    builder.input((2, 3))
    values = np.ones((2, 3), np.int8)
    return builder.operator("ADD", [builder.constant(values, 0.1), builder.constant(values, 0.1)])


def per_channel(builder: GraphBuilder) -> int:
    values = builder.constant(np.ones((2, 3), np.int8), [0.1, 0.2, 0.3], axis=1)
    return builder.operator("MUL", [builder.input((2, 3)), values])


def unscaled(builder: GraphBuilder) -> int:
    values = builder.constant(np.ones((2, 3), np.int8))
    return builder.operator("MUL", [builder.input((2, 3)), values])


def shapes(first: tuple[int, ...], second: tuple[int, ...]) -> Add:
    return lambda builder: builder.operator(
        "ADD", [builder.input(first), builder.input(second)], shape=(2, 3)
    )


def reduced(
    kind: str,
    axes: list[int],
    shape: tuple[int, ...] = (2, 3),
    output: tuple[int, ...] = (2, 1),
    scale: float = 0.05,
    zero_point: int = -1,
    dtype: DataType = INT8,
) -> Add:
    def add(builder: GraphBuilder) -> int:
        source = builder.input(shape, 0.05, -1 if dtype is INT8 else 0, dtype=dtype)
        inputs = [source, builder.constant(np.array(axes, np.int32))]
        return builder.operator(
            kind, inputs, shape=output, scale=scale, zero_point=zero_point, keep_dims=True
        )

    return add


def computed_axes(builder: GraphBuilder) -> int:
    axes = builder.tensor((1,), dtype=INT32)
    builder.inputs.append(axes)
    return builder.operator("MEAN", [builder.input((2, 3)), axes], shape=(2, 1), keep_dims=True)


def normalized(
    scale: float = 1 / 128, zero_point: int = 0, shape: tuple[int, ...] = (1, 3), **options: str
) -> Add:
    return lambda builder: builder.operator(
        "L2_NORMALIZATION",
        [builder.input(shape, 0.05, -128)],
        scale=scale,
        zero_point=zero_point,
        **options,
    )


# TFLM refuses or aborts, too.
REFUSED = [
    ("a scale that ADD cannot reach", binary("ADD", (1.0, 0), (1.0, 0), (2**-19, 0)), "too small for inputs"),
    ("a scale that SUB cannot reach", binary("SUB", (1.0, 0), (0.1, 0), (2**-19, 0)), "too small for inputs"),
    ("MUL of mixed types", binary("MUL", dtypes=(INT8, INT16)), "mixes element types: int8 and int16"),
    (
        "SQUARED_DIFFERENCE of mixed types",
        binary("SQUARED_DIFFERENCE", dtypes=(INT16, INT8)),
        "mixes element",
    ),
    ("MUL int16 zero point", binary("MUL", (0.1, 5), dtypes=(INT16, INT16)), "zero point other than 0"),
    (
        "SQUARED_DIFFERENCE int16 zero point",
        binary("SQUARED_DIFFERENCE", output=(0.1, 5), dtypes=(INT16, INT16)),
        "zero point other than 0",
    ),
    ("ADD of int32 with a scale", binary("ADD", dtypes=(INT32, INT32)), "is int32 and has a scale"),
    ("SUB of int32 with a scale", binary("SUB", dtypes=(INT32, INT32)), "is int32 and has a scale"),
    ("REDUCE_MAX to another scale", reduced("REDUCE_MAX", [1], scale=0.06), "not quantised as the input is"),
    ("REDUCE_MAX to another zero", reduced("REDUCE_MAX", [1], zero_point=2), "not quantised as the input is"),
    ("REDUCE_MAX int16", reduced("REDUCE_MAX", [1], zero_point=0, dtype=INT16), "int16 instead of int8"),
    ("L2 fused", normalized(fused_activation_function="RELU"), "has a fused activation"),
]

# TFLM computes something that cannot be meant, or reads what is not there.
MEANINGLESS = [
    ("ADD of mixed types", binary("ADD", dtypes=(INT8, INT16)), "mixes element types: int8 and int16"),
    ("ADD int16 zero point", binary("ADD", (0.1, 5), dtypes=(INT16, INT16)), "zero point other than 0"),
    ("MAXIMUM of unequal scales", binary("MAXIMUM", second=(0.2, 0)), "not quantised as the first input is"),
    ("MINIMUM to another zero", binary("MINIMUM", output=(0.1, 1)), "not quantised as the first input is"),
    ("an activation of MUL", binary("MUL", fused_activation_function="TANH"), "activation TANH is not"),
    ("an activation of int32 ADD", plain("ADD", fused_activation_function="RELU"), "activation RELU is not"),
    ("an activation of int32 SUB", plain("SUB", fused_activation_function="TANH"), "activation TANH is not"),
    ("MUL of int32 with a scale", binary("MUL", dtypes=(INT32, INT32)), "is int32 and has a scale"),
    ("a huge multiplier of MUL", binary("MUL", (1e8, 0), (1e8, 0), (1e-9, 0)), "makes a multiplier of 1e+25"),
    (
        "a huge multiplier of SQUARED_DIFFERENCE",
        binary("SQUARED_DIFFERENCE", (1e8, 0), (1e8, 0), (1e-9, 0)),
        "makes a multiplier of",
    ),
    ("only constants", of_constants, "both inputs are constants"),
    ("per channel", per_channel, "is quantised per channel"),
    ("a constant without a scale", unscaled, "is not quantised"),
    ("shapes that do not broadcast", shapes((2, 3), (2, 4)), "(2, 3) and (2, 4) do not broadcast"),
    ("five dimensions", shapes((1, 1, 1, 2, 3), (2, 3)), "has 5 dimensions"),
    (
        "another output shape",
        binary("ADD", shape=(3, 2)),
        "has the shape (3, 2), but inputs and options make",
    ),
    ("an axis that is not there", reduced("MEAN", [2], output=(2, 3)), "the axes [2] are not all axes"),
    ("axes that are computed", computed_axes, "the axes is not a constant"),
    ("MEAN int16 zero point", reduced("MEAN", [1], zero_point=3, dtype=INT16), "zero point other than 0"),
    ("MEAN to a tiny scale", reduced("MEAN", [1], scale=1e-12), "makes a multiplier of 5e+10"),
    ("MEAN kept otherwise", reduced("MEAN", [1], output=(2, 3)), "inputs and options make (2, 1)"),
    ("L2 to another scale", normalized(scale=0.1), "does not have the scale 1/128"),
    ("L2 to another zero point", normalized(zero_point=1), "does not have the scale 1/128"),
    ("L2 of too many", normalized(shape=(1, 33026)), "squares of 33026 values, where at most 33025"),
]


def built(add: Add) -> Graph:
    builder = GraphBuilder()
    return builder.build([add(builder)])


def message(graph: Graph) -> str:
    with pytest.raises(ModelError) as caught:
        check(graph)
    assert caught.value.hint
    return "\n".join([caught.value.message, *caught.value.details])


@pytest.mark.parametrize(
    ("add", "words"), [pytest.param(add, words, id=name) for name, add, words in REFUSED + MEANINGLESS]
)
def test_what_cannot_be_deployed_is_named(add: Add, words: str) -> None:
    assert words in message(built(add))


@pytest.mark.parametrize("add", [pytest.param(add, id=name) for name, add, _ in REFUSED])
def test_tflm_refuses_it_too(add: Add) -> None:
    graph = built(add)
    zeros = [np.zeros(graph.tensors[i].shape, graph.tensors[i].dtype.numpy) for i in graph.inputs]
    with pytest.raises(ReferenceRunError):
        run_reference(write_model(graph), [zeros], timeout=20)


@pytest.mark.parametrize(
    ("dtype", "zero_point", "most"), [(INT8, -128, 8421504), (INT8, 0, 16777215), (INT16, 0, 65535)]
)
def test_sums_fit_32_bits(dtype: DataType, zero_point: int, most: int) -> None:
    """The largest number of values, and one more; without memory for them."""
    found = []
    for count in (most, most + 1):
        builder = GraphBuilder()
        inputs = [
            builder.input((1, count), 0.05, zero_point, dtype=dtype),
            builder.constant(np.array([1], np.int32)),
        ]
        graph = builder.build([builder.operator("SUM", inputs, scale=0.05, zero_point=0)])
        found.append([problem.reason for problem in operator_problems(graph, graph.operators[0], RULES)])
    assert found == [[], [f"sums {most + 1} values, where at most {most} fit 32 bits"]]


def test_int32_that_is_compared_may_be_quantised() -> None:
    graph = built(binary("MAXIMUM", dtypes=(INT32, INT32)))
    assert not list(operator_problems(graph, graph.operators[0], RULES))
    other = built(binary("MAXIMUM", second=(0.2, 0), dtypes=(INT32, INT32)))
    assert len(list(operator_problems(other, other.operators[0], RULES))) == 1
