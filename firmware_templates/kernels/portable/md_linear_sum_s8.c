/* Portable implementation of md_linear_sum_s8.h. Needs no core extension. */
#include "md_linear_sum_s8.h"

#include "md_requantize.h"

static inline int32_t linear_sum(const md_linear_sum_s8_t *p, int32_t first, int32_t second) {
    const int32_t sum = first * p->first_factor + second * p->second_factor + p->offset;
    return md_clamp(sum >> p->fraction, p->activation_min, p->activation_max);
}

MD_ELEMENTWISE(md_linear_sum_s8, md_linear_sum_s8_t, int8_t, linear_sum)
