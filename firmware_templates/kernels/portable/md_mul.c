/* Portable implementation of md_mul.h. Needs no core extension. */
#include "md_mul.h"

#include "md_requantize.h"

static inline int32_t multiply(const md_mul_t *p, int32_t first, int32_t second) {
    const int32_t product = (first - p->first_zero_point) * (second - p->second_zero_point);
    const int32_t scaled = md_requantize(product, p->multiplier, p->shift);
    return md_move_and_clamp(scaled, p->output_zero_point, p->activation_min, p->activation_max);
}

MD_ELEMENTWISE(md_mul_s8, md_mul_t, int8_t, multiply)
MD_ELEMENTWISE(md_mul_s16, md_mul_t, int16_t, multiply)
