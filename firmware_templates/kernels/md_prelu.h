/* md_prelu.h: PRELU: values below zero are multiplied by alpha, a constant that broadcasts. */
#ifndef MD_PRELU_H
#define MD_PRELU_H

#include "md_broadcast.h"

#include <stdint.h>

typedef struct {
    md_broadcast_t broadcast;
    int32_t input_zero_point; /* zero points of int16 activations are 0 */
    int32_t alpha_zero_point;
    int32_t output_zero_point;
    int32_t multiplier; /* see md_requantize.h; of values that are not below zero */
    int32_t shift;
    int32_t alpha_multiplier; /* of products with alpha */
    int32_t alpha_shift;
} md_prelu_t;

/* Shapes are in p->broadcast: the output's is the input's. alpha holds values of 8 bits in both. */
void md_prelu_s8(const md_prelu_t *p, const int8_t *input, const int8_t *alpha, int8_t *output);
void md_prelu_s16(const md_prelu_t *p, const int16_t *input, const int16_t *alpha, int16_t *output);

#endif
