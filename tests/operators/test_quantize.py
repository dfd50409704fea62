"""QUANTIZE and DEQUANTIZE, between integers and from and to float32. Seed 63."""

from __future__ import annotations

from harness import Build, Case, Suite, parametrize

from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.graph.ir import DataType

SHAPE = (2, 10, 50)
FLOAT, S8, S16, S32 = DataType.FLOAT32, DataType.INT8, DataType.INT16, DataType.INT32
RATIOS = ((0.1, 0.1), (0.1, 0.07), (0.25, 0.1), (0.02, 5.3), (3.0, 0.01), (1e-8, 100.0))
ZEROS = {S8: (-128, 0, 127, 13), S16: (0, 3, -32768, 5000), S32: (0, 1, 7, -100000)}


def quantize(
    types: tuple[DataType, DataType],
    source: tuple[float, int],
    result: tuple[float, int],
    shape: tuple[int, ...] = SHAPE,
) -> Build:
    def build(builder: GraphBuilder) -> int:
        values = builder.input(shape, *source, dtype=types[0])
        return builder.operator("QUANTIZE", [values], dtype=types[1], scale=result[0], zero_point=result[1])

    return build


def dequantize(dtype: DataType, scale: float, zero_point: int) -> Build:
    def build(builder: GraphBuilder) -> int:
        values = builder.input(SHAPE, scale, zero_point, dtype=dtype)
        return builder.operator_with_outputs("DEQUANTIZE", [values], dtype=FLOAT)

    return build


def between_integers(first: DataType, second: DataType) -> list[Case]:
    return [
        Case(
            f"QUANTIZE {first.value} {source} {zero} to {second.value} {result} {output_zero}",
            quantize((first, second), (source, zero), (result, output_zero)),
        )
        for source, result in RATIOS
        for zero, output_zero in zip(ZEROS[first], reversed(ZEROS[second]), strict=True)
    ]


SUITE = Suite(
    (
        *between_integers(S8, S8),
        *between_integers(S8, S16),
        *between_integers(S8, S32),
        *between_integers(S16, S8),
        *between_integers(S16, S16),
        *between_integers(S16, S32),
        *between_integers(S32, S8),
        *between_integers(S32, S16),
        # The inputs have values up to 10^6: with these scales they reach far beyond the output.
        *(
            Case(f"QUANTIZE to {dtype.value} {scale} {zero}", quantize((FLOAT, dtype), (1, 0), (scale, zero)))
            for dtype in (S8, S16)
            for scale in (0.0005, 0.1, 1 / 3, 1.0, 9e4)
            for zero in ZEROS[dtype]
        ),
        *(
            Case(f"DEQUANTIZE {dtype.value} {scale} {zero}", dequantize(dtype, scale, zero))
            for dtype in (S8, S16)
            for scale in (1e-40, 1e-9, 0.1, 1 / 3, 2e5, 1e36)
            for zero in ZEROS[dtype]
        ),
        Case(
            "QUANTIZE of a scalar",
            quantize((FLOAT, S8), (1, 0), (0.1, 3), ()),
            not_on={"npu": "Vela gives a scalar input of the model no place in memory"},
        ),
        Case("QUANTIZE of six dimensions", quantize((FLOAT, S16), (1, 0), (0.1, 0), (1, 2, 1, 3, 1, 2))),
    ),
    seed=63,
)


@parametrize(SUITE)
def test_conversion(case: str, target: str) -> None:
    SUITE.check(case, target)
