/* Portable implementation of md_plain.h. Needs no core extension. */
#include "md_plain.h"

#include "md_requantize.h"

static inline int32_t maximum(const md_plain_t *p, int32_t first, int32_t second) {
    (void)p;
    return first > second ? first : second;
}

static inline int32_t minimum(const md_plain_t *p, int32_t first, int32_t second) {
    (void)p;
    return first < second ? first : second;
}

static inline int32_t finish(const md_plain_t *p, uint32_t value) {
    return md_clamp((int32_t)value, p->activation_min, p->activation_max);
}

static inline int32_t add(const md_plain_t *p, int32_t first, int32_t second) {
    return finish(p, (uint32_t)first + (uint32_t)second);
}

static inline int32_t subtract(const md_plain_t *p, int32_t first, int32_t second) {
    return finish(p, (uint32_t)first - (uint32_t)second);
}

static inline int32_t multiply(const md_plain_t *p, int32_t first, int32_t second) {
    return finish(p, (uint32_t)first * (uint32_t)second);
}

static inline int32_t squared_difference(const md_plain_t *p, int32_t first, int32_t second) {
    const uint32_t difference = (uint32_t)first - (uint32_t)second;
    return finish(p, difference * difference);
}

MD_ELEMENTWISE(md_maximum_s8, md_plain_t, int8_t, maximum)
MD_ELEMENTWISE(md_maximum_s16, md_plain_t, int16_t, maximum)
MD_ELEMENTWISE(md_maximum_s32, md_plain_t, int32_t, maximum)
MD_ELEMENTWISE(md_minimum_s8, md_plain_t, int8_t, minimum)
MD_ELEMENTWISE(md_minimum_s16, md_plain_t, int16_t, minimum)
MD_ELEMENTWISE(md_minimum_s32, md_plain_t, int32_t, minimum)
MD_ELEMENTWISE(md_add_s32, md_plain_t, int32_t, add)
MD_ELEMENTWISE(md_sub_s32, md_plain_t, int32_t, subtract)
MD_ELEMENTWISE(md_mul_s32, md_plain_t, int32_t, multiply)
MD_ELEMENTWISE(md_squared_difference_s32, md_plain_t, int32_t, squared_difference)
