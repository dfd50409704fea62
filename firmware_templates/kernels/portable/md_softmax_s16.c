/* Portable implementation of md_softmax_s16.h. Needs no core extension. */
#include "md_softmax_s16.h"

#include "md_requantize.h"

/* The value at x, -32768 to 32767, of a function given at every 128th. */
static int32_t interpolated(const int16_t *table, int32_t x) {
    const int16_t *base = table + 256 + (x >> 7);
    return base[0] + (((base[1] - base[0]) * (x & 127) + 64) >> 7);
}

static int32_t leading_zeros(uint32_t x) {
    int32_t count = 0;
    for (; x < 0x80000000u; x <<= 1) {
        count++;
    }
    return count;
}

static int32_t largest(const int16_t *x, int32_t depth) {
    int32_t result = x[0];
    for (int32_t i = 1; i < depth; i++) {
        result = x[i] > result ? x[i] : result;
    }
    return result;
}

/* The output holds the exponentials until their sum is known. */
static void softmax_row(const md_softmax_s16_t *p, const int16_t *x, int16_t *y) {
    const int32_t top = largest(x, p->depth);
    int32_t sum = 0;
    for (int32_t i = 0; i < p->depth; i++) {
        const int32_t scaled = md_requantize(x[i] - top, p->multiplier, p->shift);
        const int32_t index = md_clamp(scaled + INT16_MAX, INT16_MIN, INT16_MAX);
        y[i] = (int16_t)interpolated(p->exponentials, index);
        sum += y[i];
    }
    /* The sum's leading one becomes the 1 of 1 + fraction: Q1.16 from here on. */
    const int32_t headroom = leading_zeros((uint32_t)sum) - 1;
    const int32_t normalised = (int32_t)((((int64_t)sum << headroom) + (1 << 13)) >> 14);
    const int32_t fraction = md_clamp(normalised - (1 << 16) - (1 << 15), INT16_MIN, INT16_MAX);
    const int32_t reciprocal = interpolated(p->reciprocals, fraction);
    const int32_t shift = 30 - headroom;
    for (int32_t i = 0; i < p->depth; i++) {
        const int32_t value = (y[i] * reciprocal + (1 << (shift - 1))) >> shift;
        y[i] = (int16_t)md_clamp(value, 0, INT16_MAX);
    }
}

void md_softmax_s16(const md_softmax_s16_t *p, const int16_t *input, int16_t *output) {
    for (int32_t row = 0; row < p->rows; row++) {
        softmax_row(p, input, output);
        input += p->depth;
        output += p->depth;
    }
}
