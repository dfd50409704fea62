"""Builds helium_driver.c with one front end for QEMU's Cortex-M55 and reads what the stages compute."""

from __future__ import annotations

import dataclasses
import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from frontend_harness import SCALE, ZERO_POINT, compile_sources

from mcu_deploy.boards.layout import place
from mcu_deploy.boards.types import Board
from mcu_deploy.codegen.cmake import cmake_files
from mcu_deploy.codegen.platform import platform_sources
from mcu_deploy.codegen.project import SourceSet, template_files
from mcu_deploy.frontend.codegen import frame_part, frontend_sources
from mcu_deploy.frontend.helium_tables import helium_tables
from mcu_deploy.frontend.parts import declarations, definitions
from mcu_deploy.frontend.spec import FrontendSpec, spectrum_bins, stages
from mcu_deploy.frontend.tables import make_tables
from mcu_deploy.simulate import qemu

GENERATED = PurePosixPath("generated")
SOURCES = ("md_frame_f32.c", "md_stages_scalar_f32.c", "md_stages_helium_f32.c", "md_rfft_helium_f32.c")
HEADERS = ("md_frame.h", "md_frontend.h", "md_stages_f32.h", "md_stages_helium_f32.h", "md_frontend_math.h")
STAGES = ("windowed", "fft", "spectrum", "mel", "log", "dct")
WHOLE_FRAME = len(STAGES)
TICKS_PER_INSTRUCTION = 32.768  # of the board's counter, by its file


@dataclass(frozen=True)
class Result:
    """What one stage made of one vector: its numbers, by both codes, and the instructions of each."""

    exact: bool
    scalar: np.ndarray
    helium: np.ndarray
    scalar_instructions: float
    helium_instructions: float


@dataclass(frozen=True)
class HeliumDriver:
    spec: FrontendSpec
    board: Board
    executable: Path

    def run(self, vectors: list[tuple[str, np.ndarray]], work: Path) -> list[Result]:
        """Runs stages, by name, each on an input vector."""
        data = self._run([(STAGES.index(stage), vector) for stage, vector in vectors], work)
        position, results = 0, []
        for stage, _ in vectors:
            count = self._length(stage)
            exact, *ticks = np.frombuffer(data, np.uint32, 3, position).tolist()
            scalar, helium = np.frombuffer(data, np.float32, 2 * count, position + 12).reshape(2, -1)
            results.append(Result(bool(exact), scalar, helium, *(t / TICKS_PER_INSTRUCTION for t in ticks)))
            position += 12 + 8 * count
        assert position == len(data)
        return results

    def frames(self, frames: np.ndarray, work: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """What an observer sees of each of ``frames`` (n, ...), by stage, and the instructions of each."""
        per_frame = [s for s in stages(self.spec) if s.name not in ("prepared", "quantised")]
        fields = [(s.name, s.dtype, s.shape) for s in per_frame]
        record = np.dtype([("ticks", "<u4"), *fields])
        data = np.frombuffer(self._run([(WHOLE_FRAME, frame) for frame in frames], work), record)
        assert len(data) == len(frames)
        return {name: data[name] for name, *_ in fields}, data["ticks"] / TICKS_PER_INSTRUCTION

    def _run(self, records: list[tuple[int, np.ndarray]], work: Path) -> bytes:
        with (work / "in.bin").open("wb") as file:
            for stage, vector in records:
                file.write(np.uint32(stage).tobytes() + vector.tobytes())
        simulator = next(s for s in self.board.simulators if s.name == "qemu")
        command = qemu.command(simulator, self.executable)
        subprocess.run(command, cwd=work, timeout=120, check=True, stdin=subprocess.DEVNULL)
        return (work / "out.bin").read_bytes()

    def _length(self, stage: str) -> int:
        spec = self.spec
        bins = spectrum_bins(spec)
        return {
            "windowed": spec.fft_size,
            "fft": 2 * bins,
            "spectrum": bins,
            "dct": spec.dct_coefficients,
        }.get(stage, spec.mel_filters)


class HeliumBuilder:
    """Builds drivers that share the platform and CMSIS-DSP."""

    def __init__(self, board: Board, cmsis_dir: Path, folder: Path) -> None:
        assert board.core is not None
        self.board, self.cmsis_dir, self.folder = board, cmsis_dir, folder
        self.flags = ("-O2", "-ffunction-sections", "-fdata-sections", *board.core.compiler_options)
        self._shared: list[Path] = []

    def build(self, spec: FrontendSpec, window: np.ndarray | None = None) -> HeliumDriver:
        """The driver for ``spec``, whose name no other front end of this builder has.

        Args:
            spec: the front end.
            window: takes the place of its own.
        """
        sets = [*self._shared_sets(spec), self._driver_set(spec, window)]
        if not self._shared:
            for source_set in sets[:-1]:
                self._shared += self._compile(source_set, sets)
        objects = self._shared + self._compile(sets[-1], sets)
        script = self.folder / "firmware.ld"
        files = cmake_files("helium", sets, self.board, place(self.board, 16, 64))
        script.write_bytes(files[GENERATED / "firmware.ld"])
        executable = self.folder / f"{spec.name}.elf"
        options = [*self.flags, "-nostartfiles", "--specs=nano.specs", f"-T{script}", "-Wl,--gc-sections"]
        command = ["arm-none-eabi-gcc", *options, *map(str, objects), "-lm", "-o", str(executable)]
        subprocess.run(command, check=True, timeout=120)
        return HeliumDriver(spec, self.board, executable)

    def _compile(self, source_set: SourceSet, sets: list[SourceSet]) -> list[Path]:
        return compile_sources(source_set, sets, self.folder, self.flags, "arm-none-eabi-gcc")

    def _shared_sets(self, spec: FrontendSpec) -> list[SourceSet]:
        platform = [s for s in platform_sources(self.board) if s.only_for == "target"]
        return [*platform, frontend_sources(spec, SCALE, ZERO_POINT, self.cmsis_dir)[1]]

    def _driver_set(self, spec: FrontendSpec, window: np.ndarray | None) -> SourceSet:
        frontend = frontend_sources(spec, SCALE, ZERO_POINT, self.cmsis_dir)[0]
        tables = {table.name: table for table in frame_part(spec).tables}
        tables |= {table.name: table for table in helium_tables(spec, make_tables(spec))}
        if window is not None:
            tables["window"] = dataclasses.replace(tables["window"], values=window.astype(np.float32))
        files = {
            **template_files("frontend", (*HEADERS, *SOURCES)),
            GENERATED / "frontend_config.h": frontend.files[GENERATED / "frontend_config.h"],
            GENERATED / "frontend_tables.h": declarations(list(tables.values())).encode(),
            GENERATED / "frontend_tables.c": definitions(list(tables.values())).encode(),
            GENERATED / "helium_driver.c": Path(__file__).with_name("helium_driver.c").read_bytes(),
        }
        sources = [PurePosixPath("src/frontend") / name for name in SOURCES]
        sources += [GENERATED / "frontend_tables.c", GENERATED / "helium_driver.c"]
        return dataclasses.replace(frontend, files=files, sources=tuple(sources))
