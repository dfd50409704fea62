"""What `make demo` runs: one deployment, on MODEL and INPUT or on what the search paths hold."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

from mcu_deploy.cli.main import main
from mcu_deploy.registry.cards import card_by_name
from mcu_deploy.registry.locate import locate

DEFAULT_MODEL = "kws-micronet-m"
DEFAULT_INPUTS = ("speech_commands_down.wav", "speech_commands_right_left_up.wav")


def _default_inputs() -> list[str]:
    folders = [Path(part) for part in os.environ.get("MCU_DEPLOY_AUDIO_PATH", "").split(os.pathsep) if part]
    return [str(folder / name) for name in DEFAULT_INPUTS for folder in folders if (folder / name).is_file()]


def _demo() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="")
    parser.add_argument("--input", default="", help="files, separated as on a shell's command line")
    parser.add_argument("--output-dir", required=True)
    options = parser.parse_args()
    model = options.model or locate(card_by_name(DEFAULT_MODEL))
    if not model:
        sys.exit(
            "demo: no model: run `make demo MODEL=model.tflite INPUT=recording.wav`,\n"
            f"or set MCU_DEPLOY_MODEL_PATH to a folder with {card_by_name(DEFAULT_MODEL).file}"
        )
    inputs = shlex.split(options.input) or ([] if options.model else _default_inputs())
    arguments = ["deploy", str(model), "--force", "--output-dir", options.output_dir]
    for name in inputs:
        arguments += ["--input", name]
    print("mcu-deploy", shlex.join(arguments), flush=True)
    sys.argv = ["mcu-deploy", *arguments]
    main()


if __name__ == "__main__":
    _demo()
