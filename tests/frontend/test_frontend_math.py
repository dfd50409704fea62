"""md_logf and md_quantise_int8: C against NumPy to the bit, and both against what they should be."""

from __future__ import annotations

import math

import numpy as np
from frontend_harness import SCALE, ZERO_POINT

from mcu_deploy.frontend.clip import quantise
from mcu_deploy.frontend.float32 import logf

TINY = np.finfo(np.float32).tiny
FIRST_NORMAL, INFINITY = 0x0080_0000, 0x7F80_0000


def ulps_off(x):
    """The error of `logf` in units in the last place of the true value, x float32."""
    true = np.log(x.astype(np.float64))
    unit = np.spacing(np.maximum(np.abs(true).astype(np.float32), TINY)).astype(np.float64)
    return np.abs(logf(x) - true) / unit


def test_logf_c_equals_numpy_on_millions_of_bit_patterns(driver, tmp_path):
    patterns = np.arange(FIRST_NORMAL, INFINITY, 997, dtype=np.uint32)
    edges = np.array(
        [FIRST_NORMAL, 0x3F35_04F2, 0x3F35_04F3, 0x3F7F_FFFF, 0x3F80_0000, INFINITY - 1], np.uint32
    )
    around_one = np.arange(0x3F00_0000, 0x4000_0000, 5, dtype=np.uint32)
    x = np.concatenate([patterns, around_one, edges]).view(np.float32)
    assert x.size > 5_000_000
    got = np.frombuffer(driver.run("logf", x, tmp_path), np.uint32)
    assert np.array_equal(got, logf(x).view(np.uint32))


def test_logf_error_is_below_085_units_in_the_last_place():
    """Every third value around 1, where it is largest; a sample of all others."""
    near_one = np.arange(0x3F00_0000, 0x4000_0000, 3, dtype=np.uint32).view(np.float32)
    everywhere = np.arange(FIRST_NORMAL, INFINITY, 1009, dtype=np.uint32).view(np.float32)
    assert max(ulps_off(near_one).max(), ulps_off(everywhere).max()) < 0.85


def test_logf_of_one_is_positive_zero_and_rises_with_x():
    assert logf(np.ones(1, np.float32)).view(np.uint32)[0] == 0
    x = np.arange(0x3F7F_F000, 0x3F80_1000, dtype=np.uint32).view(np.float32)
    assert (np.diff(logf(x)) >= 0).all()


def test_quantise_c_equals_numpy(driver, tmp_path):
    rng = np.random.default_rng(5)
    halves = (np.arange(-300, 300) + 0.5) * SCALE
    special = [0.0, -0.0, 1e-44, -1e-44, TINY, 3.4e38, -3.4e38]
    x = np.concatenate([rng.normal(0, 30, 100_000), halves, special]).astype(np.float32)
    near = np.concatenate([np.nextafter(x, np.float32(s)) for s in (-np.inf, np.inf)])
    x = np.concatenate([x, near[np.isfinite(near)]])
    got = np.frombuffer(driver.run("quantise", x, tmp_path), np.int8)
    assert np.array_equal(got, quantise(x, SCALE, ZERO_POINT))


def test_quantise_rounds_halves_away_from_zero_before_the_zero_point():
    """std::round of the float32 quotient, plus zero point, limited: said with Python's exact numbers."""
    for scale, zero_point in ((1.0, 0), (0.5, -128), (SCALE, ZERO_POINT), (0.1, 127)):
        quotients = np.arange(-1200, 1200, dtype=np.float32) / np.float32(4)
        x = quotients * np.float32(scale)
        for value, got in zip(x, quantise(x, scale, zero_point), strict=True):
            quotient = float(value / np.float32(scale))
            rounded = math.copysign(math.floor(abs(quotient) + 0.5), quotient)
            assert got == max(-128, min(127, int(rounded) + zero_point)), (value, scale, zero_point)


def test_quantise_limits_an_infinite_quotient():
    x = np.array([3e38, -3e38], np.float32)
    assert quantise(x, 1e-10, 0).tolist() == [127, -128]
