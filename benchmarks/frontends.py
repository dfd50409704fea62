"""What front ends cost, and how far they are from what they should be.

    python benchmarks/frontends.py [--markdown] [--json FILE] [PRESET...]
    python benchmarks/frontends.py --keys

Each preset in each precision and arithmetic runs as firmware without a model on QEMU's Cortex-M55, on the
signals of `mcu-deploy frontend check`: every stage is compared with Python bit by bit, the features with the
definition in float64 over all signals, and with the preset's library on noise (where that is installed: the
extra "compare").
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from library_features import LIBRARIES, library_features

from mcu_deploy.cli.table import table
from mcu_deploy.errors import McuDeployError
from mcu_deploy.frontend import FrontendSpec, load_spec, preset_names
from mcu_deploy.frontend.keys import KEYS
from mcu_deploy.frontend.reference import reference_features
from mcu_deploy.pipeline.frontend_check import CheckOptions, check_frontend
from mcu_deploy.pipeline.frontend_signals import built_in_signals
from mcu_deploy.pipeline.frontend_variants import own_quantisation, variants
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.tools import versions

HEADER = ["preset", "precision", "arithmetic", "vectors compared", "bits", "error", "SNR dB", "to library",
          "instructions a frame", "flash", "RAM"]  # fmt: skip
PACKAGES = ("librosa", "kaldi-native-fbank", "scipy", "tensorflow-cpu")


def combinations(preset: str) -> list[FrontendSpec]:
    """The preset in every precision and arithmetic that differ."""
    spec = load_spec(preset)
    if not spec.spectral:
        return [spec]
    floats = variants(spec, ["float32"], ["exact", "scalar", "cmsis-helium"])
    return floats + variants(spec, ["q31", "q15"], ["exact", "cmsis-helium"])


def measure(spec: FrontendSpec) -> dict[str, Any]:
    """One row's numbers."""
    progress = Progress(sys.stderr)
    check = check_frontend(spec, own_quantisation(spec), CheckOptions(simulator="qemu"), progress)
    if check["verdict"] == "differs":
        raise McuDeployError(f"{spec.name}, {spec.precision}: {check['first_difference']}")
    features = [stage for stage in check["stages"] if stage["dtype"] == "float32"][-1]
    return {
        "preset": spec.name,
        "precision": check["precision"],
        "arithmetic": check["arithmetic"],
        "vectors": sum(stage["vectors"] for stage in check["stages"]),
        "bits_equal": all(stage["bits_equal"] for stage in check["stages"]),
        "feature_stage": features["stage"],
        "against_float64": features["target_against_float64"],
        "library": LIBRARIES[spec.name],
        "library_max_error": _library_error(spec) if spec.promises_bits else None,
        "instructions_a_frame": check["simulated_instructions"]["per_frame"],
        "memory": check["memory"],
    }


def _library_error(spec: FrontendSpec) -> float | None:
    """The largest difference of the features on noise; the target's bits are the reference's."""
    noise = next(vector.pcm for vector in built_in_signals(spec) if vector.source == "noise")
    try:
        theirs = library_features(spec, noise)
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed: no comparison of {spec.name}", file=sys.stderr)
        return None
    return float(np.abs(reference_features(spec, noise).astype(np.float64) - theirs).max())


def rows(measured: list[dict[str, Any]]) -> list[list[str]]:
    """The table's cells."""
    return [
        [
            one["preset"],
            one["precision"] or "-",
            one["arithmetic"] or "-",
            f"{one['vectors']:,}",
            "equal" if one["bits_equal"] else "other",
            f"{one['against_float64']['max_error']:.2g}",
            f"{one['against_float64']['snr_db']:.0f}",
            "-" if one["library_max_error"] is None else f"{one['library_max_error']:.2g}",
            f"{one['instructions_a_frame']:,}",
            f"{one['memory']['flash_bytes']:,}",
            f"{one['memory']['ram_bytes']:,}",
        ]
        for one in measured
    ]


def keys() -> str:
    """The specification language as the documentation has it."""
    lines = ["| key | values | default | meaning |", "| --- | --- | --- | --- |"]
    for name, key in KEYS.items():
        if key.choices:
            values = ", ".join(str(choice) for choice in key.choices)
        elif key.type is bool:
            values = "true, false"
        else:
            values = f"{key.type.__name__}, {key.low:.9g} to {key.high:.9g}"
        default = "" if key.default is None else str(key.default).lower()
        only = f" (only with {key.when[0]} = {' or '.join(map(str, key.when[1]))})" if key.when else ""
        lines.append(f"| `{name}` | {values} | {default} | {key.meaning}{only} |")
    return "\n".join(lines)


def _versions() -> dict[str, str]:
    found = dict(versions("qemu"))
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("presets", nargs="*", metavar="PRESET", choices=[*preset_names(), []])
    parser.add_argument("--markdown", action="store_true", help="the table as the documentation has it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers to FILE")
    parser.add_argument("--keys", action="store_true", help="only the table of the keys")
    options = parser.parse_args()
    if options.keys:
        print(keys())
        return
    presets = options.presets or preset_names()
    measured = [measure(spec) for preset in presets for spec in combinations(preset)]
    if options.json:
        document = {"versions": _versions(), "frontends": measured}
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if options.markdown:
        lines = [HEADER, ["---"] * len(HEADER), *rows(measured)]
        print("\n".join(f"| {' | '.join(line)} |" for line in lines))
    else:
        print(table(HEADER, rows(measured), right=(3, 5, 6, 7, 8, 9, 10)))
    print("\nInstructions are simulated (QEMU -icount), of a chirp; flash and RAM are the front end's bytes.")
    print("Errors are the largest, in the feature's unit. Versions:", _versions())


if __name__ == "__main__":
    try:
        main()
    except McuDeployError as error:
        sys.exit(f"error: {error.message}\n  hint: {error.hint}")
