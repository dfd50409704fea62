/* Portable implementation of md_add.h. Needs no core extension. */
#include "md_add.h"

#include "md_requantize.h"

static inline int32_t scaled_first(const md_add_t *p, int32_t x) {
    const int32_t shifted = (x - p->first_zero_point) * (1 << p->left_shift);
    return md_requantize(shifted, p->first_multiplier, p->first_shift);
}

static inline int32_t scaled_second(const md_add_t *p, int32_t x) {
    const int32_t shifted = (x - p->second_zero_point) * (1 << p->left_shift);
    return md_requantize(shifted, p->second_multiplier, p->second_shift);
}

static inline int32_t finish(const md_add_t *p, int32_t value) {
    const int32_t scaled = md_requantize(value, p->output_multiplier, p->output_shift);
    return md_move_and_clamp(scaled, p->output_zero_point, p->activation_min, p->activation_max);
}

static inline int32_t add(const md_add_t *p, int32_t first, int32_t second) {
    return finish(p, scaled_first(p, first) + scaled_second(p, second));
}

static inline int32_t subtract(const md_add_t *p, int32_t first, int32_t second) {
    return finish(p, scaled_first(p, first) - scaled_second(p, second));
}

static inline int32_t squared_difference(const md_add_t *p, int32_t first, int32_t second) {
    const int32_t difference = scaled_first(p, first) - scaled_second(p, second);
    return finish(p, difference * difference);
}

MD_ELEMENTWISE(md_add_s8, md_add_t, int8_t, add)
MD_ELEMENTWISE(md_add_s16, md_add_t, int16_t, add)
MD_ELEMENTWISE(md_sub_s8, md_add_t, int8_t, subtract)
MD_ELEMENTWISE(md_sub_s16, md_add_t, int16_t, subtract)
MD_ELEMENTWISE(md_squared_difference_s8, md_add_t, int8_t, squared_difference)
MD_ELEMENTWISE(md_squared_difference_s16, md_add_t, int16_t, squared_difference)
