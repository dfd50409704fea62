"""``quantize``: a float model to full int8, and what that costs."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mcu_deploy import __version__
from mcu_deploy.boards.reader import load_board
from mcu_deploy.errors import InputError, McuDeployError, ModelError, UsageError
from mcu_deploy.frontend import FrontendSpec, load_spec
from mcu_deploy.graph.checks import check
from mcu_deploy.graph.ir import Tensor
from mcu_deploy.graph.reader import NPU_OPERATOR, parse_compiled, parse_model
from mcu_deploy.graph.text import printable
from mcu_deploy.graph.writer import write_model
from mcu_deploy.npu.strides import model_for_vela
from mcu_deploy.npu.vela import compile_model, vela_options, vela_version
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.quantize import compare
from mcu_deploy.quantize.compare import Int8Model
from mcu_deploy.quantize.data import Inputs, random_inputs, read_inputs
from mcu_deploy.quantize.floats import FloatModel
from mcu_deploy.quantize.interpreter import Measured, run_model
from mcu_deploy.quantize.rounding import check_known, quantized_graph
from mcu_deploy.quantize.source import Source, find_model, read_source

SCHEMA = "mcu-deploy/quantize/1"
NPU = "ethos-u55-128"


@dataclass(frozen=True)
class QuantizeOptions:
    """What to quantise, and with what.

    Attributes:
        model: a file, a SavedModel folder, or a known model's name.
        calibration: files and folders whose inputs give the ranges.
        held_out: others, to compare the models on.
        random: number of random inputs in place of ``calibration``.
        seed: of the random inputs.
        frontend: preset, TOML file, ``none``, or None for what the model's card says.
        input_shapes: of the model's inputs, for dimensions that are not known.
        output: the int8 model's file; None: the model's name with ``_int8.tflite``, in the working folder.
        force: replace a file that is there.
        timeout: bound on the wall time of each program that is run, seconds.
    """

    model: str
    calibration: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    random: int = 0
    seed: int = 0
    frontend: str | None = None
    input_shapes: tuple[tuple[int, ...], ...] = ()
    output: Path | None = None
    force: bool = False
    timeout: float = 600.0


def quantize(options: QuantizeOptions, progress: Progress) -> dict[str, Any]:
    """Quantises a model, writes it, and compares it with the float model.

    Returns:
        the report, as ``docs/quantize.md`` describes it.

    Raises:
        McuDeployError: something is refused, missing or failed; nothing was written then.
    """
    _check_options(options)
    path = find_model(options.model)
    output = options.output or Path(f"{path.stem}_int8.tflite")
    _check_output(output, options.force)
    with progress.step("read the model"):
        source = read_source(path, options.input_shapes, options.timeout)
        check_known(source.model.graph)
    frontend = _frontend(options.frontend, source)
    with progress.step("read the calibration inputs"):
        calibration = _calibration(options, source.model, frontend)
    held_out = None
    if options.held_out:
        with progress.step("read the held-out inputs"):
            held_out = read_inputs(options.held_out, source.model, frontend)
    graph = source.model.graph
    with progress.step(f"run the float model on {calibration.runs} inputs"):
        exact = run_model(graph, calibration.values, tensor_runs=compare.LAYER_RUNS, timeout=options.timeout)
    with progress.step("quantise"):
        data = write_model(quantized_graph(graph, exact.ranges, source.model.grids))
        model = Int8Model(parse_model(data, output.stem), data)
    document = _document(source, frontend, output, model, options)
    _compare(document, source.model, model, (calibration, exact), held_out, options, progress)
    with progress.step(f"see what the {NPU} takes"):
        document["npu"] = _npu(model)
    _write(output, data, options.force)
    return document


def _check_options(options: QuantizeOptions) -> None:
    if bool(options.calibration) == bool(options.random):
        what = "two kinds of" if options.random else "no"
        raise UsageError(
            f"{what} calibration inputs are given",
            "give recordings or arrays by --calibration FILES, or for a smoke test --random N, not both",
        )


def _check_output(output: Path, force: bool) -> None:
    shown = printable(str(output), 200)
    if not output.parent.is_dir():
        raise InputError(f"the folder of {shown} does not exist", "make it first, or choose another by -o")
    if output.is_dir():
        raise InputError(f"{shown} is a folder", "name a file by -o")
    if output.exists() and not force:
        raise InputError(f"{shown} exists already", "replace it by --force, or choose another by -o")


def _frontend(wanted: str | None, source: Source) -> FrontendSpec | None:
    """What was asked for, else the card's; its features must be the model's input."""
    name = wanted if wanted is not None else (source.card.frontend if source.card else None)
    if name is None or name == "none":
        return None
    spec = load_spec(name)
    inputs = [source.model.graph.tensors[index] for index in source.model.graph.inputs]
    if len(inputs) != 1 or inputs[0].elements != np.prod(spec.feature_shape):
        shapes = ", ".join(str(tensor.shape) for tensor in inputs)
        raise InputError(
            f"the front end {spec.name} makes {spec.feature_shape}, the model takes {shapes}",
            "choose the front end that the model was trained with, or --frontend none to give arrays",
        )
    return spec


def _calibration(options: QuantizeOptions, model: FloatModel, frontend: FrontendSpec | None) -> Inputs:
    if options.random:
        return random_inputs(options.random, options.seed, model)
    return read_inputs(options.calibration, model, frontend)


def _document(
    source: Source,
    frontend: FrontendSpec | None,
    output: Path,
    model: Int8Model,
    options: QuantizeOptions,
) -> dict[str, Any]:
    notes = list(source.model.notes)
    if options.random:
        notes.append("the inputs are random: ranges and figures say nothing about accuracy")
    if not options.held_out:
        notes.append("no held-out inputs: the figures are of those that gave the ranges, and flatter")
    return {
        "schema": SCHEMA,
        "mcu_deploy": __version__,
        "model": {
            "name": source.name,
            "format": source.format,
            "sha256": source.sha256 or None,
            "bytes": source.bytes,
            "float32_bytes": len(write_model(source.model.graph)),
        },
        "int8": {
            "file": str(output),
            "sha256": hashlib.sha256(model.data).hexdigest(),
            "bytes": len(model.data),
            "inputs": [_tensor(tensor) for tensor in model.inputs],
            "outputs": [_tensor(tensor) for tensor in model.outputs],
        },
        "frontend": frontend.name if frontend else None,
        "notes": notes,
        "interpreter": None,
        "calibration": None,
        "held_out": None,
        "layers": [],
        "worst_layers": [],
        "npu": None,
        "problems": _problems(model),
    }


def _tensor(tensor: Tensor) -> dict[str, Any]:
    assert tensor.quantization is not None
    return {
        "name": printable(tensor.name)[1:-1],
        "shape": list(tensor.shape),
        "scale": float(tensor.quantization.scale[0]),
        "zero_point": int(tensor.quantization.zero_point[0]),
    }


def _problems(model: Int8Model) -> list[str]:
    """Why ``deploy --npu none`` would refuse the model."""
    try:
        check(model.graph)
    except ModelError as error:
        return list(error.details) or [f"{error.message}; {error.hint}"]
    return []


def _compare(
    document: dict[str, Any],
    float_model: FloatModel,
    model: Int8Model,
    calibration: tuple[Inputs, Measured],
    held_out: Inputs | None,
    options: QuantizeOptions,
    progress: Progress,
) -> None:
    """Adds outputs of both sets, and the layers."""
    inputs, exact = calibration
    with progress.step(f"run the int8 model on {inputs.runs} inputs"):
        rounded = compare.rounded_inputs(model, inputs)
        found, reason = compare.run_int8(model, rounded, compare.LAYER_RUNS, options.timeout)
    if reason:
        document["notes"].append(
            f"int8 by TensorFlow's interpreter, not TFLM's: {printable(reason, 200)[1:-1]}"
        )
    document["interpreter"] = "tensorflow" if reason else "tflm"
    document["calibration"] = _set(inputs, model, exact, found)
    document["layers"] = compare.layer_entries(float_model.graph, exact, model, found)
    document["worst_layers"] = compare.worst_layers(document["layers"])
    if held_out is not None:
        with progress.step(f"run both models on {held_out.runs} held-out inputs"):
            exact = run_model(float_model.graph, held_out.values, timeout=options.timeout)
            rounded = compare.rounded_inputs(model, held_out)
            found, _ = compare.run_int8(model, rounded, 1, options.timeout)
        document["held_out"] = _set(held_out, model, exact, found)


def _set(inputs: Inputs, model: Int8Model, exact: Measured, found: Measured) -> dict[str, Any]:
    return {
        "files": inputs.files,
        "inputs": inputs.runs,
        "outputs": compare.output_entries(model, exact, found),
    }


def _npu(model: Int8Model) -> dict[str, Any]:
    """The operators that Vela leaves to the CPU, or why that is not known."""
    entry: dict[str, Any] = {"configuration": NPU, "vela": None, "cpu_operators": None, "error": None}
    try:
        entry["vela"] = vela_version()
        chosen = vela_options(load_board("corstone-300").npu, NPU, None, None, "performance", None)
        made = compile_model(model_for_vela(model.data, model.graph), chosen)
        compiled, _ = parse_compiled(made.model, "vela")
    except McuDeployError as error:
        entry["error"] = error.message
        return entry
    entry["cpu_operators"] = [op.kind for op in compiled.operators if op.kind != NPU_OPERATOR]
    return entry


def _write(output: Path, data: bytes, force: bool) -> None:
    """As a whole or not at all."""
    descriptor, name = tempfile.mkstemp(prefix=f".{output.name}.", suffix=".part", dir=output.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        temporary.chmod(0o666 & ~_umask())
        _check_output(output, force)
        temporary.replace(output)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
