/* md_mul.h: MUL of two quantised tensors, with broadcasting and a fused activation. */
#ifndef MD_MUL_H
#define MD_MUL_H

#include "md_broadcast.h"

#include <stdint.h>

typedef struct {
    md_broadcast_t broadcast;
    int32_t first_zero_point; /* zero points of int16 tensors are 0 */
    int32_t second_zero_point;
    int32_t multiplier; /* first scale * second scale / output scale; see md_requantize.h */
    int32_t shift;
    int32_t output_zero_point;
    int32_t activation_min; /* within the output's type; activation_min <= activation_max */
    int32_t activation_max;
} md_mul_t;

/* Shapes are in p->broadcast; the output must not overlap the inputs, which may be the same. */
void md_mul_s8(const md_mul_t *p, const int8_t *first, const int8_t *second, int8_t *output);
void md_mul_s16(const md_mul_t *p, const int16_t *first, const int16_t *second, int16_t *output);

#endif
