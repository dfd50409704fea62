/* md_dsp_depthwise_s8.h: DEPTHWISE_CONV_2D with depth multiplier 1 for cores with the DSP extension.
 *
 * Arithmetic and folding as in md_matmul_s8.h, with one filter a channel. */
#ifndef MD_DSP_DEPTHWISE_S8_H
#define MD_DSP_DEPTHWISE_S8_H

#include "md_window.h"

#include <stdint.h>

/* A block holds four channels, the last one padded with zeros:
 *
 *     int32_t bias[4];
 *     int8_t weights[taps][4];
 *     uint32_t doubled[4];  twice the multiplier: 2^31 to 2^32 - 2, or 0
 *     int8_t shift[4];      as in md_dsp_matmul_s8.h */
typedef struct {
    const int8_t *blocks; /* aligned for int32_t */
    md_window_t window;
    int32_t batches;
    int32_t channels;
    uint32_t padding_bytes; /* `channels` where a window reaches outside of the input, else 0 */
    int32_t direct;         /* as in md_dsp_matmul_s8.h */
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t activation_min; /* -128 <= activation_min <= activation_max <= 127 */
    int32_t activation_max;
} md_dsp_depthwise_s8_t;

/* The output pixels that are computed at a time. */
#define MD_DSP_DEPTHWISE_PIXELS 2

/* Bytes of scratch memory a tap of a pixel, whatever the size of a pointer. */
#define MD_DSP_DEPTHWISE_TAP_BYTES 8

/* input[batches][input_height][input_width][channels],
 * output[batches][output_height][output_width][channels],
 * scratch: MD_DSP_DEPTHWISE_PIXELS * MD_DSP_DEPTHWISE_TAP_BYTES * taps + padding_bytes bytes,
 * aligned for int32_t. None may overlap another.
 *
 * Order: MD_DSP_DEPTHWISE_PIXELS output pixels that follow each other in memory are written while
 * their windows are read; then the next ones. */
void md_dsp_depthwise_s8(const md_dsp_depthwise_s8_t *p, const int8_t *input, int8_t *output,
                         void *scratch);

#endif
