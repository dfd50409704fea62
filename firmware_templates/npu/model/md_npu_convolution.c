/* md_npu_convolution.c: NPU_OP_CONV, which serves FULLY_CONNECTED and TRANSPOSE_CONV as well. */
#include <string.h>

#include "md_npu_internal.h"
#include "md_npu_loader.h"
#include "md_npu_output.h"

#define ACCUMULATOR_INT32 0u
#define ACCUMULATOR_INT40 1u

/* As many products of 8-bit inputs as an int32 surely holds. */
#define MAX_PRODUCTS_32 32768u

typedef struct {
    md_npu_feature_map_t ifm;
    md_npu_axis_t vertical;
    md_npu_axis_t horizontal;
    md_npu_output_t output;
    bool wraps; /* accumulators of 32 bits */
} convolution_t;

static int32_t dot32(const int16_t *restrict a, const int16_t *restrict b, uint32_t count) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += (int32_t)a[i] * b[i];
    }
    return sum;
}

static int64_t dot64(const int16_t *restrict a, const int16_t *restrict b, uint32_t count) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += (int32_t)a[i] * b[i];
    }
    return sum;
}

/* The input elements that meet the kernel at an output pixel, in the order of the weights. */
static void gather(const convolution_t *conv, uint32_t y, uint32_t x, int16_t *patch) {
    const uint32_t depth = conv->ifm.depth;
    for (uint32_t ky = 0; ky < conv->vertical.kernel; ky++) {
        const int32_t row = md_npu_axis_at(&conv->vertical, y, ky);
        for (uint32_t kx = 0; kx < conv->horizontal.kernel; kx++) {
            const int32_t column = md_npu_axis_at(&conv->horizontal, x, kx);
            if (row < 0 || column < 0) {
                memset(patch, 0, depth * sizeof *patch);
            } else {
                md_npu_feature_map_read16(&conv->ifm, (uint32_t)row, (uint32_t)column, 0, depth,
                                          patch);
            }
            patch += depth;
        }
    }
}

static void compute_pixel(const convolution_t *conv, const md_npu_loader_t *loader, uint32_t y,
                          uint32_t x) {
    int64_t accumulators[MD_NPU_GROUP];
    const uint32_t pitch = loader->pitch;
    const bool is_small = conv->ifm.bytes == 1 && pitch <= MAX_PRODUCTS_32;
    for (uint32_t from = 0; from < loader->count; from += MD_NPU_GROUP) {
        const uint32_t left = loader->count - from;
        const uint32_t count = left < MD_NPU_GROUP ? left : MD_NPU_GROUP;
        const int16_t *weights = loader->weights + (size_t)from * pitch;
        for (uint32_t i = 0; i < count; i++) {
            accumulators[i] = is_small ? dot32(loader->patch, weights, pitch)
                                       : dot64(loader->patch, weights, pitch);
            if (conv->wraps) {
                accumulators[i] = (int32_t)(uint32_t)accumulators[i];
            }
            weights += pitch;
        }
        md_npu_output_store(&conv->output, y, x, loader->first + from, count, accumulators);
    }
}

static bool open_convolution(md_npu_model_t *npu, convolution_t *conv) {
    const uint32_t format = md_npu_setting(npu, MD_NPU_SET_ACC_FORMAT);
    if (format != ACCUMULATOR_INT32 && format != ACCUMULATOR_INT40) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_SET_ACC_FORMAT, format);
    }
    conv->wraps = format == ACCUMULATOR_INT32;
    if (!md_npu_output_open(npu, md_npu_weighted_scaling(npu), &conv->output) ||
        !md_npu_window_open(npu, conv->output.ofm.height, conv->output.ofm.width, &conv->vertical,
                            &conv->horizontal) ||
        !md_npu_feature_map_open(npu, MD_NPU_IFM, md_npu_axis_input(&conv->vertical),
                                 md_npu_axis_input(&conv->horizontal),
                                 md_npu_setting(npu, MD_NPU_SET_IFM_DEPTH_M1) + 1, &conv->ifm)) {
        return false;
    }
    return md_npu_window_input(npu, &conv->ifm);
}

bool md_npu_convolution(md_npu_model_t *npu) {
    convolution_t conv;
    if (!open_convolution(npu, &conv)) {
        return false;
    }
    const md_npu_feature_map_t *ofm = &conv.output.ofm;
    const uint64_t taps = md_npu_window_taps(&conv.vertical, &conv.horizontal);
    if (!md_npu_spend(npu,
                      md_npu_times(md_npu_feature_map_elements(ofm), taps * conv.ifm.depth + 1))) {
        return false;
    }
    md_npu_loader_t *loader = md_npu_loader_open(npu, false, &conv.vertical, &conv.horizontal,
                                                 conv.ifm.depth, conv.ifm.bytes * 8u, ofm->depth);
    if (!loader) {
        return false;
    }
    npu->counters.macs += md_npu_axis_meetings(&conv.vertical, ofm->height) *
                          md_npu_axis_meetings(&conv.horizontal, ofm->width) * conv.ifm.depth *
                          ofm->depth;
    memset(loader->patch, 0, loader->pitch * sizeof *loader->patch);
    while (md_npu_loader_next(npu, loader)) {
        for (uint32_t y = 0; y < ofm->height; y++) {
            for (uint32_t x = 0; x < ofm->width; x++) {
                gather(&conv, y, x, loader->patch);
                compute_pixel(&conv, loader, y, x);
            }
        }
    }
    return npu->fault.error == MD_NPU_OK;
}
