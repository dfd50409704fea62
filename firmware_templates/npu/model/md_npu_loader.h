/* md_npu_loader.h: the weights of an operation, unpacked into the workspace a range of output channels
 * at a time.
 *
 * A range is an OFM block of both cores together where it fits the workspace. Otherwise it is a part
 * of one, and the block's weights are decoded once for each part. */
#ifndef MD_NPU_LOADER_H
#define MD_NPU_LOADER_H

#include "md_npu_model.h"
#include "md_npu_weights.h"
#include "md_npu_window.h"

#define MD_NPU_MAX_CORES 2u

typedef struct {
    md_npu_weights_t readers[MD_NPU_MAX_CORES];
    md_npu_weights_t trials[MD_NPU_MAX_CORES]; /* of a part of a block */
    uint32_t cores;
    bool is_depthwise;
    uint32_t kernel_width;
    uint32_t ifm_depth;
    uint32_t pitch;    /* elements for one channel */
    uint32_t capacity; /* channels that fit */
    uint32_t elements;

    /* The block, all cores together, and how much of it has been given. */
    uint32_t block_first;
    uint32_t block_count;
    uint32_t given;

    /* The range: `count` channels from `first` of the output. The weight of channel first + o, row
     * ky, column kx, input channel i:
     *   convolution: weights[o * pitch + (ky * kernel_width + kx) * ifm_depth + i], zero from there
     *                to the pitch, which is a multiple of 8
     *   depthwise:   weights[(ky * kernel_width + kx) * count + o] */
    uint32_t first;
    uint32_t count;
    int16_t *weights;
    int16_t *patch; /* convolution: `pitch` elements for the caller */
} md_npu_loader_t;

/* Starts at the weights that the settings name; the loader lies in the workspace. Null after a fault.
 * vertical, horizontal: the kernel. ifm_bits: 8 or 16. */
md_npu_loader_t *md_npu_loader_open(md_npu_model_t *npu, bool is_depthwise,
                                    const md_npu_axis_t *vertical, const md_npu_axis_t *horizontal,
                                    uint32_t ifm_depth, uint32_t ifm_bits, uint32_t ofm_depth);

/* Loads the next range. False: there is none, or after a fault. */
bool md_npu_loader_next(md_npu_model_t *npu, md_npu_loader_t *loader);

#endif
