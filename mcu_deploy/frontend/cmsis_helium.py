"""What CMSIS-DSP's own Helium code needs in every precision: ``arithmetic = "cmsis-helium"``."""

from __future__ import annotations

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
