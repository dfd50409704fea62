"""A small real model in C: 12 bytes in, negated in one step and reversed in the next.

The first byte of its input chooses how it misbehaves, so that one build serves all tests. With LOOP the
next three say how often a loop of two instructions turns.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from mcu_deploy.boards.layout import place
from mcu_deploy.boards.types import SEMIHOSTING, Board
from mcu_deploy.codegen.app import app_sources
from mcu_deploy.codegen.cmake import cmake_files
from mcu_deploy.codegen.platform import platform_sources
from mcu_deploy.codegen.project import SourceSet, template_files
from mcu_deploy.codegen.stream import stream_sources

BYTES = 12
HANG, HANG_MASKED, UNDEFINED, RECURSE, WILD_READ, WILD_CALL, EXIT, DIVIDE, LOOP = range(100, 109)

MODEL = """
#include "md_compiler.h"
#include "md_model.h"
#include "md_platform.h"
#include <stddef.h>

#define BYTES 12
static MD_ARENA int8_t arena[64];
extern const int8_t toy_sign[16];
MD_MODEL_CONST const int8_t toy_sign[16] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};

const uint32_t md_model_input_count = 1;
const uint32_t md_model_output_count = 1;
const md_tensor_t md_model_inputs[] = {{0, BYTES, arena}};
const md_tensor_t md_model_outputs[] = {{2, BYTES, arena + 32}};
static const md_tensor_t middle = {1, BYTES, arena + 16};

static volatile int32_t zero;
static volatile uint32_t wild = 0x50;

#if defined(__arm__)
__attribute__((noinline, noclone)) static int32_t toy_recurse(int32_t depth) {
    volatile int32_t room[64];
    for (int i = 0; i < 64; i++) {
        room[i] = depth;
    }
    return zero == 0 ? toy_recurse(depth + 1) + room[depth & 63] : 0;
}
#endif

__attribute__((noinline)) static void toy_misbehave(int32_t how) {
    if (how == 100) {
        while (zero == 0) {
        }
    }
    if (how == 104) {
        wild <<= 24;
        zero = *(volatile int32_t *)(uintptr_t)(wild + 0x400000u);
    }
    if (how == 105) {
        ((void (*)(void))(uintptr_t)0xE0000000u)();
    }
    if (how == 106) {
        md_exit(0);
    }
#if defined(__arm__)
    if (how == 101) {
        __asm__ volatile("cpsid i");
        while (zero == 0) {
        }
    }
    if (how == 102) {
        __asm__ volatile("udf #7");
    }
    if (how == 103) {
        zero = toy_recurse(1);
    }
    if (how == 107) {
        zero = how / zero;
    }
    if (how == 108) {
        const uint8_t *bytes = (const uint8_t *)arena;
        uint32_t turns = 1u + bytes[1] + ((uint32_t)bytes[2] << 8) + ((uint32_t)bytes[3] << 16);
        __asm__ volatile("1: subs %0, #1\\n\\tbne 1b" : "+l"(turns) : : "cc");
    }
#endif
}

void md_model_reset(void) {
}

void md_model_invoke(md_model_observer_t observer, void *context) {
    toy_misbehave(arena[0]);
    for (int i = 0; i < BYTES; i++) {
        arena[16 + i] = (int8_t)(arena[i] * toy_sign[i]);
    }
    if (observer != NULL) {
        observer(context, 0, &middle);
    }
    for (int i = 0; i < BYTES; i++) {
        arena[32 + i] = arena[16 + BYTES - 1 - i];
    }
    if (observer != NULL) {
        observer(context, 1, &md_model_outputs[0]);
    }
}
"""

CONFIG = """
#define MD_FRONTEND_CHANNELS 1u
#define MD_FRONTEND_FRAME_SAMPLES 5u
#define MD_FRONTEND_HOP_SAMPLES {hop}u
#define MD_FRONTEND_FRAMES 3u
#define MD_FRONTEND_MIN_FRAMES 3u
#define MD_FRONTEND_CLIP_SAMPLES {clip}u
#define MD_FRONTEND_MIN_SAMPLES {least}u
#define MD_FRONTEND_PADDING 0u
#define MD_FRONTEND_REFLECT 0
"""

FRONTEND = """
#include "md_frontend.h"
#include "frontend_config.h"
#include <stddef.h>

static int8_t features[3][4];

void md_frontend_frame(uint32_t frame, const int16_t *pcm, md_frontend_observer_t observer,
                       void *context) {
    int8_t *const kept = features[frame % 3u];
    for (int i = 0; i < 4; i++) {
        kept[i] = (int8_t)(pcm[i] + pcm[i + 1]);
    }
    if (observer != NULL) {
        observer(context, 0, frame, pcm, MD_FRONTEND_FRAME_SAMPLES * sizeof *pcm);
        observer(context, 1, frame, kept, 4);
    }
}

void md_frontend_finish(uint32_t first, uint32_t count, int8_t *input,
                        md_frontend_observer_t observer, void *context) {
    for (uint32_t i = 0; i < 4u * count; i++) {
        input[i] = features[(first + i / 4u) % 3u][i % 4u];
    }
    if (observer != NULL) {
        observer(context, 2, 0, input, 12);
    }
}
"""


def expected(data: bytes) -> tuple[bytes, bytes]:
    """What the two steps make of an input."""
    middle = (-np.frombuffer(data, np.int8).astype(np.int32)).astype(np.int8)
    return middle.tobytes(), middle[::-1].tobytes()


def source_sets(
    board: Board,
    frontend: bool,
    hop: int = 3,
    model: str = MODEL,
    extra_clip: int = 4,
    transport: str = SEMIHOSTING,
) -> tuple[SourceSet, ...]:
    generated = PurePosixPath("generated")
    sets = [
        *platform_sources(board, transport=transport),
        app_sources(frontend, BYTES if frontend else None),
        SourceSet(
            name="model",
            files={
                generated / "model.c": model.encode(),
                **template_files("runtime", ("md_model.h", "md_compiler.h")),
            },
            sources=(generated / "model.c",),
            include_dirs=(PurePosixPath("src/runtime"),),
        ),
    ]
    if frontend:
        least = 2 * hop + 5
        config = CONFIG.format(hop=hop, least=least, clip=least + extra_clip)
        sets.append(stream_sources(BYTES))
        sets.append(
            SourceSet(
                name="frontend",
                files={
                    generated / "frontend.c": FRONTEND.encode(),
                    generated / "frontend_config.h": config.encode(),
                    **template_files("frontend", ("md_frontend.h", "md_cutter.h", "md_clip.h", "md_clip.c")),
                },
                sources=(generated / "frontend.c", PurePosixPath("src/frontend/md_clip.c")),
                include_dirs=(PurePosixPath("src/frontend"), generated),
            )
        )
    return tuple(sets)


def write_project(folder: Path, board: Board, sets: tuple[SourceSet, ...], arena_bytes: int = 64) -> Path:
    files = dict(cmake_files("toy", sets, board, place(board, 16, arena_bytes)))
    for source_set in sets:
        files.update(source_set.files)
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder
