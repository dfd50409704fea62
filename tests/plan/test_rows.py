"""The order in which ``md_rows_run`` calls kernels, and what its buffers must hold."""

from __future__ import annotations

import numpy as np
import pytest

from mcu_deploy.graph.geometry import conv_geometry
from mcu_deploy.plan.rows import RowWindow, calls, flow


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
