"""What the firmware reports when the NPU, or its functional model, does not do what it should.

The record is ``md_npu_failure_t`` of ``firmware_templates/npu/driver/md_npu.h``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from mcu_deploy.errors import SimulationError

FAILURE = struct.Struct("<16I")

_ABSENT, _RESET, _STREAM, _CONFIG, _TIMEOUT, _RUN = range(1, 7)

# Bits of STATUS that say why the NPU stopped.
_STATUS = {
    2: "a bus error",
    4: "a command that it cannot parse",
    7: "weights that it cannot decode",
    8: "an ECC fault",
    9: "a branch fault",
}
_CHANNELS = (
    "commands",
    "feature maps read",
    "weights",
    "scales and biases",
    "memory to memory",
    "",
    "",
    "",
    "feature maps written",
    "memory to memory written",
)
# md_npu_error_t of the functional model.
_MODEL_ERRORS = {
    1: "there is no NPU of such MACs a cycle",
    2: "the stream is not in readable memory, or ends early",
    3: "there is no such command",
    4: "a command or setting that is not modelled",
    5: "an access outside of stream, constants and arena",
    6: "a write to stream or constants",
    7: "weights that cannot be decoded",
    8: "sizes that contradict each other",
    9: "its workspace is too small",
    10: "more work than any honest stream asks of the functional model",
}


@dataclass(frozen=True)
class NpuFailure:
    """The words of an ``md_npu_failure_t``."""

    kind: int
    step: int
    detail: int
    id: int
    config: int
    stream_id: int
    stream_config: int
    status: int
    queue_read: int
    modelled: int
    model_error: int
    model_offset: int
    model_command: int
    model_setting: int
    model_value: int
    model_value_high: int

    def describe(self) -> str:
        """What happened, one line."""
        step = f"in step {self.step}"
        if self.kind == _ABSENT:
            return "no NPU answers, and its functional model is not in the firmware"
        if self.kind == _RESET:
            return f"the NPU's reset did not end (STATUS {self.status:#010x})"
        if self.kind == _STREAM:
            return f"the command stream of step {self.step} is damaged at byte {self.detail}"
        if self.kind == _CONFIG:
            return (
                f"the command stream of step {self.step} was compiled for "
                f"{configuration_text(self.stream_id, self.stream_config)}, but the NPU is "
                f"{configuration_text(self.id, self.config)}"
            )
        if self.kind == _TIMEOUT:
            return f"the NPU did not end {step} (STATUS {self.status:#010x}, QREAD {self.queue_read})"
        if self.kind == _RUN:
            return f"the NPU stopped {step} at byte {self._position()} of its commands: {self._reason()}"
        return f"the NPU's driver failed for the unknown reason {self.kind}"

    @property
    def hint(self) -> str:
        """The way out."""
        if self.kind == _ABSENT:
            return "generate the project with --npu-model auto, or run it where there is an NPU"
        if self.kind == _CONFIG:
            return f"generate the project with --npu {_name(self.config)}, or run it on the other NPU"
        return "choose another --npu-optimise or --npu-memory-mode, or deploy for the CPU: --npu none"

    def _position(self) -> int:
        return self.model_offset if self.modelled else self.queue_read

    def _reason(self) -> str:
        """By the model's own words where it was the model, else by the bits of STATUS."""
        if self.modelled and self.model_error:
            value = self.model_value_high << 32 | self.model_value
            error = _MODEL_ERRORS.get(self.model_error, f"error {self.model_error}")
            return (
                f"{error} (functional model; command {self.model_command & 0xFFFF:#06x}, "
                f"setting {self.model_setting:#06x}, value {value:#x})"
            )
        return status_text(self.status)


def status_text(status: int) -> str:
    """The error bits of the register STATUS in words."""
    found = [text for bit, text in _STATUS.items() if status >> bit & 1]
    if status >> 2 & 1:
        channel = status >> 12 & 15
        name = _CHANNELS[channel] if channel < len(_CHANNELS) else ""
        found[0] += f" on port {status >> 11 & 1}, channel {channel}{f' ({name})' if name else ''}"
    if not found:
        found = ["its commands ended without a stop" if not status >> 5 & 1 else "no reason given"]
    return f"{', '.join(found)} (STATUS {status:#010x})"


def configuration_text(id_: int, config: int) -> str:
    """What the registers ID and CONFIG say of an NPU, as Vela calls it."""
    text = _name(config)
    if config >> 28 < 2:
        text += f" with {config >> 8 & 0xFF} KiB of shared RAM"
    version = f"architecture {id_ >> 28}.{id_ >> 20 & 0xFF}.{id_ >> 16 & 15}"
    return f"{text} ({version}, command stream version {config >> 4 & 15})"


def _name(config: int) -> str:
    product = {0: "ethos-u55", 1: "ethos-u65", 2: "ethos-u85"}.get(config >> 28, f"product {config >> 28}")
    return f"{product}-{1 << (config & 15)}"


class NpuFailureError(SimulationError):
    """The firmware reported that the NPU failed."""

    def __init__(self, failure: NpuFailure) -> None:
        """Make the error of what was reported."""
        super().__init__(failure.describe(), failure.hint)
        self.failure = failure
