/* md_npu_output.c: the NPU's output stage. */
#include "md_npu_output.h"

#include <string.h>

#include "md_npu_internal.h"

#define SCALE_IS_GLOBAL (1u << 8)
#define ROUNDING_SHIFT 14

bool md_npu_scale_is_global(const md_npu_model_t *npu) {
    return md_npu_setting(npu, MD_NPU_SET_OFM_PRECISION) & SCALE_IS_GLOBAL;
}

md_npu_scaling_kind_t md_npu_weighted_scaling(const md_npu_model_t *npu) {
    return md_npu_scale_is_global(npu) ? MD_NPU_SCALE_GLOBAL : MD_NPU_SCALE_CHANNELS;
}

/* The scale table of one core for its share of the channels. */
static bool open_entries(md_npu_model_t *npu, uint32_t core, uint32_t channels,
                         md_npu_output_t *output) {
    const uint32_t base = core ? MD_NPU_SET_SCALE1_BASE : MD_NPU_SET_SCALE_BASE;
    const uint32_t length = core ? MD_NPU_SET_SCALE1_LENGTH : MD_NPU_SET_SCALE_LENGTH;
    const uint64_t bytes = (uint64_t)channels * MD_NPU_SCALE_ENTRY_BYTES;
    uint64_t address;
    if (channels == 0) {
        return true;
    }
    if (bytes > md_npu_payload(npu, length)) {
        return md_npu_fail(npu, MD_NPU_BAD_GEOMETRY, MD_NPU_PAYLOAD | length,
                           md_npu_payload(npu, length));
    }
    if (!md_npu_region_address(npu, MD_NPU_SET_SCALE_REGION, md_npu_wide_setting(npu, base),
                               &address)) {
        return false;
    }
    output->entries[core] = md_npu_reach(npu, address, bytes, false, MD_NPU_PAYLOAD | base);
    if (!output->entries[core]) {
        return false;
    }
    md_npu_count(npu, address, md_npu_payload(npu, length), false);
    return true;
}

bool md_npu_output_open(md_npu_model_t *npu, md_npu_scaling_kind_t scaling,
                        md_npu_output_t *output) {
    const uint32_t precision = md_npu_setting(npu, MD_NPU_SET_OFM_PRECISION);
    const uint32_t depth = md_npu_setting(npu, MD_NPU_SET_OFM_DEPTH_M1) + 1;
    memset(output, 0, sizeof *output);
    output->scaling = scaling;
    output->rounding = precision >> ROUNDING_SHIFT & 3u;
    output->scale.scale = md_npu_payload(npu, MD_NPU_SET_OFM_SCALE);
    output->scale.shift = md_npu_parameter(npu, MD_NPU_SET_OFM_SCALE) & 63u;
    output->cores = npu->cores;
    if (output->rounding > MD_NPU_ROUND_NATURAL) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_SET_OFM_PRECISION, precision);
    }
    if (!md_npu_feature_map_open(npu, MD_NPU_OFM, md_npu_setting(npu, MD_NPU_SET_OFM_HEIGHT_M1) + 1,
                                 md_npu_setting(npu, MD_NPU_SET_OFM_WIDTH_M1) + 1, depth,
                                 &output->ofm) ||
        !md_npu_activation_open(npu, &output->ofm, &output->activation)) {
        return false;
    }
    /* 32-bit values are stored as they are; in a table, their position counts the zero point. */
    if (output->ofm.bytes == 4 && output->activation.kind == MD_NPU_NO_ACTIVATION) {
        output->ofm.zero_point = 0;
    }
    for (uint32_t core = 0; scaling == MD_NPU_SCALE_CHANNELS && core < npu->cores; core++) {
        if (!open_entries(npu, core, (depth + npu->cores - 1 - core) / npu->cores, output)) {
            return false;
        }
    }
    return true;
}

static int64_t scaled(const md_npu_output_t *output, uint32_t channel, int64_t accumulator) {
    if (output->scaling == MD_NPU_SCALE_NONE) {
        return accumulator;
    }
    if (output->scaling == MD_NPU_SCALE_GLOBAL) {
        return md_npu_scale(accumulator, output->scale, output->rounding);
    }
    const uint32_t core = channel % output->cores;
    const uint32_t index = channel / output->cores;
    md_npu_scale_t scale;
    const int64_t bias = md_npu_scale_entry(
        output->entries[core] + (size_t)index * MD_NPU_SCALE_ENTRY_BYTES, &scale);
    return md_npu_scale(accumulator + bias, scale, output->rounding);
}

void md_npu_output_store(const md_npu_output_t *output, uint32_t y, uint32_t x, uint32_t first,
                         uint32_t count, const int64_t *accumulators) {
    int32_t values[MD_NPU_GROUP];
    for (uint32_t i = 0; i < count; i++) {
        const int64_t value = scaled(output, first + i, accumulators[i]);
        values[i] = md_npu_activate(&output->activation, value + output->ofm.zero_point);
    }
    md_npu_feature_map_write(&output->ofm, y, x, first, count, values);
}
