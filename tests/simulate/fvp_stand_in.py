"""Stands in for Arm's FVP in tests; it is not an FVP, and proves nothing about one.

It takes the options that ``mcu_deploy.simulate.fvp`` gives, notes them in ``options.json``, and runs the ELF
on QEMU in the folder that semihosting was given: what Arm's model does with the same options is not known
here. STAND_IN in the environment chooses how it fails instead.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

SAYS = {
    "library": "FVP: error while loading shared libraries: libpython3.9.so.1.0: cannot open file",
    "stack": "Error: (E549) /opt/libarmctmodel.so: cannot enable executable stack as shared object requires",
    "licence": "Error: license checkout failed: no such feature",
    "limit": "Info: Simulation is stopping. Reason: Simulated time has been exceeded.",
    "nothing": "terminal_0: Listening for serial connection on port 5000",
}


def main() -> int:
    how = os.environ.get("STAND_IN", "")
    if "--version" in sys.argv:
        return _version(how)
    parser = argparse.ArgumentParser()
    parser.add_argument("-a", dest="elf", required=True)
    parser.add_argument("-C", dest="parameters", action="append", default=[])
    parser.add_argument("--timelimit", type=int, required=True)
    given = parser.parse_args()
    parameters = dict(parameter.split("=", 1) for parameter in given.parameters)
    folder = next(value for name, value in parameters.items() if name.endswith(".semihosting-cwd"))
    noted = {"parameters": parameters, "timelimit": given.timelimit, "elf": given.elf}
    (Path(folder) / "options.json").write_text(json.dumps(noted))
    if how == "hang":
        time.sleep(1000)
    if how in SAYS:
        print(SAYS[how], file=sys.stderr)
        return 0 if how in ("limit", "nothing") else 1
    qemu = (
        "qemu-system-arm",
        "-machine",
        "mps3-an547",
        "-nodefaults",
        "-display",
        "none",
        "-kernel",
        given.elf,
    )
    done = subprocess.run([*qemu, "-semihosting-config", "enable=on,target=native"], cwd=folder, check=False)
    if how == "cut":
        records = Path(folder) / "records.bin"
        records.write_bytes(records.read_bytes()[:-20])
    return done.returncode


def _version(how: str) -> int:
    if how == "no FVP":
        print("hello")
    elif how in ("library at once", "licence at once"):
        print(SAYS[how.removesuffix(" at once")], file=sys.stderr)
        return 127
    else:
        version = "11.12.57" if how == "old" else "11.27.42"
        print(f"\nFast Models [{version} (Jan 1 2024)]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
