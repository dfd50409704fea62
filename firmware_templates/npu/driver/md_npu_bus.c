/* md_npu_bus.c: see md_npu_bus.h. */
#include "md_npu_bus.h"

#include "md_npu_registers.h"
#include "npu_config.h"

#include <stdbool.h>
#include <stddef.h>

static bool known(uint32_t id) {
    const uint32_t major = MD_NPU_ARCH_MAJOR(id);
    return major == MD_NPU_ARCH_U55_U65 || major == MD_NPU_ARCH_U85;
}

#if MD_NPU_BASE_ADDRESS != 0

static volatile uint32_t *device_register(uint32_t offset) {
    return (volatile uint32_t *)(uintptr_t)(MD_NPU_BASE_ADDRESS + offset);
}

static uint32_t device_id(void) {
    return *device_register(MD_NPU_REG_ID);
}

#else

static volatile uint32_t *device_register(uint32_t offset) {
    static volatile uint32_t nothing;
    (void)offset;
    return &nothing;
}

static uint32_t device_id(void) {
    return 0;
}

#endif

#if MD_NPU_HAVE_MODEL

#include "md_npu_model.h"

enum { STREAM, CONSTANTS, ARENA, WINDOWS };

static bool modelled;
static md_npu_model_t model;
static md_npu_window_t windows[WINDOWS];
static _Alignas(16) uint8_t workspace[MD_NPU_MODEL_WORKSPACE];

uint32_t md_npu_bus_open(void) {
    static const md_npu_config_t config = {
        .product = MD_NPU_MODEL_PRODUCT,
        .macs_per_cycle = MD_NPU_MODEL_MACS,
    };
    const uint32_t id = MD_NPU_MODEL_ALWAYS ? 0 : device_id();
    modelled = !known(id);
    if (!modelled) {
        return id;
    }
    md_npu_model_init(&model, &config, windows, WINDOWS, workspace, sizeof workspace,
                      MD_NPU_MODEL_WORK_LIMIT);
    return md_npu_model_read(&model, MD_NPU_REG_ID);
}

uint32_t md_npu_bus_read(uint32_t offset) {
    return modelled ? md_npu_model_read(&model, offset) : *device_register(offset);
}

void md_npu_bus_write(uint32_t offset, uint32_t value) {
    if (modelled) {
        md_npu_model_write(&model, offset, value);
    } else {
        *device_register(offset) = value;
    }
}

static md_npu_window_t window(const void *base, uint32_t bytes, bool writable, uint8_t memory) {
    return (md_npu_window_t){
        .base = (uintptr_t)base,
        .bytes = bytes,
        .writable = writable,
        .memory = memory,
    };
}

void md_npu_bus_admit(const md_npu_job_t *job) {
    windows[STREAM] = window(job->stream, job->stream_bytes, false, STREAM);
    windows[CONSTANTS] = window(job->constants, job->constants_bytes, false, CONSTANTS);
    windows[ARENA] = window(job->arena, job->arena_bytes, true, ARENA);
}

bool md_npu_bus_counters(md_npu_counts_t *counts) {
    if (modelled) {
        const md_npu_counters_t *const counters = md_npu_model_counters(&model);
        *counts = (md_npu_counts_t){
            .macs = counters->macs,
            .operations = counters->operations,
            .dma_bytes = counters->dma_bytes,
            .stream_read = counters->bytes_read[STREAM],
            .constants_read = counters->bytes_read[CONSTANTS],
            .arena_read = counters->bytes_read[ARENA],
            .arena_written = counters->bytes_written[ARENA],
        };
    }
    return modelled;
}

void md_npu_bus_explain(md_npu_failure_t *failure) {
    if (modelled) {
        const md_npu_fault_t *const fault = md_npu_model_fault(&model);
        failure->modelled = 1;
        failure->model_error = (uint32_t)fault->error;
        failure->model_offset = fault->stream_offset;
        failure->model_command = fault->command;
        failure->model_setting = fault->setting;
        failure->model_value = (uint32_t)fault->value;
        failure->model_value_high = (uint32_t)(fault->value >> 32);
    }
}

#else

uint32_t md_npu_bus_open(void) {
    const uint32_t id = device_id();
    return known(id) ? id : 0;
}

uint32_t md_npu_bus_read(uint32_t offset) {
    return *device_register(offset);
}

void md_npu_bus_write(uint32_t offset, uint32_t value) {
    *device_register(offset) = value;
}

void md_npu_bus_admit(const md_npu_job_t *job) {
    (void)job;
}

bool md_npu_bus_counters(md_npu_counts_t *counts) {
    (void)counts;
    return false;
}

void md_npu_bus_explain(md_npu_failure_t *failure) {
    (void)failure;
}

#endif
