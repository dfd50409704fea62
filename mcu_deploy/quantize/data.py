"""Inputs to calibrate with and to compare on: recordings through the front end, arrays, random values."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mcu_deploy.errors import InputError
from mcu_deploy.frontend.reference import reference_features
from mcu_deploy.frontend.spec import FrontendSpec
from mcu_deploy.graph.ir import Tensor
from mcu_deploy.graph.text import printable
from mcu_deploy.inputs import wav_windows
from mcu_deploy.quantize.floats import FloatModel

Float = npt.NDArray[np.float32]
# One run: a value for each input of the model.
Run = tuple[Float, ...]

MAX_BYTES = 2 << 30
_ENDINGS = (".npy", ".npz", ".wav")
_KINDS = "give .wav files (through the front end), .npy or .npz arrays of float inputs, or folders of them"


@dataclass(frozen=True, eq=False)
class Inputs:
    """Inputs of a model.

    Attributes:
        files: how many files they came from; 0 for random ones.
        values: for each input of the model all runs, stacked: float32 (runs, *shape).
    """

    files: int
    values: tuple[Float, ...]

    @property
    def runs(self) -> int:
        """How many there are."""
        return len(self.values[0])


def read_inputs(names: Sequence[str], model: FloatModel, frontend: FrontendSpec | None) -> Inputs:
    """Everything in files and folders, in the order given, in a folder by name.

    Args:
        names: ``.wav``, ``.npy`` and ``.npz`` files, and folders, which are searched for them.
        model: whose inputs they are.
        frontend: what recordings pass through, or None.

    Raises:
        InputError: a file is missing or damaged, does not fit the model or the front end, holds NaN; or all
            of it holds the same value.
    """
    paths = [path for name in names for path in _files(name)]
    tensors = [model.graph.tensors[index] for index in model.graph.inputs]
    runs: list[Run] = []
    size = 0
    for path in paths:
        made = list(_read(path, model, tensors, frontend))
        size += sum(values.nbytes for run in made for values in run)
        if size > MAX_BYTES:
            raise InputError(
                f"the inputs up to {printable(str(path), 200)} take more than {MAX_BYTES >> 30} GiB",
                "a hundred are enough to calibrate: give fewer",
            )
        runs += made
    values = tuple(np.stack([run[position] for run in runs]) for position in range(len(tensors)))
    for tensor, stacked in zip(tensors, values, strict=True):
        if stacked.min() == stacked.max():
            raise InputError(
                f"every value for the input {printable(tensor.name)} is {float(stacked.min()):g}: "
                "no range can be measured",
                "give inputs like those that the model will meet",
            )
    return Inputs(len(paths), values)


def random_inputs(count: int, seed: int, model: FloatModel) -> Inputs:
    """``count`` runs of standard normal values from ``numpy.random.default_rng(seed)``."""
    rng = np.random.default_rng(seed)
    shapes = [model.graph.tensors[index].shape for index in model.graph.inputs]
    size = 4 * count * sum(int(np.prod(shape)) for shape in shapes)
    if size > MAX_BYTES:
        raise InputError(f"--random {count} takes more than {MAX_BYTES >> 30} GiB", "give a smaller N")
    return Inputs(0, tuple(rng.standard_normal((count, *shape), dtype=np.float32) for shape in shapes))


def _files(name: str) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.suffix.lower() in _ENDINGS and file.is_file())
        if not found:
            raise InputError(f"the folder {printable(name, 200)} holds no .wav, .npy or .npz file", _KINDS)
        return found
    if not path.is_file():
        raise InputError(f"input {printable(name, 200)} is not a file", _KINDS)
    if path.suffix.lower() not in _ENDINGS:
        raise InputError(
            f"input {printable(name, 200)} has the unknown ending {printable(path.suffix)}", _KINDS
        )
    return [path]


def _read(
    path: Path, model: FloatModel, tensors: Sequence[Tensor], frontend: FrontendSpec | None
) -> Iterator[Run]:
    if path.suffix.lower() == ".wav":
        yield from _recorded(path, model, tensors, frontend)
        return
    arrays = _arrays(path)
    if len(tensors) == 1:
        for name, array in arrays.items():
            for values in _samples(f"{path}{name}", array, model, 0, tensors[0]):
                yield (values,)
        return
    if len(arrays) != len(tensors):
        raise InputError(
            f"{printable(str(path), 200)} holds {len(arrays)} arrays, the model has {len(tensors)} inputs",
            "give .npz files with an array for each input, by its name or in the inputs' order",
        )
    named = {name.removeprefix(":"): array for name, array in arrays.items()}
    by_name = all(tensor.name in named for tensor in tensors)
    ordered = [named[tensor.name] for tensor in tensors] if by_name else list(arrays.values())
    columns = [
        _samples(str(path), array, model, position, tensor)
        for position, (array, tensor) in enumerate(zip(ordered, tensors, strict=True))
    ]
    if len({len(column) for column in columns}) != 1:
        raise InputError(
            f"the arrays of {printable(str(path), 200)} hold different numbers of inputs",
            "stack as many of each",
        )
    yield from zip(*columns, strict=True)


def _recorded(
    path: Path, model: FloatModel, tensors: Sequence[Tensor], frontend: FrontendSpec | None
) -> Iterator[Run]:
    """Every window of a recording; one that is shorter than a window is filled with silence."""
    windows = wav_windows(str(path), frontend, None, pad=True)
    assert frontend is not None  # else it was refused
    if len(windows) > 1 or frontend.min_frames < frontend.frames:
        windows = wav_windows(str(path), frontend, None, pad=False)
    for window in windows:
        assert window.pcm is not None
        features = reference_features(frontend, window.pcm)
        if not np.isfinite(features).all():
            raise InputError(
                f"the front end makes NaN or infinity of {printable(str(path), 200)}",
                "leave out recordings that are silent throughout",
            )
        yield (_in_layout(features, model, 0, tensors[0]).reshape(tensors[0].shape),)


def _arrays(path: Path) -> Mapping[str, npt.NDArray[np.generic]]:
    """The arrays of a file, each with ``:name`` or, in a .npy, with nothing."""
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {"": loaded}
            return {f":{name}": loaded[name] for name in loaded.files}
    except (ValueError, OSError, EOFError, SyntaxError, TypeError, LookupError, zipfile.BadZipFile) as error:
        raise InputError(
            f"input {printable(str(path), 200)} is not an array of NumPy: {printable(str(error))}",
            "write it with numpy.save or numpy.savez",
        ) from None
    except MemoryError:
        raise InputError(
            f"input {printable(str(path), 200)} is larger than this computer's memory", "give a smaller one"
        ) from None


def _samples(
    shown: str, array: npt.NDArray[np.generic], model: FloatModel, position: int, tensor: Tensor
) -> list[Float]:
    """One input, or a stack of them, as a list of float32 with the tensor's shape."""
    label = f"input {printable(shown, 200)}"
    if array.dtype.kind != "f":
        raise InputError(
            f"{label} holds {array.dtype}, where floats are needed: what the float model takes",
            "convert it with .astype(numpy.float32)",
        )
    values = array.astype(np.float32)
    if not np.isfinite(values).all():
        raise InputError(f"{label} holds NaN or infinity", "clean the array first")
    shapes = _shapes(model, position, tensor)
    if any(_trimmed(values.shape) == _trimmed(shape) for shape in shapes):
        return [_in_layout(values, model, position, tensor).reshape(tensor.shape)]
    if values.ndim and any(_trimmed(values.shape[1:]) == _trimmed(shape) for shape in shapes):
        return [_in_layout(one, model, position, tensor).reshape(tensor.shape) for one in values]
    expected = " or ".join(str(shape) for shape in shapes)
    raise InputError(
        f"{label} has the shape {array.shape}, the model takes {expected}",
        "give one input, or several stacked along a new first axis",
    )


def _shapes(model: FloatModel, position: int, tensor: Tensor) -> list[tuple[int, ...]]:
    """That of the source, and that of the graph where it is another."""
    order = model.permutations[position]
    if order is None:
        return [tensor.shape]
    source = [0] * len(order)
    for axis, taken in enumerate(order):
        source[taken] = tensor.shape[axis]
    return [tuple(source), tensor.shape]


def _in_layout(values: Float, model: FloatModel, position: int, tensor: Tensor) -> Float:
    """Transposed where it has the source's layout and the graph has another."""
    order = model.permutations[position]
    source = _shapes(model, position, tensor)[0]
    if order is None or _trimmed(values.shape) != _trimmed(source):
        return values
    return values.reshape(source).transpose(order)


def _trimmed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without leading ones, so that a missing batch dimension is no error."""
    while shape and shape[0] == 1:
        shape = shape[1:]
    return shape
