"""The front end's C sources for a project: ours, the generated constants, and the part of CMSIS-DSP used."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from mcu_deploy.codegen.project import SourceSet, template_files
from mcu_deploy.errors import InputError, ToolMissingError
from mcu_deploy.frontend.spec import FrontendSpec, spectrum_bins
from mcu_deploy.frontend.tables import FrontendTables, make_tables

_GENERATED = PurePosixPath("generated")
_CMSIS = PurePosixPath("third_party/cmsis-dsp")

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
_CMSIS_OTHERS = (
    "LICENSE",
    "Include/arm_common_tables.h",
    "Include/arm_math_memory.h",
    "Include/arm_math_types.h",
    "Include/dsp/basic_math_functions.h",
    "Include/dsp/complex_math_functions.h",
    "Include/dsp/fast_math_functions.h",
    "Include/dsp/matrix_functions.h",
    "Include/dsp/none.h",
    "Include/dsp/transform_functions.h",
    "Include/dsp/utils.h",
    "PrivateInclude/arm_compiler_specific.h",
)

# No CMSIS-Core header; the scalar code on Helium targets too.
_DEFINITIONS = ("__GNUC_PYTHON__", "ARM_MATH_AUTOVECTORIZE")

# The bits of a float result must not depend on the compiler or the target: no fused multiply-add, nothing
# reordered, nothing vectorised (Helium flushes denormals to zero). Without errno, sqrtf is the FPU's
# correctly rounded instruction.
_OPTIONS = (
    "-ffp-contract=off",
    "-fno-fast-math",
    "-fno-math-errno",
    "-fno-tree-vectorize",
    "-fno-tree-slp-vectorize",
)


def frontend_sources(spec: FrontendSpec, scale: float, zero_point: int, cmsis_dir: Path) -> list[SourceSet]:
    """The source sets ``frontend`` and ``cmsis_dsp`` of a project.

    Args:
        spec: the front end.
        scale: of the model's int8 input, used as float32.
        zero_point: of the model's int8 input.
        cmsis_dir: CMSIS-DSP's sources (`mcu_deploy.frontend.cmsis.ensure_cmsis_dsp`).

    Raises:
        InputError: the quantisation cannot be a model's int8 input.
        ToolMissingError: ``cmsis_dir`` lacks a file.
    """
    _check_quantisation(scale, zero_point)
    tables = make_tables(spec)
    files = template_files(
        "frontend", ("md_frontend.h", "md_frontend_math.h", "md_frontend_tables.h", "md_frontend_mfcc_f32.c")
    )
    files[_GENERATED / "frontend_config.h"] = _config(spec, tables, scale, zero_point).encode()
    files[_GENERATED / "frontend_tables.c"] = _tables(tables).encode()
    frontend = SourceSet(
        name="frontend",
        files=files,
        sources=(PurePosixPath("src/frontend/md_frontend_mfcc_f32.c"), _GENERATED / "frontend_tables.c"),
        include_dirs=(PurePosixPath("src/frontend"), _GENERATED),
        definitions=_DEFINITIONS,
        compile_options=_OPTIONS,
    )
    return [frontend, _cmsis(cmsis_dir)]


def frontend_ram_bytes(spec: FrontendSpec) -> int:
    """Static RAM of the front end's C code: two work buffers and the quantised features."""
    frames, coefficients = spec.feature_shape
    return 2 * 4 * spec.fft_size + frames * coefficients


def frontend_table_bytes(spec: FrontendSpec) -> int:
    """Flash for the front end's constants."""
    tables = make_tables(spec)
    arrays = (
        tables.window,
        tables.dct,
        tables.fft.cfft_twiddle,
        tables.fft.rfft_twiddle,
        tables.fft.bit_reversal,
        tables.mel.first,
        tables.mel.length,
        tables.mel.weights,
    )
    return sum(array.nbytes for array in arrays)


def _check_quantisation(scale: float, zero_point: int) -> None:
    float32 = np.finfo(np.float32)
    if not float(float32.tiny) <= scale <= float(float32.max):
        raise InputError(
            f"the model's input scale {scale!r} is not a normal float32", "convert the model anew"
        )
    if not -128 <= zero_point <= 127:
        raise InputError(
            f"the model's input zero point {zero_point} is not an int8", "convert the model anew"
        )


def _cmsis(directory: Path) -> SourceSet:
    files = {}
    for name in (*_CMSIS_SOURCES, *_CMSIS_OTHERS):
        try:
            files[_CMSIS / name] = (directory / name).read_bytes()
        except OSError as error:
            raise ToolMissingError(
                f"CMSIS-DSP in {directory} has no readable {name}",
                "remove that folder and run: mcu-deploy setup",
            ) from error
    return SourceSet(
        name="cmsis_dsp",
        files=files,
        sources=tuple(_CMSIS / name for name in _CMSIS_SOURCES),
        include_dirs=(_CMSIS / "Include", _CMSIS / "PrivateInclude"),
        definitions=_DEFINITIONS,
        # Its bit reversal swaps floats through integer pointers.
        compile_options=(*_OPTIONS, "-fno-strict-aliasing"),
        third_party=True,
        link_libraries=("m",),
    )


def _config(spec: FrontendSpec, tables: FrontendTables, scale: float, zero_point: int) -> str:
    sizes = {
        "SAMPLE_RATE_HZ": spec.sample_rate_hz,
        "CHANNELS": spec.channels,
        "FRAME_SAMPLES": spec.frame_samples,
        "HOP_SAMPLES": spec.hop_samples,
        "FRAMES": spec.frames,
        "CLIP_SAMPLES": spec.clip_samples,
        "FFT_SIZE": spec.fft_size,
        "BIT_REVERSAL_LENGTH": tables.fft.bit_reversal.size,
        "SPECTRUM_BINS": spectrum_bins(spec),
        "SPECTRUM_POWER": int(spec.spectrum == "power"),
        "MEL_FILTERS": spec.mel_filters,
        "MEL_WEIGHTS": tables.mel.weights.size,
        "DCT_COEFFICIENTS": spec.dct_coefficients,
    }
    lines = [
        "/* frontend_config.h: sizes of the front end. Generated by mcu-deploy; do not edit. */",
        "#ifndef FRONTEND_CONFIG_H",
        "#define FRONTEND_CONFIG_H",
        "",
        *(f"#define MD_FRONTEND_{name} {value}u" for name, value in sizes.items()),
        f"#define MD_FRONTEND_LOG_FLOOR {_hex_float(np.float32(spec.log_floor))}",
        f"#define MD_FRONTEND_INPUT_SCALE {_hex_float(np.float32(scale))}",
        f"#define MD_FRONTEND_INPUT_ZERO_POINT ({zero_point})",
        "",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def _tables(tables: FrontendTables) -> str:
    arrays: tuple[tuple[str, str, npt.NDArray[np.float32] | npt.NDArray[np.uint16]], ...] = (
        ("window", "FRAME_SAMPLES", tables.window),
        ("cfft_twiddle", "FFT_SIZE", tables.fft.cfft_twiddle),
        ("rfft_twiddle", "FFT_SIZE", tables.fft.rfft_twiddle),
        ("bit_reversal", "BIT_REVERSAL_LENGTH", tables.fft.bit_reversal),
        ("mel_first", "MEL_FILTERS", tables.mel.first),
        ("mel_length", "MEL_FILTERS", tables.mel.length),
        ("mel_weights", "MEL_WEIGHTS", tables.mel.weights),
        ("dct", "DCT_COEFFICIENTS * MD_FRONTEND_MEL_FILTERS", tables.dct.ravel()),
    )
    parts = [
        "/* frontend_tables.c: constants of the front end. Generated by mcu-deploy; do not edit. */\n"
        '#include "md_frontend_tables.h"\n'
    ]
    for name, size, values in arrays:
        is_float = values.dtype == np.float32
        texts = [_hex_float(v) if is_float else str(v) for v in values]
        rows = [", ".join(texts[n : n + 6]) for n in range(0, len(texts), 6)]
        head = f"const {'float' if is_float else 'uint16_t'} md_frontend_{name}[MD_FRONTEND_{size}] = {{"
        parts.append("\n".join([head, *(f"    {row}," for row in rows), "};"]) + "\n")
    return "\n".join(parts)


def _hex_float(value: np.float32) -> str:
    """A C literal of exactly this float32."""
    mantissa, exponent = float(value).hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}p{exponent}f"
