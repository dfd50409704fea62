"""Front ends: what turns audio samples into a model's input, in C and, to the bit, in Python."""

from mcu_deploy.frontend.spec import FrontendSpec, Stage, load_spec, preset_names, stages

__all__ = ["FrontendSpec", "Stage", "load_spec", "preset_names", "stages"]
