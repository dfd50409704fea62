"""What a static library was compiled for, as its members say."""

from __future__ import annotations

import io
import mmap
from collections.abc import Iterator
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import ARMAttributesSection

from mcu_deploy.boards.types import Core
from mcu_deploy.errors import InputError

_MAGIC = b"!<arch>\n"
_HEADER_BYTES = 60

# Tag_CPU_arch of the ABI's build attributes, and which of them each core runs.
_ARCHITECTURES = {
    1: "Armv4",
    2: "Armv4T",
    10: "Armv7",
    11: "Armv6-M",
    12: "Armv6S-M",
    13: "Armv7E-M",
    16: "Armv8-M Baseline",
    17: "Armv8-M Mainline",
    21: "Armv8.1-M Mainline",
}
_V7M = (10, 11, 12)
_V7EM = (*_V7M, 13)
_V8M = (*_V7M, 16, 17)
_RUNS = {
    "cortex-m3": _V7M,
    "cortex-m4": _V7EM,
    "cortex-m7": _V7EM,
    "cortex-m33": (*_V7EM, 16, 17),
    "cortex-m55": (*_V7EM, 16, 17, 21),
    "cortex-m85": (*_V7EM, 16, 17, 21),
}
_PROFILES = (0, ord("M"))  # none stated, and microcontrollers
_HARD_FLOAT = 1  # Tag_ABI_VFP_args


def contains(library: Path, text: bytes) -> bool:
    """Whether the file has these bytes, as the name of a symbol for example."""
    with library.open("rb") as file:
        if library.stat().st_size == 0:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return data.find(text) >= 0


def check_architecture(library: Path, core: Core) -> None:
    """Sees that a core runs what is in a library, and that both pass floats in the same way.

    Raises:
        InputError: it is no library of ELF files, or is for something else; says for what.
    """
    wanted = " ".join(core.compiler_options)
    attributes = _first_attributes(library)
    architecture = attributes.get("TAG_CPU_ARCH", 0)
    profile = attributes.get("TAG_CPU_ARCH_PROFILE", 0)
    if architecture not in _RUNS[core.cpu] or profile not in _PROFILES:
        name = _ARCHITECTURES.get(architecture, f"architecture {architecture}")
        raise InputError(
            f"{library} was compiled for {name}, which {core.cpu} does not run",
            f"build it with {wanted}",
        )
    hard = attributes.get("TAG_ABI_VFP_ARGS", 0) == _HARD_FLOAT
    if hard != ("fpu" in core.extensions):
        raise InputError(
            f"{library} passes floats in {'floating-point' if hard else 'core'} registers, the firmware in "
            f"{'core' if hard else 'floating-point'} registers",
            f"build it with {wanted}",
        )
    if attributes.get("TAG_MVE_ARCH", 0) and "mve" not in core.extensions:
        raise InputError(f"{library} uses Helium, which the board's core lacks", f"build it with {wanted}")


def _first_attributes(library: Path) -> dict[str, int]:
    """The build attributes of the first member that has any."""
    try:
        data = library.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {library}: {error.strerror}", "build it again") from None
    machines = set()
    for member in _members(library, data):
        try:
            image = ELFFile(io.BytesIO(member))
            machines.add(image.header["e_machine"])
            if image.header["e_machine"] == "EM_ARM":
                found = _attributes(image)
                if found:
                    return found
        except (ELFError, KeyError, ValueError, IndexError):
            continue
    if machines - {"EM_ARM"}:
        what = ", ".join(sorted(str(machine).removeprefix("EM_") for machine in machines))
        raise InputError(f"{library} is for another processor ({what})", "build it for the board's core")
    raise InputError(f"{library} has no ELF file for Arm in it", "build it for the board's core")


def _attributes(image: ELFFile) -> dict[str, int]:
    for section in image.iter_sections():
        if isinstance(section, ARMAttributesSection):
            return {
                attribute.tag: attribute.value
                for subsection in section.iter_subsections()
                for part in subsection.iter_subsubsections()
                for attribute in part.iter_attributes()
                if isinstance(attribute.value, int)
            }
    return {}


def _members(library: Path, data: bytes) -> Iterator[bytes]:
    """The contents of an ``ar`` archive's files."""
    if not data.startswith(_MAGIC):
        raise InputError(f"{library} is not a static library", "give the .a file")
    position = len(_MAGIC)
    while position + _HEADER_BYTES <= len(data):
        header = data[position : position + _HEADER_BYTES]
        size = header[48:58].strip()
        if header[58:] != b"`\n" or not size.isdigit():
            raise InputError(f"{library} is damaged at byte {position}", "build it again")
        position += _HEADER_BYTES
        name = header[:16].rstrip()
        if name not in (b"/", b"//", b"/SYM64/"):
            yield data[position : position + int(size)]
        position += int(size) + int(size) % 2
