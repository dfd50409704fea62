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
        """Values and what they should be, of one shape; NaN and infinity are an infinite error."""
        given = values.astype(np.float64)
        error = np.where(np.isfinite(given), given, np.inf) - exact
        self._largest = max(self._largest, float(np.abs(error).max(initial=0.0)))
        self._error_energy += float(np.sum(error * error))
        self._energy += float(np.sum(exact * exact))
        self._count += error.size

    @property
    def known(self) -> bool:
        """Whether anything was added."""
        return self._count > 0

    @property
    def max_error(self) -> float | None:
        """The largest absolute error; None where a value is not finite."""
        return self._largest if math.isfinite(self._largest) else None

    @property
    def snr_db(self) -> float | None:
        """The energy of the exact values over that of the errors; None where the ratio is not finite.

        Then all is exact, or the exact values are zeros, or a value is not finite: `max_error` tells which.
        """
        if not 0 < self._error_energy < math.inf or self._energy == 0:
            return None
        return 10 * math.log10(self._energy / self._error_energy)

    def entry(self) -> dict[str, Any] | None:
        """What a document says of it."""
        if not self.known:
            return None
        snr = self.snr_db
        return {"max_error": self.max_error, "snr_db": None if snr is None else round(snr, 2)}
