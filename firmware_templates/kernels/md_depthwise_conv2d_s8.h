/* md_depthwise_conv2d_s8.h: DEPTHWISE_CONV_2D with depth multiplier 1.
 *
 * Arithmetic and folding as in md_matmul_s8.h, with one filter a channel. */
#ifndef MD_DEPTHWISE_CONV2D_S8_H
#define MD_DEPTHWISE_CONV2D_S8_H

#include "md_window.h"

#include <stdint.h>

/* `taps` are filter_height * filter_width; `padded` channels are rounded up to a multiple of 4. */
typedef struct {
    const int8_t
        *weights;        /* [padded / 4][taps][4]: four channels' weights side by side; padding 0 */
    const int32_t *bias; /* [channels] */
    const int32_t *multiplier; /* [channels] 2^30 to 2^31 - 1, or 0 */
    const int8_t *shift;       /* [channels] -31 to 30; positive is to the left */
    md_window_t window;
    int32_t batches;
    uint32_t channels;
    uint32_t padding_bytes; /* `channels` where a window reaches outside of the input, else 0 */
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t activation_min; /* -128 <= activation_min <= activation_max <= 127 */
    int32_t activation_max;
} md_depthwise_conv2d_s8_t;

/* Bytes of scratch memory a tap, whatever the size of a pointer. */
#define MD_DEPTHWISE_CONV2D_TAP_BYTES 8

/* input[batches][input_height][input_width][channels],
 * output[batches][output_height][output_width][channels],
 * scratch: MD_DEPTHWISE_CONV2D_TAP_BYTES * taps + padding_bytes bytes. None may
 * overlap another. */
void md_depthwise_conv2d_s8(const md_depthwise_conv2d_s8_t *p, const int8_t *input, int8_t *output,
                            void *scratch);

#endif
