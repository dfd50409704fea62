"""Random front ends on random signals: the C code has the Python reference's bits at every stage."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest
from frontend_harness import SCALE, ZERO_POINT, assert_same_bits
from frontend_specs import specs
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mcu_deploy.errors import InputError
from mcu_deploy.frontend import FrontendSpec
from mcu_deploy.frontend.reference import reference_stages
from mcu_deploy.frontend.tables import make_tables
from mcu_deploy.pipeline.frontend_check import CheckOptions, check_frontend
from mcu_deploy.pipeline.frontend_variants import own_quantisation
from mcu_deploy.pipeline.progress import Progress


@st.composite
def clips(draw, spec: FrontendSpec) -> np.ndarray:
    """From the shortest to the longest that the front end takes; any level, offset and silence."""
    samples = draw(st.integers(spec.samples_of(spec.min_frames), spec.clip_samples))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    level = 10 ** draw(st.floats(0, 4.6))
    noise = rng.normal(0, level, samples * spec.channels) + draw(st.sampled_from([0, 0, 1, -32768, 12_000]))
    clip = np.clip(noise, -32768, 32767).astype(np.int16)
    clip[rng.integers(clip.size) :][: rng.integers(clip.size)] = draw(st.sampled_from([0, 0, 32767, -32768]))
    return clip


def usable(spec: FrontendSpec) -> bool:
    """Whether some filter covers a bin; else there is a clear error, which is tested elsewhere."""
    try:
        return not spec.spectral or make_tables(spec) is not None
    except InputError:
        return False


def named(spec: FrontendSpec) -> FrontendSpec:
    """Its own name, and so its own folder, for each."""
    return dataclasses.replace(spec, name=hashlib.sha256(repr(spec).encode()).hexdigest()[:12])


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_front_end_on_any_signal(plain_builder, tmp_path, data):
    spec = data.draw(specs())
    assume(usable(spec))
    spec = named(spec)
    signals = [data.draw(clips(spec)) for _ in range(3)]
    for clip, got in zip(signals, plain_builder.build(spec).stages(signals, tmp_path), strict=True):
        want = reference_stages(spec, clip, SCALE, ZERO_POINT)
        assert all(np.isfinite(values).all() for values in want.values())
        assert_same_bits(got, want, str(spec))


@pytest.mark.qemu
@pytest.mark.parametrize("precision", ["float32", "q31", "q15"])
def test_a_sample_of_them_on_the_simulated_mcu(precision: str, tools: None) -> None:
    """Silence, a full-scale square wave, noise and a chirp; float32 by Helium code."""

    @settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(spec=specs((precision,), ("mfcc", "log-mel"), ("exact",)).filter(usable))
    def verify(spec: FrontendSpec) -> None:
        check = check_frontend(spec, own_quantisation(spec), CheckOptions(simulator="qemu"), Progress(None))
        assert check["verdict"] == "verified", (spec, check["first_difference"])

    verify()
