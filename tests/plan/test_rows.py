"""The order in which ``md_rows_run`` calls kernels, and what its buffers must hold."""

from __future__ import annotations

import ctypes
import subprocess
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mcu_deploy.graph.geometry import conv_geometry
from mcu_deploy.plan.rows import RowWindow, calls, flow
from mcu_deploy.resources import resource_dir


def random_windows(rng: np.random.Generator) -> list[RowWindow]:
    """A chain; ``input_row`` of one is ``output_row`` of the one before."""
    windows: list[RowWindow] = []
    height, row = int(rng.integers(1, 30)), int(rng.integers(1, 9))
    for _ in range(int(rng.integers(1, 6))):
        size, stride = int(rng.integers(1, 5)), int(rng.integers(1, 4))
        dilation = int(rng.integers(1, 4)) if stride == 1 else 1
        reach = (size - 1) * dilation + 1
        padding = "VALID" if reach <= height and rng.random() < 0.5 else "SAME"
        made, pad, _ = conv_geometry(height, size, stride, dilation, padding)
        produced = int(rng.integers(1, 9))
        windows.append(RowWindow(height, made, row, produced, reach, stride, pad))
        height, row = made, produced
    return windows


@pytest.mark.parametrize("seed", range(150))
def test_every_row_is_there_when_it_is_read(seed: int) -> None:
    """Buffers of just these capacities, and the output in the input's memory at just this distance."""
    rng = np.random.default_rng(seed)
    windows = random_windows(rng)
    stripes = [int(stripe) for stripe in rng.integers(1, 6, len(windows))]
    found = flow(windows, stripes)
    kept: list[list[int]] = [[] for _ in windows]
    made = [0] * len(windows)
    written = moved = 0
    order = list(calls(windows, stripes))
    for number, call in enumerate(order):
        window, before = windows[call.stage], made[call.stage]
        assert call.made == tuple(made) and 1 <= call.count <= stripes[call.stage]
        for row in range(before, before + call.count):
            top = row * window.stride - window.pad
            needed = range(max(top, 0), min(top + window.reach, window.input_height))
            assert len(needed)
            if call.stage > 0:
                assert {*needed} <= {*kept[call.stage - 1]}
            else:
                assert needed.start * window.input_row + found.distance >= written
        if call.stage == len(windows) - 1:
            written = (before + call.count) * window.output_row
            later = [one for one in order[number + 1 :] if one.stage == 0]
            if later and call.stage > 0:
                left = windows[0].first_needed(later[0].made[0])
                assert max(left, 0) * windows[0].input_row + found.distance >= written
        else:
            held = kept[call.stage]
            if len(held) + call.count > found.capacities[call.stage]:
                first = windows[call.stage + 1].first_needed(made[call.stage + 1])
                held[:] = [row for row in held if row >= first]
                moved += len(held) * window.output_row
            held += range(before, before + call.count)
            assert len(held) <= found.capacities[call.stage]
        made[call.stage] += call.count
    assert made[-1] == windows[-1].output_height
    assert found.moved == moved


def test_a_filter_of_three_rows_needs_three_rows() -> None:
    windows = [RowWindow(49, 49, 10, 1400, 10, 1, 4), RowWindow(49, 25, 1400, 700, 3, 2, 1)]
    found = flow(windows, [1, 1])
    assert found.capacities == (3, 25)
    assert len([*calls(windows, [1, 1])]) == 49 + 25
    # Two rows of three are moved where there is no room for the next two.
    assert flow(windows, [2, 1]).moved == 24 * 1400


def test_rows_that_no_window_sees_are_not_computed() -> None:
    windows = [RowWindow(9, 9, 4, 4), RowWindow(9, 3, 4, 4, reach=1, stride=3)]
    assert [call.count for call in calls(windows, [1, 1]) if call.stage == 0] == [1] * 7


class CCall(ctypes.Structure):
    """``md_rows_call_t``."""

    _fields_ = [
        ("input", ctypes.c_void_p),
        ("output", ctypes.c_void_p),
        ("input_rows", ctypes.c_int32),
        ("output_rows", ctypes.c_int32),
        ("above", ctypes.c_int32),
    ]


RUN = ctypes.CFUNCTYPE(None, ctypes.POINTER(CCall))
WATCH = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int32)
NUMBERS = (
    "capacity",
    "stripe",
    "input_height",
    "output_height",
    "input_row",
    "output_row",
    "reach",
    "stride",
    "pad",
)


class CStage(ctypes.Structure):
    """``md_rows_stage_t``."""

    _fields_ = [("run", RUN), ("output", ctypes.c_void_p), *((name, ctypes.c_int32) for name in NUMBERS)]


@pytest.fixture(scope="module")
def md_rows_run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    kernels = resource_dir("firmware_templates") / "kernels"
    library = tmp_path_factory.mktemp("rows") / "rows.so"
    command = ["gcc", "-std=c11", "-shared", "-fPIC", "-O1", f"-I{kernels}"]
    subprocess.run([*command, kernels / "portable" / "md_rows.c", "-o", library], check=True, timeout=60)
    return ctypes.CDLL(str(library)).md_rows_run


@pytest.mark.parametrize("seed", range(40))
def test_c_makes_the_same_calls(seed: int, md_rows_run: Any) -> None:
    """Every row holds its number and its operator's; each call sees the right ones, and writes its buffer."""
    rng = np.random.default_rng(seed)
    windows = random_windows(rng)
    windows = [replace(one, input_row=16 + one.input_row, output_row=16 + one.output_row) for one in windows]
    stripes = [int(stripe) for stripe in rng.integers(1, 6, len(windows))]
    found = flow(windows, stripes)
    image = rows_of(0, 0, windows[0].input_height, windows[0].input_row)
    buffers = [
        np.zeros((capacity, window.output_row), np.uint8)
        for capacity, window in zip(found.capacities, windows, strict=True)
    ]
    made: list[tuple[int, int]] = []
    problems: list[str] = []

    def runner(k: int, window: RowWindow) -> Any:
        def run(given: Any) -> None:
            call, before = given.contents, sum(count for stage, count in made if stage == k)
            made.append((k, call.output_rows))
            top = window.first_needed(before)
            end = window.end_needed(before, call.output_rows)
            if (call.above, call.input_rows) != (max(-top, 0), end - max(top, 0)):
                problems.append(f"call {len(made)}: rows {call.above}, {call.input_rows}")
            seen = np.ctypeslib.as_array(
                ctypes.cast(call.input, ctypes.POINTER(ctypes.c_uint8)), (call.input_rows, window.input_row)
            )
            if not np.array_equal(seen, rows_of(k, max(top, 0), call.input_rows, window.input_row)):
                problems.append(f"call {len(made)}: other rows than {max(top, 0)} to {end}")
            start = (call.output - buffers[k].ctypes.data) // window.output_row
            if start + call.output_rows > found.capacities[k]:
                problems.append(f"call {len(made)}: no place for {call.output_rows} rows at {start}")
                return
            rows = rows_of(k + 1, before, call.output_rows, window.output_row)
            buffers[k][start : start + call.output_rows] = rows

        return RUN(run)

    stages = (CStage * len(windows))(
        *(
            CStage(
                runner(k, window),
                buffers[k].ctypes.data,
                found.capacities[k],
                stripes[k],
                *(getattr(window, name) for name in NUMBERS[2:]),
            )
            for k, window in enumerate(windows)
        )
    )
    shown: list[tuple[int, bytes]] = []

    def watch(context: int, stage: int, rows: int, size: int) -> None:
        assert context == 51
        shown.append((stage, ctypes.string_at(rows, size)))

    progress = (ctypes.c_int32 * (3 * len(windows)))()
    given = image.ctypes.data_as(ctypes.c_void_p)
    md_rows_run(stages, progress, len(windows), given, WATCH(watch), ctypes.c_void_p(51))
    assert not problems
    assert made == [(call.stage, call.count) for call in calls(windows, stripes)]
    for k, window in enumerate(windows[:-1]):
        rows = rows_of(k + 1, 0, found.made[k], window.output_row).tobytes()
        assert b"".join(data for stage, data in shown if stage == k) == rows
    assert len(shown) == sum(stage < len(windows) - 1 for stage, _ in made)
    last = windows[-1]
    assert np.array_equal(buffers[-1], rows_of(len(windows), 0, last.output_height, last.output_row))


def rows_of(tensor: int, first: int, count: int, size: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """What stands in rows of a tensor."""
    numbers = np.arange(first, first + count)[:, None] * 7 + tensor * 31 + np.arange(size)
    return numbers.astype(np.uint8)
