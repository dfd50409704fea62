/* md_add.h: ADD, SUB and SQUARED_DIFFERENCE of two quantised tensors, with broadcasting.
 *
 * Both inputs are brought to a common scale, twice the larger one of theirs, with some bits more
 * precision: value = (x - zero point) * 2^left_shift * multiplier * 2^(shift - 31). */
#ifndef MD_ADD_H
#define MD_ADD_H

#include "md_broadcast.h"

#include <stdint.h>

typedef struct {
    md_broadcast_t broadcast;
    int32_t left_shift;       /* 20 for int8, 15 for int16: a shifted difference fits int32 */
    int32_t first_zero_point; /* zero points of int16 tensors are 0 */
    int32_t first_multiplier; /* see md_requantize.h; real multipliers are at most 1/2 */
    int32_t first_shift;      /* -31 to 0 */
    int32_t second_zero_point;
    int32_t second_multiplier;
    int32_t second_shift;
    int32_t output_multiplier;
    int32_t output_shift; /* -31 to 0, of SQUARED_DIFFERENCE to 30 */
    int32_t output_zero_point;
    int32_t activation_min; /* within the output's type; activation_min <= activation_max */
    int32_t activation_max;
} md_add_t;

/* first + second. Shapes are in p->broadcast; the output must not overlap the inputs, which may be
 * the same. */
void md_add_s8(const md_add_t *p, const int8_t *first, const int8_t *second, int8_t *output);
void md_add_s16(const md_add_t *p, const int16_t *first, const int16_t *second, int16_t *output);

/* first - second. */
void md_sub_s8(const md_add_t *p, const int8_t *first, const int8_t *second, int8_t *output);
void md_sub_s16(const md_add_t *p, const int16_t *first, const int16_t *second, int16_t *output);

/* (first - second)^2. Range: left_shift is at most 7 (int8), 0 (int16). */
void md_squared_difference_s8(const md_add_t *p, const int8_t *first, const int8_t *second,
                              int8_t *output);
void md_squared_difference_s16(const md_add_t *p, const int16_t *first, const int16_t *second,
                               int16_t *output);

#endif
