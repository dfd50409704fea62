"""What the reference makes of silence and of what is no clip, and what people hear in the recordings."""

from __future__ import annotations

import platform
import subprocess
import sys

import numpy as np
import pytest
from frontend_harness import find_on, made_clips, recorded_words

from mcu_deploy.errors import InputError
from mcu_deploy.frontend import load_spec, preset_names, stages
from mcu_deploy.frontend.reference import frame_stages, reference_features, reference_stages

LABELS = ["down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes", "_silence_", "_unknown_"]

WORDS = {
    "speech_commands_down.wav": ["down"],
    "speech_commands_yes.wav": ["yes"],
    "speech_commands_right_left_up.wav": ["right", "left", "up"],
    "speech_commands_yes_no_go_stop.wav": ["yes", "no", "go", "stop"],
}


def test_silence_is_the_log_of_the_floor(spec):
    _, features = frame_stages(spec, np.zeros(spec.clip_samples, np.int16))
    assert not features["mel"].any()
    assert np.all(features["log"] == np.float32(np.log(np.finfo(np.float32).tiny)))


@pytest.mark.parametrize("name", preset_names())
def test_stages_describe_what_the_reference_makes(name):
    spec = load_spec(name)
    made = reference_stages(spec, made_clips(spec)["noise 100"], 0.2, -5)
    assert list(made) == [stage.name for stage in stages(spec)]
    for stage in stages(spec):
        shape = (stage.vectors, *stage.shape) if stage.per_frame else stage.shape
        assert (made[stage.name].dtype, made[stage.name].shape) == (stage.dtype, shape)


@pytest.mark.parametrize("pcm", [np.zeros(10, np.int16), np.zeros(16000, np.float32)], ids=["short", "float"])
def test_what_is_not_a_clip_is_rejected(spec, pcm):
    with pytest.raises(InputError, match="takes 16000 to 16000 samples of 1 channels, int16"):
        reference_features(spec, pcm)


@pytest.mark.parametrize("name", WORDS)
def test_the_model_names_the_words(spec, name):
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    model = runtime.Interpreter.from_file(str(find_on("MCU_DEPLOY_MODEL_PATH", "kws_micronet_l.tflite")))
    quantisation = model.get_input_details(0)["quantization_parameters"]
    heard = []
    for clip in recorded_words(name, spec):
        stage = reference_stages(spec, clip, quantisation["scales"][0], int(quantisation["zero_points"][0]))
        model.set_input(stage["quantised"].reshape(1, 49, 10, 1), 0)
        model.invoke()
        heard.append(LABELS[int(model.get_output(0).argmax())])
    assert heard == WORDS[name]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="crtfastmath.o sets MXCSR on x86")
def test_a_process_that_flushes_denormals_is_no_judge(tmp_path):
    """A shared library linked with -ffast-math turns denormals off for the thread that loads it."""
    library = tmp_path / "fast.so"
    (tmp_path / "fast.c").write_text("int fast;\n")
    command = ["gcc", "-shared", "-fPIC", "-ffast-math", str(tmp_path / "fast.c"), "-o", str(library)]
    subprocess.run(command, check=True, timeout=60)
    script = """
import ctypes, sys
import numpy as np
from mcu_deploy.frontend import load_spec
from mcu_deploy.frontend.reference import reference_features
spec = load_spec("micronet-kws")
pcm = np.zeros(spec.clip_samples, np.int16)
reference_features(spec, pcm)
ctypes.CDLL(sys.argv[1])
reference_features(spec, pcm)
"""
    run = subprocess.run(
        [sys.executable, "-c", script, str(library)], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode != 0
    assert "ReferenceRunError: this Python process flushes denormal floats" in run.stderr
