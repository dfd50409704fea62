/* md_transpose_conv_s16.h: TRANSPOSE_CONV on int16 with int8 weights.
 *
 * As md_transpose_conv_s8.h, with all zero points 0. Guaranteed at generation: no accumulator
 * reaches 2^47. */
#ifndef MD_TRANSPOSE_CONV_S16_H
#define MD_TRANSPOSE_CONV_S16_H

#include "md_window.h"

typedef struct {
    const int8_t *weights;     /* [channels][filter_height][filter_width][inputs] */
    const int64_t *bias;       /* [channels] */
    const int16_t *multiplier; /* [channels]; with the shift, as md_requantize_wide takes them */
    const int8_t *shift;       /* [channels] */
    md_window_t window;        /* of the convolution from this one's output to its input */
    int32_t batches;
    int32_t inputs;         /* channels of the input */
    int32_t channels;       /* of the output */
    int32_t activation_min; /* -32768 <= activation_min <= activation_max <= 32767 */
    int32_t activation_max;
} md_transpose_conv_s16_t;

/* input[batches][window.output_height][window.output_width][inputs],
 * output[batches][window.input_height][window.input_width][channels]; they must not overlap. */
void md_transpose_conv_s16(const md_transpose_conv_s16_t *p, const int16_t *input, int16_t *output);

#endif
