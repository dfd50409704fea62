/* md_resize_bilinear_s8.h: RESIZE_BILINEAR. */
#ifndef MD_RESIZE_BILINEAR_S8_H
#define MD_RESIZE_BILINEAR_S8_H

#include <stdint.h>

/* For each output row (column) two of the input, and the distance from the first one in 1/1024 of
 * the way to the second: 0 to 1023, or from -512 where both are the same. */
typedef struct {
    const int32_t *rows;    /* [output_height][3] */
    const int32_t *columns; /* [output_width][3] */
    int32_t batches;
    int32_t input_height;
    int32_t input_width;
    int32_t output_height;
    int32_t output_width;
    int32_t channels;
} md_resize_bilinear_s8_t;

/* input[batches][input_height][input_width][channels],
 * output[batches][output_height][output_width][channels]; they must not overlap.
 * Rounded to the nearest, halves away from zero. */
void md_resize_bilinear_s8(const md_resize_bilinear_s8_t *p, const int8_t *input, int8_t *output);

#endif
