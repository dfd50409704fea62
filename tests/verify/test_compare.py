"""Equality of bits, and the place of the first difference."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mcu_deploy.verify.compare import first_difference

QUIET, OTHER_NAN = 0x7FC00000, 0x7FC00001


def _floats(*bits: int) -> npt.NDArray[np.float32]:
    return np.array(bits, np.uint32).view(np.float32)


def test_the_same_nan_is_equal_and_another_is_not() -> None:
    assert first_difference("s", "n", _floats(QUIET, 0), _floats(QUIET, 0)) is None
    difference = first_difference("s", "n", _floats(0, QUIET), _floats(0, OTHER_NAN))
    assert difference is not None
    assert (difference.index, difference.differing, difference.elements) == ((1,), 1, 2)
    assert (difference.expected_hex, difference.actual_hex) == ("0x7fc00000", "0x7fc00001")
    assert (difference.expected, difference.actual) == ("nan", "nan")


def test_minus_zero_is_not_zero() -> None:
    difference = first_difference("s", "n", _floats(0x80000000), _floats(0))
    assert difference is not None
    assert (difference.expected_hex, difference.actual_hex) == ("0x80000000", "0x00000000")
    assert (difference.expected, difference.actual) == ("-0.0", "0.0")


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.float64])
def test_every_width_shows_all_its_digits(dtype: type) -> None:
    difference = first_difference("s", "n", np.array([1], dtype), np.array([-2], dtype))
    assert difference is not None
    digits = 2 * np.dtype(dtype).itemsize
    assert len(difference.expected_hex) == len(difference.actual_hex) == digits + 2
    bits = int(np.array([-2], dtype).view(f"u{digits // 2}")[0])
    assert int(difference.actual_hex, 16) == bits


def test_views_in_any_memory_order_are_compared_by_index() -> None:
    expected = np.arange(24, dtype=np.int8).reshape(2, 3, 4)
    actual = np.asfortranarray(expected)
    assert first_difference("s", "n", expected, actual) is None
    actual = actual.copy(order="F")
    actual[1, 0, 2] = 99
    actual[1, 2, 0] = 99
    difference = first_difference("s", "n", expected[::1], actual)
    assert difference is not None
    assert (difference.index, difference.expected, difference.actual) == ((1, 0, 2), "14", "99")


def test_a_scalar_and_an_empty_array() -> None:
    assert first_difference("s", "n", np.zeros((0, 4), np.int8), np.zeros((0, 4), np.int8)) is None
    difference = first_difference("s", "n", np.array(1, np.int8), np.array(2, np.int8))
    assert difference is not None
    assert difference.index == ()


@pytest.mark.parametrize(
    "other", [np.zeros((3, 2), np.int8), np.zeros((2, 3), np.uint8), np.zeros(6, np.int8)]
)
def test_another_shape_or_type_is_a_mistake_of_the_caller(other: npt.NDArray[np.generic]) -> None:
    with pytest.raises(ValueError, match="s n"):
        first_difference("s", "n", np.zeros((2, 3), np.int8), other)


@given(arrays.arrays(np.uint32, arrays.array_shapes(max_dims=4, max_side=5)), st.data())
def test_one_changed_bit_anywhere_is_found_there(values: npt.NDArray[np.uint32], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, values.size - 1))
    bit = data.draw(st.integers(0, 31))
    changed = values.copy()
    changed.reshape(-1)[position] ^= np.uint32(1 << bit)
    expected, actual = values.view(np.float32), changed.view(np.float32)
    difference = first_difference("s", "n", expected, actual)
    assert difference is not None
    assert np.ravel_multi_index(difference.index, values.shape) == position
    assert int(difference.expected_hex, 16) ^ int(difference.actual_hex, 16) == 1 << bit
    assert difference.differing == 1
