/* Rounding at and around every kind of half, against definitions in exact 64-bit arithmetic. */
#include "check.h"
#include "md_requantize.h"

#include <stddef.h>

/* Corner values of an accumulator. */
static const int32_t values[] = {
    0,
    1,
    2,
    3,
    4,
    5,
    127,
    128,
    255,
    256,
    32767,
    32768,
    1 << 20,
    1 << 24,
    (1 << 29),
    (1 << 30) - 1,
    1 << 30,
    (1 << 30) + 1,
    INT32_MAX - 1,
    INT32_MAX,
};

enum { VALUES = sizeof values / sizeof values[0] };

static const int32_t multipliers[] = {
    0, 1 << 30, (1 << 30) + 1, 1234567890, 1518500250, INT32_MAX - 1, INT32_MAX,
};

enum { MULTIPLIERS = sizeof multipliers / sizeof multipliers[0] };

/* As gemmlowp defines it: the nudge has the product's sign, the division truncates. */
static int32_t defined_high_mul(int32_t a, int32_t b) {
    const int64_t product = (int64_t)a * b;
    const int64_t nudge = product >= 0 ? (int64_t)1 << 30 : 1 - ((int64_t)1 << 30);
    return (int32_t)((product + nudge) / ((int64_t)1 << 31));
}

/* As gemmlowp defines it: the remainder against a threshold that depends on the sign. */
static int32_t defined_divide(int32_t x, int32_t exponent) {
    const int64_t mask = ((int64_t)1 << exponent) - 1;
    const int64_t remainder = x & mask;
    const int64_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
    return (int32_t)((x >> exponent) + (remainder > threshold ? 1 : 0));
}

static void check_value(int32_t x) {
    for (int32_t exponent = 1; exponent <= 31 && x < INT32_MAX; exponent++) {
        CHECK_EQUAL(md_rounding_divide_by_pot(x, exponent), defined_divide(x, exponent));
    }
    for (size_t m = 0; m < MULTIPLIERS; m++) {
        const int32_t multiplier = multipliers[m];
        CHECK_EQUAL(md_rounding_doubling_high_mul(x, multiplier), defined_high_mul(x, multiplier));
        for (int32_t shift = -31; shift <= 30; shift++) {
            const int32_t left = shift > 0 ? shift : 0;
            const int32_t shifted = (int32_t)((uint32_t)x << left);
            const int32_t scaled = defined_high_mul(shifted, multiplier);
            CHECK_EQUAL(md_requantize(x, multiplier, shift), defined_divide(scaled, left - shift));
        }
    }
}

static void test_halves(void) {
    CHECK_EQUAL(md_rounding_divide_by_pot(1, 1), 1);
    CHECK_EQUAL(md_rounding_divide_by_pot(-1, 1), -1);
    CHECK_EQUAL(md_rounding_divide_by_pot(6, 2), 2);
    CHECK_EQUAL(md_rounding_divide_by_pot(-6, 2), -2);
    CHECK_EQUAL(md_rounding_divide_by_pot(-5, 2), -1);
    /* Half of an odd number: up, and not away from zero. */
    CHECK_EQUAL(md_rounding_doubling_high_mul(1, 1 << 30), 1);
    CHECK_EQUAL(md_rounding_doubling_high_mul(-1, 1 << 30), 0);
    CHECK_EQUAL(md_rounding_doubling_high_mul(-3, 1 << 30), -1);
    /* Rounding twice is not rounding once: 0.499... becomes a half, and then 1. */
    CHECK_EQUAL(md_requantize(1, INT32_MAX, -1), 1);
}

static void test_output(void) {
    CHECK_EQUAL(md_requantize_s8(1000, 1 << 30, -2, 5, -128, 127), 127);
    CHECK_EQUAL(md_requantize_s8(-1000, 1 << 30, -2, 5, -128, 127), -120);
    CHECK_EQUAL(md_requantize_s8(-1000, 1 << 30, -2, 5, -100, 127), -100);
    CHECK_EQUAL(md_requantize_s8(1000, 1 << 30, -2, 5, -128, 6), 6);
    /* The sum with the zero point leaves int32 and wraps, as in TFLite. */
    CHECK_EQUAL(md_requantize_s8(INT32_MAX, INT32_MAX, 0, 127, -128, 127), -128);
}

int main(void) {
    for (size_t i = 0; i < VALUES; i++) {
        check_value(values[i]);
        check_value(-values[i]);
    }
    test_halves();
    test_output();
    return failures != 0;
}
