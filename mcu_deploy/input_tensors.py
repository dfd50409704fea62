"""Tensors that the user gives to a model's inputs: ``.npy`` files and random values."""

from __future__ import annotations

import tokenize
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mcu_deploy.errors import InputError
from mcu_deploy.frontend.clip import quantise_to
from mcu_deploy.graph.ir import DataType, Graph, Tensor
from mcu_deploy.graph.rules.moves import gather
from mcu_deploy.graph.text import printable

Array = npt.NDArray[np.generic]

# What NumPy's reader of .npy headers was seen to raise for damaged files.
_NPY_ERRORS = (
    ValueError,
    OSError,
    EOFError,
    SyntaxError,
    TypeError,
    ArithmeticError,
    LookupError,
    MemoryError,
    RecursionError,
    tokenize.TokenError,
)

# To which float32 is quantised, as the model's own QUANTIZE would do it.
_QUANTISED = (DataType.INT8, DataType.INT16)


@dataclass(frozen=True, eq=False)
class ModelInput:
    """An input of the model.

    Attributes:
        tensor: int8, int16, int32 or float32.
        drawn: the least and the largest random value: what makes a difference to the model.
        allowed: the least and the largest value that TFLM's arithmetic is defined for.
    """

    tensor: Tensor
    drawn: tuple[float, float]
    allowed: tuple[float, float]


def model_inputs(graph: Graph) -> list[ModelInput]:
    """The inputs of a graph that ``graph.checks.check`` has passed."""
    return [
        _float_input(graph, index) or _indices(graph, index) or _any(graph, index) for index in graph.inputs
    ]


def _any(graph: Graph, index: int) -> ModelInput:
    tensor = graph.tensors[index]
    if tensor.dtype is DataType.FLOAT32:
        return ModelInput(tensor, (-1.0, 1.0), (-np.inf, np.inf))
    return integer_input(tensor)


def integer_input(tensor: Tensor) -> ModelInput:
    """One that takes any value of its type."""
    limits = np.iinfo(tensor.dtype.value)
    every = (int(limits.min), int(limits.max))
    return ModelInput(tensor, every, every)


def _float_input(graph: Graph, index: int) -> ModelInput | None:
    """One that the model quantises: what that can express, and a step beyond at either end."""
    tensor = graph.tensors[index]
    for operator in graph.operators:
        if operator.kind == "QUANTIZE" and operator.inputs[0] == index and tensor.dtype is DataType.FLOAT32:
            result = graph.tensors[operator.outputs[0]]
            assert result.quantization is not None  # the checks demand it
            scale, zero = float(result.quantization.scale[0]), int(result.quantization.zero_point[0])
            limits = np.iinfo(result.dtype.value)
            drawn = scale * (int(limits.min) - 1 - zero), scale * (int(limits.max) + 1 - zero)
            most = scale * (2**31 - 2**16)
            return ModelInput(tensor, drawn, (-most, most))
    return None


def _indices(graph: Graph, index: int) -> ModelInput | None:
    """One that says what a GATHER takes."""
    for operator in graph.operators:
        if operator.kind == "GATHER" and operator.inputs[1] == index:
            tensors = [graph.tensors[one] for one in operator.inputs]
            places = (0, gather(tensors, operator.options).size - 1)
            return ModelInput(graph.tensors[index], places, places)
    return None


def random_values(rng: np.random.Generator, given: ModelInput) -> Array:
    """Values that are drawn evenly, with the input's shape and type."""
    tensor = given.tensor
    if tensor.dtype is DataType.FLOAT32:
        return rng.uniform(*given.drawn, tensor.shape).astype(np.float32)
    low, high = map(int, given.drawn)
    return rng.integers(low, high + 1, size=tensor.shape).astype(tensor.dtype.numpy)


def read_tensor(name: str, given: ModelInput) -> Array:
    """A ``.npy`` file with the input's shape, and its type or float32, which is quantised.

    Raises:
        InputError: it is damaged or does not fit.
    """
    tensor = given.tensor
    values = _load_npy(name)
    if not isinstance(values, np.ndarray) or _trimmed(values.shape) != _trimmed(tensor.shape):
        raise InputError(
            f"input {name!r} has shape {getattr(values, 'shape', '?')}, the model takes {tensor.shape}",
            "reshape the array to the model's input shape",
        )
    wanted = tensor.dtype.numpy
    if values.dtype == np.float32 and not np.isfinite(values).all():
        raise InputError(f"input {name!r} holds NaN or infinity", "clean the array first")
    if values.dtype == wanted:
        _check_range(name, values, given)
        return np.array(values, dtype=wanted).reshape(tensor.shape)
    if values.dtype != np.float32 or tensor.dtype not in _QUANTISED:
        raise InputError(*_wrong_type(name, str(values.dtype), tensor))
    if tensor.quantization is None:
        raise InputError(f"input {name!r} is float32 and the model's input has no quantisation")
    scale, zero = float(tensor.quantization.scale[0]), int(tensor.quantization.zero_point[0])
    real: npt.NDArray[np.float32] = np.array(values, dtype=np.float32).reshape(tensor.shape)
    if tensor.dtype is DataType.INT8:
        return quantise_to(np.int8, real, scale, zero)
    return quantise_to(np.int16, real, scale, zero)


def _check_range(name: str, values: Array, given: ModelInput) -> None:
    low, high = given.allowed
    numbers = values.astype(np.float64)
    outside = numbers[(numbers < low) | (numbers > high)]
    if outside.size:
        raise InputError(
            f"input {name!r} holds {outside.flat[0]:g}, the model takes {low:g} to {high:g}",
            "clip the array to that range",
        )


def _wrong_type(name: str, found: str, tensor: Tensor) -> tuple[str, str]:
    wanted = tensor.dtype.value
    if tensor.dtype in _QUANTISED:
        return (
            f"input {name!r} holds {found}, expected {wanted} or float32",
            f"convert it with .astype(numpy.float32), or to {wanted} if it is quantised already",
        )
    return f"input {name!r} holds {found}, expected {wanted}", f"convert it with .astype(numpy.{wanted})"


def _load_npy(name: str) -> object:
    """The array; mapped, so that a header that promises more than the file holds cannot allocate it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old headers
            return np.load(name, mmap_mode="r", allow_pickle=False)
    except _NPY_ERRORS as error:
        raise InputError(
            f"input {name!r} is not a .npy array: {printable(str(error))}",
            "write it with numpy.save",
        ) from None


def _trimmed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without leading ones, so that a missing batch dimension is no error."""
    while shape and shape[0] == 1:
        shape = shape[1:]
    return shape
