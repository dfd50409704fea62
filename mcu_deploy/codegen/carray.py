"""NumPy arrays as C initialisers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Elements a line: round numbers that keep lines of any values under 100 characters.
_PER_LINE = {"int8": 20, "uint8": 20, "int16": 12, "uint16": 12, "int32": 8, "int64": 4}


def c_type(values: npt.NDArray[np.generic]) -> str:
    """The C type of an element, for example ``int8_t``."""
    return f"{values.dtype.name}_t"


def c_initializer(values: npt.NDArray[np.generic]) -> str:
    """The elements of a 1-D integer array in decimal, comma-separated, in lines of fixed length."""
    per_line = _PER_LINE[values.dtype.name]
    numbers = list(map(str, values.tolist()))
    lines = (", ".join(numbers[start : start + per_line]) for start in range(0, len(numbers), per_line))
    return "    " + ",\n    ".join(lines) + ","
