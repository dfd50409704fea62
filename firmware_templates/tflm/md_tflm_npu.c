/* md_tflm_npu.c: the NPU's driver for the operator `ethos-u`; see md_tflm.h. */
#include "ethosu_driver.h"
#include "md_npu_step.h"
#include "md_tflm.h"

void md_tflm_npu_open(void) {
    md_npu_failure_t failure;
    if (!md_npu_open(&failure)) {
        md_app_npu_failed(&failure);
    }
    ethosu_set_fast_memory(md_tflm_arena + md_tflm_arena_bytes - md_tflm_fast_bytes,
                           md_tflm_fast_bytes);
}

void md_tflm_npu_explain(uint32_t step) {
    md_npu_failure_t failure;
    if (ethosu_failure(&failure)) {
        failure.step = step;
        md_app_npu_failed(&failure);
    }
}
