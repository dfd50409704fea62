"""Front ends: what turns audio samples into a model's input, in C and, to the bit, in Python."""

from mcu_deploy.frontend.parsing import load_spec, parse_spec, preset_names
from mcu_deploy.frontend.spec import FrontendSpec, Stage, spec_table, stages

__all__ = ["FrontendSpec", "Stage", "load_spec", "parse_spec", "preset_names", "spec_table", "stages"]
