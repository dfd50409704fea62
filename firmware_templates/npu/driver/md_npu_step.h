/* md_npu_step.h: the steps of a compiled model that the NPU performs. */
#ifndef MD_NPU_STEP_H
#define MD_NPU_STEP_H

#include "md_npu.h"

/* A command stream, as Vela made it, and what it needs of the arena, from its start. */
typedef struct {
    const uint8_t *stream;
    uint32_t stream_bytes;
    const uint8_t *constants;
    uint32_t constants_bytes;
    uint32_t arena_bytes;
    uint32_t fast_offset; /* of region 2 in the arena */
    uint32_t step;        /* its number in the plan */
} md_npu_step_t;

/* Finds the NPU, or its model, and compares the stream with it. To be called for every step before
 * the first is run. */
void md_npu_step_prepare(const md_npu_step_t *p);

/* Performs a step. */
void md_npu_step(const md_npu_step_t *p, int8_t *arena);

/* Implemented by the application: reports the failure and ends. */
_Noreturn void md_app_npu_failed(const md_npu_failure_t *failure);

#endif
