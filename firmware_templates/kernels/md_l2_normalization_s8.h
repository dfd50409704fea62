/* md_l2_normalization_s8.h: L2_NORMALIZATION over the last axis, int8 to int8 with output scale 1/128
 * and zero point 0.
 *
 * TFLite's fixed-point arithmetic: the reciprocal square root by five Newton-Raphson steps. */
#ifndef MD_L2_NORMALIZATION_S8_H
#define MD_L2_NORMALIZATION_S8_H

#include <stdint.h>

typedef struct {
    int32_t rows;
    int32_t depth; /* elements of a row; the sum of its squares must fit int32 */
    int32_t input_zero_point;
} md_l2_normalization_s8_t;

/* input[rows][depth], output[rows][depth]: each row divided by its length. A row of zeros stays
 * one. They must not overlap. */
void md_l2_normalization_s8(const md_l2_normalization_s8_t *p, const int8_t *input, int8_t *output);

#endif
