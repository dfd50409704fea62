/* md_frontend_math.h: scalar float32 functions with one stated result on every target.
 *
 * Each operation below is one correctly rounded IEEE-754 binary32 operation, in the order written:
 * compile with -ffp-contract=off, without -ffast-math and without flushing denormals to zero.
 * mcu_deploy/frontend/float32.py performs the same operations; a change here is a change there.
 */
#ifndef MD_FRONTEND_MATH_H
#define MD_FRONTEND_MATH_H

#include <float.h>
#include <stdint.h>
#include <string.h>

#include "frontend_config.h"

#if FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16 /* 16: only _Float16 has its own */
#error "float expressions must be evaluated in float: build with SSE or a single-precision FPU"
#endif

/* Natural logarithm of a positive, normal, finite x: within 0.85 units in the last place.
 *
 * x = 2^k m with m in [sqrt(1/2), sqrt(2)); f = m - 1 (exact); s = f / (2 + f), so that
 * log(m) = 2 atanh(s) = f - (f*f/2 - s (f*f/2 + r)) with r = 2 s^2 (1/3 + s^2/5 + s^4/7 + ...).
 * r is a polynomial in s^2 fitted at Chebyshev nodes. ln(2) is the sum of a part whose product with
 * k is exact, and the rest. */
static inline float md_logf(float x) {
    const uint32_t sqrt_half = 0x3f3504f3u;
    const float ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f;
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits += 0x3f800000u - sqrt_half;
    const float k = (float)((int32_t)(bits >> 23) - 127);
    bits = (bits & 0x007fffffu) + sqrt_half;
    float m;
    memcpy(&m, &bits, sizeof m);

    const float f = m - 1.0f;
    const float s = f / (2.0f + f);
    const float z = s * s;
    const float r = ((0x1.2ee8c8p-2f * z + 0x1.997c22p-2f) * z + 0x1.55555cp-1f) * z;
    const float half_square = (0.5f * f) * f;
    return k * ln2_high - ((half_square - (s * (half_square + r) + k * ln2_low)) - f);
}

/* A feature less MD_FRONTEND_FEATURE_MEAN, over MD_FRONTEND_FEATURE_STD. */
static inline float md_standardise(float x) {
    if (MD_FRONTEND_HAS_FEATURE_MEAN) {
        x = x - MD_FRONTEND_FEATURE_MEAN;
    }
    if (MD_FRONTEND_HAS_FEATURE_STD) {
        x = x / MD_FRONTEND_FEATURE_STD;
    }
    return x;
}

/* x / scale rounded to the nearest integer, halves away from zero, plus zero_point (-128 to 127),
 * limited to int8: TFLite's QUANTIZE. x must not be a NaN; scale is positive and normal. */
static inline int8_t md_quantise_int8(float x, float scale, int32_t zero_point) {
    const float low = (float)(-128 - zero_point);
    const float high = (float)(127 - zero_point);
    float value = x / scale;
    /* The limits are integers: limiting before rounding gives what limiting after it would, and
     * keeps the conversion defined. */
    value = value < low ? low : value;
    value = value > high ? high : value;
    int32_t rounded = (int32_t)value;
    const float rest = value - (float)rounded; /* exact */
    rounded += rest >= 0.5f ? 1 : 0;
    rounded -= rest <= -0.5f ? 1 : 0;
    return (int8_t)(rounded + zero_point);
}

#endif
