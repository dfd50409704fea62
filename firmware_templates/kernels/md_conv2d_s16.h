/* md_conv2d_s16.h: CONV_2D on int16 with int8 weights, any window and number of groups. A
 * DEPTHWISE_CONV_2D has a group for each input channel; a FULLY_CONNECTED has a window of one
 * position.
 *
 * Per output channel c, over the positions of the window that are inside of the input:
 *
 *     y[c] = clamp(requantise(bias[c] + sum over k of x[k] * weights[c][k]))
 *
 * All zero points are 0. Guaranteed at generation: no accumulator reaches 2^47. */
#ifndef MD_CONV2D_S16_H
#define MD_CONV2D_S16_H

#include "md_window.h"

typedef struct {
    const int8_t *weights;     /* [channels][filter_height][filter_width][group_inputs] */
    const int64_t *bias;       /* [channels] */
    const int16_t *multiplier; /* [channels]; with the shift, as md_requantize_wide takes them */
    const int8_t *shift;       /* [channels] */
    md_window_t window;
    int32_t batches;
    int32_t inputs;         /* channels of the input: a multiple of group_inputs */
    int32_t channels;       /* of the output: as many for each group */
    int32_t group_inputs;   /* input channels of a group */
    int32_t group_channels; /* output channels of a group */
    int32_t activation_min; /* -32768 <= activation_min <= activation_max <= 32767 */
    int32_t activation_max;
} md_conv2d_s16_t;

/* input[batches][input_height][input_width][inputs],
 * output[batches][output_height][output_width][channels]; they must not overlap. */
void md_conv2d_s16(const md_conv2d_s16_t *p, const int16_t *input, int16_t *output);

#endif
