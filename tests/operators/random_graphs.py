"""Random valid graphs: a seed grows one, of 2 to 30 operators with branches, inputs and outputs.

    python tests/operators/random_graphs.py --seed 17 --target native

grows the graph of a seed, prints it and compares every tensor with TFLM's; a failure is shrunk and written
out. A seed gives the same graph as long as the same kinds of operators are supported.
``random_operators.py`` says for each kind of operator how to add one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path

import numpy as np

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.checks import check, operator_problems
from mcu_deploy.graph.ir import DataType, Graph, Quantization, Tensor
from mcu_deploy.graph.rules import RULES

LEAST_OPERATORS, MOST_OPERATORS = 2, 30
MOST_ELEMENTS = 3000
INT8, INT16 = DataType.INT8, DataType.INT16
ANY = (INT8, INT16)
ACTIVATIONS = ("NONE", "NONE", "RELU", "RELU6", "RELU_N1_TO_1")
Shape = tuple[int, ...]


class UnsuitableError(Exception):
    """No operator of this kind fits here."""


# Adds one operator of its kind, perhaps with operands of its own, and gives its outputs.
Grow = Callable[["Growth"], Sequence[int]]


class Growth:
    """A graph that grows: a builder, and the tensors that further operators may read.

    Attributes:
        builder: makes tensors and operators.
        rng: of everything that is drawn.
        values: the activations, in the order in which they were made.
    """

    def __init__(self, seed: int) -> None:
        self.builder = GraphBuilder(f"random_{seed}", seed)
        self.rng = self.builder.rng
        self.values: list[int] = []

    def tensor(self, index: int) -> Tensor:
        return self.builder.tensors[index]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def integer(self, least: int, largest: int) -> int:
        """Any of ``least`` to ``largest``, both included."""
        return int(self.rng.integers(least, largest + 1))

    def one_of(self, choices: Sequence[object]) -> object:
        return choices[int(self.rng.integers(len(choices)))]

    def scale(self) -> float:
        """Mostly what real models have, now and then an extreme."""
        if self.chance(0.03):
            return float(10 ** self.rng.uniform(-6, 3))
        return float(10 ** self.rng.uniform(-2.3, -0.5))

    def zero_point(self, dtype: DataType = INT8) -> int:
        if dtype is not INT8:
            return 0
        return int(self.rng.choice([-128, 0, 127])) if self.chance(0.4) else self.integer(-128, 127)

    def output(self, source: int) -> dict[str, float | int]:
        """The quantisation of an output: near the input's, so that values spread."""
        tensor = self.tensor(source)
        if self.chance(0.2) and tensor.quantization is not None:
            return {"scale": float(tensor.quantization.scale[0]), "zero_point": self.zero_point(tensor.dtype)}
        near = self.scale()
        if tensor.quantization is not None and not self.chance(0.05):
            near = float(tensor.quantization.scale[0] * 10 ** self.rng.uniform(-0.7, 0.7))
        return {"scale": near, "zero_point": self.zero_point(tensor.dtype)}

    def shape(self, rank: int) -> Shape:
        """A small shape with a taste for 1 and for odd sizes."""
        while True:
            sizes = [1 if self.chance(0.15) else self.integer(1, 12) for _ in range(rank)]
            if rank > 2 and self.chance(0.7):
                sizes[0] = 1
            if prod(sizes) <= MOST_ELEMENTS:
                return tuple(sizes)

    def input(self, shape: Shape, dtype: DataType = INT8, quantization: Quantization | None = None) -> int:
        """A further input of the model."""
        if not _may_be_input(dtype):
            raise UnsuitableError
        if quantization is not None:
            index = self.builder.tensor(shape, quantization, dtype=dtype)
            self.builder.inputs.append(index)
        else:
            index = self.builder.input(shape, self.scale(), self.zero_point(dtype), dtype=dtype)
        self.values.append(index)
        return index

    def pick(
        self,
        dtypes: Sequence[DataType] = (INT8,),
        ranks: Sequence[int] = (1, 2, 3, 4),
        suits: Callable[[Tensor], bool] = lambda tensor: True,
    ) -> int:
        """A tensor that is there, mostly a late one, or else a new input."""
        found = [
            index
            for index in self.values
            if self.tensor(index).dtype in dtypes
            and len(self.tensor(index).shape) in ranks
            and suits(self.tensor(index))
        ]
        if found and not self.chance(0.1):
            return found[max(0, len(found) - 1 - int(self.rng.geometric(0.4)) + 1)]
        if self.values and self.chance(0.5) and 4 in ranks:
            index = self._as_image(dtypes)
        else:
            index = self.input(self.shape(int(self.rng.choice(list(ranks)))), dtypes[0])
        if not suits(self.tensor(index)):
            raise UnsuitableError
        return index

    def _as_image(self, dtypes: Sequence[DataType]) -> int:
        """A RESHAPE of what is there to four dimensions."""
        source = self.pick(dtypes)
        rest = self.tensor(source).elements
        sizes = []
        for _ in range(2):
            divisors = [size for size in range(1, 17) if rest % size == 0]
            sizes.append(int(self.rng.choice(divisors)))
            rest //= sizes[-1]
        index = self.builder.operator("RESHAPE", [source], new_shape=(1, sizes[0], rest, sizes[1]))
        self.values.append(index)
        return index

    def beside(self, source: int, shape: Shape | None = None, *, alike: bool = False) -> int:
        """A second operand: another tensor of the shape, a constant or a new input.

        Args:
            source: the first.
            shape: of the second; None for that of the first.
            alike: it must be quantised as the first is.
        """
        first = self.tensor(source)
        wanted = first.shape if shape is None else shape
        quantization = first.quantization
        there = [
            index
            for index in self.values
            if self.tensor(index).shape == wanted
            and self.tensor(index).dtype is first.dtype
            and (not alike or _same(self.tensor(index).quantization, quantization))
        ]
        if there and self.chance(0.7):
            return int(self.rng.choice(there))
        scale, zero = self.scale(), self.zero_point(first.dtype)
        if alike and quantization is not None:
            scale, zero = float(quantization.scale[0]), int(quantization.zero_point[0])
        if self.chance(0.4):
            limits = np.iinfo(first.dtype.value)
            values = self.rng.integers(limits.min, limits.max + 1, wanted).astype(first.dtype.numpy)
            return self.builder.constant(values, scale, zero)
        return self.input(wanted, first.dtype, quantization if alike else None)

    def numbers(self, values: object) -> int:
        """A constant of int32: axes, sizes."""
        return self.builder.constant(np.array(values, np.int32))

    def add(self, kind: str, inputs: Sequence[int], **how: object) -> tuple[int, ...]:
        """An operator with one output."""
        return (self.builder.operator(kind, inputs, **how),)  # type: ignore[arg-type]


def _same(one: Quantization | None, other: Quantization | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one.scale, other.scale) and np.array_equal(one.zero_point, other.zero_point)


def _may_be_input(dtype: DataType) -> bool:
    """Whether models with such an input can be deployed."""
    if dtype not in _INPUTS:
        builder = GraphBuilder("input")
        values = builder.input((2, 3), 0.1, 0, dtype=dtype)
        try:
            check(builder.build([builder.operator("RESHAPE", [values], new_shape=(6,))]))
        except ModelError:
            _INPUTS[dtype] = False
        else:
            _INPUTS[dtype] = True
    return _INPUTS[dtype]


_INPUTS: dict[DataType, bool] = {}


def grow(seed: int, generators: dict[str, Grow]) -> Graph:
    """The graph of a seed."""
    growth = Growth(seed)
    wanted = growth.integer(LEAST_OPERATORS, MOST_OPERATORS)
    kinds = sorted(generators.keys() & RULES.keys())
    for _ in range(20 * wanted):
        if len(growth.builder.operators) >= wanted:
            break
        _try(growth, generators[str(growth.one_of(kinds))])
    return _finished(growth)


def _try(growth: Growth, generator: Grow) -> None:
    """Adds an operator, unless the checks would refuse it: the quantisation that was drawn may not do."""
    builder = growth.builder
    before = len(builder.tensors), len(builder.operators), len(builder.inputs), len(growth.values)
    try:
        outputs = generator(growth)
        suits = all(0 < growth.tensor(index).elements <= MOST_ELEMENTS for index in outputs)
    except (UnsuitableError, ModelError):
        outputs, suits = (), False
    graph = Graph("part", tuple(builder.tensors), (), (), ())
    if not suits or any(list(operator_problems(graph, one, RULES)) for one in builder.operators[before[1] :]):
        for kept, count in zip(
            (builder.tensors, builder.operators, builder.inputs, growth.values), before, strict=True
        ):
            del kept[count:]
        return
    growth.values += outputs


def _finished(growth: Growth) -> Graph:
    """Outputs: what nothing reads, and a few more."""
    builder = growth.builder
    read = {index for operator in builder.operators for index in operator.inputs}
    made = [index for operator in builder.operators for index in operator.outputs]
    outputs = [index for index in made if index not in read or growth.chance(0.1)]
    ends = [index for index in outputs if _may_be_input(growth.tensor(index).dtype)]
    return builder.build(ends or made[-1:])


def main() -> None:
    """Compares the graph of one seed."""
    from differential import TARGETS, describe, explain
    from random_operators import GENERATORS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--target", choices=sorted(TARGETS), default="native")
    parser.add_argument("--folder", type=Path, default=Path("build/random-graphs"), help="of shrunk failures")
    options = parser.parse_args()
    graph = grow(options.seed, GENERATORS)
    print(describe(graph))
    failure = explain(graph, options.seed, options.target, options.folder)
    print(failure or f"every tensor has TFLM's bits ({options.target})")
    raise SystemExit(1 if failure else 0)


if __name__ == "__main__":
    main()
