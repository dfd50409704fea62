/* md_requantize.h: from an int32 accumulator back to int8, in TFLite's double-rounding arithmetic.
 *
 * A real multiplier m > 0 is stored as multiplier * 2^(shift - 31) with 2^30 <= multiplier < 2^31,
 * or as multiplier 0. Right shifts of negative numbers are arithmetic on every compiler that we
 * build with (implementation-defined in C11, not undefined). */
#ifndef MD_REQUANTIZE_H
#define MD_REQUANTIZE_H

#include <stdint.h>

/* a * b / 2^31, halves rounded up: gemmlowp's SaturatingRoundingDoublingHighMul, which saturates
 * only where both factors are INT32_MIN; `b` is never that here. */
static inline int32_t md_rounding_doubling_high_mul(int32_t a, int32_t b) {
    return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

/* x / 2^exponent, halves rounded away from zero: gemmlowp's RoundingDivideByPOT.
 * Ranges: exponent 1 to 31, INT32_MIN < x < INT32_MAX, as md_rounding_doubling_high_mul makes it.
 */
static inline int32_t md_rounding_divide_by_pot(int32_t x, int32_t exponent) {
    /* A negative x loses one, so that its halves round down; the half is added after all but the
     * last bit has been shifted out, where it cannot overflow. */
    return (((x + (x >> 31)) >> (exponent - 1)) + 1) >> 1;
}

/* acc * multiplier * 2^(shift - 31), as TFLite's MultiplyByQuantizedMultiplier.
 * Ranges: acc > INT32_MIN, shift -31 to 30. A left shift that loses bits wraps, as it does there.
 */
static inline int32_t md_requantize(int32_t acc, int32_t multiplier, int32_t shift) {
    if (shift < 0) {
        return md_rounding_divide_by_pot(md_rounding_doubling_high_mul(acc, multiplier), -shift);
    }
    return md_rounding_doubling_high_mul((int32_t)((uint32_t)acc << shift), multiplier);
}

/* x * 2^bits, limited to the range of int32. Range: bits 0 to 30. */
static inline int32_t md_saturating_shift_left(int32_t x, int32_t bits) {
    const int32_t limit = INT32_MAX >> bits;
    if (x > limit) {
        return INT32_MAX;
    }
    return x < -limit ? INT32_MIN : (int32_t)((uint32_t)x << bits);
}

/* x limited to [low, high]. */
static inline int32_t md_clamp(int32_t x, int32_t low, int32_t high) {
    return x < low ? low : (x > high ? high : x);
}

/* A rescaled value with its zero point added, limited to [low, high]. The addition wraps like
 * TFLite's where a multiplier far above 1 has made an extreme value. */
static inline int32_t md_move_and_clamp(int32_t scaled, int32_t zero_point, int32_t low,
                                        int32_t high) {
    return md_clamp((int32_t)((uint32_t)scaled + (uint32_t)zero_point), low, high);
}

/* The whole way from an accumulator to an output value. Ranges: as md_requantize;
 * -128 <= activation_min <= activation_max <= 127. */
static inline int8_t md_requantize_s8(int32_t acc, int32_t multiplier, int32_t shift,
                                      int32_t output_zero_point, int32_t activation_min,
                                      int32_t activation_max) {
    return (int8_t)md_move_and_clamp(md_requantize(acc, multiplier, shift), output_zero_point,
                                     activation_min, activation_max);
}

#endif
