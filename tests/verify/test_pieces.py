"""Tensors that the firmware records row by row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mcu_deploy.errors import SimulationError
from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.writer import write_model
from mcu_deploy.inputs import InputVector
from mcu_deploy.plan.planner import make_plan
from mcu_deploy.plan.types import Optimise
from mcu_deploy.reference.tflm import run_reference
from mcu_deploy.simulate.records import Run, RunRecord, TensorRecord
from mcu_deploy.verify.runs import RunVerdict, verify_runs

Change = Callable[[list[TensorRecord]], None]


def verdict(change: Change) -> RunVerdict:
    """Of a firmware that makes rows of a convolution and a depthwise one, but for ``change``."""
    builder = GraphBuilder("pieces", 53)
    image = builder.conv_2d(builder.input((1, 13, 6, 2)), 24, (3, 3), padding="SAME")
    # The last row of the 13 is not needed, and not made.
    graph = builder.build([builder.depthwise_conv_2d(image, 1, (3, 3), padding="VALID", stride=(3, 3))])
    plan = make_plan(graph, optimise=Optimise.RAM)
    (((tensor, size),),) = [step.pieces for step in plan.steps]
    assert tensor == image and size == 12 * 6 * 24
    values = np.random.default_rng(53).integers(-128, 128, (1, 13, 6, 2), np.int8)
    (reference,) = run_reference(write_model(graph), [(values,)], all_tensors=True)
    rows = reference.tensors[image].reshape(13, -1)[:12]
    (output,) = graph.outputs
    records = [TensorRecord(image, 0, row.tobytes()) for row in rows]
    records.insert(7, TensorRecord(output, 0, reference.outputs[0].tobytes()))
    change(records)
    made = TensorRecord(output, 0, reference.outputs[0].tobytes())
    given = TensorRecord(graph.inputs[0], 0, values.tobytes())
    run = Run((), (given,), tuple(records), (), (made,), 0, 0, 0)
    vector = InputVector("random[0]", None, None, (values,))
    (found,) = verify_runs(
        write_model(graph), graph, plan, None, (), [vector], RunRecord((run,), 0, 0), True, 60
    )
    return found


def test_rows_are_put_together() -> None:
    found = verdict(lambda records: None)
    assert found.bit_exact and found.layers_bit_exact


def test_a_row_that_differs_is_found() -> None:
    def change(records: list[TensorRecord]) -> None:
        data = bytearray(records[2].data)
        data[5] ^= 1
        records[2] = TensorRecord(records[2].tensor, 0, bytes(data))

    found = verdict(change)
    assert found.layers_bit_exact is False and found.outputs_bit_exact
    assert found.difference is not None and found.difference.stage == "model.tensor"
    assert found.difference.index == (2 * 6 * 24 + 5,)


def test_a_row_that_is_missing_is_told() -> None:
    with pytest.raises(SimulationError, match="1584 bytes of tensor 3, 1728 expected"):
        verdict(lambda records: records.__delitem__(0))


def test_an_output_that_is_missing_is_told() -> None:
    with pytest.raises(SimulationError, match="0 of 1 tensors"):
        verdict(lambda records: records.__delitem__(7))
