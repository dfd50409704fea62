/* md_linear_sum_s8.h: ADD and SUB of int8, with broadcasting, as one linear function of both inputs.
 *
 * The factors were chosen at generation such that all 65,536 pairs of inputs give what TFLite's
 * arithmetic gives, which md_add.h has. */
#ifndef MD_LINEAR_SUM_S8_H
#define MD_LINEAR_SUM_S8_H

#include "md_broadcast.h"

#include <stdint.h>

typedef struct {
    md_broadcast_t broadcast;
    int32_t first_factor; /* the sum below fits int32 for all inputs, also less 2^15 */
    int32_t second_factor;
    int32_t offset;
    int32_t fraction;       /* 16 to 23 */
    int32_t activation_min; /* -128 <= activation_min <= activation_max <= 127 */
    int32_t activation_max;
} md_linear_sum_s8_t;

/* (first_factor * first + second_factor * second + offset) / 2^fraction, rounded down and limited to
 * the activation's bounds. Shapes are in p->broadcast. The output may lie where an input does whose
 * shape is the output's; else it must not overlap the inputs, which may be the same. */
void md_linear_sum_s8(const md_linear_sum_s8_t *p, const int8_t *first, const int8_t *second,
                      int8_t *output);

#endif
