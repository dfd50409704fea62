"""What is said of a TFLite Micro that is missing, incomplete, too old, or for another core.

The headers here are stand-ins of ours with the names that are looked for; the libraries are real archives.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tflm_models import CORTEX_M55, archive, stand_in

from mcu_deploy.boards.types import Core
from mcu_deploy.errors import InputError, McuDeployError, ToolMissingError
from mcu_deploy.tflm.library import LIBRARY, Library, find_library
from mcu_deploy.tflm.operators import Registration

CORE = Core("cortex-m55", ("fpu", "dsp", "mve"))
CONVOLUTION = Registration("AddConv2D", "Register_CONV_2D_INT8", "conv.h")


def find(
    folder: Path, *used: Registration, core: Core = CORE, npu: bool = False, libraries: str = ""
) -> Library:
    environment = {"MCU_DEPLOY_TFLM_DIR": str(folder), "MCU_DEPLOY_TFLM_LIBS": libraries}
    return find_library(core, used, npu, environment)


@pytest.fixture
def folder(tools: None, tmp_path: Path) -> Path:
    archive(tmp_path / "lib" / LIBRARY)
    return stand_in(tmp_path)


def assert_says(error: McuDeployError, *words: str) -> None:
    assert all(word in f"{error.message} {error.hint} {error.details}" for word in words), error.message


def test_headers_and_library_are_found(folder: Path) -> None:
    found = find(folder, CONVOLUTION)
    assert found.libraries == ((folder / "lib" / LIBRARY).resolve(),)
    assert [str(path.relative_to(folder.resolve())) for path in found.include_dirs] == [
        ".",
        "third_party/flatbuffers/include",
        "third_party/gemmlowp",
        "third_party/ruy",
    ]
    assert found.definitions == ()
    assert found.cmake_variables()["MD_TFLM_LIBRARIES"] == str((folder / "lib" / LIBRARY).resolve())


def test_the_definitions_that_the_library_was_built_with(folder: Path) -> None:
    text = 'const char names[] = "Register_CONV_2D_INT8 ethosu_invoke_v3";'
    archive(folder / "lib" / LIBRARY, text=text)
    assert find(folder, npu=True).definitions == ("CMSIS_NN",)


def test_without_the_variable() -> None:
    with pytest.raises(ToolMissingError) as raised:
        find_library(CORE, (), False, {})
    assert_says(raised.value, "MCU_DEPLOY_TFLM_DIR", "docs/tflm.md")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        find(tmp_path / "nowhere")
    assert_says(raised.value, "MCU_DEPLOY_TFLM_DIR", "nowhere", "not a folder")


@pytest.mark.parametrize(
    "header",
    [
        "tensorflow/lite/micro/micro_interpreter.h",
        "third_party/flatbuffers/include/flatbuffers/base.h",
        "third_party/gemmlowp/fixedpoint/fixedpoint.h",
        "third_party/ruy/ruy/profiler/instrumentation.h",
    ],
)
def test_a_missing_header(header: str, folder: Path) -> None:
    (folder / header).unlink()
    with pytest.raises(InputError) as raised:
        find(folder)
    assert_says(raised.value, "lacks the header", Path(header).name)


def test_headers_of_two_versions_of_flatbuffers(folder: Path) -> None:
    stand_in(folder, wanted=(23, 5, 26))
    with pytest.raises(InputError) as raised:
        find(folder)
    assert_says(raised.value, "FlatBuffers 23.5.26", "25.9.23")


def test_a_version_without_an_operator(folder: Path) -> None:
    with pytest.raises(InputError) as raised:
        find(folder, CONVOLUTION, Registration("AddSoftmax", "Register_SOFTMAX_INT8", "softmax.h"))
    assert_says(raised.value, "too old", "Register_SOFTMAX_INT8")
    assert "AddConv2D" not in raised.value.message


def test_no_library(folder: Path) -> None:
    (folder / "lib" / LIBRARY).unlink()
    with pytest.raises(InputError) as raised:
        find(folder)
    assert_says(raised.value, LIBRARY, "MCU_DEPLOY_TFLM_LIBS")


def test_two_libraries_and_a_list_that_chooses(folder: Path) -> None:
    other = archive(folder / "gen/cortex_m_generic_cortex-m55/lib" / LIBRARY)
    with pytest.raises(InputError) as raised:
        find(folder)
    assert_says(raised.value, "has 2 of", "MCU_DEPLOY_TFLM_LIBS", str(other))
    both = (other, folder / "lib" / LIBRARY)
    assert find(folder, libraries=os.pathsep.join(map(str, both))).libraries == both
    with pytest.raises(InputError) as raised:
        find(folder, libraries=str(folder / "none.a"))
    assert_says(raised.value, "MCU_DEPLOY_TFLM_LIBS", "none.a")


def test_for_the_npu_the_library_needs_its_operator(folder: Path) -> None:
    with pytest.raises(InputError) as raised:
        find(folder, npu=True)
    assert_says(raised.value, "ethos-u")


@pytest.mark.parametrize(
    ("options", "compiler", "words"),
    [
        (("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=softfp"), "arm-none-eabi-gcc", ("core registers",)),
        (("-mcpu=cortex-a9", "-mfpu=neon", "-mfloat-abi=hard"), "arm-none-eabi-gcc", ("does not run",)),
        (("-march=armv7-a", "-mfloat-abi=soft"), "arm-none-eabi-gcc", ("does not run",)),
        ((), "gcc", ("another processor", "64")),
    ],
)
def test_a_library_for_something_else(
    options: tuple[str, ...], compiler: str, words: tuple[str, ...], folder: Path
) -> None:
    archive(folder / "lib" / LIBRARY, options, compiler=compiler)
    with pytest.raises(InputError) as raised:
        find(folder)
    assert_says(raised.value, LIBRARY, *words)


def test_helium_on_a_core_without_it(folder: Path) -> None:
    with pytest.raises(InputError) as raised:
        find(folder, core=Core("cortex-m55", ("fpu", "dsp")))
    assert_says(raised.value, "Helium", "-mcpu=cortex-m55+nomve")


def test_an_older_core_does_not_run_a_newer_one_s_code(folder: Path) -> None:
    with pytest.raises(InputError) as raised:
        find(folder, core=Core("cortex-m4", ("fpu", "dsp")))
    assert_says(raised.value, "Armv8.1-M", "cortex-m4")
    archive(folder / "lib" / LIBRARY, ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard"))
    assert find(folder).libraries, "Armv8.1-M runs what Armv7E-M does"


def test_no_archive_and_a_damaged_one(folder: Path) -> None:
    path = folder / "lib" / LIBRARY
    data = path.read_bytes()
    for damaged, word in (
        (b"ELF", "not a static library"),
        (data[:70] + b"?" * 60, "damaged"),
        (data[:8], "Arm"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=word):
            find(folder)


def test_a_path_that_cmake_cannot_take(folder: Path) -> None:
    odd = folder / "a;b"
    archive(odd / "lib" / LIBRARY, CORTEX_M55)
    with pytest.raises(InputError, match="';'"):
        find(stand_in(odd))
