/* md_npu_memory.c: the memory that a stream reaches, the work that it may ask for, and its faults. */
#include <stddef.h>

#include "md_npu_internal.h"

bool md_npu_fail(md_npu_model_t *npu, md_npu_error_t error, uint32_t setting, uint64_t value) {
    if (npu->fault.error == MD_NPU_OK) {
        npu->fault.error = error;
        npu->fault.setting = setting;
        npu->fault.value = value;
    }
    return false;
}

bool md_npu_spend(md_npu_model_t *npu, uint64_t work) {
    if (work > npu->work_left) {
        return md_npu_fail(npu, MD_NPU_TOO_MUCH_WORK, npu->fault.command & 0xFFFFu, work);
    }
    npu->work_left -= work;
    return true;
}

uint8_t *md_npu_reach(md_npu_model_t *npu, uint64_t address, uint64_t bytes, bool write,
                      uint32_t setting) {
    for (uint32_t i = 0; i < npu->window_count; i++) {
        const md_npu_window_t *window = &npu->windows[i];
        if (window->bytes == 0 || address < window->base || bytes > window->bytes ||
            address - window->base > window->bytes - bytes) {
            continue; /* an empty window may lie at a null pointer */
        }
        if (write && !window->writable) {
            md_npu_fail(npu, MD_NPU_READ_ONLY, setting, address);
            return NULL;
        }
        return (uint8_t *)(uintptr_t)address;
    }
    md_npu_fail(npu, MD_NPU_BAD_ADDRESS, setting, address);
    return NULL;
}

void md_npu_count(md_npu_model_t *npu, uint64_t address, uint64_t bytes, bool write) {
    for (uint32_t i = 0; i < npu->window_count; i++) {
        const md_npu_window_t *window = &npu->windows[i];
        if (address >= window->base && address - window->base < window->bytes) {
            uint64_t *counts = write ? npu->counters.bytes_written : npu->counters.bytes_read;
            counts[window->memory % MD_NPU_MAX_WINDOWS] += bytes;
            return;
        }
    }
}

/* Bits of an address offset: the U65 has 40. */
static uint32_t offset_bits(const md_npu_model_t *npu) {
    return npu->config.product == MD_NPU_U65 ? 40 : 32;
}

uint64_t md_npu_wide_setting(const md_npu_model_t *npu, uint32_t code) {
    return npu->payloads[code] & (((uint64_t)1 << offset_bits(npu)) - 1);
}

int64_t md_npu_stride_setting(const md_npu_model_t *npu, uint32_t code) {
    const uint64_t sign = (uint64_t)1 << (offset_bits(npu) - 1);
    return (int64_t)(md_npu_wide_setting(npu, code) ^ sign) - (int64_t)sign;
}

bool md_npu_region_address(md_npu_model_t *npu, uint32_t region_setting, uint64_t offset,
                           uint64_t *address) {
    const uint32_t region = md_npu_setting(npu, region_setting);
    if (region >= MD_NPU_REGIONS) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, region_setting, region);
    }
    if (offset > UINT64_MAX - npu->bases[region]) {
        return md_npu_fail(npu, MD_NPU_BAD_ADDRESS, region_setting, offset);
    }
    *address = npu->bases[region] + offset;
    return true;
}
