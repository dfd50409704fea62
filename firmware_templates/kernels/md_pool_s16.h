/* md_pool_s16.h: AVERAGE_POOL_2D and MAX_POOL_2D. Padded positions take no part. */
#ifndef MD_POOL_S16_H
#define MD_POOL_S16_H

#include "md_window.h"

typedef struct {
    md_window_t window; /* dilations are 1; every window has a position inside of the input */
    int32_t batches;
    int32_t channels;
    int32_t activation_min; /* -32768 <= activation_min <= activation_max <= 32767 */
    int32_t activation_max;
} md_pool_s16_t;

/* input[batches][input_height][input_width][channels],
 * output[batches][output_height][output_width][channels]; they must not overlap.
 * The average is rounded to the nearest, halves away from zero. Range: at most 2^15 positions of a
 * window are inside of the input. */
void md_average_pool_s16(const md_pool_s16_t *p, const int16_t *input, int16_t *output);

/* As md_average_pool_s16, with the largest instead of the average. */
void md_max_pool_s16(const md_pool_s16_t *p, const int16_t *input, int16_t *output);

#endif
