"""Equality of bits, and where it first fails."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


@dataclass(frozen=True)
class Difference:
    """The first element in which target and reference differ.

    Attributes:
        stage: for example ``frontend.mel``, ``model.tensor``, ``model.output``.
        name: of the tensor or front-end stage.
        index: position in the tensor; for a front-end stage the frame comes first.
        expected, actual: the values, as text.
        expected_hex, actual_hex: their bits.
        differing, elements: how many elements of this tensor differ, and of how many.
    """

    stage: str
    name: str
    index: tuple[int, ...]
    expected: str
    actual: str
    expected_hex: str
    actual_hex: str
    differing: int
    elements: int


def first_difference(
    stage: str, name: str, expected: npt.NDArray[np.generic], actual: npt.NDArray[np.generic]
) -> Difference | None:
    """None where every bit is equal (NaN equals the same NaN; -0.0 does not equal 0.0).

    Args:
        stage: what kind of vector it is.
        name: which one.
        expected: the reference, any shape.
        actual: from the target, the same shape and dtype.

    Raises:
        ValueError: shape or dtype differ: the caller must have checked the sizes.
    """
    if expected.shape != actual.shape or expected.dtype != actual.dtype:
        raise ValueError(f"{stage} {name}: {expected.dtype}{expected.shape} {actual.dtype}{actual.shape}")
    unsigned = _UNSIGNED[expected.dtype.itemsize]
    want = np.ascontiguousarray(expected).reshape(-1).view(unsigned)
    have = np.ascontiguousarray(actual).reshape(-1).view(unsigned)
    unequal = want != have
    if not unequal.any():
        return None
    first = int(np.argmax(unequal))
    digits = 2 * expected.dtype.itemsize
    return Difference(
        stage=stage,
        name=name,
        index=tuple(int(i) for i in np.unravel_index(first, expected.shape)),
        expected=str(expected.reshape(-1)[first]),
        actual=str(actual.reshape(-1)[first]),
        expected_hex=f"0x{int(want[first]):0{digits}x}",
        actual_hex=f"0x{int(have[first]):0{digits}x}",
        differing=int(unequal.sum()),
        elements=expected.size,
    )
