/* Portable implementation of md_sigmoid_s16.h. Needs no core extension. */
#include "md_sigmoid_s16.h"

#include "md_sigmoid_q15.h"

static int32_t scaled(const md_sigmoid_s16_t *p, int32_t x) {
    return (x * p->multiplier + p->round) >> p->shift;
}

void md_logistic_s16(const md_sigmoid_s16_t *p, const int16_t *input, int16_t *output) {
    for (uint32_t i = 0; i < p->count; i++) {
        output[i] = (int16_t)md_logistic_q15(p->sigmoid, scaled(p, input[i]));
    }
}

void md_tanh_s16(const md_sigmoid_s16_t *p, const int16_t *input, int16_t *output) {
    for (uint32_t i = 0; i < p->count; i++) {
        output[i] = (int16_t)md_tanh_q15(p->sigmoid, scaled(p, input[i]));
    }
}
