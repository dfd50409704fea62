/* md_npu_window.c: the kernel's geometry from its settings. */
#include "md_npu_window.h"

#include "md_npu_internal.h"

#define SUB_KERNELS_OF_4 (1u << 5) /* in KERNEL_STRIDE, instead of 8: Vela has no use for it */
#define MAX_ELEMENTS 65536u        /* of a kernel: pools have up to 256 x 256, convolutions fewer */

/* The input has no size of its own in the settings: it is what the output needs, less the padding. */
static bool open_axis(md_npu_model_t *npu, uint32_t kernel_setting, uint32_t pad_setting,
                      uint32_t pad_after_setting, uint32_t out, md_npu_axis_t *axis) {
    const uint32_t reach = md_npu_setting(npu, kernel_setting) + 1;
    axis->pad = md_npu_setting(npu, pad_setting);
    const uint32_t pads = axis->pad + md_npu_setting(npu, pad_after_setting);
    const uint64_t needed = (uint64_t)(out - 1) * axis->stride + reach;
    if ((reach - 1) % axis->dilation != 0) {
        return md_npu_fail(npu, MD_NPU_BAD_GEOMETRY, kernel_setting, reach - 1);
    }
    if (pads >= needed || needed - pads > 65536 * (axis->upscale ? 2 : 1)) {
        return md_npu_fail(npu, MD_NPU_BAD_GEOMETRY, pad_setting, axis->pad);
    }
    axis->kernel = (reach - 1) / axis->dilation + 1;
    axis->extent = (uint32_t)(needed - pads);
    return true;
}

bool md_npu_window_open(md_npu_model_t *npu, uint32_t ofm_height, uint32_t ofm_width,
                        md_npu_axis_t *vertical, md_npu_axis_t *horizontal) {
    const uint32_t bits = md_npu_setting(npu, MD_NPU_SET_KERNEL_STRIDE);
    const uint32_t upscale = md_npu_setting(npu, MD_NPU_SET_IFM_UPSCALE);
    if (upscale > MD_NPU_UPSCALE_ZEROS) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_SET_IFM_UPSCALE, upscale);
    }
    if (bits & SUB_KERNELS_OF_4) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_SET_KERNEL_STRIDE, bits);
    }
    /* The lowest bit of each stride less one comes first; the others follow further up. */
    *horizontal = (md_npu_axis_t){.stride = (bits & 1u) + (bits >> 6 & 7u) * 2 + 1,
                                  .dilation = (bits >> 3 & 1u) + 1,
                                  .upscale = upscale};
    *vertical = (md_npu_axis_t){.stride = (bits >> 1 & 1u) + (bits >> 9 & 7u) * 2 + 1,
                                .dilation = (bits >> 4 & 1u) + 1,
                                .upscale = upscale};
    if (!open_axis(npu, MD_NPU_SET_KERNEL_HEIGHT_M1, MD_NPU_SET_IFM_PAD_TOP,
                   MD_NPU_SET_IFM_PAD_BOTTOM, ofm_height, vertical) ||
        !open_axis(npu, MD_NPU_SET_KERNEL_WIDTH_M1, MD_NPU_SET_IFM_PAD_LEFT,
                   MD_NPU_SET_IFM_PAD_RIGHT, ofm_width, horizontal)) {
        return false;
    }
    if ((uint64_t)vertical->kernel * horizontal->kernel > MAX_ELEMENTS) {
        return md_npu_fail(npu, MD_NPU_BAD_GEOMETRY, MD_NPU_SET_KERNEL_HEIGHT_M1,
                           vertical->kernel - 1);
    }
    return true;
}

bool md_npu_window_input(md_npu_model_t *npu, const md_npu_feature_map_t *ifm) {
    if (ifm->bytes > 2 || (ifm->bytes == 2 && !ifm->is_signed)) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_SET_IFM_PRECISION,
                           md_npu_setting(npu, MD_NPU_SET_IFM_PRECISION));
    }
    if (ifm->bytes == 2 && ifm->zero_point != 0) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_SET_IFM_ZERO_POINT,
                           md_npu_setting(npu, MD_NPU_SET_IFM_ZERO_POINT));
    }
    return true;
}

uint32_t md_npu_axis_input(const md_npu_axis_t *axis) {
    return axis->upscale == MD_NPU_UPSCALE_NONE ? axis->extent : (axis->extent + 1) / 2;
}

uint64_t md_npu_axis_meetings(const md_npu_axis_t *axis, uint32_t out) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < out; i++) {
        for (uint32_t element = 0; element < axis->kernel; element++) {
            count += md_npu_axis_at(axis, i, element) >= 0;
        }
    }
    return count;
}
