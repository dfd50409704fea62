/* md_npu_window.h: which input element a kernel element meets. */
#ifndef MD_NPU_WINDOW_H
#define MD_NPU_WINDOW_H

#include "md_npu_feature_map.h"

typedef enum { MD_NPU_UPSCALE_NONE, MD_NPU_UPSCALE_NEAREST, MD_NPU_UPSCALE_ZEROS } md_npu_upscale_t;

/* Along one axis. */
typedef struct {
    uint32_t kernel; /* elements, without dilation */
    uint32_t dilation;
    uint32_t stride;
    uint32_t pad;    /* before the first element */
    uint32_t extent; /* elements after upscaling that are not padding */
    md_npu_upscale_t upscale;
} md_npu_axis_t;

/* The kernel's settings for an output of the given size. Returns false after a fault. */
bool md_npu_window_open(md_npu_model_t *npu, uint32_t ofm_height, uint32_t ofm_width,
                        md_npu_axis_t *vertical, md_npu_axis_t *horizontal);

/* Elements of the input along an axis, before upscaling. */
uint32_t md_npu_axis_input(const md_npu_axis_t *axis);

/* Whether the products with weights are modelled for such an input: 8 bits, or 16 with a sign and
 * without a zero point. Returns false after a fault. */
bool md_npu_window_input(md_npu_model_t *npu, const md_npu_feature_map_t *ifm);

/* Elements of a kernel, at most 65536. */
static inline uint32_t md_npu_window_taps(const md_npu_axis_t *vertical,
                                          const md_npu_axis_t *horizontal) {
    return vertical->kernel * horizontal->kernel;
}

/* How many pairs of one of `out` output elements and a kernel element meet an input element. */
uint64_t md_npu_axis_meetings(const md_npu_axis_t *axis, uint32_t out);

/* The input element for an output element and a kernel element, or -1 for padding and for zeros
 * put in by upscaling. */
static inline int32_t md_npu_axis_at(const md_npu_axis_t *axis, uint32_t out, uint32_t element) {
    const uint32_t at = out * axis->stride + element * axis->dilation - axis->pad;
    if (at >= axis->extent) { /* below zero too: unsigned */
        return -1;
    }
    if (axis->upscale == MD_NPU_UPSCALE_NONE) {
        return (int32_t)at;
    }
    return axis->upscale == MD_NPU_UPSCALE_ZEROS && at % 2 ? -1 : (int32_t)(at / 2);
}

#endif
