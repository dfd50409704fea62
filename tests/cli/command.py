"""Running ``mcu-deploy`` as a user does, and small things to give it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.writer import write_model
from mcu_deploy.verify.document import json_schema

COMMAND = (sys.executable, "-m", "mcu_deploy.cli.main")
FRONTEND = ("--frontend", "micronet-kws")
RATE = 16000


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout, valid by the committed schema."""
        document: dict[str, Any] = json.loads(self.out)
        jsonschema.validate(document, json_schema())
        return document


def mcu_deploy(
    *arguments: object,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    before: Callable[[], None] | None = None,
) -> Result:
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
        check=False,
        preexec_fn=before,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def assert_refused(result: Result, code: int, *words: str) -> None:
    """One line that names the thing, a way out, the right exit code, and no traceback."""
    lines = result.err.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert result.code == code, result.err
    assert len(errors) == 1, result.err
    assert any(line.startswith("  hint: ") for line in lines), result.err
    assert "Traceback" not in result.err
    assert "internal error" not in result.err
    text = " ".join(lines)
    for word in words:
        assert word in text, f"{word!r} is not in: {text}"


def listing(folder: Path) -> list[str]:
    """Everything in a folder, hidden and temporary names too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in listing(folder) if (folder / name).is_file()}


def small_keyword_model(seed: int = 3) -> bytes:
    """As the keyword models: features of one second in, but with a few thousand MACs."""
    builder = GraphBuilder("keyword", seed=seed)
    x = builder.input((1, 49, 10, 1), scale=0.6, zero_point=40, name='features "*/ ../\n')
    x = builder.conv_2d(x, 6, (5, 3), stride=(2, 2), padding="SAME", fused_activation_function="RELU")
    x = builder.depthwise_conv_2d(x, 1, (3, 3), padding="SAME", fused_activation_function="RELU6")
    pool = {"filter_height": 5, "filter_width": 5, "stride_h": 5, "stride_w": 5, "padding": "VALID"}
    x = builder.operator("AVERAGE_POOL_2D", [x], **pool)
    x = builder.fully_connected(x, 4)
    return write_model(builder.build([builder.operator("SOFTMAX", [x], beta=1.0)]))


def dense_model(seed: int = 5, units: int = 4) -> bytes:
    """Without a front end: the cheapest thing to build."""
    builder = GraphBuilder("dense", seed=seed)
    x = builder.input((1, 8), scale=0.1, zero_point=3)
    return write_model(builder.build([builder.fully_connected(x, units)]))


def chirp(seconds: float, seed: int = 1) -> np.ndarray:
    """A sweep with noise: every filter and every frame gets something."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    wave_form = 9000 * np.sin(2 * np.pi * (150 * t + 900 * t * t)) + rng.normal(0, 900, t.size)
    return np.clip(wave_form, -32768, 32767).astype("<i2")


def write_wav(path: Path, data: bytes, rate: int = RATE, channels: int = 1, width: int = 2) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)
    return path
