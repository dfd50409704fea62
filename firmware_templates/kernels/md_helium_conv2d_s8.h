/* md_helium_conv2d_s8.h: what md_conv2d_s8.h is, for cores with Helium and convolutions without
 * groups. */
#ifndef MD_HELIUM_CONV2D_S8_H
#define MD_HELIUM_CONV2D_S8_H

#include "md_helium_matmul_s8.h"
#include "md_window.h"

typedef struct {
    /* `depth` is filter_height * filter_width * input_channels, rounded up to a multiple of 16 so
     * that a row has no tail; the weights of what was added are 0. */
    md_helium_matmul_t matmul;
    md_window_t window;
    int32_t batches;
    int32_t input_channels;
    int32_t run; /* filter columns that lie side by side in memory: filter_width or 1 */
    int32_t input_zero_point;
    uint32_t windows; /* gathered at a time: even, at least 2 */
    /* NULL, or for windows of short pieces uint8_t or uint16_t [matmul.depth / tap_lanes][3]
     * [tap_lanes]: how far behind the first one's place in memory each element of a window lies,
     * then how far behind its row, then its column. Rows and columns of all windows are distinct in
     * that type, outside of the input as well. */
    const void *taps;
    uint32_t tap_lanes; /* 16 of uint8_t, or 8 of uint16_t */
} md_helium_conv2d_s8_t;

/* input[batches][input_height][input_width][input_channels],
 * output[batches][output_height][output_width][matmul.channels],
 * scratch: windows * matmul.depth bytes. None may overlap another. */
void md_helium_conv2d_s8(const md_helium_conv2d_s8_t *p, const int8_t *input, int8_t *output,
                         void *scratch);

#endif
