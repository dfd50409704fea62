/* md_npu_output.h: from accumulators to elements of the output: bias, scale, zero point, activation. */
#ifndef MD_NPU_OUTPUT_H
#define MD_NPU_OUTPUT_H

#include "md_npu_activation.h"
#include "md_npu_scaling.h"

/* Channels that one call may hand over. */
#define MD_NPU_GROUP 64u

typedef enum {
    MD_NPU_SCALE_NONE,
    MD_NPU_SCALE_GLOBAL,   /* OFM_SCALE */
    MD_NPU_SCALE_CHANNELS, /* an entry with bias and scale for each channel */
} md_npu_scaling_kind_t;

typedef struct {
    md_npu_feature_map_t ofm;
    md_npu_activation_t activation;
    md_npu_scaling_kind_t scaling;
    md_npu_rounding_t rounding;
    md_npu_scale_t scale;
    const uint8_t *entries[2]; /* of each core: channels core, core + cores, ... */
    uint32_t cores;
} md_npu_output_t;

/* The output of the operation: its feature map, of the size that the settings state, and what
 * happens to accumulators. Returns false after a fault. */
bool md_npu_output_open(md_npu_model_t *npu, md_npu_scaling_kind_t scaling,
                        md_npu_output_t *output);

/* Whether OFM_PRECISION asks for OFM_SCALE rather than an entry for each channel. */
bool md_npu_scale_is_global(const md_npu_model_t *npu);

/* The scaling of a convolution. With a global scale it has no table, and so no bias. */
md_npu_scaling_kind_t md_npu_weighted_scaling(const md_npu_model_t *npu);

/* Finishes and stores channels first to first + count - 1 of the pixel (y, x); count is at most
 * MD_NPU_GROUP. */
void md_npu_output_store(const md_npu_output_t *output, uint32_t y, uint32_t x, uint32_t first,
                         uint32_t count, const int64_t *accumulators);

#endif
