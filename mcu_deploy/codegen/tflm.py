"""Writing a model as a project that runs it by TFLite Micro's interpreter."""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np

from mcu_deploy.codegen.carray import c_initializer
from mcu_deploy.codegen.environment import environment
from mcu_deploy.codegen.project import SourceSet, template_files
from mcu_deploy.graph.ir import Graph
from mcu_deploy.graph.reader import parse_compiled
from mcu_deploy.npu.compiled import Compiled
from mcu_deploy.plan.memory import align
from mcu_deploy.plan.types import Plan
from mcu_deploy.tflm.operators import registrations

HARNESS_SOURCE = PurePosixPath("generated", "model.cc")
DATA_SOURCE = PurePosixPath("generated", "model_data.c")
_FOLDER = PurePosixPath("src", "tflm")
_RUNTIME = PurePosixPath("src", "runtime")
_HEADERS = ("md_tflm.h", "md_tflm_log.h", "md_tflm_model.h")
_SOURCES = ("md_tflm.cc", "md_tflm_log.cc")
_NPU_SOURCES = ("md_tflm_npu.c",)


def tflm_sources(
    graph: Graph, plan: Plan, file: bytes, compiled: Compiled | None, uses_npu: bool
) -> tuple[SourceSet, ...]:
    """The harness, and the model's file as an array.

    Args:
        graph: the model's.
        plan: from `mcu_deploy.tflm.plan.make_tflm_plan`; gives the arena's size.
        file: what the interpreter reads: the model's file, or Vela's.
        compiled: Vela's result, read; None where ``file`` is the model's.
        uses_npu: whether an operator of it runs on an NPU.

    Returns:
        The set ``md_model``: the data and the C part; and the set ``md_tflm``, in C++.

    Raises:
        ModelError: TFLite Micro lacks an operator.
    """
    harness = _harness(graph, plan, file, compiled)
    definitions = ("MD_HAVE_TFLM=1", f"MD_HAVE_NPU={int(uses_npu)}")
    c_sources = _NPU_SOURCES if uses_npu else ()
    data = SourceSet(
        name="md_model",
        files={DATA_SOURCE: _data(file), **template_files("tflm", ("md_tflm.h", *c_sources))},
        sources=(DATA_SOURCE, *(_FOLDER / name for name in c_sources)),
        include_dirs=(_FOLDER,),
        definitions=definitions,
    )
    cxx = SourceSet(
        name="md_tflm",
        files={
            HARNESS_SOURCE: harness,
            **template_files("tflm", (*_HEADERS, *_SOURCES)),
            **template_files("runtime", ("md_compiler.h", "md_model.h")),
        },
        sources=(HARNESS_SOURCE, *(_FOLDER / name for name in _SOURCES)),
        include_dirs=(_FOLDER, _RUNTIME),
        definitions=definitions,
        language="CXX",
    )
    return data, cxx


def _data(file: bytes) -> bytes:
    values = np.frombuffer(file, np.uint8)
    template = environment().get_template("tflm/model_data.c.j2")
    return template.render(size=values.size, values=c_initializer(values)).encode()


def _harness(graph: Graph, plan: Plan, file: bytes, compiled: Compiled | None) -> bytes:
    ran = graph if compiled is None else compiled.graph
    made = [
        (step.index, place, index, ran.tensors[index].bytes)
        for step, places in zip(plan.steps, _places(graph, file, compiled), strict=True)
        for place, index in zip(places, step.outputs, strict=True)
    ]
    used = registrations(ran)
    text = (
        environment()
        .get_template("tflm/model.cc.j2")
        .render(
            arena_bytes=plan.arena_bytes,
            fast_bytes=align(compiled.fast_bytes) if compiled else 0,
            steps=len(plan.steps),
            made=made,
            inputs=[(index, graph.tensors[index].bytes) for index in graph.inputs],
            outputs=[(index, graph.tensors[index].bytes) for index in graph.outputs],
            operators=[(one.method, one.function) for one in used],
            kernel_headers=sorted({one.header for one in used if one.header}),
        )
    )
    return text.encode()


def _places(graph: Graph, file: bytes, compiled: Compiled | None) -> list[tuple[int, ...]]:
    """For each operator the indices of its outputs in the file, which Vela numbers anew."""
    read = graph if compiled is None else parse_compiled(file, graph.name)[0]
    return [operator.outputs for operator in read.operators]
