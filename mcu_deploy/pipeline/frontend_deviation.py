"""How far features are from what they should be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt


class Deviation:
    """How far values are from those in float64, over everything that was added."""

    def __init__(self) -> None:
        self._largest = 0.0
        self._error_energy = 0.0
        self._energy = 0.0
        self._count = 0

    def add(self, values: npt.NDArray[np.generic], exact: npt.NDArray[np.float64]) -> None:
        """Values and what they should be, of one shape."""
        error = values.astype(np.float64) - exact
        self._largest = max(self._largest, float(np.abs(error).max(initial=0.0)))
        self._error_energy += float(np.sum(error * error))
        self._energy += float(np.sum(exact * exact))
        self._count += error.size

    @property
    def known(self) -> bool:
        """Whether anything was added."""
        return self._count > 0

    @property
    def max_error(self) -> float:
        """The largest absolute error."""
        return self._largest

    @property
    def snr_db(self) -> float | None:
        """The energy of the exact values over that of the errors; None where there is no error."""
        if self._error_energy == 0:
            return None
        return 10 * math.log10(self._energy / self._error_energy) if self._energy else -math.inf

    def entry(self) -> dict[str, Any] | None:
        """What a document says of it."""
        if not self.known:
            return None
        snr = self.snr_db
        return {"max_error": self._largest, "snr_db": None if snr is None else round(snr, 2)}
