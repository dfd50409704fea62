/* md_npu_depthwise.c: NPU_OP_DEPTHWISE, one input channel for each output channel. */
#include <string.h>

#include "md_npu_internal.h"
#include "md_npu_loader.h"
#include "md_npu_output.h"

typedef struct {
    md_npu_feature_map_t ifm;
    md_npu_axis_t vertical;
    md_npu_axis_t horizontal;
    md_npu_output_t output;
} depthwise_t;

/* Adds the products of one kernel element. */
static void add_products(const depthwise_t *depthwise, uint32_t y, uint32_t x, uint32_t first,
                         uint32_t count, const int16_t *restrict weights,
                         int64_t *restrict accumulators) {
    int16_t values[MD_NPU_GROUP];
    md_npu_feature_map_read16(&depthwise->ifm, y, x, first, count, values);
    for (uint32_t i = 0; i < count; i++) {
        accumulators[i] += (int32_t)values[i] * weights[i];
    }
}

static void compute_group(const depthwise_t *depthwise, const md_npu_loader_t *loader, uint32_t y,
                          uint32_t x, uint32_t from, uint32_t count) {
    int64_t accumulators[MD_NPU_GROUP] = {0};
    const uint32_t first = loader->first + from;
    const int16_t *weights = loader->weights + from;
    for (uint32_t ky = 0; ky < depthwise->vertical.kernel; ky++) {
        const int32_t row = md_npu_axis_at(&depthwise->vertical, y, ky);
        for (uint32_t kx = 0; kx < depthwise->horizontal.kernel; kx++) {
            const int32_t column = md_npu_axis_at(&depthwise->horizontal, x, kx);
            if (row >= 0 && column >= 0) {
                add_products(depthwise, (uint32_t)row, (uint32_t)column, first, count, weights,
                             accumulators);
            }
            weights += loader->count;
        }
    }
    md_npu_output_store(&depthwise->output, y, x, first, count, accumulators);
}

static bool open_depthwise(md_npu_model_t *npu, depthwise_t *depthwise) {
    const uint32_t depth = md_npu_setting(npu, MD_NPU_SET_OFM_DEPTH_M1) + 1;
    if (md_npu_setting(npu, MD_NPU_SET_IFM_DEPTH_M1) + 1 != depth) {
        return md_npu_fail(npu, MD_NPU_BAD_GEOMETRY, MD_NPU_SET_IFM_DEPTH_M1,
                           md_npu_setting(npu, MD_NPU_SET_IFM_DEPTH_M1));
    }
    if (!md_npu_output_open(npu, md_npu_weighted_scaling(npu), &depthwise->output) ||
        !md_npu_window_open(npu, depthwise->output.ofm.height, depthwise->output.ofm.width,
                            &depthwise->vertical, &depthwise->horizontal) ||
        !md_npu_feature_map_open(npu, MD_NPU_IFM, md_npu_axis_input(&depthwise->vertical),
                                 md_npu_axis_input(&depthwise->horizontal), depth,
                                 &depthwise->ifm)) {
        return false;
    }
    return md_npu_window_input(npu, &depthwise->ifm);
}

bool md_npu_depthwise(md_npu_model_t *npu) {
    depthwise_t depthwise;
    if (!open_depthwise(npu, &depthwise)) {
        return false;
    }
    const md_npu_feature_map_t *ofm = &depthwise.output.ofm;
    const uint64_t taps = md_npu_window_taps(&depthwise.vertical, &depthwise.horizontal);
    if (!md_npu_spend(npu, md_npu_times(md_npu_feature_map_elements(ofm), taps + 1))) {
        return false;
    }
    md_npu_loader_t *loader =
        md_npu_loader_open(npu, true, &depthwise.vertical, &depthwise.horizontal, ofm->depth,
                           depthwise.ifm.bytes * 8u, ofm->depth);
    if (!loader) {
        return false;
    }
    npu->counters.macs += md_npu_axis_meetings(&depthwise.vertical, ofm->height) *
                          md_npu_axis_meetings(&depthwise.horizontal, ofm->width) * ofm->depth;
    while (md_npu_loader_next(npu, loader)) {
        for (uint32_t y = 0; y < ofm->height; y++) {
            for (uint32_t x = 0; x < ofm->width; x++) {
                for (uint32_t from = 0; from < loader->count; from += MD_NPU_GROUP) {
                    const uint32_t left = loader->count - from;
                    compute_group(&depthwise, loader, y, x, from,
                                  left < MD_NPU_GROUP ? left : MD_NPU_GROUP);
                }
            }
        }
    }
    return npu->fault.error == MD_NPU_OK;
}
