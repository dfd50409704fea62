/* md_npu_scaling.c: fixed-point scaling. Right shifts of negative numbers are arithmetic on every
 * compiler that we build with (implementation-defined in C11, not undefined). */
#include "md_npu_scaling.h"

#include <stdbool.h>

#define LIMIT ((int64_t)1 << 47)

static int64_t clamp64(int64_t x, int64_t low, int64_t high) {
    return x < low ? low : (x > high ? high : x);
}

/* What is added to the product before it is shifted down.
 *
 * TFLite rounds a product at bit 31, halves up, and then the result once more, halves away from
 * zero. That equals a single rounding where the first half is added for products that are not
 * negative, and subtracted for the others. */
static int64_t rounding_term(bool negative, uint32_t shift, md_npu_rounding_t rounding) {
    if (shift == 0) {
        return 0;
    }
    if (rounding == MD_NPU_ROUND_TRUNCATE) {
        return negative ? (int64_t)(((uint64_t)1 << shift) - 1) : 0;
    }
    const int64_t half = (int64_t)1 << (shift - 1);
    if (rounding == MD_NPU_ROUND_TFL && shift > 31) {
        return negative ? half - ((int64_t)1 << 30) : half + ((int64_t)1 << 30);
    }
    return half;
}

/* (value * scale + term) / 2^shift in more than 64 bits, as high * 2^32 + low. */
static int64_t scale_wide(int64_t value, uint32_t scale, int64_t term, uint32_t shift) {
    const uint64_t low_product = (uint64_t)(uint32_t)value * scale;
    const uint64_t low = (low_product & UINT32_MAX) + ((uint64_t)term & UINT32_MAX);
    const int64_t high = (value >> 32) * (int64_t)scale + (int64_t)(low_product >> 32) +
                         (term >> 32) + (int64_t)(low >> 32);
    if (shift >= 32) {
        return high >> (shift - 32);
    }
    /* Only the low bits decide; what lies above 31 bits is limited by the caller. */
    const int64_t limited = clamp64(high, -((int64_t)1 << 31), ((int64_t)1 << 31) - 1);
    if (limited != high) {
        return limited < 0 ? INT32_MIN : INT32_MAX;
    }
    const int64_t whole = limited * ((int64_t)1 << 32) + (int64_t)(uint32_t)low;
    return whole >> shift;
}

int32_t md_npu_scale(int64_t value, md_npu_scale_t scale, md_npu_rounding_t rounding) {
    const int64_t term = rounding_term(value < 0, scale.shift, rounding);
    int64_t result;
    if (value >= INT32_MIN && value <= INT32_MAX && scale.scale <= INT32_MAX) {
        result = (value * (int64_t)scale.scale + term) >> scale.shift;
    } else {
        result = scale_wide(clamp64(value, -LIMIT, LIMIT), scale.scale, term, scale.shift);
    }
    return (int32_t)clamp64(result, INT32_MIN, INT32_MAX);
}

int32_t md_npu_shift(int64_t value, uint32_t shift, md_npu_rounding_t rounding) {
    const int64_t result = scale_wide(value, 1, rounding_term(value < 0, shift, rounding), shift);
    return (int32_t)clamp64(result, INT32_MIN, INT32_MAX);
}

int64_t md_npu_scale_entry(const uint8_t *entry, md_npu_scale_t *scale) {
    uint64_t bias = 0;
    for (uint32_t i = 0; i < 5; i++) {
        bias |= (uint64_t)entry[i] << (8 * i);
    }
    scale->scale = (uint32_t)entry[5] | (uint32_t)entry[6] << 8 | (uint32_t)entry[7] << 16 |
                   (uint32_t)entry[8] << 24;
    scale->shift = entry[9] & 63u;
    const uint64_t sign = (uint64_t)1 << 39;
    return (int64_t)(bias ^ sign) - (int64_t)sign;
}

md_npu_scale_t md_npu_average_scale(uint32_t count) {
    uint32_t bits = 0;
    while ((count - 1) >> bits) {
        bits++;
    }
    const uint64_t dividend = ((uint64_t)1 << (31 + bits)) + ((uint64_t)1 << bits);
    return (md_npu_scale_t){(uint32_t)(dividend / count), 31 + bits};
}
