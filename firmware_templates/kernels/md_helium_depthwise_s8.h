/* md_helium_depthwise_s8.h: DEPTHWISE_CONV_2D with depth multiplier 1 for cores with Helium.
 *
 * Arithmetic and folding as in md_matmul_s8.h, with one filter a channel. Guaranteed at generation:
 * the products of two taps that follow each other, 0 and 1, 2 and 3 and so on, together fit into
 * int16, whatever the inputs; every shift is to the right. */
#ifndef MD_HELIUM_DEPTHWISE_S8_H
#define MD_HELIUM_DEPTHWISE_S8_H

#include "md_window.h"

#include <stdint.h>

/* A block holds 16 channels, the last one padded with zeros. Widening twice takes every fourth
 * channel, so theirs is the order 0, 4, 8, 12, then 2, 6, 10, 14, then 1, 5, 9, 13, then
 * 3, 7, 11, 15:
 *
 *     int8_t weights[taps][16];
 *     and for each four channels of that order:
 *     int32_t bias[4];
 *     int32_t multiplier[4];   2^30 to 2^31 - 1, or 0
 *     int8_t shift[4];         -31 to -1 */
typedef struct {
    const int8_t *blocks; /* aligned for int32_t */
    md_window_t window;
    int32_t batches;
    int32_t channels;
    uint32_t padding_bytes; /* `channels` where a window reaches outside of the input, else 0 */
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t activation_min; /* -128 <= activation_min <= activation_max <= 127 */
    int32_t activation_max;
    int32_t shift; /* of md_helium_depthwise_3x3_relu_s8 */
} md_helium_depthwise_s8_t;

/* Bytes of scratch memory a tap, whatever the size of a pointer. */
#define MD_HELIUM_DEPTHWISE_TAP_BYTES 8

/* input[batches][input_height][input_width][channels],
 * output[batches][output_height][output_width][channels],
 * scratch: MD_HELIUM_DEPTHWISE_TAP_BYTES * taps + padding_bytes bytes. None may overlap another.
 * Pixels of the output are made in the order of memory, each with all of its channels. */
void md_helium_depthwise_s8(const md_helium_depthwise_s8_t *p, const int8_t *input, int8_t *output,
                            void *scratch);

#endif
