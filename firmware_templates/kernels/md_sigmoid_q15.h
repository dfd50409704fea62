/* md_sigmoid_q15.h: TFLite's LOGISTIC and TANH of 16 bits: straight lines between 256 values of the
 * sigmoid, as tanh(x) = 2 * sigmoid(2 * x) - 1. Results are Q0.15; `sigmoid[i]` is that of i / 24, in
 * units of 2^-16. */
#ifndef MD_SIGMOID_Q15_H
#define MD_SIGMOID_Q15_H

#include <stdint.h>

/* The sigmoid of x / (3 * 4096), |x| below 2^30. */
static inline int32_t md_logistic_q15(const uint16_t *sigmoid, int32_t x) {
    const uint32_t magnitude = (uint32_t)(x < 0 ? -x : x);
    const uint32_t index = magnitude >> 9;
    uint32_t y = (uint32_t)INT16_MAX << 10;
    if (index < 255) {
        const uint32_t slope = (uint32_t)sigmoid[index + 1] - sigmoid[index];
        y = ((uint32_t)sigmoid[index] << 9) + (magnitude & 511) * slope;
    }
    return (int32_t)((x < 0 ? (1u << 25) - y + 511 : y + 512) >> 10);
}

/* The hyperbolic tangent of x / (3 * 4096), |x| below 2^30. */
static inline int32_t md_tanh_q15(const uint16_t *sigmoid, int32_t x) {
    const uint32_t magnitude = (uint32_t)(x < 0 ? -x : x);
    const uint32_t index = magnitude >> 8;
    int32_t y = 0xFFFF << 8;
    if (index < 255) {
        const int32_t slope = sigmoid[index + 1] - sigmoid[index];
        y = (sigmoid[index] << 8) + (int32_t)(magnitude & 255) * slope;
    }
    y -= 1 << 23;
    return (x < 0 ? 127 - y : y + 128) >> 8;
}

#endif
