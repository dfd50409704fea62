"""Models, and stand-ins for a TFLite Micro that somebody has built."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType, Graph

CORTEX_M55 = ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard")

_VERSION = "#define FLATBUFFERS_VERSION_MAJOR {}\n#define FLATBUFFERS_VERSION_MINOR {}\n"
_VERSION += "#define FLATBUFFERS_VERSION_REVISION {}\n"
_WANTED = "static_assert(FLATBUFFERS_VERSION_MAJOR == {} && FLATBUFFERS_VERSION_MINOR == {} &&\n"
_WANTED += '              FLATBUFFERS_VERSION_REVISION == {}, "");\n'


def int8_graph() -> Graph:
    builder = GraphBuilder("int8", 1)
    x = builder.conv_2d(builder.input((1, 8, 8, 1)), 4, (3, 3))
    x = builder.depthwise_conv_2d(x, 1, (3, 3))
    x = builder.conv_2d(x, 4, (1, 1))
    x = builder.operator("RESHAPE", [x, builder.constant(np.array([1, 256], np.int32))])
    return builder.build([builder.operator("SOFTMAX", [builder.fully_connected(x, 3)], beta=1.0)])


def int16_graph() -> Graph:
    builder = GraphBuilder("int16", 1)
    given = [builder.input((1, 4), zero_point=0, dtype=DataType.INT16) for _ in range(2)]
    return builder.build([builder.operator("ADD", given, shape=(1, 4), scale=0.1, zero_point=0)])


def stand_in(folder: Path, wanted: tuple[int, int, int] = (25, 9, 23)) -> Path:
    """Headers with the names that are looked for; `archive` makes a library."""
    micro = folder / "tensorflow/lite/micro"
    texts = {
        micro / "micro_interpreter.h": "",
        micro / "micro_mutable_op_resolver.h": "TFLMRegistration AddConv2D( AddSoftmax( AddEthosU(",
        micro / "kernels/conv.h": "TFLMRegistration Register_CONV_2D_INT8();",
        folder / "tensorflow/lite/schema/schema_generated.h": _WANTED.format(*wanted),
        folder / "third_party/flatbuffers/include/flatbuffers/base.h": _VERSION.format(25, 9, 23),
        folder / "third_party/gemmlowp/fixedpoint/fixedpoint.h": "",
        folder / "third_party/ruy/ruy/profiler/instrumentation.h": "",
        folder / "signal/micro/kernels/irfft.h": "",
    }
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def archive(
    path: Path,
    options: tuple[str, ...] = CORTEX_M55,
    text: str = "float twice(float x) { return 2 * x; }",
    compiler: str = "arm-none-eabi-gcc",
) -> Path:
    """A static library of one C file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    source, member = path.with_suffix(".c"), path.with_suffix(".o")
    source.write_text(text, encoding="utf-8")
    subprocess.run([compiler, *options, "-O1", "-c", str(source), "-o", str(member)], check=True)
    subprocess.run(["ar", "rcs", str(path), str(member)], check=True)
    return path
