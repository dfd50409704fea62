"""The front end's C sources for a project: ours, the generated constants, and the part of CMSIS-DSP used."""

from __future__ import annotations

import math
from pathlib import Path, PurePosixPath

import numpy as np

from mcu_deploy.codegen.project import SourceSet, template_files
from mcu_deploy.errors import InputError, ToolMissingError
from mcu_deploy.frontend import float32_part
from mcu_deploy.frontend.helium_tables import HELIUM_PREFIX
from mcu_deploy.frontend.parts import FramePart, Table, declarations, definitions, hex_float
from mcu_deploy.frontend.spec import FrontendSpec, spectrum_bins, stages
from mcu_deploy.frontend.tables import delta_weights, log_factor, resize_tables

_GENERATED = PurePosixPath("generated")
_CMSIS = PurePosixPath("third_party/cmsis-dsp")

_HEADERS = ("md_frontend.h", "md_frontend_math.h", "md_kept.h", "md_cutter.h", "md_clip.h")
_SOURCES = ("md_frontend.c", "md_clip.c")
_CLIP_STEPS = "md_clip_steps.c"

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

# No CMSIS-Core header.
_DEFINITIONS = ("__GNUC_PYTHON__",)

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

_NO_PART = FramePart((), (), (), (), {}, 0)


def frontend_sources(spec: FrontendSpec, scale: float, zero_point: int, cmsis_dir: Path) -> list[SourceSet]:
    """The source sets ``frontend`` and, where it is used, ``cmsis_dsp`` of a project.

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
    part = frame_part(spec)
    sources = (*_SOURCES, *((_CLIP_STEPS,) if spec.clip_steps else ()), *part.sources)
    files = template_files("frontend", (*_HEADERS, *part.headers, *sources))
    tables = [*part.tables, *_clip_tables(spec)]
    files[_GENERATED / "frontend_config.h"] = _config(spec, part, scale, zero_point).encode()
    files[_GENERATED / "frontend_tables.h"] = declarations(tables).encode()
    files[_GENERATED / "frontend_tables.c"] = definitions(tables).encode()
    frontend = SourceSet(
        name="frontend",
        files=files,
        sources=(
            *(PurePosixPath("src/frontend") / name for name in sources),
            _GENERATED / "frontend_tables.c",
        ),
        include_dirs=(PurePosixPath("src/frontend"), _GENERATED),
        definitions=(*_DEFINITIONS, *part.definitions),
        compile_options=_OPTIONS,
        link_libraries=("m",),
    )
    return [frontend, _cmsis(part, cmsis_dir)] if part.cmsis_sources else [frontend]


def frame_part(spec: FrontendSpec) -> FramePart:
    """What computes a frame, in the precision of ``spec``; nothing where samples are the features."""
    if not spec.spectral:
        return _NO_PART
    if spec.fixed_point:
        from mcu_deploy.frontend.fixed_tables import fixed_part

        return fixed_part(spec)
    return float32_part.float32_part(spec)


def frontend_ram_bytes(spec: FrontendSpec) -> int:
    """Static RAM of the front end's C code on a 32-bit core, to the byte.

    The frame being cut, the kept features, what the steps over a clip need, and the work buffers of a
    frame; not the few bytes that the linker leaves free to align them.
    """
    window = spec.channels * (spec.frame_samples + (2 if spec.padding else 0))
    clip = 24 + -(-2 * window // 4) * 4
    kept = spec.frames * spec.channels * spec.coefficients
    if spec.clip_steps:
        kept *= 4 if spec.spectral else 2
        others = _clip_steps_ram_bytes(spec)
    else:
        others = 4 * spec.coefficients  # one channel's features, before they are quantised
    return clip + kept + others + frame_part(spec).ram_bytes


def _clip_steps_ram_bytes(spec: FrontendSpec) -> int:
    """Static RAM of ``md_clip_steps.c``."""
    row = 4 * spec.channels * spec.coefficients
    measured = {"none": 0, "mean": row, "min-max": 8, "standard": 9}[spec.normalization]
    prepared = 4 * spec.input_coefficients * spec.input_maps
    if spec.deltas:
        recent = (spec.deltas + 1) * (2 * spec.delta_width + 1) * row
    else:
        recent = row if spec.resize == "none" else 0
    return measured + prepared + recent


def frontend_table_bytes(spec: FrontendSpec) -> int:
    """Flash for the front end's constants: its own, and with ``cmsis-helium`` those of CMSIS-DSP.

    On a core with Helium; elsewhere `helium_table_bytes` of them are left out.
    """
    part = frame_part(spec)
    tables = (*part.tables, *_clip_tables(spec))
    return sum(table.values.nbytes for table in tables) + part.library_table_bytes


def helium_table_bytes(spec: FrontendSpec) -> int:
    """What of it only Helium code reads: with ``exact`` the scalar code has its tables besides."""
    part = frame_part(spec)
    return sum(table.values.nbytes for table in part.tables if table.name.startswith(HELIUM_PREFIX))


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


def _cmsis(part: FramePart, directory: Path) -> SourceSet:
    files = {}
    for name in dict.fromkeys((*part.cmsis_sources, *_CMSIS_OTHERS, *part.cmsis_headers)):
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
        sources=tuple(_CMSIS / name for name in part.cmsis_sources),
        include_dirs=(_CMSIS / "Include", _CMSIS / "PrivateInclude"),
        definitions=(*_DEFINITIONS, *part.definitions),
        # Its bit reversal swaps floats through integer pointers.
        compile_options=(*_OPTIONS, "-fno-strict-aliasing"),
        third_party=True,
    )


def _clip_tables(spec: FrontendSpec) -> list[Table]:
    tables = []
    if spec.deltas:
        tables.append(Table("delta_weights", delta_weights(spec), "n / (2 sum n n), n from 1 on."))
    if spec.resize != "none":
        for axis, table in zip(("frame", "coefficient"), resize_tables(spec), strict=True):
            name = f"resize_{axis}"
            tables += [
                Table(f"{name}_low", table.low, f"The {axis} before each of the resized picture."),
                Table(f"{name}_high", table.high, f"The {axis} behind it."),
                Table(f"{name}_weight", table.weight, "How far it lies from the one before, 0 to 1."),
            ]
    return tables


def _config(spec: FrontendSpec, part: FramePart, scale: float, zero_point: int) -> str:
    lines = [
        "/* frontend_config.h: the front end in numbers. Generated by mcu-deploy; do not edit. */",
        "#ifndef FRONTEND_CONFIG_H",
        "#define FRONTEND_CONFIG_H",
        "",
        *(f"#define MD_FRONTEND_{name} {value}u" for name, value in {**_sizes(spec), **part.sizes}.items()),
        "",
        *(f"#define MD_FRONTEND_STAGE_{stage.name.upper()} {stage.index}u" for stage in stages(spec)),
        "",
        *(f"#define MD_FRONTEND_{name} {int(value)}" for name, value in _switches(spec).items()),
        "",
        *(f"#define MD_FRONTEND_{name} {hex_float(value)}" for name, value in _floats(spec, scale).items()),
        f"#define MD_FRONTEND_INPUT_ZERO_POINT ({zero_point})",
        "",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def _sizes(spec: FrontendSpec) -> dict[str, int]:
    return {
        "SAMPLE_RATE_HZ": spec.sample_rate_hz,
        "CHANNELS": spec.channels,
        "FRAME_SAMPLES": spec.frame_samples,
        "HOP_SAMPLES": spec.hop_samples,
        "FRAMES": spec.frames,
        "MIN_FRAMES": spec.min_frames,
        "CLIP_SAMPLES": spec.clip_samples,
        "MIN_SAMPLES": spec.samples_of(spec.min_frames),
        "PADDING": spec.padding,
        "COEFFICIENTS": spec.coefficients,
        "INPUT_FRAMES": spec.input_frames,
        "INPUT_COEFFICIENTS": spec.input_coefficients,
        "INPUT_MAPS": spec.input_maps,
        "INPUT_BYTES": math.prod(spec.feature_shape),
        "DELTAS": spec.deltas,
        "DELTA_WIDTH": spec.delta_width,
        "FFT_SIZE": spec.fft_size,
        "SPECTRUM_BINS": spectrum_bins(spec) if spec.spectral else 0,
        "MEL_FILTERS": spec.mel_filters,
        "DCT_COEFFICIENTS": spec.dct_coefficients,
    }


def _switches(spec: FrontendSpec) -> dict[str, bool]:
    return {
        "SPECTRAL": spec.spectral,
        "CLIP_STEPS": spec.clip_steps,
        "EXACT": spec.arithmetic == "exact",
        "REFLECT": spec.centring == "reflect",
        "FRAMES_FIRST": spec.layout == "frames-first",
        "DC_REMOVAL": spec.dc_removal,
        "HAS_PRE_EMPHASIS": spec.pre_emphasis != 0,
        "SPECTRUM_POWER": spec.spectrum == "power",
        "HAS_LOG_OFFSET": spec.log_offset != 0,
        "HAS_LOG_FACTOR": spec.log != "natural",
        "HAS_FEATURE_MEAN": spec.feature_mean != 0,
        "HAS_FEATURE_STD": spec.feature_std != 1,
        "NORMALIZE_MEAN": spec.normalization == "mean",
        "NORMALIZE_MIN_MAX": spec.normalization == "min-max",
        "NORMALIZE_STANDARD": spec.normalization == "standard",
        "RESIZE": spec.resize != "none",
    }


def _floats(spec: FrontendSpec, scale: float) -> dict[str, np.float32]:
    values: dict[str, float | np.float32] = {
        "SAMPLE_SCALE": 1 / 32768 if spec.samples == "fraction" else 1.0,
        "PRE_EMPHASIS": spec.pre_emphasis,
        "LOG_OFFSET": spec.log_offset,
        "LOG_FLOOR": spec.log_floor,
        "LOG_FACTOR": log_factor(spec),
        "FEATURE_MEAN": spec.feature_mean,
        "FEATURE_STD": spec.feature_std,
        "NORMALIZATION_EPSILON": spec.normalization_epsilon,
        "INPUT_SCALE": scale,
    }
    return {name: np.float32(value) for name, value in values.items()}
