/* md_npu_dma.c: NPU_OP_DMA_START: copies within memory, and tables into the shared buffer. */
#include <string.h>

#include "md_npu_internal.h"

#define REGION_INTERNAL (1u << 8) /* the shared buffer inside of the NPU */
#define DIMENSIONS_SHIFT 9        /* number of dimensions less one, U65 only */

/* One end of a transfer. */
typedef struct {
    bool is_internal;
    uint64_t offset; /* internal: within the shared buffer */
    uint64_t address;
} end_t;

static bool open_end(md_npu_model_t *npu, uint32_t region_setting, uint32_t address_setting,
                     end_t *end) {
    const uint32_t region = md_npu_setting(npu, region_setting);
    const uint32_t index = region & 0xFFu;
    end->offset = md_npu_wide_setting(npu, address_setting);
    end->is_internal = region & REGION_INTERNAL;
    end->address = 0;
    if (end->is_internal) {
        return true;
    }
    if (index >= MD_NPU_REGIONS) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, region_setting, region);
    }
    if (end->offset > UINT64_MAX - npu->bases[index]) {
        return md_npu_fail(npu, MD_NPU_BAD_ADDRESS, MD_NPU_PAYLOAD | address_setting, end->offset);
    }
    end->address = npu->bases[index] + end->offset;
    return true;
}

/* The part of the shared buffer that holds tables is its last bytes; nothing else of it is modelled,
 * since a stream cannot read it back. */
static uint8_t *internal_memory(md_npu_model_t *npu, uint64_t offset, uint64_t bytes,
                                uint32_t setting) {
    const uint64_t start = npu->shram_bytes - MD_NPU_LUT_BYTES;
    if (offset < start || bytes > MD_NPU_LUT_BYTES || offset - start > MD_NPU_LUT_BYTES - bytes) {
        md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_PAYLOAD | setting, offset);
        return NULL;
    }
    return npu->lut + (offset - start);
}

/* Copies bytes between two addresses, or into the shared buffer. */
static bool copy(md_npu_model_t *npu, const end_t *target, uint64_t from, uint64_t to,
                 uint64_t bytes) {
    const uint8_t *in = md_npu_reach(npu, from, bytes, false, MD_NPU_PAYLOAD | MD_NPU_SET_DMA0_SRC);
    if (!in) {
        return false;
    }
    uint8_t *out = target->is_internal
                       ? internal_memory(npu, target->offset, bytes, MD_NPU_SET_DMA0_DST)
                       : md_npu_reach(npu, to, bytes, true, MD_NPU_PAYLOAD | MD_NPU_SET_DMA0_DST);
    if (!out) {
        return false;
    }
    memmove(out, in, (size_t)bytes);
    md_npu_count(npu, from, bytes, false);
    if (!target->is_internal) {
        md_npu_count(npu, to, bytes, true);
    }
    npu->counters.dma_bytes += bytes;
    return true;
}

/* Bytes that lie side by side in the source, spread out in the target: rows of LEN bytes, SKIP0 bytes
 * left out after each; SIZE0 rows make a plane, SKIP1 bytes are left out after each of SIZE1
 * planes. Vela skips either after rows or after planes; how the NPU adds up both is not known. */
static bool copy_box(md_npu_model_t *npu, const end_t *source, const end_t *target,
                     uint32_t dimensions) {
    const uint64_t bytes = md_npu_wide_setting(npu, MD_NPU_SET_DMA0_LEN);
    const uint32_t rows = dimensions >= 2 ? md_npu_setting(npu, MD_NPU_SET_DMA0_SIZE0) : 1;
    const uint32_t planes = dimensions == 3 ? md_npu_setting(npu, MD_NPU_SET_DMA0_SIZE1) : 1;
    const uint64_t row_skip =
        dimensions >= 2 ? (uint64_t)md_npu_stride_setting(npu, MD_NPU_SET_DMA0_SKIP0) : 0;
    const uint64_t plane_skip =
        dimensions == 3 ? (uint64_t)md_npu_stride_setting(npu, MD_NPU_SET_DMA0_SKIP1) : 0;
    if (dimensions == 3 && row_skip != 0) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_PAYLOAD | MD_NPU_SET_DMA0_SKIP0,
                           row_skip);
    }
    if (!md_npu_spend(npu, md_npu_times((uint64_t)rows * planes, bytes + 1))) {
        return false;
    }
    if (bytes == 0) {
        return true;
    }
    uint64_t from = source->address;
    uint64_t to = target->address;
    for (uint32_t plane = 0; plane < planes; plane++) {
        for (uint32_t row = 0; row < rows; row++) {
            if (!copy(npu, target, from, to, bytes)) {
                return false;
            }
            from += bytes;
            to += bytes + row_skip;
        }
        to += plane_skip;
    }
    return true;
}

bool md_npu_dma(md_npu_model_t *npu, uint32_t parameter) {
    const uint32_t source_region = md_npu_setting(npu, MD_NPU_SET_DMA0_SRC_REGION);
    const uint32_t target_region = md_npu_setting(npu, MD_NPU_SET_DMA0_DST_REGION);
    const uint32_t mode = target_region >> DIMENSIONS_SHIFT;
    end_t source;
    end_t target;
    if (parameter != 0) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_OP_DMA_START, parameter);
    }
    if (source_region >> DIMENSIONS_SHIFT || (source_region & REGION_INTERNAL)) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_SET_DMA0_SRC_REGION, source_region);
    }
    if (mode > 2 || (mode != 0 && npu->config.product != MD_NPU_U65) ||
        (mode != 0 && (target_region & REGION_INTERNAL))) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_SET_DMA0_DST_REGION, target_region);
    }
    return open_end(npu, MD_NPU_SET_DMA0_SRC_REGION, MD_NPU_SET_DMA0_SRC, &source) &&
           open_end(npu, MD_NPU_SET_DMA0_DST_REGION, MD_NPU_SET_DMA0_DST, &target) &&
           copy_box(npu, &source, &target, mode + 1);
}
