"""What a release firmware is linked of: its own sources, and next to nothing of the compiler's libraries."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import toy

from mcu_deploy.boards.reader import load_board
from mcu_deploy.build import build
from mcu_deploy.errors import BuildError
from mcu_deploy.pipeline.generate import generate
from mcu_deploy.pipeline.options import GenerateOptions
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.registry.cards import card_by_name
from mcu_deploy.registry.locate import locate

# Copies and arithmetic: none of them allocates, prints or keeps state.
LIBRARY = re.compile(
    r"mem(cpy|move|set|cmp)|strlen|sqrtf?|__aeabi_(u?l?div(mod)?|u?idiv(mod)?|idiv0|ldiv0|l(lsl|lsr|asr|mul)|mem\w+"
    r"|[fd]2\w+|u?[il]2[fd]|ul2[fd]|[fd](add|sub|rsub|mul|div|neg)|c[fd]\w+)|__\w+[sd]f[234]?|__\w*div(mod)?di4"
)
# What this test is for, named: should the pattern above ever be widened, these still fail.
FORBIDDEN = re.compile(
    r"_?_?(malloc|calloc|realloc|free|sbrk|memalign)(_r)?|_?v?(f|s|sn|d|as|i|si|sni)?(i?printf|scanf)(_r)?"
    r"|_printf_\w+|_s?v?fi?printf_r|f?put[cs]|f?write|fflush|__cxa_\w+|__gxx\w*|_Z\w+|_Unwind\w+|__sinit\w*"
    r"|_impure_ptr|atexit|exit|abort|__errno"
)
# What kernels for Helium call where there is none: the native build needs it, the linker leaves it out.
STAND_INS = {"md_helium_depthwise_s8.c.obj", "md_mul.c.obj", "md_pool_s8.c.obj"}
CASES = [
    ("kws-demo", "corstone-300", "micronet-kws"),
    ("kws-demo", "corstone-300", "none"),
    ("kws-demo", "mps2-an386", "none"),
    ("kws-micronet-m", "corstone-300", "micronet-kws"),
    ("kws-micronet-m", "corstone-300", "none"),
    ("ad-micronet-s", "corstone-300", "micronet-ad"),
    ("audio-sound-event-1.0.2", "corstone-300", "audio-sound-event"),
    ("audio-sound-event-1.0.2", "corstone-300", "none"),
]


def names(path: Path) -> set[str]:
    """Functions and variables that an object or program defines."""
    command = ["arm-none-eabi-nm", "--defined-only", str(path)]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {line.split()[2] for line in listing.splitlines() if not line.split()[2].startswith("$")}


def objects(project: Path) -> list[Path]:
    return sorted((project / "build/target/CMakeFiles").glob("*.dir/**/*.obj"))


def library_names(project: Path) -> set[str]:
    """What the firmware has of neither its own sources nor the linker script."""
    own = set().union(*map(names, objects(project)))
    linked = names(project / "build/target/firmware.elf")
    return {name for name in linked - own if not name.startswith("md_ld_")}


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize(("model", "board", "frontend"), CASES)
def test_only_what_is_used(
    model: str, board: str, frontend: str, model_path: Callable[[str], Path], tmp_path: Path
) -> None:
    card = card_by_name(model)
    path = locate(card) or model_path(card.file)
    options = GenerateOptions(str(path), board=board, frontend=frontend, output_dir=tmp_path / "project")
    project = generate(options, Progress(None)).folder
    linked = names(build(project, "target").executable)
    assert {name for name in linked if FORBIDDEN.fullmatch(name)} == set()
    assert {name for name in library_names(project) if not LIBRARY.fullmatch(name)} == set()
    ours = [one for one in objects(project) if "cmsis_dsp.dir" not in one.parts]
    assert {one.name for one in ours if not names(one) & linked} <= STAND_INS
    assert any("frontend.dir" in one.parts for one in ours) == (frontend != "none")


def toy_project(folder: Path, statement: str) -> Path:
    """A toy model that also does what ``statement`` says."""
    board = load_board("corstone-300")
    head = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nvoid *volatile md_test_kept;\n"
    model = head + toy.MODEL.replace("toy_misbehave(arena[0]);", statement)
    model = model.replace("static void toy_misbehave", "void toy_misbehave").replace(
        "md_model_reset(void) {", "toy_misbehave(int32_t how);\nvoid md_model_reset(void) {"
    )
    return toy.write_project(folder, board, toy.source_sets(board, frontend=False, model=model))


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize(
    "statement", ["md_test_kept = malloc((size_t)arena[0]);", 'printf("%d", (int)arena[0]);', "abort();"]
)
def test_what_allocates_or_prints_does_not_even_link(statement: str, tmp_path: Path) -> None:
    with pytest.raises(BuildError) as error:
        build(toy_project(tmp_path, statement), "target")
    assert "undefined reference" in "\n".join([error.value.message, *error.value.details])


@pytest.mark.usefixtures("tools")
def test_a_library_function_is_noticed(tmp_path: Path) -> None:
    project = toy_project(tmp_path, "arena[1] = (int8_t)atoi((const char *)arena);")
    build(project, "target")
    found = library_names(project)
    assert "atoi" in found and not LIBRARY.fullmatch("atoi")
    assert {name for name in found if LIBRARY.fullmatch(name)} <= {"memcpy", "memset", "memmove", "strlen"}
