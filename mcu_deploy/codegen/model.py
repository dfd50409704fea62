"""Writing a plan as C: ``generated/model.c``, and the kernel sources that it calls."""

from __future__ import annotations

from pathlib import PurePosixPath

from mcu_deploy.codegen.carray import c_initializer, c_type
from mcu_deploy.codegen.environment import environment
from mcu_deploy.codegen.project import SourceSet, template_files
from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.plan.kernels import find_kernel
from mcu_deploy.plan.operators.types import ETHOS_U, Kernel
from mcu_deploy.plan.planner import offset_of
from mcu_deploy.plan.types import Constant, Plan, Step

MODEL_SOURCE = PurePosixPath("generated", "model.c")
KERNEL_FOLDER = PurePosixPath("src", "kernels")
RUNTIME_FOLDER = PurePosixPath("src", "runtime")
# Of the kernels, and of the runtime.
_ROWS_HEADERS = ("md_rows.h", "md_model_rows.h")


def model_sources(graph: Graph, plan: Plan) -> tuple[SourceSet, ...]:
    """The compiled model and the kernels that it needs.

    Args:
        graph: the graph that ``plan`` was made from.
        plan: from ``make_plan``.

    Returns:
        The set ``md_model``: ``generated/model.c``, which implements ``md_model.h``; and the set
        ``md_kernels``: of the kernel library, what the plan uses, if it uses any.
    """
    used = [kernel for kernel in _kernels(plan) if kernel.implementation != ETHOS_U]
    sources = {name for kernel in used for name in kernel.sources}
    headers = {name for kernel in used for name in (kernel.header, *kernel.headers)}
    rows_headers: tuple[str, ...] = ()
    if any(step.stages for step in plan.steps):
        sources.add("portable/md_rows.c")
        headers.add(_ROWS_HEADERS[0])
        rows_headers = _ROWS_HEADERS[1:]
    model = SourceSet(
        name="md_model",
        files={
            MODEL_SOURCE: _model_c(graph, plan),
            **template_files("runtime", ("md_compiler.h", "md_model.h", *rows_headers)),
        },
        sources=(MODEL_SOURCE,),
        include_dirs=(RUNTIME_FOLDER,),
    )
    if not used:
        return (model,)
    kernels = SourceSet(
        name="md_kernels",
        files=template_files("kernels", (*sorted(headers), *sorted(sources))),
        sources=tuple(KERNEL_FOLDER / name for name in sorted(sources)),
        include_dirs=(KERNEL_FOLDER,),
    )
    return model, kernels


def _kernels(plan: Plan) -> list[Kernel]:
    """Of all calls, in their order."""
    return [find_kernel(call.kernel, call.implementation) for step in plan.steps for call in step.calls]


def _model_c(graph: Graph, plan: Plan) -> bytes:
    headers = {kernel.header for kernel in _kernels(plan)}
    if any(step.stages for step in plan.steps):
        headers.update(_ROWS_HEADERS)
    made = [tensor for step in plan.steps for tensor in step.observed]
    text = (
        environment()
        .get_template("runtime/model.c.j2")
        .render(
            headers=sorted(headers),
            arena_bytes=max(plan.arena_bytes, 1),
            arrays=[
                (c_type(one.values), one.name, one.values.size, c_initializer(one.values))
                for one in plan.constants
            ],
            steps=[
                {
                    "index": step.index,
                    "structs": [
                        (find_kernel(call.kernel, call.implementation).struct, name, call.parameters)
                        for name, call in _named_calls(step)
                    ],
                    "stages": _stages(plan, step),
                    "tensors": [tensor for tensor, _ in step.pieces],
                    "call": _call(graph, plan, step),
                    "made": [made.index(tensor) for tensor in step.observed],
                }
                for step in plan.steps
            ],
            made=[_tensor(graph, plan, tensor) for tensor in made],
            prepared=[step.index for step in plan.steps if step.implementation == ETHOS_U],
            inputs=[_tensor(graph, plan, tensor) for tensor in graph.inputs],
            outputs=[_tensor(graph, plan, tensor) for tensor in graph.outputs],
            state=[
                (*_tensor(graph, plan, tensor), first.name if isinstance(first, Constant) else first)
                for tensor, first in plan.state.items()
            ],
        )
    )
    return text.encode()


def _tensor(graph: Graph, plan: Plan, tensor: int) -> tuple[int, int, int]:
    """Index, bytes and arena offset: an ``md_tensor_t``."""
    return tensor, graph.tensors[tensor].bytes, offset_of(plan, tensor)


def _named_calls(step: Step) -> list[tuple[str, Step]]:
    """What a step calls, by the name of its struct."""
    if not step.stages:
        return [(f"step{step.index}", step)]
    return [(f"step{step.index}_{k}", call) for k, call in enumerate(step.calls)]


def _call(graph: Graph, plan: Plan, step: Step) -> str:
    """The C expression that performs a step."""
    name = f"step{step.index}"
    if step.stages:
        count = len(step.stages)
        arguments = [
            name,
            f"(md_rows_progress_t[{count}]){{0}}",
            str(count),
            _place(graph, plan, step.inputs[0]),
            "observer != NULL ? md_model_show_rows : NULL",
            f"&(md_model_rows_t){{observer, context, {step.index}, {name}_tensors}}",
        ]
        return f"{step.kernel}({', '.join(arguments)})"
    return f"{step.kernel}(&{', '.join([name, *_arguments(graph, plan, step)])})"


def _stages(plan: Plan, step: Step) -> list[dict[str, object]]:
    """The operators of a step that runs several: their functions and their ``md_rows_stage_t``."""
    scratch = _scratch(plan, step)
    made = []
    for (name, call), stage in zip(_named_calls(step), step.stages, strict=False):
        kernel = find_kernel(call.kernel, call.implementation)
        output = offset_of(plan, call.outputs[0]) if stage.output < 0 else scratch[0] + stage.output
        made.append(
            {
                "name": name,
                "struct": kernel.struct,
                "patches": stage.patches,
                "kernel": call.kernel,
                "scratch": [scratch[0] + step.stage_scratch] if call.scratch_bytes else [],
                "output": output,
                "fields": stage.fields,
            }
        )
    return made


def _scratch(plan: Plan, step: Step) -> list[int]:
    """Where a step's scratch memory is, if it has any."""
    return [one.offset for one in plan.allocations if one.tensor < 0 and one.step == step.index]


def _arguments(graph: Graph, plan: Plan, step: Step) -> list[str]:
    """C expressions for inputs, outputs, and scratch memory if there is any; the NPU takes all the arena."""
    if step.implementation == ETHOS_U:
        return ["arena"]
    kernel = find_kernel(step.kernel, step.implementation)
    inputs = [one if isinstance(one, str) else _place(graph, plan, one) for one in step.arguments]
    outputs = [_place(graph, plan, one) for one in step.outputs]
    if kernel.input_array:
        inputs = [f"(const void *const[]){{{', '.join(inputs)}}}"]
    if kernel.output_array:
        outputs = [f"(void *const[]){{{', '.join(outputs)}}}"]
    return [*inputs, *outputs, *(f"arena + {offset}" for offset in _scratch(plan, step))]


def _place(graph: Graph, plan: Plan, tensor: int) -> str:
    """A C expression for where a tensor lies, of a type that its kernel takes."""
    place = f"arena + {offset_of(plan, tensor)}"
    return place if graph.tensors[tensor].dtype is DataType.INT8 else f"(void *)({place})"
