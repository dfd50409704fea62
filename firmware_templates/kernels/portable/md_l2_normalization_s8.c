/* Portable implementation of md_l2_normalization_s8.h. Needs no core extension. */
#include "md_l2_normalization_s8.h"

#include "md_requantize.h"

enum { OUTPUT_BITS = 7 };

/* A real multiplier, as md_requantize takes it. */
typedef struct {
    int32_t multiplier;
    int32_t shift;
} md_multiplier_t;

/* 1 / sqrt(a) for a in [1/4, 1), both in Q3.28: Newton's method from the guess 1, which comes to
 * the root from below: x = 3/2 x - a/2 x^3. */
static int32_t reciprocal_root(int32_t a) {
    const int32_t half = md_rounding_divide_by_pot(a, 1);
    const int32_t half_three = (1 << 28) + (1 << 27);
    int32_t x = 1 << 28;
    for (int i = 0; i < 5; i++) {
        /* A product has the integer bits of both factors: the square 6, the cube 9. */
        const int32_t square = md_rounding_doubling_high_mul(x, x);
        const int32_t cube = md_saturating_shift_left(md_rounding_doubling_high_mul(square, x), 6);
        const int32_t next = md_rounding_doubling_high_mul(half_three, x) -
                             md_rounding_doubling_high_mul(half, cube);
        x = md_saturating_shift_left(next, 3);
    }
    return x;
}

/* 1 / sqrt(sum); of 0 as of 1. The sum is scaled to [2^27, 2^29) by powers of 4, whose roots are in
 * the shift. */
static md_multiplier_t reciprocal_length(int32_t sum) {
    if (sum <= 1) {
        return (md_multiplier_t){INT32_MAX, 0};
    }
    int32_t right = 11;
    for (; sum >= 1 << 29; sum /= 4) {
        right++;
    }
    for (; sum < 1 << 27; sum *= 4) {
        right--;
    }
    const int32_t half_root_of_two = 1518500250;
    const int32_t root = md_rounding_doubling_high_mul(reciprocal_root(sum / 2), half_root_of_two);
    return right < 0 ? (md_multiplier_t){root * (1 << -right), 0} : (md_multiplier_t){root, -right};
}

static void normalize_row(const md_l2_normalization_s8_t *p, const int8_t *x, int8_t *y) {
    int32_t sum = 0;
    for (int32_t i = 0; i < p->depth; i++) {
        const int32_t value = x[i] - p->input_zero_point;
        sum += value * value;
    }
    const md_multiplier_t scale = reciprocal_length(sum);
    for (int32_t i = 0; i < p->depth; i++) {
        const int32_t value =
            md_requantize(x[i] - p->input_zero_point, scale.multiplier, scale.shift + OUTPUT_BITS);
        y[i] = (int8_t)md_clamp(value, INT8_MIN, INT8_MAX);
    }
}

void md_l2_normalization_s8(const md_l2_normalization_s8_t *p, const int8_t *input,
                            int8_t *output) {
    for (int32_t row = 0; row < p->rows; row++) {
        normalize_row(p, input, output);
        input += p->depth;
        output += p->depth;
    }
}
