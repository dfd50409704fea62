/* md_requantize_wide.h: from an int64 accumulator back to int16, in TFLite's arithmetic for int16
 * activations with int8 weights. */
#ifndef MD_REQUANTIZE_WIDE_H
#define MD_REQUANTIZE_WIDE_H

#include <stdint.h>

/* acc * multiplier * 2^(shift - 15), halves rounded up, as TFLite's MultiplyByQuantizedMultiplier of
 * an int64; what leaves 32 bits wraps, as it does there.
 * Ranges: |acc| below 2^47, multiplier 0 to 2^15 - 1 (the upper half of a 31-bit one), shift -31
 * to 7. */
static inline int32_t md_requantize_wide(int64_t acc, int32_t multiplier, int32_t shift) {
    const int32_t right = 15 - shift;
    return (int32_t)((acc * multiplier + ((int64_t)1 << (right - 1))) >> right);
}

#endif
