"""Windows that slide over height and width."""

from __future__ import annotations

from dataclasses import dataclass

from mcu_deploy.graph.geometry import conv_geometry, explicit_padding
from mcu_deploy.graph.ir import Graph, Operator
from mcu_deploy.plan.operators.types import integer


@dataclass(frozen=True)
class Window:
    """A window over height and width; pairs are (height, width). See ``md_window.h``."""

    input: tuple[int, int]
    output: tuple[int, int]
    filter: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pad: tuple[int, int]
    pad_after: tuple[int, int]

    @property
    def padded(self) -> bool:
        """Whether any window reaches outside of the input."""
        return any(self.pad) or any(self.pad_after)

    @property
    def taps(self) -> int:
        """Positions of the filter."""
        return self.filter[0] * self.filter[1]

    def parameters(self) -> dict[str, int | str]:
        """The fields of an ``md_window_t`` member named ``window``."""
        pairs = {
            "input": self.input,
            "output": self.output,
            "filter": self.filter,
            "stride": self.stride,
            "dilation": self.dilation,
            "pad": self.pad,
        }
        return {
            f"window.{name}_{side}": pair[i]
            for name, pair in pairs.items()
            for i, side in enumerate(("height", "width"))
        }


def window(graph: Graph, operator: Operator, filter_size: tuple[int, int]) -> Window:
    """The window of a convolution or pooling operator over its first input."""
    _, height, width, _ = graph.tensors[operator.inputs[0]].shape
    return window_over(operator, (height, width), filter_size)


def window_over(operator: Operator, size: tuple[int, int], filter_size: tuple[int, int]) -> Window:
    """The window that an operator's options say, over a height and width."""
    stride = (integer(operator, "stride_h"), integer(operator, "stride_w"))
    dilation = (
        integer(operator, "dilation_h_factor", 1),
        integer(operator, "dilation_w_factor", 1),
    )
    padding = str(operator.options["padding"])
    around = [explicit_padding(operator.options, axis) for axis in (0, 1)]
    rows, columns = (
        conv_geometry(
            size[axis] + sum(around[axis]), filter_size[axis], stride[axis], dilation[axis], padding
        )
        for axis in (0, 1)
    )
    return Window(
        size,
        (rows[0], columns[0]),
        filter_size,
        stride,
        dilation,
        (around[0][0] + rows[1], around[1][0] + columns[1]),
        (around[0][1] + rows[2], around[1][1] + columns[2]),
    )


def convolution_window(graph: Graph, operator: Operator) -> Window:
    """The window of a CONV_2D or DEPTHWISE_CONV_2D."""
    shape = graph.tensors[operator.inputs[1]].shape
    return window(graph, operator, (shape[1], shape[2]))
