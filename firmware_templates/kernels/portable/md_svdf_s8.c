/* Portable implementation of md_svdf_s8.h. Needs no core extension. */
#include "md_svdf_s8.h"

#include "md_requantize.h"

#include <string.h>

/* The value that filter `f` makes of an input, limited to [low, high]. */
static int32_t feature(const md_svdf_s8_t *p, int32_t f, const int8_t *x, int32_t low,
                       int32_t high) {
    const int8_t *w = p->feature_weights + (size_t)f * (size_t)p->inputs;
    int32_t acc = p->feature_bias[f];
    for (int32_t i = 0; i < p->inputs; i++) {
        acc += x[i] * w[i];
    }
    const int32_t value = md_requantize(acc, p->feature_multiplier, p->feature_shift);
    return md_clamp(value, low, high) + p->state_zero_point;
}

static int8_t finish(const md_svdf_s8_t *p, uint32_t acc) {
    return md_requantize_s8((int32_t)acc, p->output_multiplier, p->output_shift,
                            p->output_zero_point, INT8_MIN, INT8_MAX);
}

void md_svdf_s8(const md_svdf_s8_t *p, const int8_t *input, int8_t *state, int8_t *output) {
    const int32_t last = p->memory - 1;
    for (int32_t b = 0; b < p->batches; b++, input += p->inputs) {
        const int8_t *w = p->time_weights;
        for (int32_t u = 0; u < p->units; u++) {
            uint32_t acc = (uint32_t)p->bias[u];
            for (int32_t f = u * p->rank; f < (u + 1) * p->rank; f++) {
                memmove(state, state + 1, (size_t)last);
                state[last] = (int8_t)feature(p, f, input, INT8_MIN, INT8_MAX);
                for (int32_t m = 0; m <= last; m++) {
                    acc += (uint32_t)(*state++ * *w++);
                }
            }
            *output++ = finish(p, acc);
        }
    }
}

void md_svdf_state_s16_s8(const md_svdf_s8_t *p, const int8_t *input, int16_t *state,
                          int8_t *output) {
    const int32_t last = p->memory - 1;
    for (int32_t b = 0; b < p->batches; b++, input += p->inputs) {
        const int16_t *w = p->time_weights;
        for (int32_t u = 0; u < p->units; u++) {
            uint32_t acc = (uint32_t)p->bias[u];
            for (int32_t f = u * p->rank; f < (u + 1) * p->rank; f++) {
                memmove(state, state + 1, (size_t)last * sizeof *state);
                state[last] = (int16_t)feature(p, f, input, INT16_MIN, INT16_MAX);
                for (int32_t m = 0; m <= last; m++) {
                    acc += (uint32_t)(*state++ * *w++);
                }
            }
            *output++ = finish(p, acc);
        }
    }
}
