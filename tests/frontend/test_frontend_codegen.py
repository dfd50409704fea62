"""The generated constants and source sets."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess

import numpy as np
import pytest
from frontend_harness import SCALE, ZERO_POINT, compile_sources

from mcu_deploy.errors import InputError, ToolMissingError
from mcu_deploy.frontend.codegen import frontend_sources
from mcu_deploy.frontend.definition import mel_filters
from mcu_deploy.frontend.spec import FFT_SIZES
from mcu_deploy.frontend.tables import fft_tables, make_tables, mel_matrix


@pytest.fixture(scope="module")
def cmsis_tables(cmsis_dir):
    text = (cmsis_dir / "Source/CommonTables/arm_common_tables.c").read_text(encoding="utf-8")

    def table(name, dtype):
        body = re.search(rf"\b{name}\[[^]]*\]\s*ARM_DSP_TABLE_ATTRIBUTE\s*=\s*{{(.*?)}}\s*;", text, re.S)[1]
        body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
        words = [word.strip().rstrip("fF") for word in body.split(",") if word.strip()]
        return np.array([float(word) for word in words]).astype(dtype)

    return table


def permutation(swaps, length):
    order = list(range(length))
    for a, b in (swaps.reshape(-1, 2) // 8).tolist():
        order[a], order[b] = order[b], order[a]
    return order


@pytest.mark.parametrize("size", FFT_SIZES)
def test_fft_tables_are_those_of_cmsis_dsp_but_for_its_rounding(cmsis_tables, size):
    """Its decimal literals are at most one unit in the last place from the correctly rounded values."""
    tables = fft_tables(size)
    pairs = [
        (tables.rfft_twiddle, f"twiddleCoef_rfft_{size}"),
        (tables.cfft_twiddle, f"twiddleCoef_{size // 2}"),
    ]
    for ours, name in pairs:
        theirs = cmsis_tables(name, np.float32)
        assert ours.shape == theirs.shape
        assert (np.abs(ours - theirs) <= np.spacing(np.abs(ours))).all()
        assert (ours != theirs).mean() < 0.1
    theirs = cmsis_tables(f"armBitRevIndexTable{size // 2}", np.uint16)
    assert permutation(tables.bit_reversal, size // 2) == permutation(theirs, size // 2)
    assert tables.bit_reversal.size <= theirs.size


def test_mel_filters_without_their_zeros_are_the_whole_filters(spec):
    tables = make_tables(spec).mel
    whole = np.zeros((spec.mel_filters, 256), np.float32)
    starts = np.cumsum(tables.length) - tables.length
    for row, first, length, start in zip(whole, tables.first, tables.length, starts, strict=True):
        row[first : first + length] = tables.weights[start : start + length]
    assert np.array_equal(whole, mel_matrix(spec).astype(np.float32))
    assert np.allclose(whole, mel_filters(spec)[:, :256], rtol=0, atol=6e-8)
    assert not mel_filters(spec)[:, 256:].any()


def test_filters_that_see_no_bin_at_all_are_an_error(spec):
    with pytest.raises(InputError, match="no mel filter covers a bin"):
        make_tables(dataclasses.replace(spec, mel_low_hz=20.0, mel_high_hz=21.0))


def test_generated_files_are_deterministic_and_name_no_path(spec, cmsis_dir):
    first, second = (frontend_sources(spec, SCALE, ZERO_POINT, cmsis_dir) for _ in range(2))
    assert first == second
    for path, content in first[0].files.items():
        assert not path.is_absolute() and str(cmsis_dir).encode() not in content


def test_config_has_what_the_application_uses(spec, cmsis_dir):
    files = frontend_sources(spec, SCALE, ZERO_POINT, cmsis_dir)[0].files
    text = next(content.decode() for path, content in files.items() if path.name == "frontend_config.h")
    values = dict(re.findall(r"#define MD_FRONTEND_(\w+) (\S+)", text))
    expected = {
        "SAMPLE_RATE_HZ": "16000u",
        "CHANNELS": "1u",
        "FRAME_SAMPLES": "640u",
        "HOP_SAMPLES": "320u",
        "FRAMES": "49u",
        "CLIP_SAMPLES": "16000u",
        "INPUT_ZERO_POINT": "(-5)",
    }
    assert expected.items() <= values.items()
    assert float.fromhex(values["INPUT_SCALE"].rstrip("f")) == np.float32(SCALE)
    assert float.fromhex(values["LOG_FLOOR"].rstrip("f")) == np.finfo(np.float32).tiny


def test_cmsis_subset_brings_its_licence_and_only_what_is_used(spec, cmsis_dir):
    cmsis = frontend_sources(spec, SCALE, ZERO_POINT, cmsis_dir)[1]
    names = {path.name for path in cmsis.files}
    assert cmsis.third_party and "LICENSE" in names and "arm_common_tables.c" not in names
    assert set(cmsis.sources) <= set(cmsis.files)


@pytest.mark.parametrize(
    ("scale", "zero_point"),
    [
        (0.0, 0),
        (-1.0, 0),
        (float("nan"), 0),
        (float("inf"), 0),
        (1e-40, 0),
        (1e39, 0),
        (1.0, 128),
        (1.0, -129),
    ],
)
def test_a_quantisation_that_cannot_be_is_rejected(spec, cmsis_dir, scale, zero_point):
    with pytest.raises(InputError, match="input"):
        frontend_sources(spec, scale, zero_point, cmsis_dir)


def test_a_cmsis_folder_that_lacks_a_file(spec, tmp_path):
    with pytest.raises(ToolMissingError, match="no readable Source/"):
        frontend_sources(spec, SCALE, ZERO_POINT, tmp_path)


@pytest.mark.parametrize("compiler", ["clang", "arm-none-eabi-gcc"])
def test_other_compilers_take_our_sources_without_a_warning(spec, cmsis_dir, tmp_path, compiler):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    cpu = ("-mcpu=cortex-m55", "-mfloat-abi=hard", "-mthumb") if compiler.startswith("arm") else ()
    frontend, cmsis = sets = frontend_sources(spec, SCALE, ZERO_POINT, cmsis_dir)
    for source_set in (cmsis, frontend):
        objects = compile_sources(source_set, sets, tmp_path, ("-O2", *cpu), compiler)
    if not cpu:
        return
    helium = [path for path in objects if "helium" in path.name]
    scalar = [path for path in tmp_path.glob("*.o") if path not in helium]
    fused = r"\tv(?:fma|fms|fnma|fnms|mla|mls|cmla)\S*\.f32.*"
    assert re.search(r"\tvmul\.f32\ts", disassembled(scalar))
    assert re.search(r"\tvmul\.f32\tq", disassembled(helium))
    assert not re.findall(fused, disassembled(scalar) + disassembled(helium))
    # The compiler vectorised nothing: that would flush denormals, and nobody would look at FPSCR.
    assert not re.findall(r"\tv(?:add|sub|mul)\.f32\tq.*", disassembled(scalar))


def disassembled(objects):
    dump = ["arm-none-eabi-objdump", "-d", "-m", "armv8.1-m.main", *map(str, objects)]
    return subprocess.run(dump, capture_output=True, text=True, timeout=60, check=True).stdout
