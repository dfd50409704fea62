"""What a rule for operators of one kind is made of.

A family of operators has a module in this package with two tables: ``RULES``, what its operators must be,
and ``SHAPES``, what shapes their outputs have. ``mcu_deploy.graph.rules`` puts those of all together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.ir import DataType, Operator, OptionValue, Tensor

QUANTIZE = "make an int8 model of it: mcu-deploy quantize MODEL --calibration FILES..."
FULL_INT8 = (
    "convert the original model with TensorFlow's TFLiteConverter: optimizations=[tf.lite.Optimize.DEFAULT], "
    "a representative_dataset, target_spec.supported_ops=[tf.lite.OpsSet.TFLITE_BUILTINS_INT8], and "
    "inference_input_type=inference_output_type=tf.int8"
)
REQUANTISE = "quantise the model again, with a representative_dataset of real inputs"
REEXPORT = "the file contradicts itself: export the model again"

Shape = tuple[int, ...]
Options = Mapping[str, OptionValue]
Inputs = Sequence[Tensor | None]
# The shapes of an operator's outputs; a ModelError says in a phrase how inputs and options contradict.
ShapeRule = Callable[[Inputs, Options], tuple[Shape, ...]]


@dataclass(frozen=True)
class Problem:
    """One thing that stands in the way.

    Attributes:
        tensor: the tensor that it is about: the first output where it is about the operator as a whole,
            None where there is none.
        reason: what is wrong, a phrase that follows the name of the tensor or operator.
        way_out: what to do about it.
    """

    tensor: Tensor | None
    reason: str
    way_out: str


@dataclass(frozen=True)
class TensorRule:
    """What an operator's input or output must be.

    Attributes:
        role: the word for it in messages.
        dtypes: its possible element types.
        ranks: allowed numbers of dimensions.
        constant: True: must be a constant; False: must be computed; None: may be either.
        optional: may be absent.
        quantization: ``per tensor`` (one scale); ``symmetric`` (zero points 0, one scale or one for each
            index of ``channel_axis``); or ``any``, which may be none.
        channel_axis: the axis of per-channel quantisation.
        state: must be a variable, which keeps its value from one inference to the next; others must not be.
    """

    role: str
    dtypes: tuple[DataType, ...]
    ranks: tuple[int, ...] = (1, 2, 3, 4)
    constant: bool | None = False
    optional: bool = False
    quantization: str = "per tensor"
    channel_axis: int = 0
    state: bool = False


@dataclass(frozen=True)
class Site:
    """An operator with its tensors, as a condition sees it; absent inputs are None."""

    operator: Operator
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]

    @property
    def whole(self) -> Tensor | None:
        """The tensor to name where a problem is about the operator as a whole."""
        return self.outputs[0] if self.outputs else None

    def input(self, position: int) -> Tensor:
        """An input that the rule has found to be there."""
        tensor = self.inputs[position]
        assert tensor is not None
        return tensor

    def number(self, option: str) -> int:
        """An integer option."""
        value = self.operator.options[option]
        assert isinstance(value, int)
        return value


Condition = Callable[[Site], Iterator[Problem]]


@dataclass(frozen=True)
class OperatorRule:
    """What an operator of one kind must be.

    Attributes:
        inputs, outputs: rules for its tensors, in their order.
        conditions: asked only if its tensors are right.
        more_inputs, more_outputs: the last rule holds for any further input or output, too.
    """

    inputs: tuple[TensorRule, ...]
    outputs: tuple[TensorRule, ...]
    conditions: tuple[Condition, ...] = ()
    more_inputs: bool = False
    more_outputs: bool = False

    def input(self, position: int) -> TensorRule:
        """The rule for an input."""
        return self.inputs[min(position, len(self.inputs) - 1)]

    def output(self, position: int) -> TensorRule:
        """The rule for an output."""
        return self.outputs[min(position, len(self.outputs) - 1)]


def given(inputs: Inputs, position: int, rank: int | None = None) -> Tensor:
    """An input that must be there, with so many dimensions.

    Raises:
        ModelError: it is not.
    """
    tensor = inputs[position] if position < len(inputs) else None
    if tensor is None:
        raise ModelError(f"input {position} is missing")
    if rank is not None and len(tensor.shape) != rank:
        raise ModelError(f"input {position} has {len(tensor.shape)} dimensions instead of {rank}")
    return tensor


def number(options: Options, name: str) -> int:
    """An integer option."""
    value = options[name]
    assert isinstance(value, int), name
    return value


def single(rule: Callable[[Inputs, Options], Shape]) -> ShapeRule:
    """The rule of an operator with one output."""
    return lambda inputs, options: (rule(inputs, options),)


def same_shape(inputs: Inputs, options: Options) -> tuple[Shape, ...]:
    """One output, with the shape of the first input."""
    del options
    return (given(inputs, 0).shape,)
