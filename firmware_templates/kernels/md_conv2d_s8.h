/* md_conv2d_s8.h: CONV_2D with any window and any number of groups; DEPTHWISE_CONV_2D with a depth
 * multiplier above 1 is one of its cases (as many groups as input channels).
 *
 * Each window is gathered into a row of the scratch memory, padding included as the input's zero
 * point, and multiplied by the filters as a matrix. Because the zero point is folded into the bias,
 * a padded position then contributes exactly nothing. */
#ifndef MD_CONV2D_S8_H
#define MD_CONV2D_S8_H

#include "md_matmul_s8.h"
#include "md_window.h"

/* The pixels that md_conv2d_s8 gathers at a time; the scratch memory holds a row for each. */
#define MD_CONV2D_ROWS 2

typedef struct {
    /* Of the first group; `depth` is filter_height * filter_width * group_channels, `channels` are
     * those of one group. The other groups' arrays follow, each group padded by itself. */
    md_matmul_t matmul;
    md_window_t window;
    int32_t batches;
    int32_t groups;
    int32_t group_channels; /* input channels of a group */
    int32_t run;            /* filter columns that lie side by side in memory: filter_width or 1 */
    int32_t input_zero_point;
} md_conv2d_s8_t;

/* input[batches][input_height][input_width][groups * group_channels],
 * output[batches][output_height][output_width][groups * matmul.channels],
 * scratch: MD_CONV2D_ROWS * matmul.depth bytes. None may overlap another. */
void md_conv2d_s8(const md_conv2d_s8_t *p, const int8_t *input, int8_t *output, void *scratch);

#endif
