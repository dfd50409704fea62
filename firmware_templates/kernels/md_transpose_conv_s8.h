/* md_transpose_conv_s8.h: TRANSPOSE_CONV, the convolution backwards: each input pixel spreads over a
 * window of the output.
 *
 * Per output channel c, over the input positions (i, k) whose window covers the output at (y, x):
 *
 *     out[c] = clamp(requantise(bias[c] + sum over (in[i][k][d] - input_zero_point) * weights[c][..][d])
 *                    + output_zero_point)
 *
 * Guaranteed at generation: no accumulator leaves the range of int32, whatever the inputs. */
#ifndef MD_TRANSPOSE_CONV_S8_H
#define MD_TRANSPOSE_CONV_S8_H

#include "md_window.h"

typedef struct {
    const int8_t *weights;     /* [channels][filter_height][filter_width][inputs] */
    const int32_t *bias;       /* [channels] */
    const int32_t *multiplier; /* [channels] 2^30 to 2^31 - 1, or 0 */
    const int8_t *shift;       /* [channels] -31 to 30; positive is to the left */
    md_window_t window;        /* of the convolution from this one's output to its input */
    int32_t batches;
    int32_t inputs;   /* channels of the input */
    int32_t channels; /* of the output */
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t activation_min; /* -128 <= activation_min <= activation_max <= 127 */
    int32_t activation_max;
} md_transpose_conv_s8_t;

/* input[batches][window.output_height][window.output_width][inputs],
 * output[batches][window.input_height][window.input_width][channels]; they must not overlap. */
void md_transpose_conv_s8(const md_transpose_conv_s8_t *p, const int8_t *input, int8_t *output);

#endif
