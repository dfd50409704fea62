/* md_npu_pooling.c: NPU_OP_POOL: maxima, averages, and sums over all channels. */
#include <string.h>

#include "md_npu_internal.h"
#include "md_npu_output.h"
#include "md_npu_window.h"

enum { POOL_MAX = 0, POOL_AVERAGE = 1, POOL_REDUCE_SUM = 2 };

typedef struct {
    uint32_t mode;
    md_npu_feature_map_t ifm;
    md_npu_axis_t vertical;
    md_npu_axis_t horizontal;
    md_npu_output_t output;
    bool counts; /* an average over the elements that are not padding, scaled by their number */
} pool_t;

/* Takes one input pixel into account. */
static void combine(const pool_t *pool, uint32_t y, uint32_t x, uint32_t first, uint32_t count,
                    bool is_first, int64_t *accumulators) {
    int32_t values[MD_NPU_GROUP];
    md_npu_feature_map_read32(&pool->ifm, y, x, first, count, values);
    for (uint32_t i = 0; i < count; i++) {
        if (pool->mode == POOL_AVERAGE) {
            accumulators[i] += values[i];
        } else if (is_first || values[i] > accumulators[i]) {
            accumulators[i] = values[i];
        }
    }
}

/* Channels first to first + count - 1 of an output pixel, from a window that has elements. */
static void pool_group(pool_t *pool, uint32_t y, uint32_t x, uint32_t first, uint32_t count) {
    int64_t accumulators[MD_NPU_GROUP] = {0};
    uint32_t met = 0;
    for (uint32_t ky = 0; ky < pool->vertical.kernel; ky++) {
        const int32_t row = md_npu_axis_at(&pool->vertical, y, ky);
        for (uint32_t kx = 0; kx < pool->horizontal.kernel; kx++) {
            const int32_t column = md_npu_axis_at(&pool->horizontal, x, kx);
            if (row >= 0 && column >= 0) {
                combine(pool, (uint32_t)row, (uint32_t)column, first, count, met == 0,
                        accumulators);
                met++;
            }
        }
    }
    if (pool->counts && met != 0) {
        pool->output.scale = md_npu_average_scale(met);
    }
    md_npu_output_store(&pool->output, y, x, first, count, accumulators);
}

static void pool_window(md_npu_model_t *npu, pool_t *pool) {
    const md_npu_feature_map_t *ofm = &pool->output.ofm;
    npu->counters.macs += md_npu_axis_meetings(&pool->vertical, ofm->height) *
                          md_npu_axis_meetings(&pool->horizontal, ofm->width) * ofm->depth;
    for (uint32_t y = 0; y < ofm->height; y++) {
        for (uint32_t x = 0; x < ofm->width; x++) {
            for (uint32_t first = 0; first < ofm->depth; first += MD_NPU_GROUP) {
                const uint32_t left = ofm->depth - first;
                pool_group(pool, y, x, first, left < MD_NPU_GROUP ? left : MD_NPU_GROUP);
            }
        }
    }
}

static void reduce_pixel(const pool_t *pool, uint32_t y, uint32_t x) {
    int32_t values[MD_NPU_GROUP];
    int64_t sum = 0;
    for (uint32_t first = 0; first < pool->ifm.depth; first += MD_NPU_GROUP) {
        const uint32_t left = pool->ifm.depth - first;
        const uint32_t count = left < MD_NPU_GROUP ? left : MD_NPU_GROUP;
        md_npu_feature_map_read32(&pool->ifm, y, x, first, count, values);
        for (uint32_t i = 0; i < count; i++) {
            sum += values[i];
        }
    }
    md_npu_output_store(&pool->output, y, x, 0, 1, &sum);
}

static void reduce_sum(md_npu_model_t *npu, const pool_t *pool) {
    const md_npu_feature_map_t *ofm = &pool->output.ofm;
    npu->counters.macs += (uint64_t)ofm->height * ofm->width * pool->ifm.depth;
    for (uint32_t y = 0; y < ofm->height; y++) {
        for (uint32_t x = 0; x < ofm->width; x++) {
            reduce_pixel(pool, y, x);
        }
    }
}

/* Whether OFM_SCALE states a scale other than 1. */
static bool is_scaled(const md_npu_model_t *npu, const md_npu_scale_t *scale) {
    return md_npu_scale_is_global(npu) && (scale->scale != 1 || scale->shift != 0);
}

/* The kernel's reach and padding, and the depths of input and output, must suit the mode. */
static bool check_pool(md_npu_model_t *npu, const pool_t *pool) {
    const uint32_t ifm_depth = md_npu_setting(npu, MD_NPU_SET_IFM_DEPTH_M1) + 1;
    /* Padding behind the input shows only in that the input is smaller than the output. */
    const bool has_kernel =
        pool->vertical.kernel > 1 || pool->horizontal.kernel > 1 || pool->vertical.pad ||
        pool->horizontal.pad || pool->vertical.stride > 1 || pool->horizontal.stride > 1 ||
        pool->vertical.upscale || pool->vertical.extent != pool->output.ofm.height ||
        pool->horizontal.extent != pool->output.ofm.width;
    if (pool->mode == POOL_REDUCE_SUM && has_kernel) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_SET_KERNEL_HEIGHT_M1,
                           pool->vertical.kernel - 1);
    }
    if (pool->counts && is_scaled(npu, &pool->output.scale)) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_PAYLOAD | MD_NPU_SET_OFM_SCALE,
                           pool->output.scale.scale);
    }
    if (pool->mode == POOL_REDUCE_SUM ? pool->output.ofm.depth != 1
                                      : pool->output.ofm.depth != ifm_depth) {
        return md_npu_fail(npu, MD_NPU_BAD_GEOMETRY, MD_NPU_SET_OFM_DEPTH_M1,
                           pool->output.ofm.depth - 1);
    }
    return true;
}

bool md_npu_pooling(md_npu_model_t *npu, uint32_t mode) {
    const bool is_global = md_npu_scale_is_global(npu);
    const uint32_t ifm_depth = md_npu_setting(npu, MD_NPU_SET_IFM_DEPTH_M1) + 1;
    pool_t pool = {.mode = mode};
    if (mode > POOL_REDUCE_SUM) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_OP_POOL, mode);
    }
    /* The NPU finds the number of elements by itself where there is padding, whatever the scale. */
    const bool has_padding = md_npu_setting(npu, MD_NPU_SET_IFM_PAD_TOP) ||
                             md_npu_setting(npu, MD_NPU_SET_IFM_PAD_LEFT) ||
                             md_npu_setting(npu, MD_NPU_SET_IFM_PAD_BOTTOM) ||
                             md_npu_setting(npu, MD_NPU_SET_IFM_PAD_RIGHT);
    /* Without padding, Vela always states a scale; what a table for channels would do is not known. */
    if (!is_global && (mode == POOL_REDUCE_SUM || (mode == POOL_AVERAGE && !has_padding))) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_SET_OFM_PRECISION,
                           md_npu_setting(npu, MD_NPU_SET_OFM_PRECISION));
    }
    pool.counts = mode == POOL_AVERAGE && (!is_global || has_padding);
    const md_npu_scaling_kind_t scaling =
        mode == POOL_MAX ? MD_NPU_SCALE_NONE : MD_NPU_SCALE_GLOBAL;
    if (!md_npu_output_open(npu, scaling, &pool.output) ||
        !md_npu_window_open(npu, pool.output.ofm.height, pool.output.ofm.width, &pool.vertical,
                            &pool.horizontal) ||
        !check_pool(npu, &pool) ||
        !md_npu_feature_map_open(npu, MD_NPU_IFM, md_npu_axis_input(&pool.vertical),
                                 md_npu_axis_input(&pool.horizontal), ifm_depth, &pool.ifm)) {
        return false;
    }
    const uint32_t products =
        mode == POOL_REDUCE_SUM ? ifm_depth : md_npu_window_taps(&pool.vertical, &pool.horizontal);
    if (!md_npu_spend(npu, md_npu_times(md_npu_feature_map_elements(&pool.output.ofm),
                                        (uint64_t)products + 1))) {
        return false;
    }
    if (mode == POOL_REDUCE_SUM) {
        reduce_sum(npu, &pool);
    } else {
        pool_window(npu, &pool);
    }
    return true;
}
