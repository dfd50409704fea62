"""The judge: same results whoever wrote the file, and its failures named."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mcu_deploy.errors import InputError, ModelError, ReferenceRunError, ToolMissingError
from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.graph.reader import read_model
from mcu_deploy.graph.writer import write_model
from mcu_deploy.reference import tflm
from mcu_deploy.reference.tflm import reference_version, run_reference

INT8_MODELS = (
    "kws_micronet_l.tflite",
    "kws_micronet_m.tflite",
    "ad_small_int8.tflite",
    "audio_sound_event_v1.0.2_int8.tflite",
    "audio_sound_event_v1.001.000_int8.tflite",
)


def dense(outputs: int = 4) -> Graph:
    builder = GraphBuilder("dense", seed=1)
    return builder.build([builder.fully_connected(builder.input((1, 16)), outputs)])


def random_inputs(graph: Graph, runs: int, seed: int = 0) -> list[list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    shapes = [graph.tensors[index].shape for index in graph.inputs]
    return [[rng.integers(-128, 128, shape, dtype=np.int8) for shape in shapes] for _ in range(runs)]


@pytest.mark.parametrize("name", INT8_MODELS)
def test_a_rewritten_model_computes_the_same(model_path: Callable[[str], Path], name: str) -> None:
    path = model_path(name)
    graph = read_model(path)
    inputs = random_inputs(graph, 2)
    original = run_reference(path.read_bytes(), inputs, all_tensors=True)
    rewritten = run_reference(write_model(graph), inputs, all_tensors=True)
    for one, other in zip(original, rewritten, strict=True):
        assert one.tensors.keys() == other.tensors.keys()
        for index, values in one.tensors.items():
            assert values.shape == graph.tensors[index].shape
            assert values.dtype == graph.tensors[index].dtype.numpy
            np.testing.assert_array_equal(values, other.tensors[index])
        for position, index in enumerate(graph.outputs):
            np.testing.assert_array_equal(one.outputs[position], one.tensors[index])


def test_a_batch_is_the_same_as_single_runs() -> None:
    model = write_model(dense())
    inputs = random_inputs(dense(), 5)
    together = run_reference(model, inputs)
    assert len({run.outputs[0].tobytes() for run in together}) == 5
    for run, values in zip(together, inputs, strict=True):
        np.testing.assert_array_equal(run.outputs[0], run_reference(model, [values])[0].outputs[0])
        assert not run.tensors


def test_every_activation_is_given_unspoilt() -> None:
    """Inputs too, and no tensor's memory is used again for a later one."""
    builder = GraphBuilder("chain")
    first = last = builder.input((1, 64))
    for _ in range(6):
        last = builder.operator("RELU", [last])
    graph = builder.build([last])
    (values,) = random_inputs(graph, 1)
    (run,) = run_reference(write_model(graph), [values], all_tensors=True)
    assert sorted(run.tensors) == list(range(7))
    np.testing.assert_array_equal(run.tensors[first], values[0])
    np.testing.assert_array_equal(run.tensors[last], np.maximum(values[0], -1))


def test_several_inputs_and_outputs_keep_their_order() -> None:
    builder = GraphBuilder("two")
    x, y = builder.input((1, 4)), builder.input((1, 6))
    outputs = [builder.operator("RELU", [y]), builder.operator("RELU", [x])]
    graph = builder.build(outputs)
    (values,) = random_inputs(graph, 1)
    (run,) = run_reference(write_model(graph), [values])
    np.testing.assert_array_equal(run.outputs[0], np.maximum(values[1], -1))
    np.testing.assert_array_equal(run.outputs[1], np.maximum(values[0], -1))


def test_large_activations_fit_the_arena() -> None:
    """A small file with activations of 8 MB."""
    builder = GraphBuilder("large")
    x = builder.input((1, 1024, 1024, 2))
    graph = builder.build([builder.operator("RELU", [builder.operator("RELU", [x])])])
    (values,) = random_inputs(graph, 1)
    (run,) = run_reference(write_model(graph), [values], all_tensors=True)
    np.testing.assert_array_equal(run.outputs[0], np.maximum(values[0], -1))


def test_no_inputs_no_runs() -> None:
    assert run_reference(write_model(dense()), []) == []


@pytest.mark.parametrize(
    "values",
    [
        [np.zeros((1, 15), np.int8)],
        [np.zeros((16,), np.int8)],
        [np.zeros((1, 16), np.float32)],
        [],
        [np.zeros((1, 16), np.int8)] * 2,
    ],
)
def test_inputs_that_do_not_fit(values: list[np.ndarray]) -> None:
    with pytest.raises(InputError, match="run 1"):
        run_reference(write_model(dense()), [[np.zeros((1, 16), np.int8)], values])


def test_a_file_that_is_no_model() -> None:
    with pytest.raises(ModelError):
        run_reference(b"nothing", [[]])


def test_a_model_that_tflm_refuses() -> None:
    builder = GraphBuilder()
    graph = builder.build([builder.operator("SEGMENT_SUM", [builder.input((1, 4))], shape=(1, 4))])
    with pytest.raises(ReferenceRunError, match="refused the model") as caught:
        run_reference(write_model(graph), random_inputs(graph, 1))
    assert any("SEGMENT_SUM" in line for line in caught.value.details)
    assert not any("Traceback" in line for line in caught.value.details)


def test_a_model_that_crashes_tflm() -> None:
    """SOFTMAX with a vanishing beta ends in abort() there."""
    builder = GraphBuilder()
    graph = builder.build([builder.operator("SOFTMAX", [builder.input((1, 4))], beta=1e-20)])
    with pytest.raises(ReferenceRunError, match=r"crashed \(SIGABRT\)"):
        run_reference(write_model(graph), random_inputs(graph, 1))


def test_a_model_that_takes_too_long() -> None:
    with pytest.raises(ReferenceRunError, match=r"did not finish in 0\.01 s"):
        run_reference(write_model(dense()), random_inputs(dense(), 1), timeout=0.01)


def test_a_model_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tflm, "MAX_ARENA_BYTES", 1000)
    with pytest.raises(ReferenceRunError, match="activations take 32 bytes"):
        run_reference(write_model(dense()), random_inputs(dense(), 1))


def test_an_interpreter_that_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(ToolMissingError, match="tflite-micro") as caught:
        reference_version()
    assert "pip install" in caught.value.hint


def test_the_version_is_known() -> None:
    assert reference_version().startswith("0.dev20")


def test_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run_reference(write_model(dense()), random_inputs(dense(), 1))
    assert not list(tmp_path.iterdir())


def test_float_models_run_too() -> None:
    builder = GraphBuilder()
    graph = builder.build([builder.operator("RELU", [builder.input((1, 3), dtype=DataType.FLOAT32)])])
    (run,) = run_reference(write_model(graph), [[np.array([[-1.5, 0.0, 2.5]], np.float32)]])
    assert run.outputs[0].tolist() == [[0.0, 0.0, 2.5]]
