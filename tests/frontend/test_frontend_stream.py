"""A stream, in chunks of any size, has the bits of the clips that its windows are; in RAM as stated."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
from frontend_harness import SANITIZED, STRICT, changed
from frontend_specs import specs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stream_harness import StreamDriver, build_stream_driver, linked_bytes

from mcu_deploy.codegen.stream import smoother_ram_bytes, stream_ram_bytes
from mcu_deploy.detect import MAX_WINDOWS, Smoothing, detections
from mcu_deploy.frontend import FrontendSpec, load_spec, preset_names
from mcu_deploy.inputs import window_samples
from mcu_deploy.resources import resource_dir

RELAXED = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def signal(spec: FrontendSpec, samples: int, seed: int) -> np.ndarray:
    """Noise whose level changes, with silence and full scale."""
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.choice([0, 1, 100, 5000, 60_000], samples // 700 + 1), 700)[:samples]
    noise = rng.normal(size=(samples, spec.channels)) * level[:, np.newaxis]
    return np.clip(noise, -32768, 32767).astype(np.int16).reshape(-1)


def length(spec: FrontendSpec, stride: int, windows: int, rest: int) -> int:
    """Samples of so many windows and ``rest`` percent of another."""
    step = stride * spec.hop_samples
    return window_samples(spec) + (windows - 1) * step + step * rest // 100


@pytest.fixture(scope="session")
def stream_driver(
    spec: FrontendSpec, cmsis_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> StreamDriver:
    return build_stream_driver(spec, cmsis_dir, tmp_path_factory.mktemp("stream"), SANITIZED)


@pytest.mark.parametrize("name", preset_names())
def test_presets(name: str, cmsis_dir: Path, tmp_path: Path) -> None:
    """Strides of one hop, of several, of a whole window, and beyond it."""
    spec = load_spec(name)
    driver = build_stream_driver(spec, cmsis_dir, tmp_path, ("-O2",))
    windows = 2 if spec.clip_samples > 100_000 else 5
    for seed, stride in enumerate((1, 7, spec.frames, spec.frames + 3)):
        pcm = signal(spec, length(spec, stride, windows, 99), seed)
        assert driver.check(pcm, stride, seed, tmp_path) == windows


@RELAXED
@given(st.integers(1, 120), st.integers(1, 12), st.integers(0, 99), st.integers(0, 2**32 - 1))
def test_any_stride_and_chunks(
    stream_driver: StreamDriver, tmp_path: Path, stride: int, windows: int, rest: int, seed: int
) -> None:
    pcm = signal(stream_driver.spec, length(stream_driver.spec, stride, windows, rest), seed)
    assert stream_driver.check(pcm, stride, seed, tmp_path) == windows


@RELAXED
@given(specs(), st.integers(1, 12), st.integers(1, 6), st.integers(0, 99), st.integers(0, 2**32 - 1))
def test_any_front_end(
    cmsis_dir: Path, spec: FrontendSpec, stride: int, windows: int, rest: int, seed: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        driver = build_stream_driver(spec, cmsis_dir, Path(name), SANITIZED)
        pcm = signal(spec, length(spec, stride, windows, rest), seed)
        assert driver.check(pcm, stride, seed, Path(name)) == windows


@pytest.mark.parametrize("samples", [0, 1, 15_999])
def test_too_little_makes_no_window(stream_driver: StreamDriver, tmp_path: Path, samples: int) -> None:
    assert stream_driver.check(signal(stream_driver.spec, samples, 1), 5, 1, tmp_path) == 0


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")
@pytest.mark.parametrize("name", [*preset_names(), "odd"])
def test_the_ram_is_as_stated(name: str, spec: FrontendSpec, cmsis_dir: Path, tmp_path: Path) -> None:
    other = changed(spec, name="odd", frame_samples=399) if name == "odd" else load_spec(name)
    for outputs in (1, 12, 33):
        found = linked_bytes(other, cmsis_dir, tmp_path, outputs)
        assert found == {"stream": stream_ram_bytes(other), "smoother": smoother_ram_bytes(outputs)}


def test_the_loop_in_the_documentation_compiles(stream_driver: StreamDriver, tmp_path: Path) -> None:
    """With our warnings, against the headers of a generated project."""
    document = Path(__file__).parents[2] / "docs" / "streaming.md"
    (code,) = re.findall(r"```c\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    declared = "uint32_t microphone_read(int16_t *pcm, uint32_t most);\nvoid heard(uint32_t output);\n"
    declared += "void listen(void);\n"
    (tmp_path / "listen.c").write_text(f"#include <stdint.h>\n{declared}{code}")
    project = stream_driver.executable.parent
    folders = [project / "src/frontend", project / "src/app", project / "generated"]
    includes = [f"-I{path}" for path in (*folders, resource_dir("firmware_templates") / "runtime")]
    command = ["gcc", *STRICT, "-DMD_SMOOTHER_OUTPUTS=12", *includes, "-c", "listen.c"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)


@pytest.mark.parametrize("outputs", [1, 12, 53])
def test_the_smoother_detects_what_python_does(
    outputs: int, spec: FrontendSpec, cmsis_dir: Path, tmp_path: Path
) -> None:
    driver = build_stream_driver(spec, cmsis_dir, tmp_path, SANITIZED, outputs)
    detected = 0

    @settings(max_examples=60, deadline=None)
    @given(
        st.integers(1, MAX_WINDOWS),
        st.integers(-128, 128),
        st.integers(0, 20),
        st.sets(st.integers(0, outputs - 1)),
        st.integers(0, 2**32 - 1),
        st.integers(1, 40),
    )
    def compare(windows: int, level: int, suppress: int, ignored: set[int], seed: int, hold: int) -> None:
        nonlocal detected
        rng = np.random.default_rng(seed)
        rows = np.repeat(rng.integers(-128, 128, (rng.integers(1, 60), outputs)), hold, axis=0)
        rows = np.clip(rows + rng.integers(-20, 21, rows.shape), -128, 127).astype(np.int8)
        config = Smoothing(windows, windows * level, suppress, frozenset(ignored))
        expected = detections(config, rows)
        assert driver.smooth(config, rows, tmp_path) == expected
        detected += sum(found is not None for found in expected)

    compare()
    assert detected > 20
