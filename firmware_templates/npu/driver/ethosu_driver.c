/* ethosu_driver.c: see ethosu_driver.h. */
#include "ethosu_driver.h"

enum { CONSTANTS, ARENA, FAST, BASES };

struct ethosu_driver {
    bool reserved;
    bool failed;
    md_npu_failure_t failure;
    uint64_t fast;     /* address */
    size_t fast_bytes; /* 0: as the caller says */
};

static struct ethosu_driver driver;

struct ethosu_driver *ethosu_reserve_driver(void) {
    if (driver.reserved) {
        return NULL;
    }
    driver.reserved = true;
    return &driver;
}

void ethosu_release_driver(struct ethosu_driver *drv) {
    if (drv != NULL) {
        drv->reserved = false;
    }
}

void ethosu_set_fast_memory(const void *memory, size_t bytes) {
    driver.fast = (uintptr_t)memory;
    driver.fast_bytes = bytes;
}

/* Returns false where the memories are not as Vela lays them out: the fast one in or behind the arena. */
static bool make_job(md_npu_job_t *job, const uint64_t *base, const size_t *bytes) {
    const uint64_t fast = driver.fast_bytes > 0u ? driver.fast : base[FAST];
    const size_t fast_bytes = driver.fast_bytes > 0u ? driver.fast_bytes : bytes[FAST];
    uint64_t arena_bytes = bytes[ARENA];
    uint64_t fast_offset = 0;
    if (fast_bytes > 0u) {
        if (fast < base[ARENA]) {
            return false;
        }
        fast_offset = fast - base[ARENA];
        if (fast_offset + fast_bytes > arena_bytes) {
            arena_bytes = fast_offset + fast_bytes;
        }
    }
    if (arena_bytes > UINT32_MAX || bytes[CONSTANTS] > UINT32_MAX) {
        return false;
    }
    job->constants = (const uint8_t *)(uintptr_t)base[CONSTANTS];
    job->constants_bytes = (uint32_t)bytes[CONSTANTS];
    job->arena = (uint8_t *)(uintptr_t)base[ARENA];
    job->arena_bytes = (uint32_t)arena_bytes;
    job->fast_offset = (uint32_t)fast_offset;
    return true;
}

int ethosu_invoke_v3(struct ethosu_driver *drv, const void *custom_data_ptr, int custom_data_size,
                     uint64_t *base_addr, const size_t *base_addr_size, int num_base_addr,
                     void *user_arg) {
    (void)user_arg;
    if (drv == NULL) {
        return -1;
    }
    md_npu_job_t job = {.stream = custom_data_ptr, .stream_bytes = (uint32_t)custom_data_size};
    drv->failure = (md_npu_failure_t){.kind = MD_NPU_FAILED_STREAM};
    drv->failed = custom_data_size < 0 || num_base_addr < BASES ||
                  !make_job(&job, base_addr, base_addr_size) ||
                  !md_npu_check(job.stream, job.stream_bytes, &drv->failure) ||
                  !md_npu_run(&job, &drv->failure);
    return drv->failed ? -1 : 0;
}

bool ethosu_failure(md_npu_failure_t *failure) {
    *failure = driver.failure;
    return driver.failed;
}
