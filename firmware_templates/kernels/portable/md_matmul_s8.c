/* Portable implementation of md_matmul_s8.h: two rows by two channels at a time, so that four loads
 * serve four multiplications. Needs no core extension. */
#include "md_matmul_s8.h"

#include "md_requantize.h"

static int8_t output(const md_matmul_t *p, uint32_t channel, int32_t acc) {
    return md_requantize_s8(acc, p->multiplier[channel], p->shift[channel], p->output_zero_point,
                            p->activation_min, p->activation_max);
}

static void two_rows(const md_matmul_t *p, const int8_t *x, int8_t *y0, int8_t *y1) {
    const int8_t *w = p->weights;
    const uint32_t depth = p->depth;
    for (uint32_t c = 0; c < p->channels; c += 2) {
        const int8_t *x0 = x;
        const int8_t *x1 = x + depth;
        int32_t acc00 = p->bias[c];
        int32_t acc01 = p->bias[c + 1];
        int32_t acc10 = acc00;
        int32_t acc11 = acc01;
        for (uint32_t k = depth / 4; k > 0; k--) {
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
        for (uint32_t k = depth % 4; k > 0; k--) {
            acc00 += *x0 * w[0];
            acc01 += *x0++ * w[1];
            acc10 += *x1 * w[0];
            acc11 += *x1++ * w[1];
            w += 2;
        }
        y0[c] = output(p, c, acc00);
        y1[c] = output(p, c, acc10);
        if (c + 1 < p->channels) {
            y0[c + 1] = output(p, c + 1, acc01);
            y1[c + 1] = output(p, c + 1, acc11);
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
        y[c] = output(p, c, acc0);
        if (c + 1 < p->channels) {
            y[c + 1] = output(p, c + 1, acc1);
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
