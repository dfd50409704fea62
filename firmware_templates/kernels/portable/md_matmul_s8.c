/* Portable implementation of md_matmul_s8.h: two rows by two channels at a time, so that four loads
 * serve four multiplications. Needs no core extension. */
#include "md_matmul_s8.h"

#include "md_requantize.h"

/* Finishes channel `c` of two rows. Not inlined: what it needs would crowd the inner loop's
 * registers. */
static __attribute__((noinline)) void finish(const md_matmul_t *p, uint32_t c, int32_t acc0,
                                             int32_t acc1, int8_t *y0, int8_t *y1) {
    const int32_t multiplier = p->multiplier[c];
    const int32_t shift = p->shift[c];
    const int32_t zero_point = p->output_zero_point;
    const int32_t low = p->activation_min;
    const int32_t high = p->activation_max;
    y0[c] = md_requantize_s8(acc0, multiplier, shift, zero_point, low, high);
    y1[c] = md_requantize_s8(acc1, multiplier, shift, zero_point, low, high);
}

static void two_rows(const md_matmul_t *p, const int8_t *x, int8_t *y0, int8_t *y1) {
    const int8_t *w = p->weights;
    const uint32_t depth = p->depth;
    const int8_t *const tail = x + (depth & ~(uint32_t)3);
    const int8_t *const end = x + depth;
    for (uint32_t c = 0; c < p->channels; c += 2) {
        const int8_t *x0 = x;
        const int8_t *x1 = end;
        int32_t acc00 = p->bias[c];
        int32_t acc01 = p->bias[c + 1];
        int32_t acc10 = acc00;
        int32_t acc11 = acc01;
        while (x0 != tail) {
            /* Unrolled, because a loop's own instructions would cost as much as a product. */
#pragma GCC unroll 4
            for (uint32_t i = 0; i < 4; i++) {
                acc00 += x0[i] * w[2 * i];
                acc01 += x0[i] * w[2 * i + 1];
                acc10 += x1[i] * w[2 * i];
                acc11 += x1[i] * w[2 * i + 1];
            }
            x0 += 4;
            x1 += 4;
            w += 8;
        }
        while (x0 != end) {
            acc00 += *x0 * w[0];
            acc01 += *x0++ * w[1];
            acc10 += *x1 * w[0];
            acc11 += *x1++ * w[1];
            w += 2;
        }
        finish(p, c, acc00, acc10, y0, y1);
        if (c + 1 < p->channels) {
            finish(p, c + 1, acc01, acc11, y0, y1);
        }
    }
}

static void one_row(const md_matmul_t *p, const int8_t *x, int8_t *y) {
    const int8_t *w = p->weights;
    for (uint32_t c = 0; c < p->channels; c += 2) {
        int32_t acc0 = p->bias[c];
        int32_t acc1 = p->bias[c + 1];
        for (uint32_t k = 0; k < p->depth; k++) {
            acc0 += x[k] * w[0];
            acc1 += x[k] * w[1];
            w += 2;
        }
        finish(p, c, acc0, acc0, y, y);
        if (c + 1 < p->channels) {
            finish(p, c + 1, acc1, acc1, y, y);
        }
    }
}

void md_matmul_s8(const md_matmul_t *p, uint32_t rows, const int8_t *x, int8_t *y,
                  uint32_t y_stride) {
    for (; rows >= 2; rows -= 2) {
        two_rows(p, x, y, y + y_stride);
        x += 2 * p->depth;
        y += 2 * y_stride;
    }
    if (rows > 0) {
        one_row(p, x, y);
    }
}
