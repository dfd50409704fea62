"""Builds the generated front end for the host and reads what it computes."""

from __future__ import annotations

import dataclasses
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

    def stages(self, clips: list[np.ndarray], work: Path) -> list[dict[str, np.ndarray]]:
        """What the observer got of each of ``clips`` (interleaved int16, of any length), by stage name."""
        source = b"".join(
            np.uint32(clip.size // self.spec.channels).tobytes() + clip.astype(np.int16).tobytes()
            for clip in clips
        )
        output = self.run("stages", source, work)
        position = 0
        results = []
        for clip in clips:
            frames = self.spec.frames_in(clip.size // self.spec.channels) * self.spec.channels
            found, position = _observations(output, position, stages(self.spec), frames)
            results.append(found)
        assert position == len(output)
        return results

    def run(self, what: str, data: bytes, work: Path) -> bytes:
        """Run one of the driver's commands."""
        source, result = work / "in.bin", work / "out.bin"
        source.write_bytes(data)
        command = [str(self.executable), what, str(source), str(result)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert run.returncode == 0, run.stderr
        return result.read_bytes()


def _observations(data, position, listed, frames):
    """The observations of one clip, and where the next one's begin."""
    counts = {
        stage.name: frames if stage.per_frame and stage.name != "prepared" else stage.vectors
        for stage in listed
    }
    found = {stage.name: [] for stage in listed}
    for _ in range(sum(counts.values())):
        index, vector, size = np.frombuffer(data, np.uint32, 3, position).tolist()
        stage = listed[index]
        assert vector == len(found[stage.name])
        values = np.frombuffer(data, stage.dtype, size // np.dtype(stage.dtype).itemsize, position + 12)
        found[stage.name].append(values.reshape(stage.shape))
        position += 12 + size
    assert {name: len(vectors) for name, vectors in found.items()} == counts
    arrays = {stage.name: np.array(found[stage.name]) for stage in listed}
    return {
        stage.name: arrays[stage.name] if stage.per_frame else arrays[stage.name][0] for stage in listed
    }, position


def compile_sources(
    source_set: SourceSet,
    sets: list[SourceSet],
    folder: Path,
    flags: tuple[str, ...],
    compiler: str = "gcc",
) -> list[Path]:
    """The objects of one set, compiled as the generated project compiles them."""
    for name, content in (item for other in sets for item in other.files.items()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    includes = [
        f"{'-isystem' if other.third_party else '-I'}{folder / path}"
        for other in sets
        for path in other.include_dirs
    ]
    # CMSIS-DSP shifts negative numbers to the left, which GCC defines.
    rules = ("-std=c11", "-fno-sanitize=shift-base") if source_set.third_party else STRICT
    options = [*flags, *rules, *source_set.compile_options]
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
        self._cmsis_objects: dict[object, list[Path]] = {}

    def build(self, spec: FrontendSpec) -> Driver:
        """The driver with the front end of ``spec``."""
        sets = frontend_sources(spec, SCALE, ZERO_POINT, self.cmsis_dir)
        folder = self.folder / spec.name
        objects = compile_sources(sets[0], sets, folder, self.flags)
        for cmsis in sets[1:]:
            key = (cmsis.sources, cmsis.definitions)
            if key not in self._cmsis_objects:
                self._cmsis_objects[key] = compile_sources(cmsis, sets, folder, self.flags)
            objects += self._cmsis_objects[key]
        executable = folder / "driver"
        options = [*self.flags, *STRICT, *sets[0].compile_options]
        options += [f"-D{definition}" for definition in sets[0].definitions]
        options += [f"-I{folder / path}" for path in sets[0].include_dirs]
        if spec.spectral and not spec.fixed_point:
            options.append("-DMD_WITH_FLOAT32")
        inputs = [str(Path(__file__).with_name("driver.c")), *map(str, objects)]
        command = ["gcc", *options, *inputs, "-lm", "-o", str(executable)]
        subprocess.run(command, check=True, timeout=120)
        return Driver(spec, executable)


def changed(spec: FrontendSpec, **changes: object) -> FrontendSpec:
    """Another specification: what follows from other keys follows anew."""
    follow = {} if spec.padding or "clip_samples" in changes else {"clip_samples": 0}
    if "min_frames" not in changes and spec.min_frames == spec.frames:
        follow["min_frames"] = 0
    return dataclasses.replace(spec, **(follow | changes))


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
    """Signals at the edges: by name, a full clip each, interleaved."""
    rng = np.random.default_rng(20240607)
    size = spec.clip_samples * spec.channels
    n = np.arange(size)
    impulse = np.zeros(size)
    clips = {
        "silence": impulse,
        "lowest": np.full(size, -32768),
        "one": np.full(size, 1),
        "square 400 Hz": np.where(n // 20 % 2, 32767, -32768),
        "square nyquist": np.where(n % 2, 32767, -32768),
        "ramp": n % 65536 - 32768,
        "single-bit toggling": n % 2,
        "single-bit sine": np.round(np.sin(2 * np.pi * n / 16)),
        "full-scale sine": np.round(32767 * np.sin(2 * np.pi * n * n / 40000)),
        "impulse in a window's skirt": np.where(n == spec.frame_samples + 1, 1, 0),
        "impulse": np.where(n == size // 3, 32767, 0),
    }
    for level in (1, 3, 100, 3000, 32767):
        clips[f"noise {level}"] = rng.integers(-level, level + 1, size)
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
