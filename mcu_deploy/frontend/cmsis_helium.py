"""What CMSIS-DSP's own Helium code needs in every precision: ``arithmetic = "cmsis-helium"``."""

from __future__ import annotations

from mcu_deploy.frontend.spec import FrontendSpec

TABLE_SOURCES = tuple(
    f"Source/CommonTables/{name}.c" for name in ("arm_common_tables", "arm_const_structs", "arm_mve_tables")
)
"""From these its init functions take what a length needs; the linker drops the rest."""

_ARM_MATH_INCLUDES = (
    "bayes_functions",
    "controller_functions",
    "debug",
    "distance_functions",
    "filtering_functions",
    "interpolation_functions",
    "quaternion_math_functions",
    "statistics_functions",
    "support_functions",
    "svm_defines",
    "svm_functions",
    "window_functions",
)
HEADERS = (
    "Include/arm_const_structs.h",
    "Include/arm_math.h",
    "Include/arm_helium_utils.h",
    "Include/arm_mve_tables.h",
    "Include/arm_vec_math.h",
    "Include/dsp/complex_math_functions.h",
    *(f"Include/dsp/{name}.h" for name in _ARM_MATH_INCLUDES),
    "PrivateInclude/arm_vec_fft.h",
)

INSTANCE_BYTES = {"float32": 49, "q31": 60, "q15": 60}
"""RAM for what its init functions fill in, by precision; for floats a flag besides."""

_ELEMENT_BYTES = {"float32": 4, "q31": 4, "q15": 2}
_FIXED_SPLIT_ELEMENTS = 8192  # of realCoefA and as many of realCoefB, whatever the length
_LOGARITHM_BYTES = 32
_SQUARE_ROOT_BYTES = 128
_STRIDES_BYTES = 32


def library_table_bytes(spec: FrontendSpec) -> int:
    """What the linker takes of CMSIS-DSP 1.10.3's constants on a core with Helium.

    Twiddles and bit reversal of the complex FFT, the twiddles of each of its radix-4 stages in the order of
    use (three tables, and three of offsets), those of the split into a real FFT, and the tables of the
    functions: of the logarithm in float32, of the square root in fixed point.
    """
    length = spec.fft_size // 2
    bits = length.bit_length() - 1
    element = _ELEMENT_BYTES[spec.precision]
    twiddles = 2 * element * length
    split = element * spec.fft_size
    functions = _LOGARITHM_BYTES
    if spec.fixed_point:
        twiddles = twiddles * 3 // 4
        split = 2 * element * _FIXED_SPLIT_ELEMENTS
        functions = _SQUARE_ROOT_BYTES if spec.spectrum == "magnitude" else 0
    bit_reversal = 2 * (length - (1 << (bits - bits // 2)))  # two numbers for a pair of swapped values
    stages = bits // 2
    in_order = 3 * (2 * element * ((1 << 2 * stages) - 4) // 3 + 4 * stages)
    return twiddles + bit_reversal + in_order + split + functions + _STRIDES_BYTES
