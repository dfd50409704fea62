"""Builds stream and smoother for the host, and reads what they make."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from frontend_harness import SCALE, STRICT, ZERO_POINT, compile_sources

from mcu_deploy.codegen.stream import stream_sources
from mcu_deploy.detect import Detection, Smoothing
from mcu_deploy.frontend import FrontendSpec
from mcu_deploy.frontend.codegen import frontend_sources
from mcu_deploy.frontend.reference import reference_stages
from mcu_deploy.inputs import Stream, stream_windows, window_samples

DRIVER = Path(__file__).with_name("stream_driver.c")


@dataclass(frozen=True)
class StreamDriver:
    """stream_driver.c, linked with the front end of one specification."""

    spec: FrontendSpec
    outputs: int
    executable: Path

    def run(self, what: str, data: bytes, work: Path) -> bytes:
        """Run one of the driver's commands."""
        source, result = work / "in.bin", work / "out.bin"
        source.write_bytes(data)
        command = [str(self.executable), what, str(source), str(result)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert run.returncode == 0, run.stderr
        return result.read_bytes()

    def check(self, pcm: np.ndarray, stride: int, seed: int, work: Path) -> int:
        """Every window is there once its last sample is, with the bits of the clip; gives their number."""
        spec = self.spec
        windows = stream_windows(Stream("x", pcm, stride, None), spec)
        head = np.array([stride, seed, pcm.size // spec.channels], np.uint32).tobytes()
        size = int(np.prod(spec.feature_shape))
        row = np.dtype([("taken", np.uint32), ("input", np.int8, size)])
        made = np.frombuffer(self.run("stream", head + pcm.tobytes(), work), row)
        ends = [window_samples(spec) + n * stride * spec.hop_samples for n in range(len(windows))]
        assert made["taken"].tolist() == ends
        for n, window in enumerate(windows):
            want = reference_stages(spec, window.pcm, SCALE, ZERO_POINT)["quantised"].reshape(-1)
            assert np.array_equal(made["input"][n], want), f"window {n}"
        return len(windows)

    def smooth(self, settings: Smoothing, rows: np.ndarray, work: Path) -> list[Detection | None]:
        """What the smoother detects, row by row."""
        mask = np.zeros(-(-self.outputs // 32), "<u4")
        for output in settings.ignored:
            mask[output // 32] |= np.uint32(1 << output % 32)
        config = np.array([settings.windows, settings.threshold, settings.suppress], "<i4").tobytes()
        made = self.run("smooth", config + mask.tobytes() + rows.astype(np.int8).tobytes(), work)
        pairs = np.frombuffer(made, np.int32).reshape(-1, 2).tolist()
        return [None if output < 0 else Detection(output, total) for output, total in pairs]


def build_stream_driver(
    spec: FrontendSpec, cmsis_dir: Path, folder: Path, flags: tuple[str, ...], outputs: int = 12
) -> StreamDriver:
    """The driver with the front end of ``spec`` and a smoother of so many outputs."""
    sets = [stream_sources(outputs), *frontend_sources(spec, SCALE, ZERO_POINT, cmsis_dir)]
    objects = [path for part in sets for path in compile_sources(part, sets, folder, flags)]
    includes = [f"-I{folder / path}" for part in sets if not part.third_party for path in part.include_dirs]
    definitions = [f"-D{definition}" for definition in sets[0].definitions]
    command = ["gcc", *flags, *STRICT, *includes, *definitions, str(DRIVER), *map(str, objects)]
    subprocess.run([*command, "-lm", "-o", str(folder / "driver")], check=True, timeout=120)
    return StreamDriver(spec, outputs, folder / "driver")


def linked_bytes(spec: FrontendSpec, cmsis_dir: Path, folder: Path, outputs: int) -> dict[str, int]:
    """The static variables of stream and smoother, compiled for a Cortex-M55, by name."""
    sets = [stream_sources(outputs), *frontend_sources(spec, SCALE, ZERO_POINT, cmsis_dir)]
    compiler = "arm-none-eabi-gcc"
    objects = compile_sources(sets[0], sets, folder, ("-O2", "-mcpu=cortex-m55"), compiler)
    listing = subprocess.run(
        ["arm-none-eabi-nm", "-S", *map(str, objects)], check=True, capture_output=True, text=True
    ).stdout
    rows = [line.split() for line in listing.splitlines()]
    return {row[3]: int(row[1], 16) for row in rows if len(row) == 4 and row[2] in "bBdD"}
