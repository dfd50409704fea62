/* md_softmax_s16.h: SOFTMAX over the last axis, int16 to int16 with output scale 2^-15 and zero
 * points 0.
 *
 * TFLite's arithmetic: exponentials and the reciprocal of their sum are read off straight lines
 * between 513 values each. */
#ifndef MD_SOFTMAX_S16_H
#define MD_SOFTMAX_S16_H

#include <stdint.h>

typedef struct {
    const int16_t *exponentials; /* [513], Q0.15: of -10 to 0 in equal steps */
    const int16_t *reciprocals;  /* [513], Q0.15: of 1 to 2 in equal steps */
    int32_t multiplier;          /* see md_requantize.h: from input steps to 10 / 65535 */
    int32_t shift;               /* -31 to 15, so that differences stay in 32 bits */
    int32_t rows;
    int32_t depth; /* elements of a row, 1 to 65536 */
} md_softmax_s16_t;

/* input[rows][depth], output[rows][depth]. */
void md_softmax_s16(const md_softmax_s16_t *p, const int16_t *input, int16_t *output);

#endif
