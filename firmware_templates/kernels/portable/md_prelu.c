/* Portable implementation of md_prelu.h. Needs no core extension. */
#include "md_prelu.h"

#include "md_requantize.h"

static inline int32_t prelu(const md_prelu_t *p, int32_t input, int32_t alpha) {
    const int32_t value = input - p->input_zero_point;
    if (value >= 0) {
        return md_requantize(value, p->multiplier, p->shift);
    }
    return md_requantize(value * (alpha - p->alpha_zero_point), p->alpha_multiplier,
                         p->alpha_shift);
}

static inline int32_t prelu_s8(const md_prelu_t *p, int32_t input, int32_t alpha) {
    return md_move_and_clamp(prelu(p, input, alpha), p->output_zero_point, INT8_MIN, INT8_MAX);
}

static inline int32_t prelu_s16(const md_prelu_t *p, int32_t input, int32_t alpha) {
    return md_move_and_clamp(prelu(p, input, alpha), p->output_zero_point, INT16_MIN, INT16_MAX);
}

MD_ELEMENTWISE(md_prelu_s8, md_prelu_t, int8_t, prelu_s8)
MD_ELEMENTWISE(md_prelu_s16, md_prelu_t, int16_t, prelu_s16)
