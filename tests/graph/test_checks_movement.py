"""What operators that only move data must be, and that TFLM refuses what it refuses for the same reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from mcu_deploy.errors import ModelError, ReferenceRunError
from mcu_deploy.graph.builder import GraphBuilder, affine
from mcu_deploy.graph.checks import check
from mcu_deploy.graph.ir import DataType, Graph
from mcu_deploy.graph.writer import write_model
from mcu_deploy.reference.tflm import run_reference


@dataclass(frozen=True)
class Bad:
    """An operator that cannot be deployed.

    Attributes:
        words: of the message.
        kind, options: of the operator.
        shape: of its input; ``output``: what the file says of the output.
        operands: its constants, after the input (before it for SPLIT).
        tflm: whether TFLM refuses it too, and does not take it as something else.
    """

    words: str
    kind: str
    shape: tuple[int, ...]
    output: tuple[int, ...]
    operands: Sequence[Any] = ()
    options: dict[str, Any] = field(default_factory=dict)
    tflm: bool = True

    def graph(self) -> Graph:
        builder = GraphBuilder("bad", 1)
        values = builder.input(self.shape)
        constants = [builder.constant(np.array(one, np.int32)) for one in self.operands]
        inputs = [*constants, values] if self.kind == "SPLIT" else [values, *constants]
        made = builder.operator_with_outputs(
            self.kind,
            inputs,
            shapes=[self.output],
            dtype=DataType.INT8,
            quantization=affine(0.05, -1),
            **self.options,
        )
        return builder.build(made)


NO_MARGIN = [[0, 0], [0, 0]]
BAD = (
    Bad("not a permutation", "TRANSPOSE", (2, 3), (2, 2), [[0, 0]], tflm=False),
    Bad("not a permutation", "TRANSPOSE", (2, 3), (2, 3), [[0, 2]]),
    Bad("permutation has 3 elements instead of 2", "TRANSPOSE", (2, 3), (2, 3), [[0, 1, 2]]),
    Bad("there is no axis 4 among 3", "EXPAND_DIMS", (2, 3), (2, 3, 1), [4]),
    Bad("inputs and options make", "EXPAND_DIMS", (2, 3), (1, 2, 3), [1]),
    Bad("not all of size 1", "SQUEEZE", (2, 1), (2,), options={"squeeze_dims": (0,)}),
    Bad("there is no axis 2 among 2", "SQUEEZE", (2, 1), (2,), options={"squeeze_dims": (2,)}),
    Bad("padding is negative", "PAD", (2, 3), (2, 2), [[[0, 0], [0, -1]]], tflm=False),
    Bad("padding has 2 elements instead of 4", "PAD", (2, 3), (2, 5), [[[1, 1]]]),
    Bad("inputs and options make", "PAD", (2, 3), (2, 5), [[[0, 0], [1, 0]]]),
    Bad("takes 3 positions from 1 of axis 1", "SLICE", (2, 3), (2, 3), [[0, 1], [2, 3]], tflm=False),
    Bad("takes 2 positions from -1 of axis 1", "SLICE", (2, 3), (2, 2), [[0, -1], [2, 2]], tflm=False),
    Bad("begin has 1 elements instead of 2", "SLICE", (2, 3), (2, 3), [[0], [2]], tflm=False),
    Bad("stride of axis 0 is 0", "STRIDED_SLICE", (4,), (4,), [[0], [4], [0]]),
    Bad("takes no position of axis 0", "STRIDED_SLICE", (4,), (1,), [[2], [2], [1]]),
    Bad("takes no position of axis 0", "STRIDED_SLICE", (4,), (1,), [[1], [3], [-1]]),
    Bad("inputs and options make", "STRIDED_SLICE", (4,), (3,), [[1], [3], [1]]),
    Bad("begin has 1 elements instead of 2", "STRIDED_SLICE", (4, 2), (2, 2), [[1], [3], [1]], tflm=False),
    *(
        Bad(f"option {name}, which TFLM ignores", "STRIDED_SLICE", (4,), (2,), [[1], [2], [1]], {name: value})
        for name, value in (("ellipsis_mask", 1), ("new_axis_mask", 1))
    ),
    Bad("option offset", "STRIDED_SLICE", (4,), (1,), [[1], [2], [1]], {"offset": True}, tflm=False),
    Bad(
        "takes position 4 of axis 0",
        "STRIDED_SLICE",
        (4, 2),
        (2,),
        [[4, 0], [5, 2], [1, 1]],
        {"shrink_axis_mask": 1},
        tflm=False,
    ),
    Bad(
        "negative stride",
        "STRIDED_SLICE",
        (4, 2),
        (2,),
        [[3, 0], [2, 2], [-1, 1]],
        {"shrink_axis_mask": 1},
        tflm=False,
    ),
    Bad("there is no axis 2 among 2", "GATHER", (4, 2), (1, 2), [[0]], {"axis": 2}),
    Bad("takes position 4 of axis 0", "GATHER", (4, 2), (1, 2), [[4]], tflm=False),
    Bad("takes position -1 of axis 0", "GATHER", (4, 2), (1, 2), [[-1]], tflm=False),
    Bad("1 batch axes do not lie before axis 0", "GATHER", (4, 2), (4, 2), [[0, 0, 0, 0]], {"batch_dims": 1}),
    Bad("the batches of", "GATHER", (4, 2), (4, 2), [[0, 1]], {"batch_dims": 1, "axis": 1}),
    Bad("no axis 2 among 2", "SPLIT", (4, 2), (2, 2), [2], {"num_splits": 1}),
    Bad("4 positions do not divide into 3", "SPLIT", (4, 2), (2, 2), [0], {"num_splits": 3}, tflm=False),
    Bad("4 positions do not divide", "SPLIT_V", (4, 2), (3, 2), [[3], 0], {"num_splits": 1}, tflm=False),
    Bad("makes 3 tensors of an axis of 4", "UNPACK", (4, 2), (2,), (), {"num": 3}, tflm=False),
    Bad("no axis 3 among 3", "PACK", (4, 2), (4, 2, 1), (), {"values_count": 1, "axis": 3}, tflm=False),
    Bad("packs 2 values, but has 1", "PACK", (4, 2), (1, 4, 2), (), {"values_count": 2}, tflm=False),
    Bad("fused activation RELU", "CONCATENATION", (4,), (4,), (), {"fused_activation_function": "RELU"}),
    Bad(
        "do not divide into blocks",
        "SPACE_TO_BATCH_ND",
        (1, 3, 2, 1),
        (4, 1, 1, 1),
        [[2, 2], [[0, 0], [0, 0]]],
        {},
        False,
    ),
    Bad(
        "block shape is",
        "SPACE_TO_BATCH_ND",
        (1, 3, 2, 1),
        (4, 1, 1, 1),
        [[0, 2], [[0, 0], [0, 0]]],
        {},
        False,
    ),
    Bad(
        "does not make blocks",
        "BATCH_TO_SPACE_ND",
        (3, 1, 1, 1),
        (1, 2, 2, 1),
        [[2, 2], [[0, 0], [0, 0]]],
        {},
        False,
    ),
    Bad(
        "has both half_pixel_centers and align_corners",
        "RESIZE_BILINEAR",
        (1, 2, 2, 1),
        (1, 4, 4, 1),
        [[4, 4]],
        {"half_pixel_centers": True, "align_corners": True},
    ),
    Bad(
        "resizing 1 positions to 2000 takes position 1",
        "RESIZE_BILINEAR",
        (1, 1, 1, 1),
        (1, 1, 2000, 1),
        [[1, 2000]],
        {"half_pixel_centers": True},
        tflm=False,
    ),
    Bad("to \\(4,\\), where 2 sizes", "RESIZE_NEAREST_NEIGHBOR", (1, 2, 2, 1), (1, 4, 2, 1), [[4]]),
    Bad("2 dimensions instead of 3 or 4", "SPACE_TO_BATCH_ND", (1, 1), (1, 1), [[1], [[0, 0]]]),
    Bad("5 dimensions instead of", "STRIDED_SLICE", (1,) * 5, (1,) * 5, [[0] * 5, [1] * 5, [1] * 5]),
    Bad("6 dimensions instead of", "TRANSPOSE", (1,) * 6, (1,) * 6, [[0, 1, 2, 3, 4, 5]]),
    Bad("6 dimensions instead of", "PAD", (1,) * 6, (1,) * 6, [[[0, 0]] * 6]),
)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad.kind} {bad.words}")
def test_bad_operands(bad: Bad) -> None:
    graph = bad.graph()
    with pytest.raises(ModelError, match=bad.words):
        check(graph)
    if bad.tflm:
        with pytest.raises(ReferenceRunError):
            run_reference(write_model(graph), [[np.zeros(bad.shape, np.int8)]])


@pytest.mark.parametrize(
    ("kind", "operands"),
    [
        ("TRANSPOSE", 1),
        ("EXPAND_DIMS", 1),
        ("PAD", 1),
        ("SLICE", 2),
        ("STRIDED_SLICE", 3),
        ("SPACE_TO_BATCH_ND", 2),
        ("SPLIT_V", 2),
    ],
)
def test_operands_that_are_computed(kind: str, operands: int) -> None:
    builder = GraphBuilder("computed", 1)
    values = builder.input((2, 2, 2))
    computed = [builder.input((2,), dtype=DataType.INT32) for _ in range(operands)]
    made = builder.operator(kind, [values, *computed], shape=(2, 2, 2))
    with pytest.raises(ModelError) as found:
        check(builder.build([made]))
    lines = [found.value.message, *found.value.details]
    assert sum("is not a constant" in line for line in lines) == operands


def joined(kind: str, *scales: tuple[float, int], **options: Any) -> Graph:
    builder = GraphBuilder("joined", 1)
    sources = [builder.input((2,), scale, zero_point) for scale, zero_point in scales]
    return builder.build([builder.operator(kind, sources, scale=0.05, zero_point=-1, **options)])


def test_concatenation_does_not_rescale() -> None:
    check(joined("CONCATENATION", (0.05, -1), (0.05, -1)))
    for other in ((0.06, -1), (0.05, 0)):
        graph = joined("CONCATENATION", (0.05, -1), other)
        with pytest.raises(ModelError, match="is not quantised as the output of the CONCATENATION is"):
            check(graph)
        with pytest.raises(ReferenceRunError):
            run_reference(write_model(graph), [[np.zeros(2, np.int8)] * 2])


def test_pack_moves_bytes_as_tflm_does() -> None:
    check(joined("PACK", (0.05, -1), (0.06, 3), values_count=2))


def test_too_many_to_join() -> None:
    check(joined("CONCATENATION", *[(0.05, -1)] * 10))
    graph = joined("CONCATENATION", *[(0.05, -1)] * 11)
    with pytest.raises(ModelError, match="joins 11 tensors, where TFLM can do 10"):
        check(graph)
    with pytest.raises(ReferenceRunError):
        run_reference(write_model(graph), [[np.zeros(2, np.int8)] * 11])


@pytest.mark.parametrize("scale", [0.05, 0.06])
def test_the_value_of_a_padding(scale: float) -> None:
    builder = GraphBuilder("value", 1)
    values = builder.input((2,), 0.05, -1)
    operands = [
        builder.constant(np.array([[1, 1]], np.int32)),
        builder.constant(np.array([7], np.int8), scale, -1),
    ]
    graph = builder.build([builder.operator("PADV2", [values, *operands])])
    if scale == 0.05:
        check(graph)
        return
    with pytest.raises(ModelError, match="padding value is not quantised as the output is"):
        check(graph)
    with pytest.raises(ReferenceRunError):
        run_reference(write_model(graph), [[np.zeros(2, np.int8)]])


def test_activations_quantised_per_channel() -> None:
    builder = GraphBuilder("channels", 1)
    values = builder.tensor((2, 3), affine([0.1, 0.2, 0.3], axis=1))
    builder.inputs.append(values)
    axes = builder.constant(np.array([1, 0], np.int32))
    made = builder.operator("TRANSPOSE", [values, axes], scale=0.1)
    with pytest.raises(ModelError, match="quantised per channel, which is possible for weights only"):
        check(builder.build([made]))


def test_unsupported_element_types() -> None:
    builder = GraphBuilder("types", 1)
    values = builder.input((2, 3), dtype=DataType.INT64)
    axes = builder.constant(np.array([1, 0], np.int32))
    made = builder.operator("TRANSPOSE", [values, axes])
    with pytest.raises(ModelError) as found:
        check(builder.build([made]))
    assert any("is int64 instead of int8 or int16 or float32" in line for line in found.value.details)
