"""How a random graph gets operators with windows, weights or state."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from random_graphs import ACTIVATIONS, ANY, INT8, INT16, Grow, Growth

from mcu_deploy.graph.builder import OutputQuantization


def _window(growth: Growth) -> dict[str, object]:
    return {
        "stride_h": growth.integer(1, 3),
        "stride_w": growth.integer(1, 3),
        "padding": growth.one_of(("SAME", "VALID")),
        "fused_activation_function": growth.one_of(ACTIVATIONS),
    }


def pool(kind: str) -> Grow:
    def grow(growth: Growth) -> Sequence[int]:
        source = growth.pick(ANY, (4,))
        sizes = {"filter_height": growth.integer(1, 4), "filter_width": growth.integer(1, 4)}
        return growth.add(kind, [source], **sizes, **_window(growth))

    return grow


def conv_2d(growth: Growth) -> Sequence[int]:
    source = growth.pick(ANY, (4,))
    options = _window(growth)
    stride = int(options.pop("stride_h")), int(options.pop("stride_w"))  # type: ignore[call-overload]
    options |= {"dilation_h_factor": growth.integer(1, 2), "dilation_w_factor": growth.integer(1, 2)}
    kernel = growth.integer(1, 4), growth.integer(1, 4)
    channels = growth.integer(1, 9)
    if growth.tensor(source).dtype is INT16:
        depth = growth.tensor(source).shape[3]
        shape = (channels, *kernel, depth)
        return _wide(growth, "CONV_2D", source, shape, 0, stride_h=stride[0], stride_w=stride[1], **options)
    made = growth.builder.conv_2d(
        source,
        channels,
        kernel,
        stride=stride,
        bias=growth.chance(0.8),
        per_channel=growth.chance(0.7),
        output=_spread(growth),
        **options,
    )
    return (made,)


def depthwise_conv_2d(growth: Growth) -> Sequence[int]:
    source = growth.pick(ANY, (4,))
    options = _window(growth)
    stride = int(options.pop("stride_h")), int(options.pop("stride_w"))  # type: ignore[call-overload]
    kernel, multiplier = (growth.integer(1, 4), growth.integer(1, 4)), growth.integer(1, 3)
    if growth.tensor(source).dtype is INT16:
        shape = (1, *kernel, growth.tensor(source).shape[3] * multiplier)
        options |= {"depth_multiplier": multiplier, "stride_h": stride[0], "stride_w": stride[1]}
        return _wide(growth, "DEPTHWISE_CONV_2D", source, shape, 3, **options)
    made = growth.builder.depthwise_conv_2d(
        source,
        multiplier,
        kernel,
        stride=stride,
        bias=growth.chance(0.8),
        per_channel=growth.chance(0.7),
        output=_spread(growth),
        **options,
    )
    return (made,)


def fully_connected(growth: Growth) -> Sequence[int]:
    source = growth.pick(ANY)
    keep = growth.chance(0.3)
    options = {"keep_num_dims": keep, "fused_activation_function": growth.one_of(ACTIVATIONS)}
    units, shape = growth.integer(1, 9), growth.tensor(source).shape
    if growth.tensor(source).dtype is INT16:
        depth = shape[-1] if keep else prod(shape[1:])
        return _wide(growth, "FULLY_CONNECTED", source, (units, depth), 0, **options)
    made = growth.builder.fully_connected(
        source,
        units,
        bias=growth.chance(0.8),
        per_channel=growth.chance(0.4),
        output=_spread(growth),
        **options,
    )
    return (made,)


def _spread(growth: Growth) -> OutputQuantization:
    return OutputQuantization(growth.scale(), growth.zero_point())


def _wide(
    growth: Growth, kind: str, source: int, shape: tuple[int, ...], axis: int, **options: object
) -> Sequence[int]:
    """int16 activations, int8 weights, int64 or int32 biases, with outputs that use their range."""
    given = growth.tensor(source).quantization
    assert given is not None
    fan_in = prod(shape) // shape[axis]
    scale = growth.scale() / 100
    spread = 73.0 * 19000 * np.sqrt(fan_in)
    count = shape[axis] if growth.chance(0.7) else 1
    scales = 10000 / spread * scale / float(given.scale[0]) * growth.rng.uniform(0.3, 1.7, count)
    weights = growth.builder.constant(
        growth.rng.integers(-127, 128, shape, dtype=np.int8), scales, axis=axis if count > 1 else 0
    )
    inputs = [source, weights]
    if growth.chance(0.8):
        reach = int(min(spread, 2**30))
        values = growth.rng.integers(-reach, reach + 1, shape[axis])
        kept = values.astype(np.int64 if growth.chance(0.7) else np.int32)
        inputs.append(growth.builder.constant(kept, given.scale[0] * scales.astype(np.float32)))
    return growth.add(kind, inputs, scale=scale, zero_point=0, **options)


def transpose_conv(growth: Growth) -> Sequence[int]:
    source = growth.pick(ANY, (4,))
    tensor = growth.tensor(source)
    options = _window(growth)
    options["fused_activation_function"] = "NONE"
    kernel, channels = (growth.integer(1, 4), growth.integer(1, 4)), growth.integer(1, 6)
    sizes = []
    for size, reach, name in zip(tensor.shape[1:3], kernel, ("stride_h", "stride_w"), strict=True):
        stride = int(options[name])  # type: ignore[call-overload]
        sizes.append(size * stride if options["padding"] == "SAME" else (size - 1) * stride + reach)
    shape = (tensor.shape[0], *sizes, channels)
    assert tensor.quantization is not None
    wide = tensor.dtype is INT16
    scale = growth.scale() / (100 if wide else 1)
    spread = np.sqrt(prod(kernel) * tensor.shape[3]) * 73.0 * (19000 if wide else 100)
    scales = (10000 if wide else 48) / spread * scale / float(tensor.quantization.scale[0])
    scales = scales * growth.rng.uniform(0.3, 1.7, channels)
    weights = growth.rng.integers(-127, 128, (channels, *kernel, tensor.shape[3]), dtype=np.int8)
    inputs = [growth.numbers(shape), growth.builder.constant(weights, scales), source]
    if growth.chance(0.7):
        reach = int(min(spread, 2**30))
        values = growth.rng.integers(-reach, reach + 1, channels).astype(np.int64 if wide else np.int32)
        inputs.append(
            growth.builder.constant(values, tensor.quantization.scale[0] * scales.astype(np.float32))
        )
    return growth.add(
        "TRANSPOSE_CONV",
        inputs,
        shape=shape,
        dtype=tensor.dtype,
        scale=scale,
        zero_point=growth.zero_point(tensor.dtype),
        **options,
    )


def svdf(growth: Growth) -> Sequence[int]:
    source = growth.pick((INT8,), (2,))
    tensor = growth.tensor(source)
    assert tensor.quantization is not None
    batches, inputs = tensor.shape
    units, rank, memory = growth.integer(1, 5), growth.integer(1, 2), growth.integer(2, 6)
    state = INT16 if growth.chance(0.6) else INT8
    reach = 30000.0 if state is INT16 else 100.0
    filters, state_scale = units * rank, growth.scale() / (100 if state is INT16 else 1)
    feature_scale = (
        state_scale / float(tensor.quantization.scale[0]) * reach / 3 / (73 * 73 * np.sqrt(inputs))
    )
    scale = growth.scale()
    time_scale = scale / state_scale * 48 / (reach / 2 * reach / 3 * np.sqrt(memory * rank))
    features = growth.rng.integers(-127, 128, (filters, inputs), dtype=np.int8)
    times = growth.rng.integers(-reach, reach, (filters, memory)).astype(state.numpy)
    operands = [
        source,
        growth.builder.constant(features, feature_scale),
        growth.builder.constant(times, time_scale),
    ]
    spread = int(np.clip(20 * scale / (state_scale * time_scale), 1, 2**30))
    bias = growth.rng.integers(-spread, spread, units, dtype=np.int32)
    operands.append(growth.builder.constant(bias, state_scale * time_scale))
    zero = growth.zero_point() if state is INT8 else 0
    operands.append(growth.builder.variable((batches, filters * memory), state_scale, zero, dtype=state))
    return growth.add(
        "SVDF",
        operands,
        scale=scale,
        zero_point=growth.zero_point(),
        rank=rank,
        fused_activation_function=growth.one_of(("NONE", "RELU")),
    )


def lstm(growth: Growth) -> Sequence[int]:
    """Both states in the range that the gates give them; the output is the hidden state."""
    source = growth.pick(ANY, (3,))
    tensor = growth.tensor(source)
    assert tensor.quantization is not None
    wide, major = tensor.dtype is INT16, growth.chance(0.3)
    depth, cells = tensor.shape[2], growth.integer(1, 6)
    input_scale = float(tensor.quantization.scale[0])
    hidden_scale, zero = 2.0 ** (-15 if wide else -7), growth.zero_point(tensor.dtype)

    def weights(size: int, reach: float) -> int:
        values = growth.rng.integers(-127, 128, (cells, size), dtype=np.int8)
        spread = 73 * reach * np.sqrt(size)
        return growth.builder.constant(values, growth.rng.uniform(0.5, 2) / spread)

    reach = input_scale * (19000 if wide else 73)
    of_input = [weights(depth, reach) for _ in range(4)]
    of_hidden = [weights(cells, 1.0) for _ in range(4)]
    biases = []
    for index in of_input:
        quantization = growth.tensor(index).quantization
        assert quantization is not None
        scale = input_scale * float(quantization.scale[0])
        values = np.clip(np.round(growth.rng.normal(0, 1, cells) / scale), -(2**28), 2**28)
        biases.append(growth.builder.constant(values.astype(np.int64 if wide else np.int32), scale))
    state = (tensor.shape[1 if major else 0], cells)
    hidden = growth.builder.variable(state, hidden_scale, zero, dtype=tensor.dtype)
    cell = growth.builder.variable(state, 2.0 ** -growth.integer(9, 13), dtype=INT16)
    inputs = [source, *of_input, *of_hidden, -1, -1, -1, *biases, -1, -1, hidden, cell, -1, -1, -1, -1]
    return growth.add(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        inputs,
        scale=hidden_scale,
        zero_point=zero,
        fused_activation_function="TANH",
        cell_clip=float(growth.rng.choice([0.0, 0.0, 2.0])),
        time_major=major,
    )
