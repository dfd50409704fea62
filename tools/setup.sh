#!/bin/sh
# Installs what `make demo` and `make test` need and is not there: Debian packages (as root or by sudo,
# else it says which), a virtual environment, and the CMSIS-DSP sources. Does nothing when nothing is
# missing.
#
#   tools/setup.sh VENV [EXTRA]     EXTRA: an extra of pyproject.toml, for example dev
set -eu
venv=$1
extra=${2:-}

missing=
need() { # need PACKAGE COMMAND...: PACKAGE unless every COMMAND succeeds
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}
has() { command -v "$1"; }
newlib() { arm-none-eabi-gcc -print-file-name=libc_nano.a | grep -q /; }

need python3 has python3
need python3-venv python3 -c 'import ensurepip, venv'
need cmake has cmake
need ninja-build has ninja
need gcc has gcc
need gcc-arm-none-eabi has arm-none-eabi-gcc
need libnewlib-arm-none-eabi newlib
need qemu-system-arm has qemu-system-arm

if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        as_root=sudo
    else
        echo "setup: these packages are missing; install them, then run this again:" >&2
        echo "  apt-get install --no-install-recommends$missing" >&2
        exit 4
    fi
    if ! command -v apt-get >/dev/null; then
        echo "setup: no apt-get here; install by your system's means what these packages hold:$missing" >&2
        exit 4
    fi
    echo "setup: installing$missing" >&2
    $as_root apt-get update -qq
    # shellcheck disable=SC2086  # a list of words
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
fi

python3 - <<'PY' || exit 4
import sys
if sys.version_info < (3, 11):
    sys.exit(f"setup: Python 3.11 or newer is needed, python3 is {sys.version.split()[0]}")
PY

stamp=$venv/.installed${extra:+-$extra}
wanted=$(cksum <pyproject.toml)
if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    echo "setup: installing the Python packages into $venv" >&2
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e ".${extra:+[$extra]}"
    echo "$wanted" >"$stamp"
fi

"$venv/bin/mcu-deploy" setup >&2
