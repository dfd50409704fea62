/* Portable implementation of md_reduce.h. Needs no core extension. */
#include "md_reduce.h"

#include "md_requantize.h"

static inline int32_t add(int32_t sum, int32_t x) {
    return sum + x;
}

static inline int32_t larger(int32_t largest, int32_t x) {
    return x > largest ? x : largest;
}

static inline int32_t rescale(const md_reduce_t *p, int32_t sum, int32_t low, int32_t high) {
    const int32_t scaled = md_requantize(sum + p->offset, p->multiplier, p->shift);
    return md_move_and_clamp(scaled, p->output_zero_point, low, high);
}

static inline int32_t rescale_s8(const md_reduce_t *p, int32_t sum) {
    return rescale(p, sum, INT8_MIN, INT8_MAX);
}

static inline int32_t rescale_s16(const md_reduce_t *p, int32_t sum) {
    return rescale(p, sum, INT16_MIN, INT16_MAX);
}

static inline int32_t as_it_is(const md_reduce_t *p, int32_t value) {
    (void)p;
    return value;
}

/* Defines a function of md_reduce.h: combine() takes in one element after another, beginning with
 * `start`; finish() makes an output element of the result. */
#define REDUCTION(name, element_t, start, combine, finish)                                         \
    void name(const md_reduce_t *p, const element_t *input, element_t *output) {                   \
        for (int32_t i = 0; i < p->kept[0]; i++) {                                                 \
            for (int32_t j = 0; j < p->kept[1]; j++) {                                             \
                const element_t *first = input + i * p->kept_stride[0] + j * p->kept_stride[1];    \
                int32_t value = start;                                                             \
                for (int32_t k = 0; k < p->reduced[0]; k++) {                                      \
                    const element_t *x = first + k * p->reduced_stride[0];                         \
                    for (int32_t l = 0; l < p->reduced[1]; l++) {                                  \
                        value = combine(value, x[l * p->reduced_stride[1]]);                       \
                    }                                                                              \
                }                                                                                  \
                *output++ = (element_t)finish(p, value);                                           \
            }                                                                                      \
        }                                                                                          \
    }

REDUCTION(md_reduce_sum_s8, int8_t, 0, add, rescale_s8)
REDUCTION(md_reduce_sum_s16, int16_t, 0, add, rescale_s16)
REDUCTION(md_reduce_max_s8, int8_t, INT8_MIN, larger, as_it_is)
