"""How a random graph gets the operators that only move data, or resize."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from random_graphs import ANY, Grow, Growth


def reshape(growth: Growth) -> Sequence[int]:
    source = growth.pick(ANY)
    rest = growth.tensor(source).elements
    sizes = []
    for _ in range(growth.integer(0, 3)):
        sizes.append(int(growth.rng.choice([size for size in range(1, rest + 1) if rest % size == 0])))
        rest //= sizes[-1]
    shape = [*sizes, rest]
    growth.rng.shuffle(shape)
    if growth.chance(0.3):
        shape[growth.integer(0, len(shape) - 1)] = -1
    if growth.chance(0.5):
        return growth.add("RESHAPE", [source], new_shape=tuple(int(size) for size in shape))
    return growth.add("RESHAPE", [source, growth.numbers(shape)])


def squeeze(growth: Growth) -> Sequence[int]:
    source = growth.pick(ANY, (2, 3, 4), lambda tensor: 1 in tensor.shape and tensor.elements > 1)
    ones = [axis for axis, size in enumerate(growth.tensor(source).shape) if size == 1]
    axes = () if growth.chance(0.4) else (int(growth.rng.choice(ones)),)
    return growth.add("SQUEEZE", [source], squeeze_dims=axes)


def expand_dims(growth: Growth) -> Sequence[int]:
    source = growth.pick(ANY, (1, 2, 3))
    rank = len(growth.tensor(source).shape)
    return growth.add("EXPAND_DIMS", [source, growth.numbers(growth.integer(-rank - 1, rank))])


def transpose(growth: Growth) -> Sequence[int]:
    source = growth.pick(ANY, (2, 3, 4))
    axes = growth.rng.permutation(len(growth.tensor(source).shape))
    return growth.add("TRANSPOSE", [source, growth.numbers(axes)])


def slice_(growth: Growth) -> Sequence[int]:
    source = growth.pick(ANY)
    begin = [growth.integer(0, size - 1) for size in growth.tensor(source).shape]
    sizes = [
        -1 if growth.chance(0.2) else growth.integer(1, size - start)
        for size, start in zip(growth.tensor(source).shape, begin, strict=True)
    ]
    return growth.add("SLICE", [source, growth.numbers(begin), growth.numbers(sizes)])


def strided_slice(growth: Growth) -> Sequence[int]:
    source = growth.pick(ANY)
    shape = growth.tensor(source).shape
    begin, end, strides = [], [], []
    for size in shape:
        step = growth.integer(1, 3) * (-1 if growth.chance(0.2) else 1)
        start, stop = sorted((growth.integer(0, size), growth.integer(0, size)))
        if step < 0:
            start, stop = stop, start
        begin.append(start - size if growth.chance(0.2) else start)
        end.append(stop - size if growth.chance(0.2) and stop < size else stop)
        strides.append(step)
    masks = {
        name: sum(1 << axis for axis in range(len(shape)) if growth.chance(probability))
        for name, probability in (("begin_mask", 0.4), ("end_mask", 0.6), ("shrink_axis_mask", 0.1))
    }
    operands = [growth.numbers(values) for values in (begin, end, strides)]
    return growth.add("STRIDED_SLICE", [source, *operands], **masks)


def concatenation(growth: Growth) -> Sequence[int]:
    first = growth.pick(ANY)
    shape = growth.tensor(first).shape
    axis = growth.integer(0, len(shape) - 1)
    inputs = [first]
    for _ in range(growth.integer(1, 3)):
        size = shape[axis] if growth.chance(0.5) else growth.integer(1, 5)
        inputs.append(growth.beside(first, (*shape[:axis], size, *shape[axis + 1 :]), alike=True))
    growth.rng.shuffle(inputs)
    return growth.add("CONCATENATION", inputs, axis=axis - len(shape) if growth.chance(0.3) else axis)


def pack(growth: Growth) -> Sequence[int]:
    first = growth.pick(ANY, (1, 2, 3))
    inputs = [first, *(growth.beside(first, alike=True) for _ in range(growth.integer(0, 2)))]
    rank = len(growth.tensor(first).shape)
    return growth.add("PACK", inputs, values_count=len(inputs), axis=growth.integer(-rank - 1, rank))


def unpack(growth: Growth) -> Sequence[int]:
    source = growth.pick(ANY, (2, 3, 4), lambda tensor: min(tensor.shape) <= 5)
    shape = growth.tensor(source).shape
    axis = int(growth.rng.choice([axis for axis, size in enumerate(shape) if size <= 5]))
    made = growth.builder.operator_with_outputs("UNPACK", [source], num=shape[axis], axis=axis)
    return made


def split(growth: Growth) -> Sequence[int]:
    source = growth.pick(ANY)
    shape = growth.tensor(source).shape
    axis = growth.integer(0, len(shape) - 1)
    count = int(growth.rng.choice([count for count in range(1, 5) if shape[axis] % count == 0]))
    axes = growth.numbers(axis - len(shape) if growth.chance(0.3) else axis)
    return growth.builder.operator_with_outputs(
        "SPLIT",
        [axes, source],
        num_splits=count,
        dtype=growth.tensor(source).dtype,
        quantization=growth.tensor(source).quantization,
    )


def split_v(growth: Growth) -> Sequence[int]:
    source = growth.pick(ANY)
    shape = growth.tensor(source).shape
    axis = growth.integer(0, len(shape) - 1)
    cuts = sorted({growth.integer(1, shape[axis]) for _ in range(2)} | {shape[axis]})
    sizes = np.diff([0, *cuts])
    if growth.chance(0.3):
        sizes[growth.integer(0, len(sizes) - 1)] = -1
    return growth.builder.operator_with_outputs(
        "SPLIT_V", [source, growth.numbers(sizes), growth.numbers(axis)], num_splits=len(sizes)
    )


def pad(kind: str) -> Grow:
    def grow(growth: Growth) -> Sequence[int]:
        source = growth.pick(ANY)
        tensor = growth.tensor(source)
        margins = [[growth.integer(0, 2) for _ in range(2)] for _ in tensor.shape]
        inputs = [source, growth.numbers(margins)]
        if kind == "PADV2":
            assert tensor.quantization is not None
            value = np.array(growth.integer(-128, 127), tensor.dtype.numpy)
            inputs.append(
                growth.builder.constant(value, tensor.quantization.scale, tensor.quantization.zero_point)
            )
        return growth.add(kind, inputs)

    return grow


def gather(growth: Growth) -> Sequence[int]:
    source = growth.pick(ANY)
    shape = growth.tensor(source).shape
    axis = growth.integer(0, len(shape) - 1)
    shape_of_indices = growth.shape(growth.integer(0, 4 - len(shape) if len(shape) < 4 else 1))
    indices = growth.numbers(growth.rng.integers(0, shape[axis], shape_of_indices))
    return growth.add("GATHER", [source, indices], axis=axis)


def space_to_batch(growth: Growth) -> Sequence[int]:
    source = growth.pick(ANY, (3, 4))
    block, margins = [], []
    for size in growth.tensor(source).shape[1:-1]:
        block.append(growth.integer(1, 3))
        before = growth.integer(0, 2)
        margins.append([before, -(size + before) % block[-1]])
    return growth.add("SPACE_TO_BATCH_ND", [source, growth.numbers(block), growth.numbers(margins)])


def batch_to_space(growth: Growth) -> Sequence[int]:
    source = growth.pick(ANY, (3, 4))
    shape = growth.tensor(source).shape
    rest, block, crops = shape[0], [], []
    for size in shape[1:-1]:
        block.append(int(growth.rng.choice([one for one in range(1, 4) if rest % one == 0])))
        rest //= block[-1]
        crops.append([growth.integer(0, 1), 0] if size * block[-1] > 1 else [0, 0])
    return growth.add("BATCH_TO_SPACE_ND", [source, growth.numbers(block), growth.numbers(crops)])


def resize(kind: str) -> Grow:
    def grow(growth: Growth) -> Sequence[int]:
        source = growth.pick(ANY, (4,))
        sizes = [growth.integer(1, 12), growth.integer(1, 12)]
        flags = growth.one_of(((False, False), (True, False), (False, True)))
        corners, half = flags  # type: ignore[misc]
        return growth.add(
            kind, [source, growth.numbers(sizes)], align_corners=corners, half_pixel_centers=half
        )

    return grow
