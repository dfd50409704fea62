/* md_softmax_s8.h: SOFTMAX over the last axis, int8 to int8 with output scale 2^-8 and zero point -128,
 * or to int16 with 2^-16 and -32768.
 *
 * TFLite's fixed-point arithmetic: exponentials in Q0.31, their sum in Q12.19, its reciprocal by
 * three Newton-Raphson steps. The exponentials come from a table that was made at generation. */
#ifndef MD_SOFTMAX_S8_H
#define MD_SOFTMAX_S8_H

#include <stdint.h>

typedef struct {
    const int32_t *exponentials; /* [entries], Q0.31: of 0, -1, -2, ... input steps; the first is
                                    the largest */
    int32_t entries;             /* 1 to 256; what is smaller contributes nothing and gives 0 */
    int32_t rows;
    int32_t depth; /* elements of a row, 1 to 4095 (or the sum would leave Q12.19) */
} md_softmax_s8_t;

/* input[rows][depth], output[rows][depth]. */
void md_softmax_s8(const md_softmax_s8_t *p, const int8_t *input, int8_t *output);
void md_softmax_s8_s16(const md_softmax_s8_t *p, const int8_t *input, int16_t *output);

#endif
