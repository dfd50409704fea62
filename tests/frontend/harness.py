"""Builds the generated front end for the host, under sanitizers, and reads what it computes."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mcu_deploy.codegen.project import SourceSet
from mcu_deploy.frontend import FrontendSpec, stages
from mcu_deploy.frontend.codegen import frontend_sources

# The quantisation of kws_micronet_l.tflite's input.
SCALE, ZERO_POINT = 0.5847029089927673, 83

STRICT = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror")
SANITIZERS = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
FAST = ("-O3",)


@dataclass(frozen=True)
class Driver:
    """driver.c with the front end of one specification."""

    spec: FrontendSpec
    executable: Path

    def stages(self, clips: np.ndarray, work: Path) -> list[dict[str, np.ndarray]]:
        """What the observer got, by stage name, of each of ``clips`` (n, clip_samples)."""
        assert clips.dtype == np.int16 and clips.shape[1:] == (self.spec.clip_samples,)
        head = ("head", "<u4", (3,))
        listed = stages(self.spec)
        frame = np.dtype([(s.name, [head, ("data", s.dtype, s.shape)]) for s in listed if s.per_frame])
        last = listed[-1]
        clip = np.dtype(
            [("frames", frame, (self.spec.frames,)), (last.name, [head, ("data", last.dtype, last.shape)])]
        )
        records = np.frombuffer(self._run("stages", clips, work), clip)
        assert len(records) == len(clips)
        for stage in listed:
            part = records["frames"][stage.name] if stage.per_frame else records[stage.name]
            assert (part["head"][..., 0] == stage.index).all()
            assert (part["head"][..., 1] == (np.arange(self.spec.frames) if stage.per_frame else 0)).all()
            assert (
                part["head"][..., 2]
                == part["data"].itemsize * 0 + np.dtype((stage.dtype, stage.shape)).itemsize
            ).all()
        return [
            {s.name: (r["frames"][s.name] if s.per_frame else r[s.name])["data"] for s in listed}
            for r in records
        ]

    def logf(self, values: np.ndarray, work: Path) -> np.ndarray:
        return np.frombuffer(self._run("logf", values, work), np.float32)

    def quantise(self, values: np.ndarray, work: Path) -> np.ndarray:
        return np.frombuffer(self._run("quantise", values, work), np.int8)

    def _run(self, what: str, data: np.ndarray, work: Path) -> bytes:
        source, result = work / "in.bin", work / "out.bin"
        source.write_bytes(data.tobytes())
        run = subprocess.run(
            [str(self.executable), what, str(source), str(result)],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert run.returncode == 0, run.stderr
        return result.read_bytes()


def write_sources(sets: list[SourceSet], folder: Path) -> None:
    for source_set in sets:
        for name, content in source_set.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def compile_commands(sets: list[SourceSet], folder: Path, flags: tuple[str, ...]) -> list[list[str]]:
    """Arguments that compile each source to an object, as the generated CMake project would."""
    commands = []
    for source_set in sets:
        includes = [
            f"-{'isystem' if other.third_party else 'I'}{folder / path}"
            for other in sets
            for path in other.include_dirs
        ]
        warnings = ("-w", "-std=c11") if source_set.third_party else STRICT
        for source in source_set.sources:
            commands.append(
                [
                    *flags,
                    *warnings,
                    *source_set.compile_options,
                    *(f"-D{d}" for d in source_set.definitions),
                    *includes,
                ]
                + ["-c", str(folder / source), "-o", str(folder / source.name) + ".o"]
            )
    return commands


def build_driver(
    spec: FrontendSpec, cmsis_dir: Path, folder: Path, flags: tuple[str, ...] = SANITIZERS
) -> Driver:
    sets = frontend_sources(spec, SCALE, ZERO_POINT, cmsis_dir)
    write_sources(sets, folder)
    for command in compile_commands(sets, folder, flags):
        subprocess.run(["gcc", *command], check=True, timeout=120)
    executable = folder / "driver"
    driver = Path(__file__).with_name("driver.c")
    # The driver prints decimal-free binary only; it sees the same headers and options as the front end.
    includes = [f"-I{folder / path}" for path in sets[0].include_dirs]
    options = [*flags, *STRICT, *sets[0].compile_options, *includes]
    objects = sorted(str(path) for path in folder.glob("*.o"))
    subprocess.run(
        ["gcc", *options, str(driver), *objects, "-lm", "-o", str(executable)], check=True, timeout=120
    )
    return Driver(spec, executable)
