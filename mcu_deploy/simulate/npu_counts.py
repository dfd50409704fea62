"""What the NPU's functional model counted in a run.

The record is ``md_npu_counts_t`` of ``firmware_templates/npu/driver/md_npu.h``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

COUNTS = struct.Struct("<7Q")


@dataclass(frozen=True)
class NpuCounts:
    """All command streams of one inference. Of a real NPU there are none.

    Attributes:
        macs: products of convolutions and pools, without those of padding.
        operations: of the command streams, copies by DMA among them.
        dma_bytes: that those copied; they are in the following, too.
        stream_read, constants_read, arena_read, arena_written: bytes. Each element of a feature map counts
            once an operation, as if no block were read twice; weights and scales are as long as in memory.
    """

    macs: int
    operations: int
    dma_bytes: int
    stream_read: int
    constants_read: int
    arena_read: int
    arena_written: int
