/* Portable implementation of md_convert_f32.h. Needs no core extension; without an FPU, the
 * compiler's library computes the same. */
#include "md_convert_f32.h"

#include "md_requantize.h"

/* The nearest integer, halves away from zero; beyond 2^17, where every output is at its limit
 * whatever the zero point is, no more than that. */
static int32_t nearest(float x) {
    const float bound = 131072.0f;
    if (!(x < bound)) {
        return x >= bound ? 131072 : 0;
    }
    if (x < -bound) {
        return -131072;
    }
    const int32_t whole = (int32_t)x;
    const float rest = x - (float)whole;
    return whole + (rest >= 0.5f) - (rest <= -0.5f);
}

static int32_t quantized(const md_convert_f32_t *p, float x, int32_t low, int32_t high) {
    return md_clamp(nearest(x / p->scale) + p->zero_point, low, high);
}

void md_quantize_f32_s8(const md_convert_f32_t *p, const float *input, int8_t *output) {
    for (uint32_t i = 0; i < p->count; i++) {
        output[i] = (int8_t)quantized(p, input[i], INT8_MIN, INT8_MAX);
    }
}

void md_quantize_f32_s16(const md_convert_f32_t *p, const float *input, int16_t *output) {
    for (uint32_t i = 0; i < p->count; i++) {
        output[i] = (int16_t)quantized(p, input[i], INT16_MIN, INT16_MAX);
    }
}

void md_dequantize_s8_f32(const md_convert_f32_t *p, const int8_t *input, float *output) {
    for (uint32_t i = 0; i < p->count; i++) {
        output[i] = p->scale * (float)(input[i] - p->zero_point);
    }
}

void md_dequantize_s16_f32(const md_convert_f32_t *p, const int16_t *input, float *output) {
    for (uint32_t i = 0; i < p->count; i++) {
        output[i] = p->scale * (float)(input[i] - p->zero_point);
    }
}
