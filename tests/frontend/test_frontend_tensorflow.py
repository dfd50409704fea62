"""The float64 definition against TensorFlow: micronet-kws's features, and the resizing of micronet-ad."""

from __future__ import annotations

import pytest
from frontend_libraries import MADE, RECORDINGS, library, signal, variant, worst
from library_features import resized, tensorflow_mfcc

from mcu_deploy.frontend import load_spec
from mcu_deploy.frontend.definition import defined_features, mel_filters

library("tensorflow")

# Absolute, in the feature's unit. In float64 only the order of operations differs. In float32 TensorFlow's
# mel matrix errs by 6e-6 (differences of mel numbers of up to 2146), and so all after it by as much of the
# frame's largest value; a filter that hears little shows it in the logarithm, and a chirp has filters that
# hear hardly anything.
BOUNDS = {
    "float64": {"weights": 1e-12, "spectrum": 1e-11, "mel": 1e-11, "log": 1e-10, "dct": 1e-10},
    "float32": {"weights": 1.2e-5, "spectrum": 6e-5, "mel": 2e-3, "log": 2e-4, "dct": 1e-4},
}
CHIRP = {"log": 1.5e-2, "dct": 9e-3}


def clips():
    """Words one by one, and made signals."""
    words = [(name, start) for name in RECORDINGS[16000] for start in range(0, 48_000, 16_000)]
    return words + [(name, 0) for name in MADE]


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize(("name", "start"), clips())
def test_micronet_kws_is_tensorflows_mfcc(name, start, dtype):
    """``mfccs_from_log_mel_spectrograms`` scales every row by sqrt(2 / N), row 0 too, as ``htk`` does: the
    factor between the two is 1 for all rows."""
    spec = load_spec("micronet-kws")
    clip = signal(spec, name, start)
    made = defined_features(spec, clip)
    got = tensorflow_mfcc(spec, clip, dtype)
    bounds = BOUNDS[dtype] | (CHIRP if (name, dtype) == ("chirp", "float32") else {})
    assert worst(got["weights"], mel_filters(spec).T) < bounds["weights"]
    assert worst(got["spectrum"][:, :256], made["spectrum"]) < bounds["spectrum"]
    for stage in ("mel", "log", "dct"):
        assert worst(got[stage], made[stage]) < bounds[stage], stage


@pytest.mark.parametrize("name", [RECORDINGS[16000][0], "noise", "chirp"])
def test_micronet_ad_is_resized_as_tensorflow_does(name):
    spec = load_spec("micronet-ad")
    made = defined_features(spec, signal(spec, name))
    want = resized(made["features"], 32, 32)
    assert worst(made["prepared"], want) < 8e-6  # float32 rounds features of about 60 to 2e-6, twice


@pytest.mark.parametrize("after", [(64, 64), (20, 5), (100, 41), (1, 1), (33, 80), (63, 13)])
def test_any_resizing_is_tensorflows(after):
    spec = variant("micronet-ad", mel_filters=40, resize_frames=after[0], resize_coefficients=after[1])
    made = defined_features(spec, signal(spec, "noise"))
    want = resized(made["features"], *after)
    # TensorFlow keeps positions, up to 64, in float32: off by 2e-6 of a step between neighbours of about 10.
    assert worst(made["prepared"], want) < 6e-5
