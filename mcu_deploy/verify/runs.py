"""The comparison of what the target computed with the Python reference: stage by stage, tensor by tensor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mcu_deploy.errors import SimulationError
from mcu_deploy.frontend.reference import reference_stages
from mcu_deploy.frontend.spec import FrontendSpec, Stage
from mcu_deploy.frontend.spec import stages as stages_of
from mcu_deploy.graph.ir import DataType, Graph, Tensor
from mcu_deploy.graph.text import printable
from mcu_deploy.inputs import InputVector
from mcu_deploy.plan.types import Plan
from mcu_deploy.reference.tflm import ReferenceRun, run_reference
from mcu_deploy.simulate.records import Run, RunRecord, TensorRecord
from mcu_deploy.verify.compare import Difference, first_difference

Array = npt.NDArray[np.generic]
Vectors = Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class RunVerdict:
    """One run, compared.

    Attributes:
        scores: the first output, flattened, and dequantised where it is integers.
        reference_output: what the first output should be, flattened.
        features_bit_exact: every recorded front-end stage and the quantised input; None for a tensor input.
        features_max_error: how far the recorded features are from the reference's; None for a tensor input,
            and where one of them is not finite.
        layers_bit_exact: every tensor that a step made; None where they were not captured.
        outputs_bit_exact: every output.
        difference: the first one in the order of computation, or None. Where the front end does not promise
            its bits (``arithmetic = "cmsis-helium"``) its stages do not count, and the model is judged on the
            input that the target gave it.
    """

    scores: tuple[float, ...]
    reference_output: Array
    features_bit_exact: bool | None
    features_max_error: float | None
    layers_bit_exact: bool | None
    outputs_bit_exact: bool
    difference: Difference | None

    @property
    def bit_exact(self) -> bool:
        """Whether nothing differs."""
        return self.difference is None


def recorded_stages(spec: FrontendSpec | None, layers: bool) -> tuple[Stage, ...]:
    """The front-end stages that the firmware is asked for: all, or just the last float one (the features)."""
    if spec is None:
        return ()
    made = stages_of(spec)
    if layers:
        return made
    return (next(stage for stage in reversed(made) if stage.dtype == "float32"),)


def verify_runs(
    model: bytes,
    graph: Graph,
    plan: Plan,
    frontend: FrontendSpec | None,
    stages: Sequence[Stage],
    inputs: Sequence[InputVector],
    record: RunRecord,
    layers: bool,
    timeout: float,
) -> list[RunVerdict]:
    """Compares every run with the reference.

    Args:
        model: the TFLite file.
        graph: of that model.
        plan: of that model, or of what Vela made of it: tensors that only that has are not compared.
        frontend: the front end in the firmware.
        stages: of it that the firmware was asked for.
        inputs: what the firmware was given.
        record: what it computed; as many runs as inputs.
        layers: whether the firmware was asked for every tensor.
        timeout: for the reference interpreter, seconds.

    Raises:
        SimulationError: the record lacks something that was asked for, or holds something else.
        ReferenceRunError: the reference could not be computed.
    """
    kept = [*(stage.name for stage in stages), "quantised"]
    features = [_reference_features(graph, frontend, vector, kept) for vector in inputs]
    promised = frontend is None or frontend.promises_bits
    tensors = [
        _model_inputs(graph, vector, made) if promised or vector.pcm is None else _recorded_inputs(graph, run)
        for vector, made, run in zip(inputs, features, record.runs, strict=True)
    ]
    references = run_reference(model, tensors, all_tensors=layers, timeout=timeout)
    return [
        _verify_run(
            graph,
            plan,
            stages if vector.pcm is not None else (),
            promised,
            made,
            given,
            reference,
            run,
            layers,
        )
        for vector, made, given, reference, run in zip(
            inputs, features, tensors, references, record.runs, strict=True
        )
    ]


def _reference_features(
    graph: Graph, frontend: FrontendSpec | None, vector: InputVector, kept: Sequence[str]
) -> Vectors:
    if vector.pcm is None or frontend is None:
        return {}
    quantization = graph.tensors[graph.inputs[0]].quantization
    assert quantization is not None  # the checks demand it of int8 inputs
    scale, zero_point = float(quantization.scale[0]), int(quantization.zero_point[0])
    made = reference_stages(frontend, vector.pcm, scale, zero_point)
    return {name: made[name] for name in kept}


def _model_inputs(graph: Graph, vector: InputVector, features: Vectors) -> tuple[Array, ...]:
    if vector.pcm is None:
        return vector.tensors
    return (features["quantised"].reshape(graph.tensors[graph.inputs[0]].shape),)


def _recorded_inputs(graph: Graph, run: Run) -> tuple[Array, ...]:
    """What the target's own front end gave the model."""
    pairs = zip(graph.inputs, run.inputs, strict=True)
    return tuple(
        _values(recorded.data, np.zeros(graph.tensors[index].shape, np.int8), f"tensor {index}")
        for index, recorded in pairs
    )


def _verify_run(
    graph: Graph,
    plan: Plan,
    wanted: Sequence[Stage],
    promised: bool,
    features: Vectors,
    given: Sequence[Array],
    reference: ReferenceRun,
    run: Run,
    layers: bool,
) -> RunVerdict:
    front = list(frontend_pairs(wanted, features, run))
    front += _tensor_pairs(graph, "model.input", graph.inputs, given, run.inputs)
    sizes, recorded = _comparable(graph, plan, run.tensors) if layers else ({}, run.tensors)
    wanted_layers = [_beginning(reference.tensors[index], size) for index, size in sizes.items()]
    inner = list(_tensor_pairs(graph, "model.tensor", [*sizes], wanted_layers, recorded))
    outer = list(_tensor_pairs(graph, "model.output", graph.outputs, reference.outputs, run.outputs))
    found = [[first_difference(*pair) for pair in pairs] for pairs in (front, inner, outer)]
    exact = [all(difference is None for difference in differences) for differences in found]
    counted = found if promised else found[1:]
    first = next((difference for part in counted for difference in part if difference is not None), None)
    return RunVerdict(
        scores=_dequantised(graph.tensors[graph.outputs[0]], outer[0][3]),
        reference_output=outer[0][2].reshape(-1),
        features_bit_exact=exact[0] if features else None,
        features_max_error=_max_error(front),
        layers_bit_exact=exact[1] if layers else None,
        outputs_bit_exact=exact[2],
        difference=first,
    )


def _comparable(
    graph: Graph, plan: Plan, records: Sequence[TensorRecord]
) -> tuple[dict[int, int], list[TensorRecord]]:
    """Of what was recorded, the tensors that the reference has too, and how many bytes of each are made.

    What was recorded in pieces is put together.
    """
    pieces = {tensor: bytearray() for step in plan.steps for tensor, _ in step.pieces}
    whole = [record for record in records if record.tensor not in pieces]
    made = [index for step in plan.steps for index in step.observed]
    if len(whole) != len(made):
        raise SimulationError(f"the firmware recorded {len(whole)} of {len(made)} tensors (model.tensor)")
    for record in records:
        if record.tensor in pieces:
            pieces[record.tensor] += record.data
    sizes: dict[int, int] = {}
    found: list[TensorRecord] = []
    for step in plan.steps:
        sizes |= step.pieces
        found += [TensorRecord(tensor, step.index, bytes(pieces[tensor])) for tensor, _ in step.pieces]
        kept = [index for index in step.observed if index < len(graph.tensors)]
        sizes |= {index: graph.tensors[index].bytes for index in kept}
        found += [record for record, index in zip(whole, made, strict=True) if index in kept]
    return sizes, found


def _beginning(values: Array, size: int) -> Array:
    """The first bytes of a tensor; as it is where that is all."""
    return values if size == values.nbytes else values.reshape(-1)[: size // values.itemsize]


def _max_error(pairs: Sequence[tuple[str, str, Array, Array]]) -> float | None:
    """Of the last stage in floats: the features. None also where one is not finite."""
    for _, _, expected, actual in reversed(pairs):
        if expected.dtype == np.float32 and np.isfinite(actual).all():
            return float(np.abs(actual.astype(np.float64) - expected.astype(np.float64)).max())
    return None


def frontend_pairs(
    wanted: Sequence[Stage], features: Vectors, run: Run
) -> Iterator[tuple[str, str, Array, Array]]:
    """Stage by stage: what Python and what the target made."""
    found: dict[int, dict[int, bytes]] = {stage.index: {} for stage in wanted}
    for vector in run.frontend:
        if vector.stage not in found or vector.frame in found[vector.stage]:
            raise SimulationError(f"the firmware recorded front-end stage {vector.stage} unasked or twice")
        found[vector.stage][vector.frame] = vector.data
    for stage in wanted:
        expected = features[stage.name]
        frames = found[stage.index]
        count = len(expected) if stage.per_frame else 1
        if sorted(frames) != list(range(count)):
            raise SimulationError(
                f"the firmware recorded {len(frames)} of {count} vectors of the front-end stage {stage.name}"
            )
        data = b"".join(frames[frame] for frame in range(count))
        yield "frontend", stage.name, expected, _values(data, expected, f"stage {stage.name}")


def _tensor_pairs(
    graph: Graph,
    stage: str,
    indices: Sequence[int],
    expected: Sequence[Array],
    records: Sequence[TensorRecord],
) -> Iterator[tuple[str, str, Array, Array]]:
    if len(records) != len(indices):
        raise SimulationError(f"the firmware recorded {len(records)} of {len(indices)} tensors ({stage})")
    for index, want, record in zip(indices, expected, records, strict=True):
        if record.tensor != index:
            raise SimulationError(
                f"the firmware recorded tensor {record.tensor} in place of {index} ({stage})"
            )
        name = f"{index} {printable(graph.tensors[index].name)}"
        yield stage, name, want, _values(record.data, want, f"tensor {index}")


def _values(data: bytes, like: Array, what: str) -> Array:
    if len(data) != like.nbytes:
        raise SimulationError(f"the firmware recorded {len(data)} bytes of {what}, {like.nbytes} expected")
    return np.frombuffer(data, dtype=like.dtype).reshape(like.shape)


def _dequantised(tensor: Tensor, values: Array) -> tuple[float, ...]:
    flat = values.reshape(-1).astype(np.float64)
    if tensor.quantization is not None and tensor.dtype is not DataType.FLOAT32:
        scale = np.float64(tensor.quantization.scale[0])
        flat = (flat - float(tensor.quantization.zero_point[0])) * scale
    return tuple(float(value) for value in flat)
