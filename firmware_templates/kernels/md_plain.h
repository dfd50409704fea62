/* md_plain.h: element-wise operators on numbers as they are, without scales: MAXIMUM and MINIMUM of
 * tensors that are quantised alike, and arithmetic of plain int32, which wraps.
 */
#ifndef MD_PLAIN_H
#define MD_PLAIN_H

#include "md_broadcast.h"

#include <stdint.h>

typedef struct {
    md_broadcast_t broadcast;
    int32_t activation_min; /* activation_min <= activation_max */
    int32_t activation_max;
} md_plain_t;

/* Shapes are in p->broadcast; the output must not overlap the inputs, which may be the same. */
void md_maximum_s8(const md_plain_t *p, const int8_t *first, const int8_t *second, int8_t *output);
void md_maximum_s16(const md_plain_t *p, const int16_t *first, const int16_t *second,
                    int16_t *output);
void md_maximum_s32(const md_plain_t *p, const int32_t *first, const int32_t *second,
                    int32_t *output);
void md_minimum_s8(const md_plain_t *p, const int8_t *first, const int8_t *second, int8_t *output);
void md_minimum_s16(const md_plain_t *p, const int16_t *first, const int16_t *second,
                    int16_t *output);
void md_minimum_s32(const md_plain_t *p, const int32_t *first, const int32_t *second,
                    int32_t *output);
void md_add_s32(const md_plain_t *p, const int32_t *first, const int32_t *second, int32_t *output);
void md_sub_s32(const md_plain_t *p, const int32_t *first, const int32_t *second, int32_t *output);
void md_mul_s32(const md_plain_t *p, const int32_t *first, const int32_t *second, int32_t *output);
void md_squared_difference_s32(const md_plain_t *p, const int32_t *first, const int32_t *second,
                               int32_t *output);

#endif
