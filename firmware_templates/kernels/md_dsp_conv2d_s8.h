/* md_dsp_conv2d_s8.h: what md_conv2d_s8.h is, for cores with the DSP extension and convolutions
 * without groups. */
#ifndef MD_DSP_CONV2D_S8_H
#define MD_DSP_CONV2D_S8_H

#include "md_dsp_matmul_s8.h"
#include "md_window.h"

typedef struct {
    md_dsp_matmul_t matmul; /* `depth` is filter_height * filter_width * input_channels */
    md_window_t window;
    int32_t batches;
    int32_t input_channels;
    int32_t run; /* filter columns that lie side by side in memory: filter_width or 1 */
    int32_t input_zero_point;
} md_dsp_conv2d_s8_t;

/* input[batches][input_height][input_width][input_channels],
 * output[batches][output_height][output_width][matmul.channels],
 * scratch: MD_DSP_MATMUL_ROWS * MD_DSP_MATMUL_ROW_BYTES(matmul.depth) + matmul.depth bytes, aligned
 * for int32_t. None may overlap another.
 *
 * Order: the windows of MD_DSP_MATMUL_ROWS output pixels that follow each other in memory are read
 * as a whole, then these pixels are written; then the next ones. */
void md_dsp_conv2d_s8(const md_dsp_conv2d_s8_t *p, const int8_t *input, int8_t *output,
                      void *scratch);

#endif
