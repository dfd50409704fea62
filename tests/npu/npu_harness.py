"""Runs Vela's command streams on the NPU's model on this computer, and compares with TFLite Micro."""

from __future__ import annotations

import functools
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mcu_deploy.graph.reader import parse_model
from mcu_deploy.reference.tflm import run_reference

REPOSITORY = Path(__file__).resolve().parents[2]
MODEL = REPOSITORY / "firmware_templates/npu/model"
DRIVER = Path(__file__).with_name("npu_driver.c")
CONFIGURATIONS = {
    "ethos-u55-32": (0, 32),
    "ethos-u55-64": (0, 64),
    "ethos-u55-128": (0, 128),
    "ethos-u55-256": (0, 256),
    "ethos-u65-256": (1, 256),
    "ethos-u65-512": (1, 512),
}
WORKSPACE_BYTES = 1 << 20
WORK_LIMIT = 10**9  # the least that firmware has
# md_npu_error_t
NOT_MODELLED = 4
BAD_ADDRESS = 5
WORKSPACE_TOO_SMALL = 9
TOO_MUCH_WORK = 10
PAYLOAD = 0x4000  # of a command: a second word follows
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-g"]
VARIANTS = {
    "fast": ["-O2"],
    "sanitized": ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
}

Array = npt.NDArray[np.generic]


@functools.cache
def build_driver(variant: str = "fast", compiler: str = "gcc") -> Path:
    """Compile the model with its driver; the folder lives as long as the process."""
    folder = Path(_temporary().name)
    program = folder / f"npu_driver_{variant}_{compiler}"
    sources = sorted(str(path) for path in MODEL.glob("*.c"))
    flags = STRICT + VARIANTS[variant]
    subprocess.run([compiler, *flags, f"-I{MODEL}", str(DRIVER), *sources, "-o", str(program)], check=True)
    return program


@functools.cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="mcu-deploy-npu-")


@dataclass(frozen=True)
class Compiled:
    """What Vela made of a model that lies on the NPU as a whole.

    Attributes:
        stream: the command stream, without the driver's header.
        weights: the contents of region 0.
        scratch_bytes, fast_bytes: sizes of regions 1 and 2.
        inputs, outputs: region, offset, shape, bytes of an element.
    """

    stream: bytes
    weights: bytes
    scratch_bytes: int
    fast_bytes: int
    inputs: tuple[tuple[int, int, tuple[int, ...], int], ...]
    outputs: tuple[tuple[int, int, tuple[int, ...], int], ...]


def compile_model(model: Path, configuration: str, options: Sequence[str] = ()) -> Compiled:
    """Run Vela. The model must need no CPU."""
    with tempfile.TemporaryDirectory() as name:
        command = [str(Path(sys.executable).parent / "vela"), str(model), "--output-format", "raw"]
        command += ["--accelerator-config", configuration, "--output-dir", name, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = list(Path(name).glob("*_vela*.npz"))
        if done.returncode or not found:
            raise RuntimeError(f"vela: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        with np.load(found[0], allow_pickle=True) as archive:
            return _compiled({key: archive[key] for key in archive.files})


def _compiled(values: dict[str, npt.NDArray[np.generic]]) -> Compiled:
    def spans(kind: str) -> tuple[tuple[int, int, tuple[int, ...], int], ...]:
        shapes = values[f"{kind}_shape"]
        return tuple(
            (int(region), int(offset), tuple(int(size) for size in shape), int(element))
            for region, offset, shape, element in zip(
                values[f"{kind}_region"],
                values[f"{kind}_offset"],
                shapes,
                values[f"{kind}_elem_size"],
                strict=True,
            )
        )

    def raw(key: str) -> bytes:
        return np.atleast_1d(values[key]).tobytes()

    return Compiled(
        stream=command_stream(raw("cmd_data")),
        weights=raw("weight_data"),
        scratch_bytes=int(values["scratch_size"]),
        fast_bytes=int(values["scratch_fast_size"]),
        inputs=spans("input"),
        outputs=spans("output"),
    )


def command_stream(payload: bytes) -> bytes:
    """The commands within a payload for Arm's driver: tagged words after the letters COP1."""
    words = struct.unpack(f"<{len(payload) // 4}I", payload[: len(payload) // 4 * 4])
    at = 1
    while at < len(words):
        tag = words[at] & 0xFF
        if tag == 2:
            length = (words[at] >> 8 & 0xFF) << 16 | words[at] >> 16
            return struct.pack(f"<{length}I", *words[at + 1 : at + 1 + length])
        at += 3 if tag == 1 else 1
    raise ValueError("no command stream")


def with_settings(compiled: Compiled, change: Callable[[int, int], int]) -> Compiled:
    """A stream with other values in its settings.

    Args:
        compiled: the original.
        change: the new value for a setting's code and its value: the parameter, or the payload where the
            code has the bit ``PAYLOAD``.
    """
    words = list(struct.unpack(f"<{len(compiled.stream) // 4}I", compiled.stream))
    at = 0
    while at < len(words):
        code = words[at] & 0xFFFF
        if code & PAYLOAD:
            words[at + 1] = change(code, words[at + 1])
        else:
            words[at] = change(code, words[at] >> 16) << 16 | code
        at += 2 if code & PAYLOAD else 1
    return replace(compiled, stream=struct.pack(f"<{len(words)}I", *words))


@dataclass(frozen=True)
class NpuRun:
    """One run on the model: why it stopped (error 0: at the stream's end), and what came out."""

    error: int
    offset: int
    command: int
    setting: int
    value: int
    seconds: float
    outputs: tuple[bytes, ...]


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def run_model(
    compiled: Compiled,
    configuration: str,
    inputs: Sequence[Sequence[Array]],
    *,
    variant: str = "fast",
    workspace_bytes: int = WORKSPACE_BYTES,
    work_limit: int = WORK_LIMIT,
    cleared: bool = False,
) -> list[NpuRun]:
    """Run a stream on each set of inputs, one after the other.

    Memory that nobody has written holds zeros where it is ``cleared``, as a model's state must be before its
    first run; else bytes that show when they are used.
    """
    product, macs = CONFIGURATIONS[configuration]
    sizes = [product, macs, workspace_bytes, work_limit, len(compiled.stream), 3]
    sizes += [len(compiled.inputs), len(compiled.outputs), len(inputs)]
    job = [struct.pack("<9Q", *sizes), _padded(compiled.stream)]
    for number, size, writable, data in (
        (0, len(compiled.weights), 0, compiled.weights),
        (1, compiled.scratch_bytes, 1, bytes(compiled.scratch_bytes * cleared)),
        (2, compiled.fast_bytes, 1, bytes(compiled.fast_bytes * cleared)),
    ):
        job += [struct.pack("<4Q", number, size, writable, len(data)), _padded(data)]
    job += [
        struct.pack("<3Q", region, offset, int(np.prod(shape)) * element)
        for region, offset, shape, element in compiled.inputs + compiled.outputs
    ]
    job += [_padded(values.tobytes()) for run in inputs for values in run]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "job").write_bytes(b"".join(job))
        program = build_driver(variant)
        done = subprocess.run(
            [str(program), str(folder / "job"), str(folder / "result")], capture_output=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"npu_driver: {done.stderr.decode(errors='replace')[-4000:]}")
        return _runs(compiled, (folder / "result").read_bytes(), len(inputs))


def _runs(compiled: Compiled, result: bytes, count: int) -> list[NpuRun]:
    runs = []
    at = 0
    for _ in range(count):
        error, offset, command, setting, value, nanoseconds = struct.unpack_from("<6Q", result, at)
        at += 48
        outputs = []
        for _, _, shape, element in compiled.outputs:
            size = int(np.prod(shape)) * element
            outputs.append(result[at : at + size])
            at += size + -size % 8
        runs.append(NpuRun(error, offset, command, setting, value, nanoseconds / 1e9, tuple(outputs)))
    return runs


def random_inputs(model: bytes, count: int, seed: int) -> list[list[Array]]:
    """Random values over the whole range of each input's type."""
    graph = parse_model(model, "model")
    generator = np.random.default_rng(seed)
    runs = []
    for _ in range(count):
        run: list[Array] = []
        for index in graph.inputs:
            tensor = graph.tensors[index]
            limits = np.iinfo(tensor.dtype.numpy)
            run.append(
                generator.integers(limits.min, limits.max + 1, tensor.shape).astype(tensor.dtype.numpy)
            )
        runs.append(run)
    return runs


def compare(
    model: Path,
    configuration: str,
    *,
    count: int = 3,
    seed: int = 1,
    variant: str = "fast",
    workspace_bytes: int = WORKSPACE_BYTES,
    options: Sequence[str] = (),
) -> str:
    """Empty if every output is equal to TFLM's, else what differs first."""
    compiled = compile_model(model, configuration, options)
    data = model.read_bytes()
    inputs = random_inputs(data, count, seed)
    wanted = run_reference(data, inputs)
    found = run_model(compiled, configuration, inputs, variant=variant, workspace_bytes=workspace_bytes)
    for number, (reference, run) in enumerate(zip(wanted, found, strict=True)):
        if run.error:
            return (
                f"run {number}: error {run.error} at {run.offset:#x}, command {run.command:#010x},"
                f" setting {run.setting:#x}, value {run.value:#x}"
            )
        for position, (expected, raw) in enumerate(zip(reference.outputs, run.outputs, strict=True)):
            got = np.frombuffer(raw, expected.dtype).reshape(expected.shape)
            wrong = np.argwhere(got != expected)
            if len(wrong):
                first = tuple(int(i) for i in wrong[0])
                largest = int(np.abs(got.astype(np.int64) - expected.astype(np.int64)).max())
                return (
                    f"run {number}, output {position}: {len(wrong)} of {expected.size} differ, first at"
                    f" {first}: {got[first]}, not {expected[first]}; at most by {largest}"
                )
    return ""
