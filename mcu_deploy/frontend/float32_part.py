"""The C code of a frame in float32: its sources and constants."""

from __future__ import annotations

from mcu_deploy.frontend.cmsis_helium import (
    HEADERS,
    INSTANCE_BYTES,
    TABLE_SOURCES,
    library_table_bytes,
)
from mcu_deploy.frontend.helium_tables import helium_tables
from mcu_deploy.frontend.parts import FramePart, Table
from mcu_deploy.frontend.spec import FrontendSpec
from mcu_deploy.frontend.tables import FrontendTables, make_tables

_HEADERS = ("md_frame.h", "md_stages_f32.h", "md_stages_helium_f32.h")
_SOURCES = ("md_frame_f32.c", "md_stages_scalar_f32.c")
_HELIUM_SOURCES = ("md_stages_helium_f32.c", "md_rfft_helium_f32.c")

_CMSIS_SOURCES = (
    "Source/BasicMathFunctions/arm_dot_prod_f32.c",
    "Source/ComplexMathFunctions/arm_cmplx_mag_f32.c",
    "Source/ComplexMathFunctions/arm_cmplx_mag_squared_f32.c",
    "Source/MatrixFunctions/arm_mat_vec_mult_f32.c",
    "Source/TransformFunctions/arm_bitreversal2.c",
    "Source/TransformFunctions/arm_cfft_f32.c",
    "Source/TransformFunctions/arm_cfft_radix8_f32.c",
    "Source/TransformFunctions/arm_rfft_fast_f32.c",
)

# What CMSIS-DSP needs to use Helium: its init functions, which choose tables by the core.
_CMSIS_HELIUM_SOURCES = (
    "Source/BasicMathFunctions/arm_scale_f32.c",
    *TABLE_SOURCES,
    "Source/FastMathFunctions/arm_vlog_f32.c",
    "Source/TransformFunctions/arm_cfft_init_f32.c",
    "Source/TransformFunctions/arm_rfft_fast_init_f32.c",
)


def float32_part(spec: FrontendSpec) -> FramePart:
    """Window, FFT, mel filters, logarithm and DCT on CMSIS-DSP's functions."""
    tables = make_tables(spec)
    if spec.arithmetic == "cmsis-helium":
        return FramePart(
            headers=_HEADERS,
            sources=(*_SOURCES, "md_stages_cmsis_f32.c"),
            cmsis_sources=(*_CMSIS_SOURCES, *_CMSIS_HELIUM_SOURCES),
            cmsis_headers=HEADERS,
            tables=[table for table in _scalar_tables(tables) if table.name not in _FFT_TABLES],
            sizes={"BUFFER": spec.fft_size},
            ram_bytes=2 * 4 * spec.fft_size + INSTANCE_BYTES["float32"],
            library_table_bytes=library_table_bytes(spec),
            definitions=(f"MD_FRONTEND_RFFT_INIT=arm_rfft_fast_init_{spec.fft_size}_f32",),
        )
    exact = spec.arithmetic == "exact"
    return FramePart(
        headers=_HEADERS,
        sources=(*_SOURCES, *(_HELIUM_SOURCES if exact else ())),
        cmsis_sources=_CMSIS_SOURCES,
        tables=(*_scalar_tables(tables), *(helium_tables(spec, tables) if exact else ())),
        sizes={"BUFFER": spec.fft_size, "BIT_REVERSAL_LENGTH": tables.fft.bit_reversal.size},
        ram_bytes=2 * 4 * spec.fft_size,
        definitions=("ARM_MATH_AUTOVECTORIZE",),  # CMSIS-DSP's scalar code on Helium targets too
    )


_FFT_TABLES = ("cfft_twiddle", "rfft_twiddle", "bit_reversal")


def _scalar_tables(tables: FrontendTables) -> tuple[Table, ...]:
    listed = (
        Table("window", tables.window, "Over 32768 where it scales samples to fractions of full scale."),
        Table(
            "cfft_twiddle",
            tables.fft.cfft_twiddle,
            "cos, sin of 2 pi k / (N / 2), interleaved: for the complex FFT.",
        ),
        Table(
            "rfft_twiddle",
            tables.fft.rfft_twiddle,
            "sin, cos of 2 pi k / N, interleaved: for the split into a real FFT.",
        ),
        Table("bit_reversal", tables.fft.bit_reversal, "Pairs of byte offsets of complex values to swap."),
        Table("mel_first", tables.mel.first, "The first bin that filter i weighs."),
        Table("mel_length", tables.mel.length, "How many bins it weighs."),
        Table("mel_weights", tables.mel.weights, "The filters' weights, one after another."),
        Table("dct", tables.dct, "Row by row."),
    )
    return tuple(table for table in listed if table.values.size)
