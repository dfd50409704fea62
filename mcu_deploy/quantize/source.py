"""What was given to quantise: recognised by its contents, and read as a float graph."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mcu_deploy.errors import InputError, UsageError
from mcu_deploy.graph.checks import arithmetic
from mcu_deploy.graph.reader import parse_model, read_model_bytes
from mcu_deploy.graph.schema import FILE_IDENTIFIER
from mcu_deploy.graph.text import printable
from mcu_deploy.quantize.converters import convert_keras, convert_onnx
from mcu_deploy.quantize.floats import FloatModel, float_model
from mcu_deploy.registry.cards import ModelCard, card_by_hash, card_by_name, model_cards
from mcu_deploy.registry.locate import require, resolve_model

_FORMATS = "give a .tflite, .h5, .hdf5, .keras or .onnx file, or a SavedModel folder"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True, eq=False)
class Source:
    """A model to quantise.

    Attributes:
        path: of the file or folder.
        name: for the report.
        format: ``TFLite (float32)``, ``TFLite (dynamic range)``, ``Keras``, ``SavedModel``, ``ONNX``, ...
        sha256: of the file; "" of a folder.
        bytes: on the disk.
        card: of a known model, or None.
        model: the float graph.
    """

    path: Path
    name: str
    format: str
    sha256: str
    bytes: int
    card: ModelCard | None
    model: FloatModel


def find_model(text: str) -> Path:
    """The file or folder of a path, or of a known model's name.

    Raises:
        InputError: there is none.
    """
    if not Path(text).exists() and any(card.name == text for card in model_cards()):
        return require(card_by_name(text))
    path = resolve_model(text)
    if not path.exists():
        raise InputError(f"the model {printable(str(path), 200)} does not exist", _FORMATS)
    return path


def read_source(path: Path, shapes: Sequence[tuple[int, ...]], timeout: float) -> Source:
    """Reads and, where it is no TFLite file, converts a model.

    Args:
        path: what ``find_model`` gave.
        shapes: of the model's inputs, to fix dimensions that are not known; () where none was given.
        timeout: for a conversion, seconds.

    Raises:
        InputError, ModelError: it is none of the formats, or cannot be quantised.
        ToolMissingError: a package for the conversion is missing.
        McuDeployError: the conversion crashed or took too long.
    """
    if path.is_dir():
        return _from_folder(path, shapes, timeout)
    data = read_model_bytes(path)
    sha256 = hashlib.sha256(data).hexdigest()
    card = card_by_hash(sha256)
    if data[4:8] == FILE_IDENTIFIER:
        if shapes:
            raise UsageError("--input-shape is not for TFLite models, whose shapes are fixed", "leave it out")
        graph = parse_model(data, path.stem)
        kind, model = f"TFLite ({arithmetic(graph)})", float_model(graph)
    elif data.startswith(_HDF5) or (data.startswith(_ZIP) and path.suffix == ".keras"):
        kind, model = "Keras", convert_keras(path, shapes, timeout)
    elif path.suffix.lower() == ".onnx":
        kind, model = "ONNX", convert_onnx(path, shapes, timeout)
    else:
        raise InputError(f"{printable(path.name)} is not a model of a known format", _FORMATS)
    return Source(path, card.name if card else path.stem, kind, sha256, len(data), card, model)


def _from_folder(path: Path, shapes: Sequence[tuple[int, ...]], timeout: float) -> Source:
    if not (path / "saved_model.pb").is_file():
        raise InputError(f"the folder {printable(str(path), 200)} is not a SavedModel", _FORMATS)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    model = convert_keras(path, shapes, timeout)
    return Source(path, path.name, "SavedModel", "", size, None, model)
