/* md_rescale.h: from one quantisation to another, between int8, int16 and int32; with other slopes
 * below zero, the functions ABS, LEAKY_RELU, RELU and RELU6. */
#ifndef MD_RESCALE_H
#define MD_RESCALE_H

#include <stdint.h>

typedef struct {
    uint32_t count;       /* elements of input and output */
    int32_t input_bytes;  /* of an element: 1, 2 or 4 */
    int32_t output_bytes; /* of an element: 1, 2 or 4 */
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t multiplier; /* see md_requantize.h; of values that are not below the zero point */
    int32_t shift;
    int32_t negative_multiplier; /* of those below it */
    int32_t negative_shift;
    int32_t magnitude;  /* 1: of those below it the magnitude is rescaled; else 0 */
    int32_t flipped;    /* 1: of those below it the rescaled value changes its sign; else 0 */
    int32_t output_min; /* within the output's type; output_min <= output_max */
    int32_t output_max;
} md_rescale_t;

/* output[i] = clamp(rescaled(input[i] - input zero point) + output zero point). Sums that leave 32
 * bits wrap, as TFLite's do. */
void md_rescale(const md_rescale_t *p, const void *input, void *output);

#endif
