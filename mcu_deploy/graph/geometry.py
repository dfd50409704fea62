"""TFLite's SAME and VALID padding: how many outputs a sliding window makes, and where the first one lies.

The same mathematics serves CONV_2D, DEPTHWISE_CONV_2D, AVERAGE_POOL_2D and MAX_POOL_2D, once a spatial axis.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.ir import OptionValue

PADDINGS = ("SAME", "VALID")

# An option that is not of the schema: padding that another operator put around the input of a VALID
# convolution: (top, bottom, left, right).
EXPLICIT_PADDING = "explicit_padding"


def explicit_padding(options: Mapping[str, OptionValue], axis: int) -> tuple[int, int]:
    """The padding before and after that the option states; axis 0 is the height, 1 the width."""
    sides = options.get(EXPLICIT_PADDING, (0, 0, 0, 0))
    assert isinstance(sides, tuple)
    return sides[2 * axis], sides[2 * axis + 1]


def effective_filter_size(filter_size: int, dilation: int) -> int:
    """The number of input positions that a dilated filter spans: ``(filter_size - 1) * dilation + 1``."""
    return (filter_size - 1) * dilation + 1


def output_size(input_size: int, filter_size: int, stride: int, dilation: int, padding: str) -> int:
    """The number of outputs along one axis, not checked: zero or less means that nothing fits.

    SAME gives ``ceil(input / stride)``, VALID ``ceil((input - effective_filter + 1) / stride)``.
    """
    if padding == "SAME":
        return -(-input_size // stride)
    return -(-(input_size - effective_filter_size(filter_size, dilation) + 1) // stride)


def conv_geometry(
    input_size: int, filter_size: int, stride: int, dilation: int, padding: str
) -> tuple[int, int, int]:
    """How a sliding window covers one axis.

    Args:
        input_size: positions of the input, at least 1.
        filter_size: taps of the filter or pooling window, at least 1.
        stride: positions between windows, at least 1.
        dilation: positions between taps, at least 1 (1 for pooling).
        padding: ``SAME`` or ``VALID``, the schema's names.

    Returns:
        ``(output_size, pad_before, pad_after)``. The paddings are what the windows reach beyond the
        input: ``max(0, (output_size - 1) * stride + effective_filter - input_size)`` in all, the odd one
        after. With VALID both are 0.

    Raises:
        ModelError: an argument is out of range, or no window fits into the input.
    """
    for what, value in (("input", input_size), ("filter", filter_size)):
        if value < 1:
            raise ModelError(f"the {what} has a size of {value}, where at least 1 is needed")
    for what, value in (("stride", stride), ("dilation", dilation)):
        if value < 1:
            raise ModelError(f"a {what} of {value}, where at least 1 is needed")
    if padding not in PADDINGS:
        raise ModelError(f"unknown padding {padding!r}, where SAME or VALID is needed")
    outputs = output_size(input_size, filter_size, stride, dilation, padding)
    if outputs < 1:
        span = effective_filter_size(filter_size, dilation)
        raise ModelError(f"the filter spans {span} positions, but the input has only {input_size}")
    reach = (outputs - 1) * stride + effective_filter_size(filter_size, dilation)
    total = max(0, reach - input_size)
    return outputs, total // 2, total - total // 2
