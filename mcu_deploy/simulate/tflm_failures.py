"""What TFLite Micro failed of in a firmware, in words; the counterpart of ``md_tflm.h``."""

from __future__ import annotations

from mcu_deploy.errors import SimulationError
from mcu_deploy.graph.text import one_line

_GUIDE = "docs/tflm.md"

# For each md_tflm_failure_t: what happened, and the way out.
_FAILURES = {
    1: ("the model is of schema version {status}", f"build a TFLite Micro that reads it; see {_GUIDE}"),
    2: ("an operator could not be registered", f"see {_GUIDE}"),
    3: (
        "AllocateTensors failed",
        "if the arena is too small, give more by --tflm-arena; --fit-arena then finds what is needed",
    ),
    4: ("tensor {status} has not the size that the model says", f"build a newer TFLite Micro; see {_GUIDE}"),
    5: ("an operator failed (status {status})", "the message is TFLite Micro's own"),
    6: (
        "the library tells nothing of single operators ({status} were seen)",
        "leave --layers out, or build the library without TF_LITE_STRIP_ERROR_STRINGS",
    ),
    7: (
        "the library called abort at {status:#x}",
        "find the line by arm-none-eabi-addr2line, or build the library with its error strings",
    ),
}


class TflmFailureError(SimulationError):
    """TFLite Micro stopped the firmware."""

    code = "tflm_failed"

    def __init__(self, kind: int, status: int, log: bytes) -> None:
        """Make the error.

        Args:
            kind: an ``md_tflm_failure_t``.
            status: what the firmware said with it.
            log: the last line that TFLite Micro printed; untrusted.
        """
        words, hint = _FAILURES.get(kind, (f"failure {kind}", f"see {_GUIDE}"))
        said = one_line(log.decode("ascii", errors="replace").strip())[:300]
        message = f"TFLite Micro stopped: {words.format(status=status)}"
        super().__init__(f"{message}: {said}" if said else message, hint)
