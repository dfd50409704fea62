/* md_resize_nearest_raw.h: RESIZE_NEAREST_NEIGHBOR, whatever the element type. */
#ifndef MD_RESIZE_NEAREST_RAW_H
#define MD_RESIZE_NEAREST_RAW_H

#include <stdint.h>

typedef struct {
    const int32_t *rows;    /* [output_height], the input's row for each of the output */
    const int32_t *columns; /* [output_width] */
    int32_t batches;
    int32_t input_height;
    int32_t input_width;
    int32_t output_height;
    int32_t output_width;
    int32_t pixel_bytes;
} md_resize_nearest_raw_t;

/* input[batches][input_height][input_width] pixels,
 * output[batches][output_height][output_width] pixels; they must not overlap. */
void md_resize_nearest_raw(const md_resize_nearest_raw_t *p, const void *input, void *output);

#endif
