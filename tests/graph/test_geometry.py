"""The padding maths, against a brute-force account of which positions a window touches."""

import itertools

import pytest

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.geometry import conv_geometry

SIZES = [
    (size, taps, stride, dilation)
    for size, taps, stride, dilation in itertools.product(range(1, 12), range(1, 6), range(1, 5), range(1, 4))
]


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_windows_cover_the_input_as_defined(padding: str) -> None:
    for size, taps, stride, dilation in SIZES:
        reach = (taps - 1) * dilation + 1
        if padding == "VALID" and reach > size:
            with pytest.raises(ModelError):
                conv_geometry(size, taps, stride, dilation, padding)
            continue
        outputs, before, after = conv_geometry(size, taps, stride, dilation, padding)
        last = (outputs - 1) * stride - before + reach - 1
        if padding == "VALID":
            starts = [start for start in range(0, size, stride) if start + reach <= size]
            assert (outputs, before, after) == (len(starts), 0, 0)
        else:
            assert outputs == len(range(0, size, stride))
            assert after - before in (0, 1)
            assert last == size - 1 + after or (after == 0 and last < size)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((49, 10, 1, 1, "SAME"), (49, 4, 5)),
        ((10, 4, 1, 1, "SAME"), (10, 1, 2)),
        ((49, 3, 2, 1, "SAME"), (25, 1, 1)),
        ((10, 3, 2, 1, "SAME"), (5, 0, 1)),
        ((5, 1, 3, 1, "SAME"), (2, 0, 0)),
        ((8, 3, 1, 2, "VALID"), (4, 0, 0)),
    ],
)
def test_known_layers(arguments: tuple, expected: tuple) -> None:
    assert conv_geometry(*arguments) == expected


@pytest.mark.parametrize(
    "arguments",
    [
        (0, 1, 1, 1, "SAME"),
        (4, 0, 1, 1, "SAME"),
        (4, 1, 0, 1, "SAME"),
        (4, 1, -1, 1, "VALID"),
        (4, 1, 1, 0, "SAME"),
        (4, 3, 1, 2, "VALID"),
        (4, 1, 1, 1, "FULL"),
    ],
)
def test_impossible_windows_are_refused(arguments: tuple) -> None:
    with pytest.raises(ModelError):
        conv_geometry(*arguments)
