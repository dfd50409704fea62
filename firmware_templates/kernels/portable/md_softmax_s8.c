/* Portable implementation of md_softmax_s8.h. Needs no core extension. */
#include "md_softmax_s8.h"

#include "md_requantize.h"

enum { SUM_INTEGER_BITS = 12 };

static int32_t leading_zeros(uint32_t x) {
    int32_t count = 0;
    for (; x < 0x80000000u; x <<= 1) {
        count++;
    }
    return count;
}

/* 1 / (1 + x) for x in [0, 1), both in Q0.31: gemmlowp's one_over_one_plus_x_for_x_in_0_1. Newton's
 * method for the reciprocal of d = (1 + x) / 2, from the first guess 48/17 - 32/17 * d, in Q2.29.
 */
static int32_t reciprocal_of_one_plus(int32_t x) {
    const int32_t half_denominator = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2);
    int32_t guess = 1515870810 + md_rounding_doubling_high_mul(half_denominator, -1010580540);
    for (int i = 0; i < 3; i++) {
        const int32_t error = (1 << 29) - md_rounding_doubling_high_mul(half_denominator, guess);
        guess += md_saturating_shift_left(md_rounding_doubling_high_mul(guess, error), 2);
    }
    return md_saturating_shift_left(guess, 1);
}

static int32_t largest(const int8_t *x, int32_t depth) {
    int32_t result = x[0];
    for (int32_t i = 1; i < depth; i++) {
        result = x[i] > result ? x[i] : result;
    }
    return result;
}

/* What the elements of a row have in common: the largest, and 2^-exponent * scale, the reciprocal
 * of their sum. */
typedef struct {
    int32_t top;
    int32_t scale;
    int32_t exponent;
} row_t;

static row_t summed(const md_softmax_s8_t *p, const int8_t *x) {
    const int32_t top = largest(x, p->depth);
    int32_t sum = 0;
    for (int32_t i = 0; i < p->depth; i++) {
        const int32_t steps = top - x[i];
        if (steps < p->entries) {
            sum += md_rounding_divide_by_pot(p->exponentials[steps], SUM_INTEGER_BITS);
        }
    }
    /* The sum is at least 1 (that of the largest element alone): its leading one becomes the 1 of
     * 1 + fraction, and the shift is undone at the end. */
    const int32_t headroom = leading_zeros((uint32_t)sum);
    const uint32_t normalised = (uint32_t)sum << headroom;
    const int32_t scale = reciprocal_of_one_plus((int32_t)(normalised - 0x80000000u));
    return (row_t){top, scale, SUM_INTEGER_BITS - headroom + 31};
}

/* An element's share of the sum in units of 2^-bits. */
static int32_t share(const md_softmax_s8_t *p, row_t row, int32_t x, int32_t bits) {
    const int32_t steps = row.top - x;
    const int32_t exponent = row.exponent - bits;
    /* Where 512 elements and more are equal, each one's share rounds to nothing. */
    if (steps >= p->entries || exponent > 31) {
        return 0;
    }
    return md_rounding_divide_by_pot(
        md_rounding_doubling_high_mul(row.scale, p->exponentials[steps]), exponent);
}

void md_softmax_s8(const md_softmax_s8_t *p, const int8_t *input, int8_t *output) {
    for (int32_t i = 0; i < p->rows; i++) {
        const row_t row = summed(p, input);
        for (int32_t j = 0; j < p->depth; j++) {
            output[j] = (int8_t)md_clamp(share(p, row, input[j], 8) - 128, -128, 127);
        }
        input += p->depth;
        output += p->depth;
    }
}

void md_softmax_s8_s16(const md_softmax_s8_t *p, const int8_t *input, int16_t *output) {
    for (int32_t i = 0; i < p->rows; i++) {
        const row_t row = summed(p, input);
        for (int32_t j = 0; j < p->depth; j++) {
            output[j] = (int16_t)md_clamp(share(p, row, input[j], 16) - 32768, -32768, 32767);
        }
        input += p->depth;
        output += p->depth;
    }
}
