/* md_npu_step.c: see md_npu_step.h. */
#include "md_npu_step.h"

static bool is_open;

void md_npu_step_prepare(const md_npu_step_t *p) {
    md_npu_failure_t failure;
    if (!is_open && !md_npu_open(&failure)) {
        md_app_npu_failed(&failure);
    }
    is_open = true;
    if (!md_npu_check(p->stream, p->stream_bytes, &failure)) {
        failure.step = p->step;
        md_app_npu_failed(&failure);
    }
}

void md_npu_step(const md_npu_step_t *p, int8_t *arena) {
    md_npu_failure_t failure;
    const md_npu_job_t job = {
        .stream = p->stream,
        .stream_bytes = p->stream_bytes,
        .constants = p->constants,
        .constants_bytes = p->constants_bytes,
        .arena = (uint8_t *)arena,
        .arena_bytes = p->arena_bytes,
        .fast_offset = p->fast_offset,
    };
    if (!md_npu_run(&job, &failure)) {
        failure.step = p->step;
        md_app_npu_failed(&failure);
    }
}
