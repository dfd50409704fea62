/* md_pool_s8.h: AVERAGE_POOL_2D and MAX_POOL_2D. Padded positions take no part. */
#ifndef MD_POOL_S8_H
#define MD_POOL_S8_H

#include "md_window.h"

typedef struct {
    md_window_t window; /* dilations are 1; every window has a position inside of the input */
    int32_t batches;
    int32_t channels;
    int32_t activation_min; /* -128 <= activation_min <= activation_max <= 127 */
    int32_t activation_max;
} md_pool_s8_t;

/* input[batches][input_height][input_width][channels],
 * output[batches][output_height][output_width][channels]; they must not overlap.
 * The average is rounded to the nearest, halves away from zero. Range: at most 2^23 positions of a
 * window are inside of the input. */
void md_average_pool_s8(const md_pool_s8_t *p, const int8_t *input, int8_t *output);

/* As md_average_pool_s8, with the largest instead of the average. */
void md_max_pool_s8(const md_pool_s8_t *p, const int8_t *input, int8_t *output);

#endif
