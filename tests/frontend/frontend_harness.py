"""Builds the generated front end for the host and reads what it computes."""

from __future__ import annotations

import os
import subprocess
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mcu_deploy.codegen.project import SourceSet
from mcu_deploy.frontend import FrontendSpec, stages
from mcu_deploy.frontend.codegen import frontend_sources

# The quantisation of the input of kws_micronet_l.tflite.
SCALE, ZERO_POINT = 0.20109497010707855, -5

STRICT = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror")
SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@dataclass(frozen=True)
class Driver:
    """driver.c, linked with the front end of one specification."""

    spec: FrontendSpec
    executable: Path

    def stages(self, clips: np.ndarray, work: Path) -> list[dict[str, np.ndarray]]:
        """What the observer got of each of ``clips`` (n, clip_samples), by stage name."""
        assert clips.dtype == np.int16 and clips.shape[1:] == (self.spec.clip_samples,)
        listed = stages(self.spec)
        records = np.frombuffer(self.run("stages", clips, work), self._record())
        assert len(records) == len(clips)
        for stage in listed:
            head = _part(records, stage)["head"]
            assert (head[..., 0] == stage.index).all()
            assert (head[..., 1] == (np.arange(self.spec.frames) if stage.per_frame else 0)).all()
            assert (head[..., 2] == np.dtype((stage.dtype, stage.shape)).itemsize).all()
        return [{stage.name: _part(record, stage)["data"] for stage in listed} for record in records]

    def run(self, what: str, data: np.ndarray, work: Path) -> bytes:
        """Run one of the driver's commands."""
        source, result = work / "in.bin", work / "out.bin"
        source.write_bytes(data.tobytes())
        command = [str(self.executable), what, str(source), str(result)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert run.returncode == 0, run.stderr
        return result.read_bytes()

    def _record(self) -> np.dtype:
        """One clip's observations in the driver's output."""
        fields = [
            (s, np.dtype([("head", "<u4", (3,)), ("data", s.dtype, s.shape)])) for s in stages(self.spec)
        ]
        frame = np.dtype([(s.name, dtype) for s, dtype in fields if s.per_frame])
        clip = [(s.name, dtype) for s, dtype in fields if not s.per_frame]
        return np.dtype([("frames", frame, (self.spec.frames,)), *clip])


def _part(records, stage):
    return records["frames"][stage.name] if stage.per_frame else records[stage.name]


def compile_sources(
    source_set: SourceSet,
    sets: list[SourceSet],
    folder: Path,
    flags: tuple[str, ...],
    compiler: str = "gcc",
) -> list[Path]:
    """The objects of one set, compiled as the generated project compiles them."""
    for name, content in source_set.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    includes = [
        f"{'-isystem' if other.third_party else '-I'}{folder / path}"
        for other in sets
        for path in other.include_dirs
    ]
    options = [*flags, *(("-std=c11",) if source_set.third_party else STRICT), *source_set.compile_options]
    options += [f"-D{definition}" for definition in source_set.definitions]
    objects = [folder / f"{path.name}.o" for path in source_set.sources]
    for source, target in zip(source_set.sources, objects, strict=True):
        command = [compiler, *options, *includes, "-c", str(folder / source), "-o", str(target)]
        subprocess.run(command, check=True, timeout=120)
    return objects


class DriverBuilder:
    """Builds drivers that share one build of CMSIS-DSP."""

    def __init__(self, cmsis_dir: Path, folder: Path, flags: tuple[str, ...]) -> None:
        self.cmsis_dir, self.folder, self.flags = cmsis_dir, folder, flags
        self._cmsis_objects: list[Path] = []

    def build(self, spec: FrontendSpec) -> Driver:
        frontend, cmsis = sets = frontend_sources(spec, SCALE, ZERO_POINT, self.cmsis_dir)
        if not self._cmsis_objects:
            self._cmsis_objects = compile_sources(cmsis, sets, self.folder, self.flags)
        objects = compile_sources(frontend, sets, self.folder, self.flags)
        executable = self.folder / f"driver-{spec.name}"
        options = [*self.flags, *STRICT, *frontend.compile_options]
        options += [f"-D{definition}" for definition in frontend.definitions]
        options += [f"-I{self.folder / path}" for path in frontend.include_dirs]
        options += [f"-isystem{self.folder / path}" for path in cmsis.include_dirs]
        inputs = [str(Path(__file__).with_name("driver.c")), *map(str, objects + self._cmsis_objects)]
        command = ["gcc", *options, *inputs, "-lm", "-o", str(executable)]
        subprocess.run(command, check=True, timeout=120)
        return Driver(spec, executable)


def find_on(variable: str, name: str) -> Path:
    """A file on a path variable, or skip the test and name it."""
    for folder in os.environ.get(variable, "").split(os.pathsep):
        if folder and (Path(folder) / name).is_file():
            return Path(folder) / name
    pytest.skip(f"{name} is not on {variable}")


def recorded_words(name: str, spec: FrontendSpec) -> np.ndarray:
    """A recording cut into seconds, each cut to a clip: (n, clip_samples)."""
    with wave.open(str(find_on("MCU_DEPLOY_AUDIO_PATH", name))) as file:
        assert (file.getframerate(), file.getnchannels()) == (spec.sample_rate_hz, 1)
        pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return pcm.reshape(-1, spec.sample_rate_hz)[:, : spec.clip_samples]


def made_clips(spec: FrontendSpec) -> dict[str, np.ndarray]:
    """Signals at the edges: by name, (clip_samples,) each."""
    rng = np.random.default_rng(20240607)
    n = np.arange(spec.clip_samples)
    impulse = np.zeros(spec.clip_samples)
    clips = {
        "silence": impulse,
        "lowest": np.full(spec.clip_samples, -32768),
        "one": np.full(spec.clip_samples, 1),
        "square 400 Hz": np.where(n // 20 % 2, 32767, -32768),
        "square nyquist": np.where(n % 2, 32767, -32768),
        "ramp": n % 65536 - 32768,
        "single-bit toggling": n % 2,
        "single-bit sine": np.round(np.sin(2 * np.pi * n / 16)),
        "full-scale sine": np.round(32767 * np.sin(2 * np.pi * n * n / 40000)),
        "impulse in a window's skirt": np.where(n == 641, 1, 0),
        "impulse": np.where(n == 5000, 32767, 0),
    }
    for level in (1, 3, 100, 3000, 32767):
        clips[f"noise {level}"] = rng.integers(-level, level + 1, spec.clip_samples)
    return {name: clip.astype(np.int16) for name, clip in clips.items()}


def assert_same_bits(got: dict[str, np.ndarray], want: dict[str, np.ndarray], what: str) -> None:
    """Every stage, in order; names the first that differs, the first index, both values in hex."""
    for stage, expected in want.items():
        a, b = np.ascontiguousarray(got[stage]), np.ascontiguousarray(expected)
        assert (a.dtype, a.shape) == (b.dtype, b.shape), stage
        word = f"<u{a.itemsize}"
        differ = np.argwhere(a.view(word) != b.view(word))
        if len(differ):
            at = tuple(differ[0])
            pytest.fail(
                f"{what}: {stage}{list(at)}: C {a.view(word)[at]:#x}, Python {b.view(word)[at]:#x}; "
                f"{len(differ)} of {a.size} differ"
            )
