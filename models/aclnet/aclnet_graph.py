"""The graph of AclNet as a list of layers: the published shapes, batch normalisation folded.

Shapes are (channels, height, width), as in the published ONNX file.
"""

from __future__ import annotations

from dataclasses import dataclass

SAMPLES = 16000
CLASSES = 53
STAGES = ((64, 128), (128, 256), (256, 512), (512, 1024))

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Conv:
    """A convolution with bias.

    Attributes:
        name: of the layer, and the stem of its weights' names.
        inputs, outputs: channels.
        kernel, stride, pad: height and width; as many zeros are added before as behind.
        depthwise: one filter for each channel.
        relu: whether a ReLU follows.
    """

    name: str
    inputs: int
    outputs: int
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)
    depthwise: bool = False
    relu: bool = True

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """(outputs, inputs of a filter, height, width)."""
        return (self.outputs, 1 if self.depthwise else self.inputs, *self.kernel)


@dataclass(frozen=True)
class MaxPool:
    """The largest value of each window; windows do not overlap, an incomplete one is left out."""

    size: tuple[int, int]


@dataclass(frozen=True)
class SwapChannelsAndHeight:
    """From the channels of the first layers to the rows of an image with one channel."""


@dataclass(frozen=True)
class MeanRelu:
    """Each channel's mean over height and width, then a ReLU."""


@dataclass(frozen=True)
class Dense:
    """A fully connected layer with bias."""

    name: str
    inputs: int
    outputs: int

    @property
    def weight_shape(self) -> tuple[int, int]:
        """(outputs, inputs)."""
        return self.outputs, self.inputs


Layer = Conv | MaxPool | SwapChannelsAndHeight | MeanRelu | Dense


def _separable(stage: int, pair: int, inputs: int, outputs: int) -> list[Layer]:
    """A depthwise convolution, and one of 1x1 that is padded all the same: the image grows by two."""
    name = f"stage{stage}_{pair}"
    return [
        Conv(f"{name}_depthwise", inputs, inputs, (3, 3), pad=(1, 1), depthwise=True),
        Conv(f"{name}_pointwise", inputs, outputs, pad=(1, 1)),
    ]


def _layers() -> list[Layer]:
    layers: list[Layer] = [
        Conv("samples1", 1, 64, (1, 33), (1, 16), (0, 16)),
        Conv("samples2", 64, 128, (1, 5), (1, 2), (0, 2)),
        MaxPool((1, 5)),
        SwapChannelsAndHeight(),
        Conv("image1", 1, 1, (3, 3), pad=(1, 1)),
        Conv("image2", 1, 64, pad=(1, 1)),
        MaxPool((2, 2)),
    ]
    for number, (inputs, outputs) in enumerate(STAGES, start=1):
        layers += _separable(number, 1, inputs, outputs) + _separable(number, 2, outputs, outputs)
        layers.append(MaxPool((2, 2)))
    layers += [Conv("last", 1024, 512, relu=False), MeanRelu(), Dense("classes", 512, CLASSES)]
    return layers


LAYERS = tuple(_layers())
INPUT_SHAPE: Shape = (1, 1, SAMPLES)


def output_shape(layer: Layer, shape: Shape) -> Shape:
    """What a layer makes of an input of ``shape``; vectors are (channels, 1, 1)."""
    channels, height, width = shape
    if isinstance(layer, Conv):
        sizes = [
            (size + 2 * pad - kernel) // stride + 1
            for size, pad, kernel, stride in zip(
                (height, width), layer.pad, layer.kernel, layer.stride, strict=True
            )
        ]
        return layer.outputs, sizes[0], sizes[1]
    if isinstance(layer, MaxPool):
        return channels, height // layer.size[0], width // layer.size[1]
    if isinstance(layer, SwapChannelsAndHeight):
        return height, channels, width
    if isinstance(layer, MeanRelu):
        return channels, 1, 1
    return layer.outputs, 1, 1


def parameters() -> int:
    """The number of weights and biases."""
    count = 0
    for layer in LAYERS:
        if isinstance(layer, Conv | Dense):
            weights = 1
            for size in layer.weight_shape:
                weights *= size
            count += weights + layer.outputs
    return count
